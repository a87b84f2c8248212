"""How far a run is, as it is told while it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from service.batch.tally import Tally


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is.

    share: of the work, about, from 0 to 1. continued: rows of the tally that an earlier, broken-off run had dealt with.
    """

    tally: Tally
    inputs_done: int
    inputs: int
    share: float
    continued: int = 0


class Stretch:
    """The inputs of a run, by their sizes in bytes, one behind the other."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._before = (0, *accumulate(sizes))

    def share(self, done: int, of_next: float) -> float:
        """Return which share of it is dealt with: `done` inputs, and a share of the next one."""
        before = self._before[done]
        size = self._before[min(done + 1, len(self._before) - 1)] - before
        return (before + of_next * size) / max(self._before[-1], 1)
