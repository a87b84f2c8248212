"""The file door: score files of records, keep what was refused apart, and write down what was done."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.batch.manifest import Manifest
    from service.batch.options import Options, SegmentLog, Threshold, TooManyRefused
    from service.batch.run import Engine, Result, Run, score_files
    from service.batch.step import Step

__all__ = [
    "Engine",
    "Manifest",
    "Options",
    "Result",
    "Run",
    "SegmentLog",
    "Step",
    "Threshold",
    "TooManyRefused",
    "score_files",
]
_MODULES = ("manifest", "options", "step", "run")


def __getattr__(name: str) -> Any:
    """Import what is asked for: a command line that only wants to know its options loads none of it."""
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{one}" for one in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
