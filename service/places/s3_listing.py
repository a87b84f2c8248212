"""The objects of a bucket: found by the beginnings of their keys, and deleted. All raise what boto3 raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from service.places.pattern import Pattern

_KEYS_PER_REQUEST = 1000
_ATTEMPTS = 4


class Found(NamedTuple):
    """An object: its key, its size in bytes and the store's tag of its content."""

    key: str
    size: int
    etag: str


def objects_of(client: Any, bucket: str, start: str, pattern: Pattern) -> Iterator[Found]:
    """Yield the objects whose keys, without `start`, a pattern accepts, in the store's own order.

    Where values of partitions are asked for, folders of other values are not listed at all.
    """
    prefix = start + pattern.prefix
    if pattern.where:
        below = _walk(
            client, bucket, prefix[: prefix.rindex("/") + 1] if "/" in prefix else "", start, pattern
        )
    else:
        below = objects(client, bucket, prefix)
    return (found for found in below if pattern.accepts(found.key.removeprefix(start)))


def objects(client: Any, bucket: str, prefix: str) -> Iterator[Found]:
    """Yield all objects whose keys start so. What stands for an empty folder in consoles is none."""
    for page in _pages(client, Bucket=bucket, Prefix=prefix):
        yield from _found(page)


def delete(client: Any, bucket: str, keys: Sequence[str]) -> None:
    """Delete these objects; those that are not there are fine."""
    for first in range(0, len(keys), _KEYS_PER_REQUEST):
        _delete(client, bucket, keys[first : first + _KEYS_PER_REQUEST])


def _walk(client: Any, bucket: str, folder: str, start: str, pattern: Pattern) -> Iterator[Found]:
    for page in _pages(client, Bucket=bucket, Prefix=folder, Delimiter="/"):
        yield from _found(page)
        for below in page.get("CommonPrefixes", ()):
            if pattern.enters(below["Prefix"].removeprefix(start).removesuffix("/")):
                yield from _walk(client, bucket, below["Prefix"], start, pattern)


def _pages(client: Any, **query: str) -> Iterator[Any]:
    return iter(client.get_paginator("list_objects_v2").paginate(**query))


def _found(page: Any) -> Iterator[Found]:
    for entry in page.get("Contents", ()):
        if not entry["Key"].endswith("/"):
            yield Found(entry["Key"], entry["Size"], entry["ETag"])


def _delete(client: Any, bucket: str, keys: Sequence[str]) -> None:
    from botocore.exceptions import ClientError

    left = list(keys)
    for _ in range(_ATTEMPTS):
        answer = client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in left], "Quiet": True}
        )
        errors = answer.get("Errors", [])
        if not errors:
            return
        left = [error["Key"] for error in errors]
    raise ClientError({"Error": errors[0]}, "DeleteObjects")
