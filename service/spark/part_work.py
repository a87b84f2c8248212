"""What an executor does with its shares of a run: the file door's own work, in the same state folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from service import __version__
from service.batch.plan import Plan
from service.batch.state import State
from service.errors import AvalError, WrongUse
from service.places import S3Options, place_of
from service.spark.packing import Shipped, unpacked
from service.spark.shares import Share, score_share

# Before the number of a share that failed: its file in the state folder says why.
FAILED = "failed-"


@dataclass(frozen=True, slots=True)
class PartWork:
    """The shares of a run, by number. place, folder: of the state. key: of the plan that is kept there.

    Addresses are absolute: an executor has a working directory of its own.
    """

    bundle: Shipped
    shares: tuple[Share, ...]
    source: str
    place: str
    folder: str
    key: str
    s3: S3Options

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Work off the shares whose numbers come in, and hand those out again."""
        for batch in batches:
            for number in batch.column(0).to_pylist():
                self._work_off(number)
            yield batch

    def _work_off(self, number: int) -> None:
        state = State(place_of(self.place, self.s3), self.folder, self.key)
        plan = self._plan(state)
        try:
            score_share(plan, self.shares[number], unpacked(self.bundle.value), state)
        except AvalError as error:
            # Another attempt would find the same. Told by a file, it ends the run before the other shares are done.
            body = {"kind": type(error).__name__, "text": str(error)}
            state.write(f"{FAILED}{number:06d}.json", json.dumps(body).encode())

    def _plan(self, state: State) -> Plan:
        """Return the plan that is kept in the state folder: after another run has begun, nothing may be written."""
        plan = state.plan()
        if plan is None:
            raise WrongUse(
                f"{state.place.uri}: an executor finds no run there; all machines must see the same folder: "
                "name an s3:// address, or a folder that they share"
            )
        if plan.key != self.key:
            raise WrongUse(f"{state.place.uri}: another run has begun on this output")
        if plan.code != __version__:
            raise WrongUse(
                f"the run is of aval {plan.code}, and an executor has {__version__}; give all machines the same version"
            )
        return replace(plan, source=self.source)


def absolute(uri: str) -> str:
    """Return the address as any process of any working directory may use it."""
    return uri if "://" in uri else str(Path(uri).absolute())
