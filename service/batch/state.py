"""What is kept of a run that is not done: its plan, its parts, and which of them are whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.batch.file_facts import FileFacts
from service.batch.places import Place
from service.batch.plan import Plan
from service.batch.tally import Tally
from service.decision_log.segments import SegmentFacts

PLAN, COMPLETE = "plan.json", "complete.json"


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
    """The hidden folder `folder` in `place`. A part's small record is written last: what has none was never there."""

    place: Place
    folder: str

    def plan(self) -> Plan | None:
        """Return the plan of the run, None where there is none that can be read."""
        content = self.place.read(f"{self.folder}/{PLAN}")
        try:
            return None if content is None else Plan.read(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def begin(self, plan: Plan) -> None:
        """Forget everything and write down the plan."""
        self.forget()
        self.write(PLAN, plan.to_bytes())

    def forget(self) -> None:
        """Remove all that is kept; first what says that anything is, so that no half of it is ever believed."""
        for name in (COMPLETE, PLAN):
            self.place.remove(self.path(name))
        self.place.remove(self.folder)

    def names(self) -> set[str]:
        """Return the names of what is there, without the folder's."""
        return {item.name.removeprefix(f"{self.folder}/") for item in self.place.list(self.folder)}

    def write(self, name: str, content: bytes) -> None:
        """Write something small."""
        self.place.write(f"{self.folder}/{name}", content)

    def put(self, name: str, path: Path) -> None:
        """Move a finished file here."""
        self.place.put(f"{self.folder}/{name}", path)

    def part(self, input_index: int, number: int) -> PartRecord:
        """Return a part that is whole."""
        return PartRecord.read(self._content(part_record(input_index, number)))

    def input(self, input_index: int) -> InputRecord:
        """Return an input that was read to its end."""
        return InputRecord(**json.loads(self._content(input_record(input_index))))

    def complete(self) -> dict[str, Any] | None:
        """Return what is left to be published, None while parts are missing."""
        content = self.place.read(f"{self.folder}/{COMPLETE}")
        return None if content is None else json.loads(content)

    def path(self, name: str) -> str:
        """Return a name within the place."""
        return f"{self.folder}/{name}"

    def _content(self, name: str) -> bytes:
        content = self.place.read(f"{self.folder}/{name}")
        if content is None:
            raise FileNotFoundError(self.path(name))
        return content


def part_file(input_index: int, number: int, kind: str) -> str:
    """Return the name of one of a part's files in the state folder."""
    return f"{input_index:06d}-{number:06d}.{kind}"


def part_record(input_index: int, number: int) -> str:
    """Return the name of a part's record."""
    return f"{input_index:06d}-{number:06d}.json"


def input_record(input_index: int) -> str:
    """Return the name of an input's record."""
    return f"{input_index:06d}.json"
