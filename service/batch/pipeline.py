"""Blocks scored on several threads, handed out in their order, only a few of them in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from service.batch.scored_block import ScoredBlock


def scored_in_order(
    score: Callable[[pa.Table, int], ScoredBlock], blocks: Iterator[pa.Table], threads: int
) -> Iterator[ScoredBlock]:
    """Return each block scored; `score` is also given the block's first row, counted from 1.

    One block more than there are threads is read ahead, so that none of them waits for the next.
    """
    waiting: deque[Future[ScoredBlock]] = deque()
    first_row = 1
    with ThreadPoolExecutor(threads) as pool:
        for block in blocks:
            waiting.append(pool.submit(score, block, first_row))
            first_row += block.num_rows
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
