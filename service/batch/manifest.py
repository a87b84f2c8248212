"""What a run did, to be read by people, by the next job and by auditors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file's name, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileFacts:
        """Read the file once and describe it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(path.name, file.tell(), digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """The account of one run: `rows_in` is always `rows_scored` and `rows_quarantined` together.

    Times are ISO 8601 in UTC; `code` is the version of Aval that ran.
    """

    rows_in: int
    rows_scored: int
    rows_quarantined: int
    decisions: dict[str, int]
    input: FileFacts
    outputs: tuple[FileFacts, ...]
    model: str
    policy: str
    contract: str
    reasons: bool
    started: str
    finished: str
    code: str

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as JSON data."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """Return the manifest as the file that stands beside the output."""
        return (json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n").encode()

    def summary(self) -> str:
        """Say in one line what was done."""
        decisions = ", ".join(f"{count:,} {name}" for name, count in self.decisions.items())
        text = f"{self.rows_scored:,} of {self.rows_in:,} rows scored with {self.model} ({decisions})"
        names = [item.name for item in self.outputs]
        if self.rows_quarantined:
            return f"{text} into {names[0]}; {self.rows_quarantined:,} quarantined in {names[1]}"
        return f"{text} into {names[0]}"
