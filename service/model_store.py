"""Bundles in BentoML's model store, and the champion of each use case."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from service.errors import ModelRefused, NoSuchModel
from service.scoring.bundle import RUN, scorer_from_files, verify, version_of
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer

# BentoML's own description of a stored model; written by BentoML beside the bundle, of no effect on scoring.
BENTOML_FILE = "model.yaml"
CHAMPIONS = "champions"


@dataclass(frozen=True, slots=True)
class Champion:
    """Which stored model a use case is served with, since when and by whose command."""

    model: str
    registry_version: str
    promoted_at: str
    promoted_by: str


def save_bundle(files: Mapping[str, bytes], use_case: str, labels: Mapping[str, str]) -> str:
    """Store the bundle under `use_case:version` and return that tag; storing it again changes nothing.

    A copy that a crash left incomplete, or that was changed since, is replaced. Raises `BundleInvalid` for
    files that are no bundle of this use case.
    """
    version = version_of(files)
    verify(
        {name: content for name, content in files.items() if name != RUN}, use_case=use_case, version=version
    )
    tag = f"{use_case}:{version}"
    if _is_intact(tag, files):
        return tag
    # Not by BentoML's command, which fails where its own description is damaged.
    shutil.rmtree(_folder(tag), ignore_errors=True)
    with bentoml.models.create(
        tag, module="service.model_store", signatures={}, labels=dict(labels), context=_context()
    ) as model:
        for name, content in files.items():
            Path(model.path_of(name)).write_bytes(content)
    return tag


def load_scorer(name: str | None, bentoml_home: Path) -> Scorer:
    """Load a use case's champion, a given `use_case:version`, or with None the store's only champion.

    Every file's hash is verified first. Raises `NoSuchModel` or `ModelRefused`, each with what to do next.
    """
    tag = name if name and ":" in name else champion(name, bentoml_home).model
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


def champion(use_case: str | None, bentoml_home: Path) -> Champion:
    """Return the champion of a use case, or with None the only one there is; raises `NoSuchModel`."""
    known = {file.stem: file for file in _pointers(bentoml_home)}
    if use_case is None:
        if len(known) == 1:
            return _read_pointer(next(iter(known.values())))
        if known:
            raise NoSuchModel(
                f"several use cases have a champion; set AVAL_MODEL to one of: {', '.join(known)}"
            )
        raise NoSuchModel(
            "the model store has no champion; run: aval train USE_CASE && aval promote USE_CASE (see: aval use-cases)"
        )
    if use_case not in known:
        others = f" (there is one of: {', '.join(known)})" if known else ""
        raise NoSuchModel(
            f"{use_case} has no champion in the model store{others}; "
            f"run: aval train {use_case} && aval promote {use_case}"
        )
    return _read_pointer(known[use_case])


def champions(bentoml_home: Path) -> dict[str, Champion]:
    """Return the champions by use case, in alphabetical order."""
    return {file.stem: _read_pointer(file) for file in _pointers(bentoml_home)}


def find_champion(use_case: str, bentoml_home: Path) -> Champion | None:
    """Return a use case's champion, None where there is none or its pointer cannot be read and is to be replaced."""
    try:
        return _read_pointer(bentoml_home / CHAMPIONS / f"{use_case}.json")
    except ModelRefused:
        return None


def set_champion(use_case: str, pointer: Champion, bentoml_home: Path) -> None:
    """Make a stored model the champion. The file is replaced in one step: this is what commits a promotion."""
    folder = bentoml_home / CHAMPIONS
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{use_case}.{os.getpid()}"
    with scratch.open("w", encoding="utf-8") as file:
        json.dump(asdict(pointer), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(folder / f"{use_case}.json")


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a bundle in a folder, by name; BentoML's own description is left out."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != BENTOML_FILE
    }


def _pointers(bentoml_home: Path) -> list[Path]:
    return sorted((bentoml_home / CHAMPIONS).glob("*.json"))


def _read_pointer(file: Path) -> Champion:
    next_step = f"run: aval promote {file.stem}"
    try:
        pointer = Champion(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelRefused(f"{file} is damaged ({error}); {next_step}") from None
    # JSON may hold anything in the place of the tag.
    if not str(pointer.model).startswith(f"{file.stem}:"):
        raise ModelRefused(f"{file} names {pointer.model!r}, which is no model of {file.stem}; {next_step}")
    return pointer


def _find(tag: str) -> Path | None:
    # The folder, without a look at BentoML's own description of it, which no hash covers.
    try:
        folder = _folder(tag)
    except (BentoMLException, ValueError):
        return None
    return folder if folder.is_dir() else None


def _is_intact(tag: str, files: Mapping[str, bytes]) -> bool:
    folder = _find(tag)
    if folder is None or not _is_known_to_bentoml(tag):
        return False
    stored = read_folder(folder)
    return {name: stored.get(name) for name in files if name != RUN} == {
        name: content for name, content in files.items() if name != RUN
    } and set(stored) - {RUN} == set(files) - {RUN}


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
