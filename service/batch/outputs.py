"""Where results go: written apart, then moved into place whole, the manifest last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.batch.writing import WRITERS, Writer
from service.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Outputs:
    """The three files of a run, all in one folder.

    `quarantine` is there only when a row was refused; it is CSV, which people can open, whatever the table is.
    """

    table: Path
    quarantine: Path
    manifest: Path

    @classmethod
    def of(cls, target: Path) -> Outputs:
        """Return the files that go with `target`: for `scores.csv`, `scores.csv.quarantine.csv` and a manifest.

        Raises `WrongUse` for an ending that is not known.
        """
        if target.suffix.lower() not in WRITERS:
            raise WrongUse(f"{target}: the output's name must end in one of: {', '.join(WRITERS)}")
        return cls(
            target,
            target.with_name(f"{target.name}.quarantine.csv"),
            target.with_name(f"{target.name}.manifest.json"),
        )

    @property
    def writer(self) -> Writer:
        """What writes the table, by the ending of its name."""
        return WRITERS[self.table.suffix.lower()]

    def expect_usable(self, source: Path) -> None:
        """Raise `WrongUse` for a folder that is not there, and for names that something else has."""
        with self.writing():
            if not self.table.parent.is_dir():
                raise WrongUse(f"{self.table}: there is no folder {self.table.parent}; make it first")
            for path in (self.table, self.quarantine, self.manifest):
                if path.exists() and not path.is_file():
                    kind = "a folder" if path.is_dir() else "no regular file"
                    raise WrongUse(f"{path} is {kind}; name another output")
                if path.exists() and path.samefile(source):
                    raise WrongUse(f"{path} is the input and would be replaced; name another output")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise `WrongUse` for any `OSError` inside: a folder that may not be written, a full disk."""
        try:
            yield
        except OSError as error:
            raise WrongUse(f"{self.table} cannot be written: {error.strerror or error}") from None

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """Give a new hidden folder beside the outputs, and remove it whatever happens but a kill."""
        with self.writing():
            folder = tempfile.mkdtemp(".partial", f".{self.table.name}.", self.table.parent)
            try:
                yield Path(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def publish(outputs: Outputs, scratch: Path) -> None:
    """Move finished files from the scratch folder into place, so that a manifest that is there is always true.

    An old manifest goes first and the new one comes last; an old quarantine file does not outlive its run.
    """
    outputs.manifest.unlink(missing_ok=True)
    outputs.quarantine.unlink(missing_ok=True)
    for path in (outputs.table, outputs.quarantine, outputs.manifest):
        if (finished := scratch / path.name).exists():
            finished.replace(path)
