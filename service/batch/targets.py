"""Where results go: a file, or a folder that gets one file per part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from service.batch.writing import WRITERS
from service.errors import WrongUse
from service.places import Inputs, Place, S3Options, place_of
from service.places.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Target:
    """The output. text: as it was typed. name: of the file in `place`, None for a folder. ending: of the outputs."""

    text: str
    place: Place
    name: str | None
    ending: str

    @property
    def state(self) -> str:
        """The hidden folder of a run that is not done."""
        return ".aval-run" if self.name is None else f".{self.name}.partial"

    @property
    def manifest(self) -> str:
        """The manifest's name."""
        return "_manifest.json" if self.name is None else f"{self.name}.manifest.json"

    @property
    def quarantine(self) -> str:
        """The name of the only quarantine file; a folder has one per part."""
        return f"{self.name}.quarantine.csv"

    def part(self, input_name: str, number: int) -> str:
        """Return the name of a part's output in a folder."""
        return f"{input_name}-{number:05d}{self.ending}"

    def refused_part(self, input_name: str, number: int) -> str:
        """Return the name of a part's quarantine file in a folder."""
        return f"_quarantine/{input_name}-{number:05d}.csv"


def target_of(text: str, ending: str, s3: S3Options | None = None) -> Target:
    """Return the output that a user names: a file by its ending, else a folder of files of the given ending.

    Raises `WrongUse` for the ending of a file that cannot be written, and for a file whose folder is not there.
    """
    if ending not in WRITERS:
        raise WrongUse(f"{ending!r} is no kind of output; it must be one of: {', '.join(WRITERS)}")
    head, _, name = text.rpartition("/")
    remote = text.startswith("s3://")
    if not name or (not remote and Path(text).is_dir()) or "." not in name:
        return Target(text, place_of(text, s3), None, ending)
    suffix = "." + name.rpartition(".")[2].lower()
    if suffix not in WRITERS:
        raise WrongUse(
            f"{text}: the output's name must end in one of: {', '.join(WRITERS)}; a folder's, in a slash"
        )
    if not remote and not Path(head or "/" if text.startswith("/") else head or ".").is_dir():
        raise WrongUse(f"{text}: there is no folder {head}; make it first")
    return Target(text, place_of(head or ("/" if text.startswith("/") else "."), s3), name, suffix)


def expect_apart(source: str, found: Inputs, target: Target) -> None:
    """Raise `WrongUse` where an output would replace an input, or another one, or would be an input of the next run."""
    if target.name is None:
        _expect_no_folder_in_the_way(found, target)
        _expect_unasked(source, found, target, [target.part("x", 0)])
        return
    for name in (target.name, target.quarantine, target.manifest):
        try:
            _expect_no_input(found, target, name)
        except OSError as error:
            raise WrongUse(f"{target.text} cannot be written: {error.strerror or error}") from None
    _expect_unasked(source, found, target, [target.name, target.quarantine, target.manifest])


def _expect_unasked(source: str, found: Inputs, target: Target, names: list[str]) -> None:
    inside = _relative(target.place.uri, found.place.uri)
    glob = PurePosixPath(source).relative_to(PurePosixPath(found.place.uri)).as_posix()
    if inside is None or (glob != "." and found.place.find(glob) is not None):
        return
    pattern = Pattern(Pattern.glob if glob == "." else glob)
    if any(pattern.accepts((inside / name).as_posix()) for name in names):
        raise WrongUse(f"{target.text} lies within {source}, whose files are scored; name another folder")


def _relative(uri: str, base: str) -> PurePosixPath | None:
    """Return where a folder lies in another, None if it does not."""
    if uri.startswith("s3://") or base.startswith("s3://"):
        paths = PurePosixPath(uri), PurePosixPath(base)
    else:
        paths = PurePosixPath(Path(uri).resolve()), PurePosixPath(Path(base).resolve())
    return paths[0].relative_to(paths[1]) if paths[0].is_relative_to(paths[1]) else None


def _expect_no_folder_in_the_way(found: Inputs, target: Target) -> None:
    names = {item.name for item in found.items}
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    for folder in sorted(folders):
        output = re.fullmatch(r"(?s)(.+)-\d{5,}", folder.removesuffix(target.ending))
        if output and folder.endswith(target.ending) and output[1] in names:
            raise WrongUse(
                f"{folder} is a folder of inputs, and what becomes of {output[1]} is called so; rename it"
            )


def _expect_no_input(found: Inputs, target: Target, name: str) -> None:
    uri = f"{target.place.uri.rstrip('/')}/{name}"
    local = not uri.startswith("s3://")
    if local and Path(uri).exists() and not Path(uri).is_file():
        kind = "a folder" if Path(uri).is_dir() else "no regular file"
        raise WrongUse(f"{uri} is {kind}; name another output")
    for item in found.items:
        if item.uri == uri or (local and not item.uri.startswith("s3://") and _same_file(uri, item.uri)):
            raise WrongUse(f"{uri} is the input and would be replaced; name another output")


def _same_file(uri: str, other: str) -> bool:
    try:
        return Path(uri).samefile(other)
    except OSError:
        return False
