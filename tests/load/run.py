"""What a load test was, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.load.objectives import INCONCLUSIVE, MET, Stage, Verdict, exit_code, judge
from tests.load.samples import Group, Kind, Samples, quantile
from tests.load.shapes import Shape

HEADS = (
    "shape",
    "path",
    "requests",
    "answered/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "most ms",
    "errors",
    "429",
)
MOST_TOLD = 5
SAID = {MET: "objectives met", INCONCLUSIVE: "inconclusive: the generator could not keep its schedule"}


@dataclass(frozen=True)
class Row:
    """A label's requests, to one path or to all (`path` empty); latencies in ms from the moment due, rates in 1/s."""

    label: str
    path: str
    requests: int
    per_second: float
    p50: float
    p99: float
    p999: float
    most: float
    errors: int
    limited: int

    @property
    def cells(self) -> tuple[str, ...]:
        """Return what tables show of it, under `HEADS`."""
        times = [_shown(time) for time in (self.p50, self.p99, self.p999, self.most)]
        counts = (str(self.errors), str(self.limited))
        return (self.label, self.path or "all", str(self.requests), f"{self.per_second:.1f}", *times, *counts)


@dataclass(frozen=True)
class Run:
    """One load test; `gaps` names how its arrivals were spread; `processor` and `taken` are those of `OpenLoop`."""

    host: str
    stage: Stage
    shapes: Sequence[Shape]
    gaps: str
    samples: Samples
    processor: float
    taken: float | None

    @cached_property
    def verdicts(self) -> list[Verdict]:
        return judge(self.stage, self.samples)

    @property
    def exit_code(self) -> int:
        return exit_code(self.verdicts)

    @property
    def missed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.met]

    @property
    def said(self) -> str:
        """Say in a line how it ended."""
        return SAID.get(self.exit_code, f"{len(self.missed)} of {len(self.verdicts)} objectives missed")

    @cached_property
    def rows(self) -> list[Row]:
        """Return a row for each label, then one for each of its paths."""
        found: list[Row] = []
        for label in self.samples.labels:
            groups = {path: group for (name, path), group in self.samples.groups.items() if name == label}
            found.append(self._row(label, "", self.samples.of(label)))
            found += [self._row(label, path, groups[path]) for path in sorted(groups)]
        return found

    @property
    def wrong(self) -> list[str]:
        """Say what went wrong most often, and how often."""
        return [
            f"{count} x {path} {told}" for (path, told), count in self.samples.wrong.most_common(MOST_TOLD)
        ]

    @property
    def late(self) -> str:
        """Say how late the generator itself was."""
        late = [seconds for found in self.samples.late.values() for seconds in found]
        most = max(late, default=math.nan)
        p99 = max((quantile(found, 0.99) for found in self.samples.late.values()), default=math.nan)
        taken = (
            ""
            if self.taken is None
            else f"; the host gave {self.taken:.1%} of this machine's processors to others"
        )
        return (
            f"the generator was late by p99 {1e3 * p99:.2f} ms in the worst shape, {1e3 * most:.2f} ms at most, "
            f"and used {self.processor:.0%} of a processor{taken}"
        )

    def _row(self, label: str, path: str, group: Group) -> Row:
        begin, end = self.samples.spans[label]
        p50, p99, p999, most = (1e3 * quantile(group.took, share) for share in (0.5, 0.99, 0.999, 1.0))
        return Row(
            label=label,
            path=path,
            requests=group.requests,
            per_second=group.answered_by(end) / (end - begin),
            p50=p50,
            p99=p99,
            p999=p999,
            most=most,
            errors=group.errors,
            limited=group.kinds[Kind.LIMITED],
        )


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if math.isfinite(milliseconds) else ("never" if milliseconds > 0 else "")
