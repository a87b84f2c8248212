"""The folders and S3 prefixes whose files may be read and written on somebody else's word, and nothing beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from service.errors import WrongUse

S3 = "s3://"
LONGEST = 1_024
_WILD = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Roots:
    """texts: absolute folders and s3://bucket/prefix, as the operator wrote them."""

    texts: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Roots:
        """Return the roots of these addresses; raises `WrongUse` for one that is no folder or prefix."""
        for text in texts:
            if complaint := _form(text) or ("has a wildcard" if _WILD.search(text) else None):
                raise WrongUse(
                    f"AVAL_BATCH_ROOTS: {text!r} {complaint}; name absolute folders and s3://bucket/prefix"
                )
        return cls(tuple(texts))

    def expect_apart(self, own: Mapping[str, str]) -> None:
        """Raise `WrongUse` for a root that holds, or lies in, one of our own places: setting's name to its address.

        Whoever may have files scored could otherwise write into our log, our models or our tasks.
        """
        for root in self.texts:
            for name, place in own.items():
                if _meet(root, place):
                    raise WrongUse(
                        f"AVAL_BATCH_ROOTS: {root!r} holds, or lies in, {name}={place}, which is for Aval alone; "
                        "name folders and prefixes that are apart from it"
                    )

    def __str__(self) -> str:
        return ", ".join(self.texts)

    def holds(self, address: str, leads_to: str | None = None) -> bool:
        """Return whether an address without wildcards lies in a root, and stays in that very root.

        leads_to: where the address of a file leads, by all links, if that is known.
        """
        if address.startswith(S3):
            return any(_within(root, address) for root in self.texts)
        real = os.path.realpath(address) if leads_to is None else leads_to
        return any(_within(root, address) and _within(os.path.realpath(root), real) for root in self.texts)

    def complaint(self, address: str, *, wild: bool = False) -> str | None:
        """Return what is wrong with an address as the end of a sentence, None for one that lies inside.

        Links are followed wherever they stand, so that one that leads out is no way out; what is not there yet may be
        named. Prefixes of S3 are compared by whole names. wild: whether it may be a glob, below a root's own name.
        """
        complaint = _form(address)
        if complaint is None and not wild and _WILD.search(address):
            complaint = "has one of the characters * ? [, and must name one file or folder"
        if complaint is None and not self.holds(_literal(address)):
            complaint = "does not lie inside the roots"
        return complaint


def _form(address: str) -> str | None:
    """Return what is wrong with an address in itself."""
    bucket, *names = address.removeprefix(S3).removesuffix("/").split("/")
    faults = {
        f"is not 1 to {LONGEST} characters long": not 0 < len(address) <= LONGEST,
        "holds characters that cannot be shown": not address.isprintable(),
        f"starts neither with a slash, as an absolute path does, nor with {S3}": not address.startswith(
            (S3, "/")
        ),
        "has '.' or '..' between its slashes": not {".", ".."}.isdisjoint(names),
        "has two slashes in a row": "" in names,
        "has a brace; only the nightly job fills in dates": "{" in address or "}" in address,
        f"names no bucket, as {S3}bucket/prefix does": address.startswith(S3)
        and not _BUCKET.fullmatch(bucket),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _literal(address: str) -> str:
    """Return the part of an address before the first name that has a wildcard."""
    wild = _WILD.search(address)
    return address if wild is None else address[: address.rindex("/", 0, wild.start()) + 1]


def _meet(root: str, place: str) -> bool:
    """Return whether one of two addresses lies in the other, as written or by links."""
    pairs = [(root, place)]
    if not root.startswith(S3) and not place.startswith(S3):
        pairs.append((os.path.realpath(root), os.path.realpath(place)))
    return any(_within(one, other) or _within(other, one) for one, other in pairs)


def _within(root: str, address: str) -> bool:
    return PurePosixPath(address).is_relative_to(PurePosixPath(root))
