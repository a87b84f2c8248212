"""Work on the Arrow batches of a frame, in the executors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    with no_advice_on_pandas():
        return frame.mapInArrow(work, schema)


@contextmanager
def no_advice_on_pandas() -> Iterator[None]:
    """Keep Spark 4.3 from asking for an older pandas: no pandas is used where it works on Arrow batches."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield
