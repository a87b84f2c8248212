"""Work on the Arrow batches of a frame, in the executors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

Work: TypeAlias = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def mapped(frame: DataFrame, work: Work, schema: StructType | str) -> DataFrame:
    """Return the frame that `work` makes of the batches of each partition.

    `work` is an object of a class in a module: the class travels by name, so that executors run the code that they
    have, and only what the object holds travels by value.
    """
    with warnings.catch_warnings():
        # It asks for an older pandas, of which nothing is used here.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        return frame.mapInArrow(work, schema)
