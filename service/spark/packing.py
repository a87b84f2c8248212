"""A scorer as bytes: what travels to the executors, and is verified there before anything of it is used."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from service.errors import ModelRefused
from service.scoring.bundle import FILES, MANIFEST, PREDICTOR_FILES, scorer_from_files, version_of
from service.scoring.errors import BundleInvalid, canonical_json, parse_json
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Beside the bundle's own files: the policy in use, which may be newer than the bundle.
POLICY_IN_USE = "policy_in_use.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Shipped(Protocol):
    """A packed bundle on its way to the executors; Spark's broadcast is one."""

    @property
    def value(self) -> bytes:
        """The packed bundle, where it is needed."""


def packed(files: Mapping[str, bytes], policy: Policy | None = None) -> bytes:
    """Return a bundle's files and the policy that decides as one zip file; None is the bundle's own policy.

    Equal bundles with equal policies give equal bytes. What stands outside the bundle's hash is left out.
    """
    kept = {name: files[name] for name in (MANIFEST, *FILES, *PREDICTOR_FILES) if name in files}
    if policy is not None:
        kept[POLICY_IN_USE] = canonical_json(policy.to_json())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(kept.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return buffer.getvalue()


def packed_from(path: Path, policy: Policy | None = None) -> bytes:
    """Return the packed bundle of a folder, or of a file that `packed` made; raises `ModelRefused` without one."""
    try:
        if not path.is_dir():
            return path.read_bytes()
        return packed({file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}, policy)
    except OSError as error:
        raise ModelRefused(f"{path} holds no bundle that can be read: {error.strerror}") from None


@lru_cache(maxsize=4)
def unpacked(content: bytes) -> Scorer:
    """Return the scorer, made once in a process; every file is held against its hash first.

    Raises `ModelRefused` for what is no packed bundle, and for one that was changed.
    """
    try:
        files = _files_in(content)
        in_use = files.pop(POLICY_IN_USE, None)
        scorer = scorer_from_files(files, use_case=_use_case(files), version=version_of(files))
        if in_use is None:
            return scorer
        return replace(scorer, policy=Policy.from_json(parse_json(in_use, POLICY_IN_USE)))
    except BundleInvalid as error:
        raise ModelRefused(f"the packed bundle was not loaded: {error}; pack it again") from None


def shipped(session: SparkSession, content: bytes) -> Shipped:
    """Return the packed bundle as a broadcast, which each executor fetches once.

    A session of Spark Connect has no broadcasts: there it travels with each task.
    """
    context = getattr(session, "sparkContext", None)
    if context is None:
        return _ByValue(content)
    broadcast: Shipped = context.broadcast(content)
    return broadcast


@dataclass(frozen=True, slots=True)
class _ByValue:
    value: bytes


def _files_in(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise BundleInvalid(f"it is no zip file ({error})") from None


def _use_case(files: Mapping[str, bytes]) -> str:
    manifest = parse_json(files.get(MANIFEST, b""), MANIFEST)
    use_case = manifest.get("use_case") if isinstance(manifest, dict) else None
    if not isinstance(use_case, str):
        raise BundleInvalid(f"{MANIFEST} names no use case")
    return use_case
