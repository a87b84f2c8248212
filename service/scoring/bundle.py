"""The bundle: a scorer as files, each hashed in a manifest, whose own hash is the bundle's version.

Nothing is parsed as a model before every file is known and its hash is right. No format that can run code is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, parse_json
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor, predictor_from_files
from service.scoring.profile import Profile, level_counts
from service.scoring.reasons import ReasonText, texts_from_json, texts_to_json
from service.scoring.scorer import Scorer

FORMAT = 1
MANIFEST = "manifest.json"
# Times, run ids and latencies: it differs between two equal bundles, so it stands outside the hash.
RUN = "run.json"
# What is written down about a bundle after it was made, beside it, stands outside the hash too.
PROMOTION = "promotion.json"
CARD, CARD_TEXT = "model_card.html", "model_card.md"
OUTSIDE = frozenset({RUN, PROMOTION, CARD, CARD_TEXT})
FILES = ("contract.json", "calibrator.json", "policy.json", "reasons.json", "profile.json", "evidence.json")
PREDICTOR_FILES = ("predictor.json", "nodes.npy", "inputs.npy", "values.npy", "leaves.npy", "weights.npy")


def bundle_files(  # noqa: PLR0913, PLR0917  # a bundle has seven parts
    contract: Contract,
    predictor: Predictor,
    calibrator: Calibrator,
    policy: Policy,
    reasons: Mapping[str, ReasonText],
    profile: Profile,
    evidence: Mapping[str, Any],
) -> dict[str, bytes]:
    """Return the bundle's files, the manifest among them; equal parts give equal bytes."""
    files = {
        "contract.json": contract.to_json(),
        "calibrator.json": canonical_json(calibrator.to_json()),
        "policy.json": canonical_json(policy.to_json()),
        "reasons.json": canonical_json(texts_to_json(reasons)),
        "profile.json": canonical_json(profile.to_json()),
        "evidence.json": canonical_json(evidence),
        **predictor.to_files(),
    }
    manifest = {
        "format": FORMAT,
        "use_case": contract.use_case,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return {**files, MANIFEST: canonical_json(manifest)}


def version_of(files: Mapping[str, bytes]) -> str:
    """Return the bundle's version: the first 16 hex digits of the SHA-256 of its manifest."""
    if MANIFEST not in files:
        raise BundleInvalid(f"{MANIFEST} is missing")
    return hashlib.sha256(files[MANIFEST]).hexdigest()[:16]


def scorer_from_files(files: Mapping[str, bytes], *, use_case: str, version: str) -> Scorer:
    """Read the bundle that is known by this name and version.

    Raises `BundleInvalid` if a file is missing, unknown or changed, if the bundle is of another use case or
    version, or if anything in it is out of bounds. Only then is a predictor made.
    """
    files = {name: content for name, content in files.items() if name not in OUTSIDE}
    verify(files, use_case=use_case, version=version)
    try:
        contract = Contract.model_validate_json(files["contract.json"])
    except ValidationError as error:
        raise BundleInvalid(f"contract.json: {error.errors()[0]['msg']}") from None
    if contract.use_case != use_case:
        raise BundleInvalid(f"contract.json is of {contract.use_case}, not of {use_case}")
    evidence = parse_json(files["evidence.json"], "evidence.json")
    if not isinstance(evidence, dict):
        raise BundleInvalid(f"evidence.json: expected an object, found {type(evidence).__name__}")
    return Scorer(
        version=version,
        contract=contract,
        predictor=predictor_from_files(files, level_counts(contract)),
        calibrator=Calibrator.from_json(parse_json(files["calibrator.json"], "calibrator.json")),
        policy=Policy.from_json(parse_json(files["policy.json"], "policy.json")),
        reason_texts=texts_from_json(parse_json(files["reasons.json"], "reasons.json"), contract.inputs),
        profile=Profile.from_json(parse_json(files["profile.json"], "profile.json"), contract),
        evidence=evidence,
    )


def verify(files: Mapping[str, bytes], *, use_case: str, version: str) -> None:
    """Check version, names and hashes of a bundle's files; raises `BundleInvalid` at the first that is wrong."""
    if (found := version_of(files)) != version:
        raise BundleInvalid(
            f"{MANIFEST} has the version {found}, not {version}: it was changed or belongs to another bundle"
        )
    manifest = expect_keys(parse_json(files[MANIFEST], MANIFEST), {"format", "use_case", "files"}, MANIFEST)
    if manifest["format"] != FORMAT:
        raise BundleInvalid(
            f"{MANIFEST}: format {manifest['format']!r} is not {FORMAT}, the one this version reads"
        )
    if manifest["use_case"] != use_case:
        raise BundleInvalid(f"the bundle is of use case {manifest['use_case']!r}, not of {use_case!r}")
    hashes = expect_keys(
        manifest["files"], set(files) - {MANIFEST}, f"{MANIFEST} against the files that are there"
    )
    if unknown := sorted(set(hashes) - set(FILES) - set(PREDICTOR_FILES)):
        raise BundleInvalid(f"{unknown[0]} is no file of a bundle")
    if missing := sorted({*FILES, "predictor.json"} - set(hashes)):
        raise BundleInvalid(f"{missing[0]} is missing from the bundle")
    for name, content in files.items():
        if name != MANIFEST and hashlib.sha256(content).hexdigest() != hashes[name]:
            raise BundleInvalid(f"{name} was changed: its SHA-256 is not the one in {MANIFEST}")
