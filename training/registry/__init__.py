"""Trainings and model versions in MLflow, and the way of a version into the model store."""

from __future__ import annotations

from service.model_store import Champion, Override
from training.registry.changes import MakeCard, check_override
from training.registry.client import TrackingDown, TrackingRefused
from training.registry.registry import Registry
from training.registry.version import CHALLENGER, CHAMPION, PREVIOUS, Version

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PREVIOUS",
    "Champion",
    "MakeCard",
    "Override",
    "Registry",
    "TrackingDown",
    "TrackingRefused",
    "Version",
    "check_override",
]
