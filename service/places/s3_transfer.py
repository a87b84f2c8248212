"""Whole objects to and from a bucket, in parts where they are large. All raise what boto3 raises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.places.place import Item
from service.places.s3_client import S3Options, code_of

_THREADS = 4
_ATTEMPTS = 3


def get_whole(client: Any, bucket: str, key: str) -> tuple[Any, bytes]:
    """Return the store's answer for a small object, and the object's content."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    for _ in range(_ATTEMPTS):
        # boto3 asks again where an answer fails, not where its body breaks off.
        with suppress(HTTPClientError, IncompleteReadError):
            return _get(client, bucket, key)
    return _get(client, bucket, key)


def download(client: Any, bucket: str, key: str, item: Item, path: Path) -> None:
    """Fetch the very content that was found; another one is refused with the code 412."""
    from botocore.exceptions import ClientError

    # Only requests for parts are pinned to a content, so that even a small object is fetched as one.
    with _transfers(client, threshold=1) as transfers:
        _finish(transfers.download(bucket, key, str(path), subscribers=[_AsFound(item)]))
    if path.stat().st_size != item.size:
        raise ClientError({"Error": {"Code": "412"}}, "GetObject")


def upload(client: Any, bucket: str, key: str, path: Path, options: S3Options) -> None:
    """Send a file; begun again from its start if the store has lost the parts."""

    def send() -> None:
        with _transfers(client, options.part_bytes, options.part_bytes) as transfers:
            _finish(transfers.upload(str(path), bucket, key, extra_args=options.encryption))

    _despite_lost_parts(send)


def copy(client: Any, bucket: str, source: tuple[str, Item], key: str, options: S3Options) -> None:
    """Copy an object inside the store; in parts above its limit for one request."""
    from_key, item = source

    def send() -> None:
        if item.size > options.copy_bytes:
            # Parts of a run that was killed in this very copy: no other copies to this key while its lock is held.
            stop_uploads(client, bucket, key)
        with _transfers(client, options.copy_bytes + 1, max(options.copy_bytes // 16, 1)) as transfers:
            place = {"Bucket": bucket, "Key": from_key}
            copying = transfers.copy(
                place, bucket, key, extra_args=options.encryption, subscribers=[_AsFound(item)]
            )
            _finish(copying)

    _despite_lost_parts(send)


def stop_uploads(client: Any, bucket: str, key: str) -> None:
    """Give up what is being sent to a key, or below it as a folder: parts that a killed run left cost money."""
    from botocore.exceptions import ClientError

    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
        for begun in page.get("Uploads", ()):
            if begun["Key"] != key and not begun["Key"].startswith(f"{key}/"):
                continue
            try:
                client.abort_multipart_upload(Bucket=bucket, Key=begun["Key"], UploadId=begun["UploadId"])
            except ClientError as answer:
                if code_of(answer) != "NoSuchUpload":
                    raise


def _get(client: Any, bucket: str, key: str) -> tuple[Any, bytes]:
    answer = client.get_object(Bucket=bucket, Key=key)
    return answer, bytes(answer["Body"].read())


class _AsFound:
    """Tells a transfer what it is to find, which saves a request and pins the content."""

    def __init__(self, item: Item) -> None:
        self.item = item

    def on_queued(self, future: Any, **_: Any) -> None:
        future.meta.provide_transfer_size(self.item.size)
        if self.item.etag is not None:
            future.meta.provide_object_etag(self.item.etag)


def _transfers(client: Any, threshold: int, part: int = 2**24) -> Any:
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    config = TransferConfig(
        multipart_threshold=threshold,
        multipart_chunksize=part,
        max_concurrency=_THREADS,
        # The faster one, where it is installed, knows no pinned content.
        preferred_transfer_client="classic",
    )
    return create_transfer_manager(client, config)


def _finish(transfer: Any) -> None:
    """Wait for the end of a transfer; what only transfers raise becomes what requests raise."""
    from botocore.exceptions import ClientError, HTTPClientError
    from s3transfer.exceptions import (  # type: ignore[import-untyped]
        RetriesExceededError,
        S3CopyFailedError,
        S3DownloadFailedError,
    )

    try:
        transfer.result()
    except (S3DownloadFailedError, S3CopyFailedError):
        raise ClientError({"Error": {"Code": "412"}}, "GetObject") from None
    except RetriesExceededError as error:
        raise HTTPClientError(error=error.last_exception) from None


def _despite_lost_parts(send: Callable[[], None]) -> None:
    """Send again if an upload is no longer known: an answer was lost, or somebody tidied it away."""
    from botocore.exceptions import ClientError

    for left in reversed(range(_ATTEMPTS)):
        try:
            return send()
        except ClientError as answer:
            if code_of(answer) != "NoSuchUpload" or not left:
                raise
