from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.scoring.errors import BundleInvalid
from tests.conftest import quick_training
from tests.training.card_evidence import (
    Files,
    full_bundle,
    full_evidence,
    importance,
    judgement,
    plain_bundle,
    rebuilt,
    rendered,
)
from training.model_card import Card
from training.model_card.bar_plots import strongest
from training.train import Trained

USE_CASE = "loan_approval"
OLD = ("data", "candidates", "chosen", "procedure", "shipped", "warnings")
RECORD: dict[str, Any] = {
    "use_case": USE_CASE,
    "version": "3",
    "promoted_at": "2026-11-21T07:00:00+00:00",
    "promoted_by": "maria",
    "why": "quarterly refit",
    "override": None,
    "gates": [],
    "against": None,
}


@pytest.fixture(scope="module")
def trained() -> Trained:
    return quick_training(USE_CASE)


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> tuple[Files, str]:
    return full_bundle(trained)


@pytest.fixture(scope="module")
def card(bundle: tuple[Files, str]) -> Card:
    return rendered(bundle)


@pytest.fixture(scope="module")
def plain(trained: Trained) -> tuple[Files, str]:
    return plain_bundle(trained)


# The hash


def test_a_changed_number_in_the_evidence_is_refused(bundle: tuple[Files, str]) -> None:
    files, version = bundle
    auc = json.loads(files["evidence.json"])["shipped"]["metrics"]["roc_auc"]
    changed = files["evidence.json"].replace(str(auc).encode(), str(auc + 0.01).encode())
    assert changed != files["evidence.json"]
    with pytest.raises(BundleInvalid) as error:
        rendered(({**files, "evidence.json": changed}, version))
    assert "evidence.json was changed" in str(error.value)


def test_evidence_that_was_changed_with_its_hashes_is_another_bundle(
    trained: Trained, bundle: tuple[Files, str]
) -> None:
    forged, forged_version = full_bundle(trained, warnings=[])
    assert forged_version != bundle[1]
    with pytest.raises(BundleInvalid) as error:
        rendered((forged, bundle[1]))
    assert "it was changed or belongs to another bundle" in str(error.value)


def test_the_card_says_what_the_evidence_says(trained: Trained) -> None:
    evidence = full_evidence(trained)
    evidence["procedure"]["metrics"] |= {"roc_auc": 0.123456, "cost_per_case": 4321.987}
    evidence["procedure"]["intervals"] |= {"roc_auc": [0.1111, 0.2222]}
    evidence["data"] |= {"rows": 1_234_567}
    found = rendered(rebuilt(trained, evidence))
    for page in (found.html, found.markdown):
        for text in ("0.1235", "0.1111 to 0.2222", "4,322", "1,234,567"):
            assert text in page, f"{text} is missing"


def test_the_same_bundle_has_the_same_card(bundle: tuple[Files, str], card: Card) -> None:
    assert rendered(bundle) == card


def test_a_card_names_its_bundle_for_the_door_that_serves_it(trained: Trained, card: Card) -> None:
    tag = f"{USE_CASE}:{full_bundle(trained)[1]}"
    assert f'<meta name="aval-bundle" content="{tag}">' in card.html


# Outside the hash


def test_what_stands_outside_the_hash_is_shown_apart_and_says_so(plain: tuple[Files, str]) -> None:
    run = {"git_revision": "c0ffee1234567890", "record_nanoseconds": 41_731_907}
    found = rendered(plain, run=run, promotion=RECORD)
    for page in (found.html, found.markdown):
        start = page.index("What follows stands outside the bundle")
        for text in ("c0ffee1234567890", "41,731,907", "maria", "quarterly refit"):
            assert text in page[start:]
            assert text not in page[:start], f"{text} looks as if it were hashed"


def test_the_run_is_read_from_the_files_and_may_be_damaged(plain: tuple[Files, str]) -> None:
    files, version = plain
    run = json.dumps({"git_revision": "c0ffee1234567890"}).encode()
    assert "c0ffee1234567890" in rendered(({**files, "run.json": run}, version)).html
    for damaged in (b"{", b"[1]", b"\xff", b"[" * 100_000):
        assert "Training run: not recorded" in rendered(({**files, "run.json": damaged}, version)).html


def test_an_override_is_said_at_the_top_with_its_name_and_reason(plain: tuple[Files, str]) -> None:
    override = {"by": "joao", "because": "the gate asks for what nobody needs"}
    found = rendered(plain, promotion={**RECORD, "override": override})
    for page in (found.html, found.markdown):
        top = page[: page.index("Purpose and limits")]
        assert "on the word of joao: the gate asks for what nobody needs" in top


def test_another_policy_in_use_is_said_at_the_top(plain: tuple[Files, str]) -> None:
    found = rendered(plain, promotion={**RECORD, "policy": "careful-12345678"})
    assert "by another policy, careful-12345678" in found.html[: found.html.index("<main>")]


def test_the_promotion_record_of_another_bundle_is_refused(plain: tuple[Files, str]) -> None:
    with pytest.raises(BundleInvalid) as error:
        rendered(plain, promotion={**RECORD, "model": "loan_approval:0000000000000000"})
    assert "the promotion record is of loan_approval:0000000000000000" in str(error.value)


# What it says


def test_generated_data_are_a_warning_before_anything_else(card: Card) -> None:
    for page in (card.html, card.markdown):
        assert "generated" in page[: page.index("The model gives P(bad)")]


