from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.policy_store import PolicyOrigin, StoredPolicy, load_policy, save_policy, stored_policies
from service.scoring.policy import Costs, Policy

USE_CASE = "german_credit"
POLICY = Policy("careful", 0.1, 0.4)
ORIGIN = PolicyOrigin(
    made_at="2026-11-21T09:00:00+00:00",
    made_by="Ada",
    because="fewer reviews in August, und größer",
    costs=Costs(5.0, 1.0, 0.2, "DM"),
    aims={"review_capacity": 0.1, "approval_rate": None},
    model=f"{USE_CASE}:0123456789abcdef",
    data="ab" * 32,
)


def file_of(home: Path, policy: Policy = POLICY) -> Path:
    return home / "policies" / USE_CASE / f"{policy.version}.json"


def refusal(home: Path, version: str = POLICY.version) -> str:
    with pytest.raises(ModelRefused) as caught:
        load_policy(USE_CASE, version, home)
    return str(caught.value)


def test_a_policy_read_back_is_the_same_with_its_origin(tmp_path: Path) -> None:
    version = save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    assert version == POLICY.version
    assert load_policy(USE_CASE, version, tmp_path) == StoredPolicy(POLICY, ORIGIN)


def test_a_policy_whose_cut_offs_a_person_named_has_no_costs(tmp_path: Path) -> None:
    by_hand = replace(ORIGIN, costs=None, data=None, aims={})
    assert load_policy(USE_CASE, save_policy(USE_CASE, POLICY, by_hand, tmp_path), tmp_path).about == by_hand


def test_a_policy_without_reviews_keeps_that(tmp_path: Path) -> None:
    about = replace(ORIGIN, costs=Costs(5.0, 1.0))
    assert load_policy(USE_CASE, save_policy(USE_CASE, POLICY, about, tmp_path), tmp_path).about == about


