"""What is kept of a run that is not done: its plan, its parts, and which of them are whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from service.batch.plan import Plan
from service.batch.tally import Tally
from service.decision_log.segments import SegmentFacts
from service.errors import AvalError
from service.places import Place
from service.places.file_facts import FileFacts

PLAN, COMPLETE = "plan.json", "complete.json"
T = TypeVar("T")


class StateDamaged(AvalError):
    """What is kept of a run is no longer what the run wrote; it is good for nothing but to be forgotten."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A part that is whole. files: by kind, `scores`, `quarantine` (where a row was refused), `segment`.

    columns: of the scores. header: bytes of the scores that stand before their first row.
    """

    tally: Tally
    files: dict[str, FileFacts]
    columns: tuple[str, ...]
    header: int
    segment: SegmentFacts | None

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        body = {
            "tally": self.tally.as_json(),
            "files": {kind: asdict(facts) for kind, facts in self.files.items()},
            "columns": self.columns,
            "header": self.header,
            "segment": None if self.segment is None else self.segment.to_json(),
        }
        return json.dumps(body).encode()

    @classmethod
    def read(cls, content: bytes) -> PartRecord:
        """Read what `to_bytes` wrote."""
        body = json.loads(content)
        files = {kind: FileFacts(**facts) for kind, facts in body["files"].items()}
        segment = None if body["segment"] is None else SegmentFacts.from_json(body["segment"])
        return cls(Tally.from_json(body["tally"]), files, tuple(body["columns"]), body["header"], segment)


@dataclass(frozen=True, slots=True)
class InputRecord:
    """An input that was read to its end. sha256: of its bytes. found: how its text turned out to be written."""

    rows: int
    parts: int
    sha256: str
    found: str

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class State:
    """The hidden folder `folder` in `place`. A part's small record is written last: what has none was never there.

    What belongs to a run is in a folder of its own, `key`, named by its plan: whoever still writes for a run that was
    given up, an executor or a request on its way, writes where nobody looks.
    """

    place: Place
    folder: str
    key: str = ""

    def of(self, plan: Plan) -> State:
        """Return the state of the run of this plan."""
        return replace(self, key=plan.key)

    def plan(self) -> Plan | None:
        """Return the plan of the run, None where there is none that can be read."""
        content = self.place.read(self.plan_path)
        try:
            return None if content is None else Plan.read(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def begin(self, plan: Plan) -> None:
        """Forget everything and write down the plan."""
        self.forget()
        self.place.write(self.plan_path, plan.to_bytes())

    def forget(self) -> None:
        """Remove all that is kept; first what says that anything is, so that no half of it is ever believed."""
        self.place.remove(self.plan_path)
        self.place.remove(self.folder)

    def names(self) -> set[str]:
        """Return the names of what is there, without the folder's."""
        return set(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return the names of what is there, without the folder's, and the bytes of each."""
        items = self.place.list(self.path("").rstrip("/"))
        return {item.name.removeprefix(self.path("")): item.size for item in items}

    def write(self, name: str, content: bytes) -> None:
        """Write something small."""
        self.place.write(self.path(name), content)

    def put(self, name: str, path: Path) -> None:
        """Move a finished file here."""
        self.place.put(self.path(name), path)

    def part(self, input_index: int, number: int) -> PartRecord:
        """Return a part that is whole; raises `StateDamaged`."""
        return self._read(part_record(input_index, number), PartRecord.read)

    def input(self, input_index: int) -> InputRecord:
        """Return an input that was read to its end; raises `StateDamaged`."""
        return self._read(input_record(input_index), lambda content: InputRecord(**json.loads(content)))

    def complete(self) -> dict[str, Any] | None:
        """Return what is left to be published, None while parts are missing; raises `StateDamaged`."""
        found = self.place.find(self.path(COMPLETE))
        return None if found is None else self._read(COMPLETE, json.loads)

    def path(self, name: str) -> str:
        """Return a name within the place."""
        return f"{self.folder}/{self.key}/{name}" if self.key else f"{self.folder}/{name}"

    @property
    def plan_path(self) -> str:
        """The name of what says which run is at work."""
        return f"{self.folder}/{PLAN}"

    def damaged(self, name: str) -> StateDamaged:
        """Return the error for something that is not what was written."""
        return StateDamaged(
            f"{self.place.uri}/{self.path(name)} is gone or damaged, so that this run could not be finished; "
            "run the same command again"
        )

    def _read(self, name: str, read: Callable[[bytes], T]) -> T:
        content = self.place.read(self.path(name))
        try:
            return read(content or b"")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self.damaged(name) from None


def part_file(input_index: int, number: int, kind: str) -> str:
    """Return the name of one of a part's files in the state folder."""
    return f"{input_index:06d}-{number:06d}.{kind}"


def part_record(input_index: int, number: int) -> str:
    """Return the name of a part's record."""
    return f"{input_index:06d}-{number:06d}.json"


def input_record(input_index: int) -> str:
    """Return the name of an input's record."""
    return f"{input_index:06d}.json"
