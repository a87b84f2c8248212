from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from service.batch.pipeline import scored_in_order
from service.batch.scored_block import ScoredBlock

EMPTY = pa.table({"row": pa.array([], pa.int64())})


def blocks(count: int, read: list[int]) -> Iterator[pa.Table]:
    for i in range(count):
        read.append(i)
        yield pa.table({"row": [i] * (i + 1)})


def remember(block: pa.Table, first_row: int) -> ScoredBlock:
    return ScoredBlock(
        block.append_column("first", pa.array([first_row] * len(block))), EMPTY, np.zeros(3, np.intp)
    )


def test_blocks_come_in_order_with_their_first_row_however_long_each_takes() -> None:
    def slow_at_first(block: pa.Table, first_row: int) -> ScoredBlock:
        time.sleep(0.01 / first_row)
        return remember(block, first_row)

    scored = list(scored_in_order(slow_at_first, blocks(12, []), threads=4))
    assert [item.answers.column("row")[0].as_py() for item in scored] == list(range(12))
    assert [item.answers.column("first")[0].as_py() for item in scored] == [
        1 + i * (i + 1) // 2 for i in range(12)
    ]


def test_only_one_block_more_than_there_are_threads_is_ever_read_ahead() -> None:
    read: list[int] = []
    for taken, _ in enumerate(scored_in_order(remember, blocks(50, read), threads=3)):
        assert len(read) <= taken + 4
    assert len(read) == 50


def test_a_fault_ends_the_run_and_its_threads() -> None:
    def fail(block: pa.Table, first_row: int) -> ScoredBlock:
        if first_row > 20:
            raise ValueError(first_row)
        return remember(block, first_row)

    before = threading.active_count()
    with pytest.raises(ValueError, match="22"):
        list(scored_in_order(fail, blocks(50, []), threads=3))
    assert threading.active_count() == before
