"""A file by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file's size in bytes and SHA-256, which is empty where nobody will ask for it."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileFacts:
        """Read the file once and describe it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(file.tell(), digest.hexdigest())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return FileFacts.of(path).sha256
