"""A release: what goes from training to delivery, and is all that serving a use case needs besides the code."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.model_store.pointer import Champion
from service.policy_store import USE_CASE, StoredPolicy
from service.scoring.bundle import scorer_from_files
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, parse_json

FORMAT = 1
BUNDLE, POLICY = "bundle/", "policy.json"
ID = re.compile(r"[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"policy\.json|bundle/[a-z_]{1,40}\.(json|npy|html|md)")


@dataclass(frozen=True, slots=True)
class Release:
    """A champion with its bundle, what stands beside that, and the policy it is served with.

    champion: the pointer as the store that it comes from had it. bundle: content by name, what stands beside it
    included. policy: None where the bundle's own is in use.
    """

    champion: Champion
    bundle: Mapping[str, bytes]
    policy: StoredPolicy | None

    @property
    def use_case(self) -> str:
        """Whose champion it is."""
        return self.champion.model.partition(":")[0]

    @property
    def files(self) -> dict[str, bytes]:
        """Content of all files by name."""
        policy = {} if self.policy is None else {POLICY: self.policy.to_json()}
        return {**{BUNDLE + name: content for name, content in self.bundle.items()}, **policy}

    @property
    def manifest(self) -> bytes:
        """What names all files by their hashes; equal releases have equal ones."""
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        return canonical_json({"format": FORMAT, "champion": self.champion.to_json(), "files": hashes})

    @property
    def id(self) -> str:
        """The first 16 hex digits of its manifest's hash: whoever knows it cannot be given another release."""
        return id_of(self.manifest)


def id_of(manifest: bytes) -> str:
    """Return the id of the release that has this manifest."""
    return hashlib.sha256(manifest).hexdigest()[:16]


def hashes_in(manifest: bytes) -> dict[str, str]:
    """Return the SHA-256 of each file that a manifest names; raises `BundleInvalid`."""
    hashes = _parts(manifest)["files"]
    if not isinstance(hashes, dict):
        raise BundleInvalid(f"files: expected an object, found {type(hashes).__name__}")
    for name, digest in hashes.items():
        if not _NAME.fullmatch(name):
            raise BundleInvalid(f"{name!r} is no file of a release")
        if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
            raise BundleInvalid(f"{name}: {digest!r} is no SHA-256")
    return hashes


def champion_in(manifest: bytes) -> Champion:
    """Return the champion that a manifest names; raises `BundleInvalid`."""
    try:
        return Champion.from_json(_parts(manifest)["champion"])
    except (TypeError, ValueError) as error:
        raise BundleInvalid(f"champion: {error}") from None


def release_from_files(manifest: bytes, files: Mapping[str, bytes]) -> Release:
    """Read a release whose files are those that its manifest names, and see that it can be served.

    Raises `BundleInvalid` if a file is changed, or if bundle, policy and pointer do not belong together.
    """
    for name, digest in hashes_in(manifest).items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleInvalid(f"{name} was changed: its SHA-256 is not the one in the manifest")
    champion = champion_in(manifest)
    bundle = {name.removeprefix(BUNDLE): files[name] for name in files if name.startswith(BUNDLE)}
    own = own_policy(bundle, champion.model)
    return Release(champion, bundle, _policy(champion, own, files.get(POLICY)))


def own_policy(bundle: Mapping[str, bytes], model: str) -> str:
    """Return the version of a bundle's own policy; raises `BundleInvalid` unless it is this model and can be served."""
    use_case, _, version = model.partition(":")
    # It becomes the name of a file.
    if not USE_CASE.fullmatch(use_case):
        raise BundleInvalid(f"{use_case!r} is no name of a use case")
    return scorer_from_files(bundle, use_case=use_case, version=version).policy.version


def _parts(manifest: bytes) -> dict[str, Any]:
    body = expect_keys(parse_json(manifest, "the manifest"), {"format", "champion", "files"}, "the manifest")
    if body["format"] != FORMAT:
        raise BundleInvalid(f"its format {body['format']!r} is not {FORMAT}, the one this version reads")
    return body


def _policy(champion: Champion, own: str, content: bytes | None) -> StoredPolicy | None:
    if champion.policy in (None, own):
        if content is not None:
            raise BundleInvalid(f"{POLICY} is there, and the champion is served with its bundle's own policy")
        return None
    if content is None:
        raise BundleInvalid(f"{POLICY} is missing, and the champion is served with {champion.policy}")
    return StoredPolicy.from_json(content, str(champion.policy))
