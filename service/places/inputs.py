"""Which files a run scores: one file, a folder, a glob or a partitioned data set, on a disk or in a bucket."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from service.errors import UnreadableInput, WrongUse
from service.places.local import LocalPlace
from service.places.pattern import Pattern, partitions_in
from service.places.place import Item, NothingYet, Place
from service.places.s3_client import S3Options
from service.places.uris import S3, place_of

_WILD = re.compile(r"[*?\[]")
_README = re.compile(r"(.*/)?readme(\.(md|txt|rst|html))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Inputs:
    """The files of a run, sorted by name. folders: those of the address below which they were found."""

    place: Place
    items: tuple[Item, ...]
    folders: str = ""

    def partitions(self, item: Item) -> dict[str, str]:
        """Return the values of the `key=value` folders that the file is in, decoded, as `partitions_in` does."""
        return partitions_in(f"{self.folders}/{item.name}" if self.folders else item.name)


@dataclass(frozen=True)
class _Search:
    source: str
    endings: Collection[str]
    where: Mapping[str, str]
    dated: bool
    s3: S3Options | None = field(repr=False)


def find_inputs(
    source: str,
    endings: Collection[str],
    where: Mapping[str, str] | None = None,
    *,
    dated: bool = False,
    s3: S3Options | None = None,
) -> Inputs:
    """Return the files that an address names, each of which ends in one of `endings`.

    where: values that `key=value` folders must have; others are not looked into. dated: the address is that of one
    day, so that a file which is not there is merely not there yet. Raises `NothingYet` if there is none so far in a
    folder, glob or partition, `UnreadableInput` for a file that is not there or is of another kind.
    """
    search = _Search(source, endings, where or {}, dated, s3)
    found = _one_file(search) or _several(search)
    _expect_partitions(search, found)
    return found


def _one_file(search: _Search) -> Inputs | None:
    """Return the file that the address names itself, None if that is no file."""
    folder, name = _split(search.source)
    # In a bucket the folder above may not be this user's to look into: not without need.
    if not name or (folder.startswith(S3) and "." not in name):
        return None
    place = place_of(folder, search.s3)
    item = None if name in (".", "..") else place.find(name)
    if item is not None:
        return Inputs(place, (_expected(search, item),), _folders(folder))
    return None


def _several(search: _Search) -> Inputs:
    base, glob = _base(search.source)
    place = place_of(base, search.s3)
    found = place.search(Pattern(glob, search.where))
    items = tuple(_expected(search, item) for item in found if not _README.fullmatch(item.name))
    if not items:
        raise _nothing(search, place)
    return Inputs(place, items, _folders(base))


def _expected(search: _Search, item: Item) -> Item:
    if not item.name.lower().endswith(tuple(search.endings)):
        raise UnreadableInput(
            f"{item.uri}: its name must end in one of: {', '.join(search.endings)}; take it away, or name the files "
            f"that are to be scored by a glob"
        )
    return item


def _nothing(search: _Search, place: Place) -> NothingYet | UnreadableInput:
    if search.dated or _WILD.search(search.source) or not _names_a_file(search.source, place):
        wanted = " and ".join(f"{key}={value}" for key, value in search.where.items())
        inside = f" in a folder {wanted}" if wanted else ""
        return NothingYet(f"{search.source}: no file to score is there yet{inside}; look again later")
    return UnreadableInput(f"{search.source} does not exist; mend the name")


def _names_a_file(source: str, place: Place) -> bool:
    """Return whether what is not there would have been a file, by its name; an empty folder is there."""
    is_there = isinstance(place, LocalPlace) and place.folder.is_dir()
    return "." in _split(source)[1].strip(".") and not is_there


def _expect_partitions(search: _Search, inputs: Inputs) -> None:
    """Raise `WrongUse` for a file that is in no partition of a name that a value is asked of."""
    for item in inputs.items:
        values = inputs.partitions(item)
        for key, value in search.where.items():
            if key not in values:
                known = ", ".join(values) or "none"
                raise WrongUse(
                    f"{item.uri} is in no folder {key}=…, of which {value} is asked; there are: {known}"
                )
            if values[key] != value:
                raise WrongUse(
                    f"{item.uri} is in {key}={values[key]}, and {key}={value} is asked; ask for one"
                )


def _split(source: str) -> tuple[str, str]:
    """Return the folder's address and the last name, `""` for an address that ends in a slash or is a bucket's."""
    if source.startswith(S3):
        bucket, _, key = source.removeprefix(S3).partition("/")
        folder, _, name = key.rpartition("/")
        return f"{S3}{bucket}/{folder}", name
    folder, slash, name = source.rpartition("/")
    return folder or (slash or "."), name


def _base(source: str) -> tuple[str, str]:
    """Return the address of the last folder before anything wild, and the glob below it."""
    start = len(S3) if source.startswith(S3) else 0
    wild = _WILD.search(source, start)
    if wild is None:
        return source, Pattern.glob
    cut = source.rfind("/", start, wild.start()) + 1
    return source[:cut] or ".", source[cut:].removesuffix("/")


def _folders(address: str) -> str:
    return address.removeprefix(S3).removesuffix("/")
