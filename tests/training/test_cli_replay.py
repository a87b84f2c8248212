from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.model_store import load_scorer
from service.policy_store import PolicyOrigin, save_policy
from service.scoring.policy import Policy
from tests.processes import Home
from tests.service.decision_log.written_log import alter
from tests.service.records import records
from tests.service.replayed_log import logged
from tests.training.log_commands import aval, use_log

CASE = "credit_risk"
STRICT = Policy("strictest", 0.0, 0.0)


@pytest.fixture
def decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_home: Callable[[str], Home]
) -> tuple[str, list[str]]:
    """The address of a log of thirty decisions, a microsecond apart, and their ids."""
    home = quick_home(CASE).bentoml_home
    monkeypatch.setenv("BENTOML_HOME", str(home))
    url = use_log(monkeypatch, tmp_path)
    return url, logged(url, [load_scorer(CASE, home)], records(CASE)[:30])


def test_replay_says_that_everything_came_out_the_same(decided: tuple[str, list[str]]) -> None:
    done = aval("replay")
    assert done.code == 0
    assert done.out == (
        "30 decisions: 30 the same bit for bit, 0 different, 0 erased, 0 without their model or policy\n"
    )


def test_replay_lists_differences_and_ends_with_1(decided: tuple[str, list[str]], tmp_path: Path) -> None:
    url, abouts = decided
    alter(url, "entries", {"probability": "0.25"}, "about = :about", about=abouts[7])
    file = tmp_path / "differences.jsonl"
    done = aval("replay", CASE, "--json", "-o", file)
    assert done.code == 1
    (found,) = done.body["differences"]
    assert (found["decision_id"], found["what"], found["logged"]) == (abouts[7], "probability", 0.25)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [found]
    assert f"{abouts[7]}: probability was 0.25, is 0." in aval("replay").out


def test_replay_of_one_decision_and_of_a_window_of_time(decided: tuple[str, list[str]]) -> None:
    _, abouts = decided
    assert aval("replay", "--about", abouts[3], "--json").body["decisions"] == 1
    assert aval("replay", "--since", "2026-11-20T08:00:00.000010Z", "--json").body["decisions"] == 20
    assert aval("replay", "--until", "2026-11-20T09:00:00.000010+01:00", "--json").body["decisions"] == 10
    assert aval("replay", "--since", "2026-11-21", "--json").code == 3


def test_replay_of_a_use_case_leaves_the_others(decided: tuple[str, list[str]]) -> None:
    assert aval("replay", "german_credit").code == 3


def test_replay_says_which_model_is_gone(decided: tuple[str, list[str]]) -> None:
    alter(decided[0], "entries", {"model": "'credit_risk:0123456789abcdef'"}, "seq > 3")
    done = aval("replay")
    assert done.code == 0
    assert "not replayed, 27 decisions: the model store holds no credit_risk:0123456789abcdef" in done.out


def test_replay_that_could_replay_nothing_ends_with_1(decided: tuple[str, list[str]]) -> None:
    alter(decided[0], "entries", {"model": "'credit_risk:0123456789abcdef'"})
    done = aval("replay")
    assert done.code == 1
    assert "not replayed, 30 decisions: the model store holds no credit_risk:0123456789abcdef" in done.out


def test_replay_with_another_policy_counts_who_would_be_decided_otherwise(
    decided: tuple[str, list[str]], tmp_path: Path, quick_home: Callable[[str], Home]
) -> None:
    home = quick_home(CASE).bentoml_home
    origin = PolicyOrigin("2026-11-21T09:00:00+00:00", "tests", "a question", None, {}, f"{CASE}:0")
    version = save_policy(CASE, STRICT, origin, home)
    file = tmp_path / "changed.jsonl"
    body = aval("replay", CASE, "--policy", version, "--json", "-o", file).body
    assert sum(row["decline"] for row in body["counts"].values()) == body["decisions"] == 30
    assert body["changed"] == 30 - body["counts"]["decline"]["decline"] == len(file.read_text().splitlines())
    assert body["expected_cost_saved"] == body["expected_cost_before"] - body["expected_cost_after"] < 0
    text = aval("replay", CASE, "--policy", version).out
    assert text.startswith(f"{body['changed']} of 30 decisions would have been others under {version}")
    assert "would be decline" in text


def test_replay_with_the_champions_own_policy_changes_nothing(
    decided: tuple[str, list[str]], quick_home: Callable[[str], Home]
) -> None:
    own = load_scorer(CASE, quick_home(CASE).bentoml_home).policy.version
    assert aval("replay", CASE, "--policy", own, "--json").body["changed"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--policy", "p-01234567"), "--policy p-01234567 is of one use case; name it"),
        ((CASE, "--policy", "p-01234567"), "credit_risk has no stored policy 'p-01234567'"),
        (("--since", "yesterday"), "--since 'yesterday' is not a time such as 2026-11-20"),
        (("--until", "2026-13-01"), "--until '2026-13-01' is not a time such as 2026-11-20"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    decided: tuple[str, list[str]], options: tuple[str, ...], message: str
) -> None:
    done = aval("replay", *options)
    assert done.code == 2
    assert done.said.startswith(message)
