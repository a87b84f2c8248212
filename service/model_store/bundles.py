"""Bundles in BentoML's model store: saved, verified, loaded; and what is written down beside each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from service.errors import ModelRefused, NoSuchModel
from service.model_store.pointer_files import CHAMPIONS, champion, replace_file
from service.scoring.bundle import CARD, OUTSIDE, scorer_from_files, verify, version_of
from service.scoring.errors import BundleInvalid
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer

# BentoML's own description of a stored model; written by BentoML beside the bundle, of no effect on scoring.
BENTOML_FILE = "model.yaml"


def save_bundle(files: Mapping[str, bytes], use_case: str, labels: Mapping[str, str]) -> str:
    """Store the bundle under `use_case:version` and return that tag; storing it again changes nothing.

    A copy that a crash left incomplete, or that was changed since, is replaced; what stands beside the bundle and
    outside its hash stays. Raises `BundleInvalid` for files that are no bundle of this use case.
    """
    version = version_of(files)
    verify(_hashed(files), use_case=use_case, version=version)
    tag = f"{use_case}:{version}"
    if _is_intact(tag, files):
        return tag
    beside = read_beside(tag)
    # Not by BentoML's command, which fails where its own description is damaged.
    shutil.rmtree(_folder(tag), ignore_errors=True)
    with bentoml.models.create(
        tag, module="service.model_store", signatures={}, labels=dict(labels), context=_context()
    ) as model:
        for name, content in {**beside, **files}.items():
            Path(model.path_of(name)).write_bytes(content)
    return tag


def load_scorer(name: str | None, bentoml_home: Path) -> Scorer:
    """Load a use case's champion, a given `use_case:version`, or with None the store's only champion.

    A champion comes with the policy in use, a given version with its own. Every file's hash is verified first.
    Raises `NoSuchModel` or `ModelRefused`, each with what to do next.
    """
    if name and ":" in name:
        return _load(name)
    pointer = champion(name, bentoml_home)
    return with_policy(_load(pointer.model), pointer.policy, bentoml_home)


def with_policy(scorer: Scorer, version: str | None, bentoml_home: Path) -> Scorer:
    """Return the scorer with a stored policy in the place of its own; None is its own.

    Raises an `AvalError` when the policy is missing or damaged: no other one takes its place.
    """
    if version in (None, scorer.policy.version):
        return scorer
    return replace(scorer, policy=_stored_policy(scorer, str(version), bentoml_home))


def put_beside(tag: str, files: Mapping[str, bytes], bentoml_home: Path) -> None:
    """Write files beside a stored bundle, each in one step; only names outside the bundle's hash can be written."""
    if wrong := sorted(set(files) - OUTSIDE):
        raise ValueError(f"{wrong[0]} is not one of: {', '.join(sorted(OUTSIDE))}")
    use_case, folder = tag.partition(":")[0], _folder(tag)
    for name, content in files.items():
        # Not in the folder itself: a file that a crash left there would make the bundle unreadable.
        scratch = bentoml_home / CHAMPIONS / f".{use_case}.{os.getpid()}.{name}"
        scratch.parent.mkdir(parents=True, exist_ok=True)
        replace_file(folder / name, content, scratch)


def read_bundle(tag: str) -> dict[str, bytes]:
    """Return all files of a stored bundle and what stands beside them, by name; empty where it is not stored."""
    folder = _find(tag)
    return {} if folder is None else read_folder(folder)


def read_beside(tag: str) -> dict[str, bytes]:
    """Return what is written down beside a stored bundle, by name; nothing vouches for it but what refers to it."""
    folder = _find(tag)
    files = [] if folder is None else [folder / name for name in sorted(OUTSIDE)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def read_card(name: str, bentoml_home: Path) -> bytes | None:
    """Return the model card (HTML) of a use case's champion or of a given tag, None where there is none.

    Raises `NoSuchModel` where there is no champion.
    """
    tag = name if ":" in name else champion(name, bentoml_home).model
    return read_beside(tag).get(CARD)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a bundle in a folder, by name; BentoML's own description is left out."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != BENTOML_FILE
    }


def _load(tag: str) -> Scorer:
    use_case, _, version = tag.partition(":")
    folder = _find(tag)
    if folder is None:
        raise NoSuchModel(f"the model store holds no {tag}; run: aval promote {use_case}")
    try:
        return scorer_from_files(read_folder(folder), use_case=use_case, version=version)
    except (BundleInvalid, OSError) as error:
        raise ModelRefused(
            f"{tag} was not loaded: {error}. Store it again with: aval promote {use_case}"
        ) from None


def _stored_policy(scorer: Scorer, version: str, bentoml_home: Path) -> Policy:
    from service.policy_store import load_policy

    return load_policy(scorer.contract.use_case, version, bentoml_home).policy


def _find(tag: str) -> Path | None:
    # The folder, without a look at BentoML's own description of it, which no hash covers.
    try:
        folder = _folder(tag)
    except (BentoMLException, ValueError):
        return None
    return folder if folder.is_dir() else None


def _hashed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name not in OUTSIDE}


def _is_intact(tag: str, files: Mapping[str, bytes]) -> bool:
    folder = _find(tag)
    if folder is None or not _is_known_to_bentoml(tag):
        return False
    return _hashed(read_folder(folder)) == _hashed(files)


def _folder(tag: str) -> Path:
    from bentoml._internal.configuration.containers import BentoMLContainer

    return Path(BentoMLContainer.model_store_dir.get()) / bentoml.Tag.from_str(tag).path()


def _is_known_to_bentoml(tag: str) -> bool:
    try:
        bentoml.models.get(tag)
    except Exception:  # its description may be damaged in any way
        return False
    return True


def _context() -> bentoml.models.ModelContext:
    return bentoml.models.ModelContext(framework_name="aval", framework_versions={})
