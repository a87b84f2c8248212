"""The distributed door: the same scorer on Spark, over frames and over the parts of a batch run."""

from service.spark.frames import FrameOptions, scored
from service.spark.packing import packed, packed_from

__all__ = ["FrameOptions", "packed", "packed_from", "scored"]
