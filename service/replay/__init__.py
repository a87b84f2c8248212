"""Replay: logged decisions, made once more with the bundle and the policy of their time, and compared bit for bit."""

from __future__ import annotations

from service.replay.decisions import redecide, replay
from service.replay.loading import Loader, stored_scorers
from service.replay.redeciding import redecide_segments
from service.replay.results import Difference, Redecided, Replayed
from service.replay.segment_reasons import Explained, ReasonsGiven, give_reasons
from service.replay.segments import Asked, replay_segments

__all__ = [
    "Asked",
    "Difference",
    "Explained",
    "Loader",
    "ReasonsGiven",
    "Redecided",
    "Replayed",
    "give_reasons",
    "redecide",
    "redecide_segments",
    "replay",
    "replay_segments",
    "stored_scorers",
]
