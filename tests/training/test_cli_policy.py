from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from service.errors import AvalError, NoSuchModel, UnreadableInput, WrongUse
from service.model_store import champion, load_scorer, set_champion
from service.policy_store import load_policy, stored_policies
from service.scoring.contract import Contract
from service.scoring.policy import Costs
from tests.processes import Home
from training.cli.policy import policy_app
from training.data import keep_snapshot
from training.past_scores import score_past
from training.policies import expected_cost
from training.train import Trained
from training.use_cases import use_cases

USE_CASE = "german_credit"
CASE = use_cases()[USE_CASE]


@dataclass(frozen=True)
class Desk:
    """A champion, the cases that it was fitted on, and the commands."""

    folder: Path
    trained: Trained

    @property
    def store(self) -> Path:
        return self.folder / "bentoml"

    @property
    def own(self) -> str:
        return self.trained.scorer.policy.version

    @property
    def snapshot(self) -> Path:
        return self.folder / "aval" / "data" / f"{self.trained.cases.fingerprint}.parquet"

    def say(self, *arguments: str | Path) -> str:
        done = CliRunner().invoke(policy_app, [str(argument) for argument in arguments])
        if isinstance(done.exception, AvalError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def make(self, *options: str | Path) -> dict[str, Any]:
        made: dict[str, Any] = self.json("make", USE_CASE, *options)
        return made


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick: Callable[..., Trained],
    quick_home: Callable[[str], Home],
) -> Desk:
    """Pointers and policies of its own; the bundle lies in the store of the whole session."""
    found = Desk(tmp_path, quick(USE_CASE))
    pointer = champion(USE_CASE, quick_home(USE_CASE).bentoml_home)
    set_champion(USE_CASE, replace(pointer, policy=None), found.store)
    monkeypatch.setenv("BENTOML_HOME", str(found.store))
    monkeypatch.setenv("AVAL_HOME", str(tmp_path / "aval"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    keep_snapshot(found.trained.cases, found.snapshot.parent)
    return found


def refusal(desk: Desk, *arguments: str | Path) -> str:
    with pytest.raises(WrongUse) as caught:
        desk.say(*arguments)
    assert stored_policies(USE_CASE, desk.store) == []
    return str(caught.value)


# Making


def test_a_policy_for_a_capacity_is_stored_with_who_when_why_and_what_it_leads_to(desk: Desk) -> None:
    made = desk.make("--capacity", "0.05", "--name", "august", "--because", "fewer reviewers")
    assert made["policy"].startswith("august-")
    assert made["mix"]["refer"] <= 0.05
    stored = load_policy(USE_CASE, made["policy"], desk.store)
    assert stored.policy.to_json() == {name: made[name] for name in ("name", "refer_from", "decline_from")}
    assert stored.about.because == "fewer reviewers"
    assert stored.about.made_by
    assert stored.about.costs == CASE.costs
    assert stored.about.aims == {"review_capacity": 0.05, "approval_rate": None}
    assert (stored.about.model, stored.about.data) == (
        desk.trained.scorer.tag,
        desk.trained.cases.fingerprint,
    )


def test_making_a_policy_does_not_use_it(desk: Desk) -> None:
    desk.make("--cut-offs", "0.2", "0.6")
    assert load_scorer(USE_CASE, desk.store).policy.version == desk.own


def test_without_options_the_policy_follows_from_the_declared_costs(desk: Desk) -> None:
    made = desk.make()
    assert made["policy"] == desk.own
    assert made["swap_set"]["changed"]["rows"] == 0


def test_stated_costs_take_the_place_of_the_declared_ones(desk: Desk) -> None:
    made = desk.make("--false-approve", "9", "--false-decline", "1", "--no-review")
    assert (made["refer_from"], made["decline_from"]) == (0.1, 0.1)
    assert made["costs"] == {
        "false_approve": 9.0,
        "false_decline": 1.0,
        "review": None,
        "currency": CASE.costs.currency,
    }


def test_the_policy_in_use_is_priced_also_where_the_new_one_has_no_reviews(desk: Desk) -> None:
    before = desk.make("--no-review")["swap_set"]["before"]
    assert before["refer_rate"] > 0
    assert before["expected_cost"] is not None


def test_a_wished_approval_rate_is_met_on_the_cases(desk: Desk) -> None:
    made = desk.make("--approval-rate", "0.7")
    assert made["mix"]["approve"] == pytest.approx(0.7, abs=0.005)
    after = made["swap_set"]["after"]
    assert [*made["mix"].values()] == [after[f"{name}_rate"] for name in ("approval", "refer", "decline")]


def test_the_expected_cost_is_reckoned_with_the_stated_costs_on_the_champions_scores(desk: Desk) -> None:
    made = desk.make("--cut-offs", "0.2", "0.6", "--false-approve", "7")
    p = desk.trained.scorer.score_matrix(desk.trained.cases.matrix)
    policy = load_policy(USE_CASE, made["policy"], desk.store).policy
    costs = replace(CASE.costs, false_approve=7.0)
    assert made["expected_cost"] == pytest.approx(expected_cost(p, policy, costs))


def test_cut_offs_named_by_hand_are_recorded_as_such(desk: Desk) -> None:
    made = desk.make("--cut-offs", "0.2", "0.6")
    assert made["policy"].startswith("by-hand-")
    assert (made["costs"], made["aims"]) == (None, {})


def test_the_same_policy_made_again_changes_nothing(desk: Desk) -> None:
    first = desk.make("--cut-offs", "0.2", "0.6", "--because", "first")
    again = desk.make("--cut-offs", "0.2", "0.6", "--because", "again")
    assert (first["new"], again["new"]) == (True, False)
    assert [item.about.because for item in stored_policies(USE_CASE, desk.store)] == ["first"]


def test_the_cases_that_the_model_was_fitted_on_are_said_to_flatter_it(desk: Desk) -> None:
    assert desk.make()["cases"]["fitted_on"] is True
    shown = desk.say("make", USE_CASE)
    assert "note: The model was fitted on these cases, which flatters it" in shown
    assert "note: The cases were generated: figures say nothing about real ones." in shown


def test_other_cases_are_given_as_a_file(desk: Desk, tmp_path: Path) -> None:
    CASE.sample(400, seed=3).to_csv(tmp_path / "newer.csv", index=False)
    made = desk.make("--data", tmp_path / "newer.csv")
    assert (made["cases"]["rows"], made["cases"]["source"]) == (400, "newer.csv")
    assert made["cases"]["fitted_on"] is False


def test_without_the_kept_cases_a_file_is_asked_for(desk: Desk) -> None:
    desk.snapshot.unlink()
    assert refusal(desk, "make", USE_CASE) == (
        f"{desk.snapshot}, the cases that {desk.trained.scorer.tag} was fitted on, is not there; "
        "give past cases with --data FILE"
    )


def test_kept_cases_that_were_changed_are_not_taken_for_those_of_the_training(desk: Desk) -> None:
    CASE.sample(400, seed=3).to_parquet(desk.snapshot)
    assert refusal(desk, "make", USE_CASE) == (
        f"{desk.snapshot} was changed since it was kept; give past cases with --data FILE"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--capacity", "1.5"), "review_capacity=1.5 is not a share; it must be from 0 to 1, or left open"),
        (
            ("--approval-rate", "nan"),
            "approval_rate=nan is not a share; it must be from 0 to 1, or left open",
        ),
        (("--false-approve", "0"), "a wrong decision costs more than 0"),
        (("--review", "1", "--no-review"), "--review 1 and --no-review exclude each other; give one of them"),
        (("--no-review", "--capacity", "0.2"), "--capacity 0.2 is for reviews, and they have no cost"),
        (("--cut-offs", "0.5", "0.2"), "refer_from=0.5 and decline_from=0.2 must be ordered within 0 to 1"),
        (("--cut-offs", "0.2", "0.5", "--capacity", "0"), "--cut-offs settles every decision"),
        (("--name", "../august"), "name '../august' is not 1 to 40 of: a-z, 0-9, - and _"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_impossible_wishes_are_refused_and_nothing_is_stored(
    desk: Desk, options: Sequence[str], message: str
) -> None:
    assert message in refusal(desk, "make", USE_CASE, *options)


def test_a_file_that_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(UnreadableInput) as caught:
        desk.say("make", USE_CASE, "--data", "none.csv")
    assert str(caught.value) == "none.csv is not a file"


def test_a_use_case_without_a_champion_says_what_to_run(desk: Desk) -> None:
    with pytest.raises(NoSuchModel) as caught:
        desk.say("list", "credit_risk")
    assert "run: aval train credit_risk && aval promote credit_risk" in str(caught.value)


# Listing, using and comparing


def test_the_models_own_policy_is_listed_first_and_in_use(desk: Desk) -> None:
    made = desk.make("--cut-offs", "0.2", "0.6", "--because", "[minutes] of August")
    own, other = desk.json("list", USE_CASE)
    assert (own["policy"], own["own"], own["in_use"], own["made_at"]) == (desk.own, True, True, None)
    assert (other["policy"], other["own"], other["in_use"]) == (made["policy"], False, False)
    shown = desk.say("list", USE_CASE)
    assert "[minutes]" in shown
    assert "with the model" in shown


def test_a_policy_put_in_use_decides_and_the_one_before_can_be_taken_again(desk: Desk) -> None:
    version = desk.make("--cut-offs", "0.2", "0.6")["policy"]
    used = desk.json("use", USE_CASE, version, "--because", "agreed in August")
    assert used == {"policy": version, "model": desk.trained.scorer.tag, "changed": True}
    assert load_scorer(USE_CASE, desk.store).policy.version == version
    assert champion(USE_CASE, desk.store).why == "agreed in August"
    assert [row["policy"] for row in desk.json("list", USE_CASE) if row["in_use"]] == [version]
    assert desk.make("--cut-offs", "0.3", "0.6")["swap_set"]["before"]["policy"] == version
    assert desk.json("use", USE_CASE, version, "--because", "again")["changed"] is False
    shown = desk.say("use", USE_CASE, desk.own, "--because", "back")
    assert shown == f"{desk.own} is now the policy in use of {USE_CASE}, with {desk.trained.scorer.tag}\n"


def test_a_policy_that_is_not_there_is_not_used(desk: Desk) -> None:
    with pytest.raises(NoSuchModel) as caught:
        desk.say("use", USE_CASE, "august-01234567", "--because", "why not")
    assert "german_credit has no stored policy 'august-01234567'" in str(caught.value)


def test_a_swap_set_compares_any_two_versions(desk: Desk) -> None:
    version = desk.make("--cut-offs", "0.2", "0.6")["policy"]
    report = desk.json("swap-set", USE_CASE, desk.own, version)
    assert (report["before"]["policy"], report["after"]["policy"]) == (desk.own, version)
    assert sum(cell["rows"] for cell in report["cells"]) == desk.trained.cases.rows
    assert set(report["groups"]) == {"Age", "Sex"}
    assert report["cases"]["fitted_on"] is True


def test_a_swap_set_is_shown_as_tables(desk: Desk) -> None:
    version = desk.make("--cut-offs", "0.2", "0.6")["policy"]
    shown = desk.say("swap-set", USE_CASE, desk.own, version)
    assert f"from {desk.own} to {version}:" in shown
    for words in ("from refer", "to decline", "realised cost", CASE.costs.currency, "female", "note: "):
        assert words in shown


def test_where_reviews_have_no_cost_the_table_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    from training.console_policy import say_swap_set

    past = score_past(CASE, desk.trained.scorer, None, desk.folder / "aval")
    own = desk.trained.scorer.policy
    report = past.swap_set(own, replace(own, decline_from=own.refer_from), Costs(5.0, 1.0))
    assert report["before"]["expected_cost"] is None
    say_swap_set(report, "", past.notes)
    assert "no stated cost" in capsys.readouterr().out


# Past cases


def test_cases_drawn_by_outcome_count_as_in_the_population(desk: Desk) -> None:
    rare = replace(CASE, population_bad_rate=0.02)
    past = score_past(rare, desk.trained.scorer, None, desk.folder / "aval")
    assert past.weights is not None
    assert np.average(past.cases.outcomes, weights=past.weights) == pytest.approx(0.02)
    plain = score_past(CASE, desk.trained.scorer, None, desk.folder / "aval")
    assert past.mix(desk.trained.scorer.policy)["approve"] > plain.mix(desk.trained.scorer.policy)["approve"]
    assert "The cases are weighted to the population's bad rate of 2.0000%." in past.notes


def test_scores_are_those_of_the_champion(desk: Desk) -> None:
    past = score_past(CASE, desk.trained.scorer, None, desk.folder / "aval")
    expected = desk.trained.scorer.score_matrix(desk.trained.cases.matrix)
    assert past.probabilities.tolist() == expected.tolist()


def test_a_bundle_that_names_no_cases_asks_for_a_file(desk: Desk) -> None:
    evidence = {**desk.trained.scorer.evidence, "data": {"fingerprint": "../../secret", "generated": False}}
    with pytest.raises(WrongUse) as caught:
        score_past(CASE, replace(desk.trained.scorer, evidence=evidence), None, desk.folder / "aval")
    assert "names no cases that it was fitted on; give past cases with --data FILE" in str(caught.value)


def test_the_cases_are_read_by_the_contract_that_the_champion_was_trained_on(desk: Desk) -> None:
    changed = replace(CASE, contract=Contract.model_validate(CASE.contract.model_dump() | {"derived": ()}))
    past = score_past(changed, desk.trained.scorer, None, desk.folder / "aval")
    assert past.cases.matrix.shape == desk.trained.cases.matrix.shape
