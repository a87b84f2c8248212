from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from service.batch.pipeline import counted, parts_of, scored_in_order


def blocks(count: int, read: list[int]) -> Iterator[pa.Table]:
    for i in range(count):
        read.append(i)
        yield pa.table({"row": [i] * (i + 1)})


def remember(block: pa.Table, first_row: int) -> pa.Table:
    return block.append_column("first", pa.array([first_row] * len(block)))


def test_blocks_come_in_order_with_their_first_row_however_long_each_takes() -> None:
    def slow_at_first(block: pa.Table, first_row: int) -> pa.Table:
        time.sleep(0.01 / first_row)
        return remember(block, first_row)

    scored = list(scored_in_order(slow_at_first, blocks(12, []), threads=4))
    assert [item.column("row")[0].as_py() for item in scored] == list(range(12))
    assert [item.column("first")[0].as_py() for item in scored] == [1 + i * (i + 1) // 2 for i in range(12)]


def test_only_two_blocks_more_than_there_are_threads_are_ever_read_ahead() -> None:
    read: list[int] = []
    for taken, _ in enumerate(scored_in_order(remember, blocks(50, read), threads=3)):
        assert len(read) <= taken + 5
    assert len(read) == 50


def test_a_fault_ends_the_run_and_its_threads() -> None:
    def fail(block: pa.Table, first_row: int) -> pa.Table:
        if first_row > 20:
            raise ValueError(first_row)
        return remember(block, first_row)

    before = threading.active_count()
    with pytest.raises(ValueError, match="22"):
        list(scored_in_order(fail, blocks(50, []), threads=3))
    assert threading.active_count() == before


def test_rows_beyond_the_limit_are_neither_passed_on_nor_read() -> None:
    read: list[int] = []
    found = list(counted(blocks(12, read), most=7))
    assert [len(block) for block in found] == [1, 2, 3, 1]
    assert read == [0, 1, 2, 3]


def test_parts_have_so_many_blocks_and_the_last_what_is_left() -> None:
    assert [list(part) for part in parts_of(iter("abcde"), 2)] == [["a", "b"], ["c", "d"], ["e"]]


def test_what_has_no_blocks_has_one_empty_part() -> None:
    assert [list(part) for part in parts_of(iter(""), 2)] == [[]]
