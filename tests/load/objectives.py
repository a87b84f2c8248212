"""What a load test asks of a service, read from a file, and whether it was met."""

from __future__ import annotations

import math
import tomllib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.mix import PATHS
from tests.load.samples import Group, Kind, Samples, quantile
from tests.load.shapes import BEFORE_IDLE, NAMES, PRELUDES

FILE = Path(__file__).with_name("objectives.toml")
EVERY = "every"
LABELS = (*NAMES, BEFORE_IDLE)
SHARES = ("errors", "limited", "achieved")
LATENCIES: Mapping[str, float] = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
GROWTH, LATE = "growth", "late_p99_ms"
MET, MISSED, INCONCLUSIVE = 0, 1, 2


class ObjectivesUnreadable(Exception):
    """The file of objectives cannot be used as it is."""


@dataclass(frozen=True)
class Stage:
    """What is asked of one kind of installation: the usual rate (requests/s), seconds by shape, weights by path."""

    name: str
    rate: float
    seconds: Mapping[str, float]
    mix: Mapping[str, int]
    _asked: Mapping[str, Mapping[str, Any]]

    def asked(self, label: str) -> dict[str, Any]:
        """Return the objectives of a label: its own, and those of every shape where it says nothing else."""
        return {**self._asked[EVERY], **self._asked.get(label, {})}


@dataclass(frozen=True)
class Verdict:
    """One objective and what was observed; `of_generator` where it asks whether the test itself can be believed."""

    label: str
    path: str
    name: str
    observed: float
    allowed: float
    met: bool

    @property
    def of_generator(self) -> bool:
        return self.name == LATE

    @property
    def of_time(self) -> bool:
        return self.name in LATENCIES or self.name in (GROWTH, "achieved")

    def __str__(self) -> str:
        where = f"{self.label} {self.path}".strip()
        bound = "at least" if self.name == "achieved" else "at most"
        return f"{where}: {self.name} is {self.observed:.4g}, {bound} {self.allowed:g} is allowed"


def read_stage(name: str, file: Path = FILE) -> Stage:
    """Read the objectives of a stage; raises `ObjectivesUnreadable`."""
    try:
        stages = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ObjectivesUnreadable(f"{file} cannot be read as TOML: {error}") from error
    if name not in stages:
        raise ObjectivesUnreadable(f"{file}: {name!r} is not one of its stages: {', '.join(stages)}")
    told = dict(stages[name])
    try:
        rate, seconds, mix = float(told.pop("rate")), told.pop("seconds"), told.pop("mix")
        asked = {EVERY: told.pop(EVERY), **told}
    except KeyError as missing:
        raise ObjectivesUnreadable(
            f"{file}: [{name}] needs {missing}, beside rate, seconds, mix, every"
        ) from None
    _check(file, name, asked)
    if not (mix and set(mix) <= set(PATHS)):
        raise ObjectivesUnreadable(
            f"{file}: the mix of [{name}] is {mix}; its paths may be: {', '.join(PATHS)}"
        )
    return Stage(name, rate, seconds, mix, asked)


def judge(stage: Stage, samples: Samples) -> list[Verdict]:
    """Return a verdict for each objective of each label that was run."""
    return [verdict for label in samples.labels for verdict in _judge_label(stage, samples, label)]


def exit_code(verdicts: list[Verdict]) -> int:
    """Return 0 where all was met, 1 where something was missed, 2 where nothing can be said of the service.

    Errors are errors whoever was late; a latency that a late generator measured is its own.
    """
    missed = [verdict for verdict in verdicts if not verdict.met]
    if any(not (verdict.of_time or verdict.of_generator) for verdict in missed):
        return MISSED
    if any(verdict.of_generator for verdict in missed):
        return INCONCLUSIVE
    return MISSED if missed else MET


def _judge_label(stage: Stage, samples: Samples, label: str) -> Iterator[Verdict]:
    asked, group = stage.asked(label), samples.of(label)
    if label in PRELUDES and not group.requests:
        return
    requests = max(group.requests, 1)
    yield _at_most(label, "", "errors", group.errors / requests if group.requests else 1.0, asked["errors"])
    yield _at_most(label, "", "limited", group.kinds[Kind.LIMITED] / requests, asked["limited"])
    if label in PRELUDES:
        return
    yield _at_most(label, "", LATE, 1e3 * quantile(samples.late.get(label, array("d")), 0.99), asked[LATE])
    achieved = group.answered_by(samples.spans[label][1]) / requests
    yield Verdict(label, "", "achieved", achieved, asked["achieved"], achieved >= asked["achieved"])
    if GROWTH in asked:
        yield _at_most(label, "", GROWTH, _growth(group), asked[GROWTH])
    for (name, path), own in samples.groups.items():
        if name == label:
            yield from _judge_path(label, path, own, asked.get(path, {}))


def _judge_path(label: str, path: str, group: Group, asked: Mapping[str, float]) -> Iterator[Verdict]:
    for name, allowed in asked.items():
        yield _at_most(label, path, name, 1e3 * quantile(group.took, LATENCIES[name]), allowed)


def _at_most(label: str, path: str, name: str, observed: float, allowed: float) -> Verdict:
    return Verdict(label, path, name, observed, allowed, observed <= allowed)


def _growth(group: Group) -> float:
    """Return the median of the last quarter of requests to that of the first."""
    ordered = [took for _, took in sorted(zip(group.due, group.took, strict=True))]
    quarter = len(ordered) // 4
    first, last = (quantile(array("d", part), 0.5) for part in (ordered[:quarter], ordered[-quarter:]))
    return last / first if first else math.nan


def _check(file: Path, stage: str, asked: Mapping[str, Mapping[str, Any]]) -> None:
    lacking = [name for name in (*SHARES, LATE) if name not in asked[EVERY]]
    if lacking:
        raise ObjectivesUnreadable(f"{file}: [{stage}.{EVERY}] needs {', '.join(lacking)}")
    for label, objectives in asked.items():
        if label not in (EVERY, *LABELS):
            raise ObjectivesUnreadable(
                f"{file}: [{stage}.{label}] is no shape; there are: {', '.join(LABELS)}"
            )
        for name, told in objectives.items():
            known = (
                set(told) <= set(LATENCIES)
                if name.startswith("/") and isinstance(told, dict)
                else name in (*SHARES, GROWTH, LATE)
            )
            if not known:
                raise ObjectivesUnreadable(
                    f"{file}: {name} = {told!r} in [{stage}.{label}] is no objective; there are: "
                    f"{', '.join((*SHARES, GROWTH, LATE))}, and by path {', '.join(LATENCIES)}"
                )
