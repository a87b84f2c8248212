"""Decision policies beside the models: a use case's policy changes without a new model, and old ones stay."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import get_ident
from typing import Any

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number, parse_json
from service.scoring.policy import Costs, Policy

POLICIES = "policies"
# A version is a file's name: whatever could name a place elsewhere is no version.
VERSION = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}-[0-9a-f]{8}")
USE_CASE = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class PolicyOrigin:
    """Who made a policy, when, why and from what.

    `costs` are those that the cut-offs follow from, None where a person named the cut-offs. `aims` are by name,
    None for one left open. `model` is the tag whose probabilities they were reckoned on, `data` the fingerprint of
    the cases, None where no case was looked at.
    """

    made_at: str
    made_by: str
    because: str
    costs: Costs | None
    aims: Mapping[str, float | None]
    model: str
    data: str | None = None


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as the store holds it."""

    policy: Policy
    about: PolicyOrigin

    def to_json(self) -> bytes:
        """Return the content of its file; raises `ValueError` for a number that is none."""
        return canonical_json({"policy": self.policy.to_json(), **asdict(self.about)})

    @classmethod
    def from_json(cls, content: bytes, version: str) -> StoredPolicy:
        """Read the content of a file; raises `BundleInvalid` unless it is the policy of this very version."""
        names = {field.name for field in fields(PolicyOrigin)}
        body = expect_keys(parse_json(content, "the policy"), {"policy", *names}, "the policy")
        policy = Policy.from_json(body["policy"])
        if policy.version != version:
            raise BundleInvalid(
                f"its content is the policy {policy.version}, not {version}: it was changed or renamed"
            )
        texts = {name: _text(body[name], name) for name in ("made_at", "made_by", "because", "model")}
        costs = None if body["costs"] is None else _costs(body["costs"])
        data = None if body["data"] is None else _text(body["data"], "data")
        return cls(policy, PolicyOrigin(**texts, costs=costs, aims=_aims(body["aims"]), data=data))


def save_policy(use_case: str, policy: Policy, about: PolicyOrigin, bentoml_home: Path) -> str:
    """Store a policy under its version and return that; storing it again changes nothing, its origin included.

    A damaged file of that name is replaced. Raises `WrongUse` for a policy or origin that could not be read back.
    """
    try:
        content = StoredPolicy(policy, about).to_json()
        StoredPolicy.from_json(content, policy.version)
    except (BundleInvalid, ValueError) as error:
        raise WrongUse(f"the policy cannot be stored: {error}") from None
    file = _file(use_case, policy.version, bentoml_home)
    if file is None:
        raise WrongUse(f"the policy cannot be stored: {use_case!r} is no name of a use case")
    if not _is_intact(file):
        _write(file, content)
    return policy.version


def load_policy(use_case: str, version: str, bentoml_home: Path) -> StoredPolicy:
    """Return a stored policy; raises `NoSuchModel`, or `ModelRefused` unless its content has that very version."""
    file = _file(use_case, version, bentoml_home)
    if file is None or not file.is_file():
        raise NoSuchModel(
            f"{use_case} has no stored policy {version!r}; see: aval policy list {use_case}, "
            f"or make one with: aval policy make {use_case}"
        )
    return _read(file)


def stored_policies(use_case: str, bentoml_home: Path) -> list[StoredPolicy]:
    """Return a use case's stored policies, the oldest first; raises `ModelRefused` for a damaged one."""
    if not USE_CASE.fullmatch(use_case):
        return []
    files = sorted((bentoml_home / POLICIES / use_case).glob("[!.]*.json"))
    return sorted((_read(file) for file in files), key=lambda found: found.about.made_at)


def _file(use_case: str, version: str, bentoml_home: Path) -> Path | None:
    if not (USE_CASE.fullmatch(use_case) and VERSION.fullmatch(version)):
        return None
    return bentoml_home / POLICIES / use_case / f"{version}.json"


def _read(file: Path) -> StoredPolicy:
    try:
        return StoredPolicy.from_json(file.read_bytes(), file.stem)
    except (BundleInvalid, OSError) as error:
        raise ModelRefused(
            f"{file} was not loaded: {error}. Delete it, and make the policy again with: "
            f"aval policy make {file.parent.name}"
        ) from None


def _is_intact(file: Path) -> bool:
    try:
        StoredPolicy.from_json(file.read_bytes(), file.stem)
    except (BundleInvalid, OSError):
        return False
    return True


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.parent / f".{file.name}.{os.getpid()}.{get_ident()}"
    with scratch.open("wb") as output:
        output.write(content)
        output.flush()
        os.fsync(output.fileno())
    scratch.replace(file)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BundleInvalid(f"{name}: {value!r} is not text")
    return value


def _costs(body: Any) -> Costs:
    body = expect_keys(body, {field.name for field in fields(Costs)}, "costs")
    amounts = {
        name: expect_number(body[name], f"costs {name}")
        for name in ("false_approve", "false_decline", "review")
        if body[name] is not None or name != "review"
    }
    try:
        return Costs(**amounts, currency=_text(body["currency"], "costs currency"))
    except ValueError as error:
        raise BundleInvalid(str(error)) from None


def _aims(body: Any) -> dict[str, float | None]:
    if not isinstance(body, dict):
        raise BundleInvalid(f"aims: expected an object, found {type(body).__name__}")
    return {
        name: None if share is None else expect_number(share, f"aims {name}") for name, share in body.items()
    }
