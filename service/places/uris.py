"""Addresses of places: folders of this machine, and s3://bucket/prefix."""

from __future__ import annotations

import re
from pathlib import Path

from service.errors import WrongUse
from service.places.local import LocalPlace
from service.places.naming import checked
from service.places.place import Place
from service.places.s3 import S3Place
from service.places.s3_client import S3Options

S3 = "s3://"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def place_of(uri: str, s3: S3Options | None = None) -> Place:
    """Return the folder of this address, which need not be there yet; nothing is asked of a store before it is used.

    Raises `WrongUse` for an address that cannot be one.
    """
    if uri.startswith(S3):
        bucket, _, prefix = uri.removeprefix(S3).partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise WrongUse(f"{uri}: {bucket!r} is no name of a bucket; write s3://bucket/folder/")
        prefix = prefix.removesuffix("/")
        return S3Place(bucket, checked(prefix, f"{S3}{bucket}") if prefix else "", s3 or S3Options())
    if scheme := _SCHEME.match(uri):
        raise WrongUse(f"{uri}: {scheme[0]} is not one of: a path, s3://; name a folder in one of these ways")
    if not uri or "\0" in uri:
        raise WrongUse(f"{uri!r} names no folder; name one, such as . or s3://bucket/folder/")
    return LocalPlace(Path(uri))
