"""Releases where they are kept, a folder or a prefix in a bucket; taken from a model store and put into one.

In a place of releases `release.json` is the newest one's manifest and is replaced in one step; `releases/` has the
manifest of every one that was put there, `files/` their content, each under its SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.model_store.bundles import put_beside, read_bundle, save_bundle
from service.model_store.pointer import Champion
from service.model_store.pointer_files import champion, changing, find_champion, set_champion
from service.model_store.release import (
    ID,
    Release,
    champion_in,
    hashes_in,
    id_of,
    own_policy,
    release_from_files,
)
from service.places import Place
from service.policy_store import load_policy, save_policy
from service.scoring.bundle import OUTSIDE
from service.scoring.errors import BundleInvalid

NEWEST = "release.json"


def release_of(use_case: str, bentoml_home: Path) -> Release:
    """Return the release of a use case's champion; raises `NoSuchModel`, or `ModelRefused` if it cannot be served."""
    pointer = champion(use_case, bentoml_home)
    bundle = read_bundle(pointer.model)
    if not bundle:
        raise NoSuchModel(f"the model store holds no {pointer.model}; run: aval promote {use_case}")
    try:
        policy = own_policy(bundle, pointer.model)
        used = (
            None if pointer.policy in (None, policy) else load_policy(use_case, pointer.policy, bentoml_home)
        )
        found = Release(pointer, bundle, used)
        return release_from_files(found.manifest, found.files)
    except BundleInvalid as error:
        raise ModelRefused(
            f"{pointer.model} cannot be released: {error}. Store it again with: aval promote {use_case}"
        ) from None


def put_release(release: Release, place: Place) -> bool:
    """Make the release the newest one of the place, and return whether it was not that already.

    The manifest comes last: whoever reads meanwhile finds the one before, all of it. Raises `WrongUse` for a place
    whose newest is of another use case.
    """
    _expect_own(place, release)
    for content in release.files.values():
        _write(place, f"files/{hashlib.sha256(content).hexdigest()}", content)
    _write(place, f"releases/{release.id}.json", release.manifest)
    return _write(place, NEWEST, release.manifest)


def find_release(place: Place, expected: str | None = None) -> Release:
    """Return the newest release of the place, or the one that is expected, by its id.

    Raises `NoSuchModel`, and `ModelRefused` for one that is damaged, forged or cannot be served by this version.
    """
    if expected is not None and not ID.fullmatch(expected):
        raise WrongUse(
            f"{expected!r} is no id of a release; it has 16 hex digits, as `aval export` prints them"
        )
    name = NEWEST if expected is None else f"releases/{expected}.json"
    manifest = place.read(name)
    if manifest is None:
        raise NoSuchModel(f"{place.uri} has no {name}; make a release with: aval export USE_CASE {place.uri}")
    try:
        if expected not in (None, id_of(manifest)):
            raise BundleInvalid(f"its content is the release {id_of(manifest)}")
        files = {key: _content(place, key, digest) for key, digest in hashes_in(manifest).items()}
        return release_from_files(manifest, files)
    except BundleInvalid as error:
        raise ModelRefused(
            f"{place.uri}/{name} was refused: {error}. Make it again with: aval export USE_CASE {place.uri}"
        ) from None


def store_release(release: Release, bentoml_home: Path, *, replace_champion: bool = False) -> bool:
    """Put a release into a model store and make it the champion; return whether it was not that already.

    The pointer comes last, and is the release's own where the store has had no champion of the use case. Raises
    `WrongUse` where it has another one, unless that is to be replaced; a rollback leads back to it then.
    """
    use_case = release.use_case
    with changing(use_case, bentoml_home):
        present = find_champion(use_case, bentoml_home)
        if present is not None and not (_is_of(present, release) or replace_champion):
            raise WrongUse(
                f"{bentoml_home} has another champion of {use_case}: {present.model}, promoted {present.promoted_at}; "
                "to put this one in its place, say --replace"
            )
        _store_files(release, bentoml_home)
        if present is not None and _is_of(present, release):
            return False
        set_champion(use_case, _following(release.champion, present), bentoml_home)
        return True


def _store_files(release: Release, bentoml_home: Path) -> None:
    labels = {"use_case": release.use_case, "release": release.id}
    tag = save_bundle(release.bundle, release.use_case, labels)
    beside = {name: content for name, content in release.bundle.items() if name in OUTSIDE}
    put_beside(tag, beside, bentoml_home)
    if release.policy is not None:
        save_policy(release.use_case, release.policy.policy, release.policy.about, bentoml_home)


def _is_of(present: Champion, release: Release) -> bool:
    # What was replaced, and the number of the change, are of one store; the promotion is of all.
    mine = replace(release.champion, previous=present.previous, change=present.change)
    return present == mine


def _following(pointer: Champion, present: Champion | None) -> Champion:
    if present is None:
        return pointer
    return replace(pointer, previous=present.as_earlier, change=max(present.change + 1, pointer.change))


def _expect_own(place: Place, release: Release) -> None:
    try:
        kept = champion_in(place.read(NEWEST) or b"").model.partition(":")[0]
    except BundleInvalid:
        # Nothing, or damage that is mended by what is put there.
        return
    if kept != release.use_case:
        raise WrongUse(
            f"{place.uri} has the releases of {kept}, and this is one of {release.use_case}; "
            "name another place: each use case has its own"
        )


def _write(place: Place, name: str, content: bytes) -> bool:
    if place.read(name) == content:
        return False
    place.write(name, content)
    return True


def _content(place: Place, name: str, digest: str) -> bytes:
    content = place.read(f"files/{digest}")
    if content is None:
        raise BundleInvalid(f"{name} is missing: there is no files/{digest}")
    return content
