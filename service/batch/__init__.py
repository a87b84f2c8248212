"""The file door: score files of records, keep what was refused apart, and write down what was done."""

from service.batch.manifest import Manifest
from service.batch.options import Options, SegmentLog, Threshold, TooManyRefused
from service.batch.run import Engine, Result, Run, Step, score_files

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
