"""Blocks read ahead, scored on several threads and handed out in their order, only a few of them in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import pyarrow as pa

Scored = TypeVar("Scored")


def scored_in_order(
    score: Callable[[pa.Table, int], Scored], blocks: Iterator[pa.Table], threads: int, first_row: int = 1
) -> Iterator[Scored]:
    """Return each block scored; `score` is also given the block's first row, counted from `first_row`.

    One thread reads, and one block more than there are threads is read ahead, so that none of them waits for the next.
    """
    waiting: deque[Future[Scored]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(threads) as pool:
        try:
            coming = reader.submit(next, blocks, None)
            while (block := coming.result()) is not None:
                coming = reader.submit(next, blocks, None)
                waiting.append(pool.submit(score, block, first_row))
                first_row += block.num_rows
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # The consumer may have given up: nothing that has not begun is worth beginning.
            reader.shutdown(cancel_futures=True)
            pool.shutdown(cancel_futures=True)


def counted(blocks: Iterator[pa.Table], most: int | None) -> Iterator[pa.Table]:
    """Pass on at most so many rows."""
    for block in blocks:
        yield block if most is None else block.slice(0, most)
        if most is not None and (most := most - block.num_rows) <= 0:
            return


def parts_of(scored: Iterator[Scored], blocks: int) -> Iterator[Iterator[Scored]]:
    """Group scored blocks, so many in a part; each part must be gone through before the next. At least one part."""
    first = next(scored, None)
    if first is None:
        yield iter(())
    while first is not None:
        part = _with_first(first, islice(scored, blocks - 1))
        yield part
        first = next(scored, None)


def _with_first(first: Scored, rest: Iterator[Scored]) -> Iterator[Scored]:
    yield first
    yield from rest
