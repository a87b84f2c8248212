"""A folder in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from service.errors import UnreadableInput, WrongUse
from service.places.naming import checked
from service.places.pattern import Pattern
from service.places.place import Item
from service.places.s3_client import Clients, S3Options, code_of, connect, s3_errors
from service.places.s3_listing import delete, objects, objects_of
from service.places.s3_lock import S3Lock
from service.places.s3_transfer import copy, download, get_whole, stop_uploads, upload
from service.places.scratch import remove_stale, scratch_in, temporary_folder

T = TypeVar("T")
_MISSING = ("404", "NoSuchKey")


@dataclass(frozen=True)
class S3Place:
    """The objects of a bucket whose keys start with `prefix` and a slash; all of the bucket if it is empty."""

    bucket: str
    prefix: str
    options: S3Options = field(default_factory=S3Options)
    locks: list[S3Lock] = field(default_factory=list, repr=False, compare=False)

    @property
    def uri(self) -> str:
        """The folder's address."""
        return f"s3://{self.bucket}/{self.prefix}".removesuffix("/")

    def list(self, under: str = "") -> Iterator[Item]:
        """Yield all files, sorted by name; see `Place`."""
        return self.search(Pattern(folder=checked(under, self.uri) if under else ""))

    def search(self, pattern: Pattern) -> Iterator[Item]:
        """Yield the objects that the pattern accepts, sorted by name."""
        start = self._start
        with s3_errors(self.uri, UnreadableInput, "listed"):
            found = list(objects_of(self._clients.lasting, self.bucket, start, pattern))
        for item in sorted(found):
            name = checked(item.key.removeprefix(start), self.uri, UnreadableInput)
            yield Item(name, self._uri(name), item.size, item.etag)

    def find(self, name: str) -> Item | None:
        """Return the object of this name, None if there is none."""
        answer = self._ask(name, lambda client, key: client.head_object(Bucket=self.bucket, Key=key))
        if answer is None:
            return None
        return Item(name, self._uri(name), answer["ContentLength"], answer["ETag"])

    @contextmanager
    def fetched(self, item: Item) -> Iterator[Path]:
        """Give a copy on this machine, all of it of the content that was found."""
        with ExitStack() as stack:
            with _local_writing():
                folder = stack.enter_context(scratch_in(temporary_folder()))
            # boto3's time-outs are also an `OSError`: they are told first.
            with _local_writing(), s3_errors(item.uri, UnreadableInput, "read"):
                download(self._clients.lasting, self.bucket, self._key(item.name), item, folder / "content")
            yield folder / "content"

    def read(self, name: str) -> bytes | None:
        """Return the content of a small object, None if there is none."""
        return self._ask(name, lambda client, key: get_whole(client, self.bucket, key)[1])

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""
        with self._writing(name) as (client, key):
            client.put_object(Bucket=self.bucket, Key=key, Body=content, **self.options.encryption)

    def put(self, name: str, path: Path) -> None:
        """Send a finished local file, in parts if it is large; the object is there when all of it is."""
        with self._writing(name) as (client, key):
            upload(client, self.bucket, key, path, self.options)
        path.unlink()

    def move(self, name: str, to: str) -> None:
        """Copy an object to another name and delete the first; that this was done before is fine."""
        with self._writing(to) as (client, key):
            item = self.find(name)
            if item is not None:
                copy(client, self.bucket, (self._key(name), item), key, self.options)
                client.delete_object(Bucket=self.bucket, Key=self._key(name))
            elif self.find(to) is None:
                raise WrongUse(
                    f"{self._uri(name)} is gone, and cannot be moved to {self._uri(to)}; start again"
                )

    def remove(self, name: str) -> None:
        """Delete an object, and all below it as a folder, and what was being sent there."""
        with self._writing(name, "removed") as (client, key):
            stop_uploads(client, self.bucket, key)
            keys = [key, *(found.key for found in objects(client, self.bucket, f"{key}/"))]
            delete(client, self.bucket, keys)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a new folder on this machine, where its temporary files go."""
        with _local_writing(), scratch_in(temporary_folder()) as folder:
            yield folder

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold a lock object beside the outputs, and show signs of life; who shows none for a time has lost it."""
        key = self._key(f".{checked(name, self.uri).lstrip('.')}.lock")
        lock = S3Lock(self._clients, self.bucket, key, self.uri, self.options)
        with lock.held():
            self.locks.append(lock)
            remove_stale()
            try:
                yield
            finally:
                self.locks.remove(lock)

    @property
    def _start(self) -> str:
        """What all keys of this folder start with."""
        return f"{self.prefix}/" if self.prefix else ""

    @cached_property
    def _clients(self) -> Clients:
        return connect(self.bucket, self._start)

    def _key(self, name: str) -> str:
        return self._start + checked(name, self.uri)

    def _uri(self, name: str) -> str:
        return f"{self.uri}/{name}"

    def _ask(self, name: str, ask: Callable[[Any, str], T]) -> T | None:
        """Return an answer, None if there is no such object."""
        from botocore.exceptions import ClientError

        key = self._key(name)
        with s3_errors(self._uri(name), UnreadableInput, "read"):
            try:
                return ask(self._clients.lasting, key)
            except ClientError as answer:
                if code_of(answer) in _MISSING:
                    return None
                raise

    @contextmanager
    def _writing(self, name: str, verb: str = "written") -> Iterator[tuple[Any, str]]:
        """Give a client and the key, once it is known that this run's lock has not been lost."""
        key = self._key(name)
        for lock in self.locks:
            lock.expect_held()
        with s3_errors(self._uri(name), WrongUse, verb):
            yield self._clients.lasting, key


@contextmanager
def _local_writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Of whatever the caller prints to, never of a file.
        raise
    except OSError as error:
        complaint = error.strerror or error
        raise WrongUse(
            f"{temporary_folder()} cannot be written: {complaint}; set TMPDIR to a folder with room"
        ) from None