def test_generated_data_are_warned_of_where_training_forgot_to(trained: Trained) -> None:
    found = rendered(plain_bundle(trained, warnings=[]))
    assert "no figure on this card says anything about real cases" in found.html


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([("blocks", "pass"), ("warns", "pass")], "Gates passed"),
        ([("blocks", "pass"), ("warns", "fail")], "Gates passed with warnings"),
        ([("blocks", "fail"), ("warns", "fail")], "Gates failed"),
        ([], "Gates not recorded"),
    ],
)
def test_the_verdict_says_which_gates_failed(
    trained: Trained, statuses: list[tuple[str, str]], verdict: str
) -> None:
    gates = [
        {"code": f"G-{i}", "title": f"gate {i}", "severity": severity, "status": status}
        for i, (severity, status) in enumerate(statuses)
    ]
    markdown = rendered(plain_bundle(trained, gates=gates)).markdown
    assert f"**{verdict}.**" in markdown
    failed = {f"gate {i}" for i, (_, status) in enumerate(statuses) if status == "fail"}
    first = markdown[markdown.index(f"**{verdict}.**") : markdown.index("Purpose and limits")]
    assert not failed or any(title in first for title in failed)


def test_it_says_who_was_chosen_and_why(card: Card) -> None:
    assert "catboost was chosen: on the cost of the decisions" in card.markdown
    assert "not significantly worse than random_forest (+0.000400" in card.markdown


def test_the_choice_of_inputs_and_the_stability_of_scores_are_shown_where_recorded(trained: Trained) -> None:
    stability = {"psi": 0.0123, "psi_by_chance_99": 0.0456, "reference_rows": 4_000, "rows": 1_000}
    found = rendered(plain_bundle(trained, stability=stability))
    for page in (found.html, found.markdown):
        for text in ("Stability of the scores", "0.0123", "Selection of inputs", "0.25"):
            assert text in page, f"{text} is missing"


def test_it_says_which_figures_belong_to_which_fit(card: Card) -> None:
    assert "The procedure was judged on rows that nothing saw" in card.markdown
    assert "its figures are out of fold" in card.markdown


def test_of_many_inputs_the_strongest_twelve_are_drawn(trained: Trained) -> None:
    weights = {f"input_{i}": float(i) for i in range(40)}
    assert [name for name, _ in strongest(weights)] == [f"input_{i}" for i in range(39, 27, -1)]
    assert len(importance(trained.scorer)) == len(trained.scorer.contract.inputs)


# Old and incomplete bundles


def test_a_bundle_from_before_cards_has_a_card(trained: Trained) -> None:
    old = {name: trained.scorer.evidence[name] for name in OLD}
    old["procedure"] = {name: old["procedure"][name] for name in ("metrics", "calibrator")}
    old["shipped"] = {name: old["shipped"][name] for name in ("metrics", "population")}
    old["data"] = {
        name: old["data"][name]
        for name in (
            "fingerprint",
            "generated",
            "rows",
            "bad_rate",
            "refused",
            "split",
            "untouched_rows",
            "seed",
        )
    }
    found = rendered(rebuilt(trained, old))
    assert "Results of gates: not recorded." in found.markdown
    assert "Purpose: not recorded." in found.markdown
    assert "Exact duplicates | not recorded" in found.markdown
    assert "<figure>" not in found.html


@cache
def _whole_evidence() -> dict[str, Any]:
    return full_evidence(quick_training(USE_CASE))


@pytest.mark.parametrize("kind", ["a dozen rows", "one probability for all", "next to 0 and 1"])
def test_few_or_equal_or_extreme_scores_have_a_card(trained: Trained, kind: str) -> None:
    rng = np.random.default_rng(0)
    scores = {
        "a dozen rows": rng.random(12),
        "one probability for all": np.full(300, 0.2),
        "next to 0 and 1": np.repeat([0.0, 1e-12, 0.5, 1.0], 50),
    }[kind]
    outcomes = (np.arange(len(scores)) % 3 == 0).astype(np.int8)
    costs = trained.cases.use_case.costs
    found = rendered(
        plain_bundle(trained, procedure=judgement(outcomes, scores, trained.scorer.policy, costs))
    )
    assert found.html.count("<figure>") == 6


def _paths(body: Any, depth: int = 3) -> list[tuple[str, ...]]:
    if not isinstance(body, Mapping) or not depth:
        return []
    return [(key, *rest) for key in body for rest in [(), *_paths(body[key], depth - 1)]]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_missing_part_keeps_a_card_from_being_made(data: st.DataObject) -> None:
    trained = quick_training(USE_CASE)
    evidence = deepcopy(_whole_evidence())
    for path in data.draw(st.lists(st.sampled_from(_paths(evidence)), min_size=3, max_size=12, unique=True)):
        place = evidence
        for key in path[:-1]:
            place = place.get(key, {})
        place.pop(path[-1], None)
    assert USE_CASE in rendered(rebuilt(trained, evidence)).html


def test_markup_in_a_declared_text_is_text(trained: Trained) -> None:
    evil = "<script>alert(1)</script> | **bold** [x](http://example.org) {{ 7 * 7 }}"
    about = {"purpose": evil, "stakeholders": [evil], "success": [], "limits": []}
    found = rendered(plain_bundle(trained, about=about, warnings=[evil]))
    assert "<script" not in found.html
    assert "<script" not in found.markdown
    assert "{{ 7 * 7 }}" in found.html
    assert r"\| \*\*bold\*\* \[x\](http://example.org)" in found.markdown
