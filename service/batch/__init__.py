"""The file door: score a whole file, keep what was refused apart, and write down what was done."""

from service.batch.manifest import FileFacts, Manifest
from service.batch.run import score_file

__all__ = ["FileFacts", "Manifest", "score_file"]