def test_storing_a_version_again_leaves_its_first_origin(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    before = file_of(tmp_path).stat()
    save_policy(USE_CASE, POLICY, replace(ORIGIN, made_by="Bob"), tmp_path)
    assert file_of(tmp_path).stat() == before
    assert load_policy(USE_CASE, POLICY.version, tmp_path).about.made_by == "Ada"


def test_old_versions_stay_and_are_listed_oldest_first(tmp_path: Path) -> None:
    later = replace(ORIGIN, made_at="2026-11-22T09:00:00+00:00")
    save_policy(USE_CASE, Policy("bold", 0.2, 0.4), later, tmp_path)
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    assert [found.policy.name for found in stored_policies(USE_CASE, tmp_path)] == ["careful", "bold"]
    assert stored_policies("credit_risk", tmp_path) == []
    assert stored_policies("../champions", tmp_path) == []


def test_a_damaged_file_is_replaced_by_storing_the_policy_again(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    file_of(tmp_path).write_bytes(b"{")
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    assert load_policy(USE_CASE, POLICY.version, tmp_path).policy == POLICY


def test_nothing_but_whole_files_is_ever_seen(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: save_policy(USE_CASE, POLICY, ORIGIN, tmp_path), range(20)))
    assert {*versions} == {POLICY.version}
    assert [file.name for file in file_of(tmp_path).parent.iterdir()] == [f"{POLICY.version}.json"]


def test_what_a_crash_left_half_written_is_no_policy(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    (file_of(tmp_path).parent / f".bold-01234567.json.{os.getpid()}").write_bytes(b"{")
    assert len(stored_policies(USE_CASE, tmp_path)) == 1


def test_a_policy_that_is_not_there_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel) as caught:
        load_policy(USE_CASE, "least-cost-01234567", tmp_path)
    assert str(caught.value) == (
        "german_credit has no stored policy 'least-cost-01234567'; see: aval policy list german_credit, "
        "or make one with: aval policy make german_credit"
    )


@pytest.mark.parametrize(
    "version",
    ["", ".", "..", "../x-01234567", f"../{USE_CASE}/{POLICY.version}", "/etc/passwd", "a\\b-01234567",
     f"{POLICY.version}.json", f"{POLICY.version}\n", f"{POLICY.version.upper()}", "x-0123456", "\0-01234567"],
)  # fmt: skip
def test_a_name_that_could_be_a_place_elsewhere_is_no_version(tmp_path: Path, version: str) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    with pytest.raises(NoSuchModel) as caught:
        load_policy(USE_CASE, version, tmp_path)
    assert f"has no stored policy {version!r}" in str(caught.value)


@pytest.mark.parametrize("use_case", ["", "..", "../german_credit", "german_credit/..", "German", "a b"])
def test_a_use_case_that_could_be_a_place_elsewhere_has_no_policies(tmp_path: Path, use_case: str) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    with pytest.raises(NoSuchModel):
        load_policy(use_case, POLICY.version, tmp_path)
    with pytest.raises(WrongUse) as caught:
        save_policy(use_case, POLICY, ORIGIN, tmp_path)
    assert str(caught.value) == f"the policy cannot be stored: {use_case!r} is no name of a use case"


def test_changed_cut_offs_are_refused_with_the_version_that_they_have(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    file = file_of(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"decline_from": 0.4', b'"decline_from": 0.9'))
    forged = replace(POLICY, decline_from=0.9).version
    assert refusal(tmp_path) == (
        f"{file} was not loaded: its content is the policy {forged}, not {POLICY.version}: it was changed or "
        "renamed. Delete it, and make the policy again with: aval policy make german_credit"
    )


def test_a_renamed_file_is_refused(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    other = file_of(tmp_path).rename(file_of(tmp_path).with_name("careful-01234567.json"))
    assert "it was changed or renamed" in refusal(tmp_path, other.stem)


def test_listing_names_the_file_that_is_damaged(tmp_path: Path) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    file_of(tmp_path).write_bytes(b"")
    with pytest.raises(ModelRefused) as caught:
        stored_policies(USE_CASE, tmp_path)
    assert str(caught.value).startswith(f"{file_of(tmp_path)} was not loaded: the policy is not valid JSON")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body | {"more": 1}, "the policy: expected exactly ['aims', 'because', 'costs'"),
        (lambda body: [body], "the policy: expected exactly"),
        (lambda body: body | {"made_by": None}, "made_by: None is not text"),
        (lambda body: body | {"data": 1}, "data: 1 is not text"),
        (lambda body: body | {"costs": {}}, "costs: expected exactly ['currency', 'false_approve'"),
        (lambda body: body | {"costs": body["costs"] | {"review": -1}}, "a wrong decision costs more than 0"),
        (lambda body: body | {"costs": body["costs"] | {"review": True}}, "costs review: True is not a finite"),
        (lambda body: body | {"costs": body["costs"] | {"false_approve": None}}, "costs false_approve: None"),
        (lambda body: body | {"costs": body["costs"] | {"currency": 1}}, "costs currency: 1 is not text"),
        (lambda body: body | {"aims": []}, "aims: expected an object, found list"),
        (lambda body: body | {"aims": {"approval_rate": "all"}}, "aims approval_rate: 'all' is not a finite"),
        (lambda body: body | {"policy": body["policy"] | {"name": "../x"}}, "policy: name '../x' is not"),
        (lambda body: body | {"policy": body["policy"] | {"refer_from": 2}}, "must be ordered within 0 to 1"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_with_what_is_wrong(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    file = file_of(tmp_path)
    file.write_text(json.dumps(change(json.loads(file.read_bytes()))))
    assert message in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b'{"policy": NaN}', b"null"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    save_policy(USE_CASE, POLICY, ORIGIN, tmp_path)
    file_of(tmp_path).write_bytes(content)
    assert refusal(tmp_path).startswith(f"{file_of(tmp_path)} was not loaded: the policy")


@pytest.mark.parametrize(
    ("policy", "about", "message"),
    [
        (Policy("a/b", 0.1, 0.2), ORIGIN, "name 'a/b' is not 1 to 40 of: a-z"),
        (Policy("test", 0.3, 0.2), ORIGIN, "must be ordered within 0 to 1"),
        (POLICY, replace(ORIGIN, aims={"approval_rate": math.nan}), "not JSON compliant"),
        (POLICY, replace(ORIGIN, because="\ud800"), "surrogates not allowed"),
    ],
)
def test_what_could_not_be_read_back_is_not_stored(
    tmp_path: Path, policy: Policy, about: PolicyOrigin, message: str
) -> None:
    with pytest.raises(WrongUse) as caught:
        save_policy(USE_CASE, policy, about, tmp_path)
    assert str(caught.value).startswith("the policy cannot be stored: ")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []
