"""Retraining: from matured decisions to a challenger that is promoted only if it is shown to be better."""

from __future__ import annotations

from training.retrain.challenger import Effort, Method
from training.retrain.ending import AtWork, End, Ended, NothingYet
from training.retrain.place import Asked, Place
from training.retrain.reason import BECAUSE, PersonNeeded, Reason
from training.retrain.retraining import answer, enough, find_reason, retrain

__all__ = [
    "BECAUSE",
    "Asked",
    "AtWork",
    "Effort",
    "End",
    "Ended",
    "Method",
    "NothingYet",
    "PersonNeeded",
    "Place",
    "Reason",
    "answer",
    "enough",
    "find_reason",
    "retrain",
]
