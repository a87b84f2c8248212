from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from service.errors import NoSuchModel, WrongUse
from service.model_store import champion, champions, read_card
from service.scoring.scorer import Scorer
from tests.training.registries import FAILED_GATE, PASSED_GATE, USE_CASE, registry_of_two
from training.cli.promotion import history, promote, rollback
from training.registry import Registry
from training.train import Trained

OVERRIDE = ("--override-by", "Grace Hopper", "--override-because", "the price list is of last year")


class Commands:
    """The commands in an environment of their own; `gates` is what the gates say."""

    def __init__(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        self.registry = registry
        self.gates: list[dict[str, Any]] = [PASSED_GATE]
        self.judged: list[str] = []
        gatekeeper = ModuleType("training.gatekeeper")
        gatekeeper.judge_gates = self._judge  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "training.gatekeeper", gatekeeper)
        monkeypatch.setenv("AVAL_HOME", str(registry.settings.home))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        self._app = typer.Typer()
        for command in (promote, rollback, history):
            self._app.command()(command)

    def _judge(self, scorer: Scorer, *_: object) -> list[dict[str, Any]]:
        self.judged.append(scorer.tag)
        return self.gates

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(self._app, arguments)

    @property
    def champion(self) -> Any:
        return champion(USE_CASE, self.registry.settings.bentoml_home)


@pytest.fixture
def aval(tmp_path: Path, quick: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(registry_of_two(tmp_path, quick), monkeypatch)


def test_the_challenger_is_judged_by_its_number_and_promoted(aval: Commands) -> None:
    said = aval("promote", USE_CASE, "--why", "cheaper by a tenth")
    assert (said.exit_code, aval.judged) == (0, [aval.registry.find(USE_CASE, "2").tag])
    assert "380.5" in said.stdout
    assert said.stdout.endswith(
        f"is now the champion of {USE_CASE}\nnext: AVAL_MODEL={USE_CASE} bentoml serve\n"
    )
    assert (aval.champion.registry_version, aval.champion.why) == ("2", "cheaper by a tenth")


def test_a_failed_gate_is_exit_code_1_and_no_promotion(aval: Commands) -> None:
    aval.gates = [PASSED_GATE, FAILED_GATE]
    said = aval("promote", USE_CASE)
    assert said.exit_code == 1
    assert "was not promoted, because of cost" in said.stderr
    assert "--override-by NAME --override-because TEXT" in said.stderr
    assert USE_CASE not in champions(aval.registry.settings.bentoml_home)


def test_a_failed_gate_in_json_is_exit_code_1_and_says_which(aval: Commands) -> None:
    aval.gates = [FAILED_GATE]
    said = aval("promote", USE_CASE, "--json")
    assert said.exit_code == 1
    body = json.loads(said.stdout)
    assert (body["promoted"], body["changed"], body["gates"]) == (False, False, [FAILED_GATE])


@pytest.mark.parametrize("gate", [{"severity": "warns"}, {"status": "not_applicable"}], ids=str)
def test_a_gate_that_only_warns_or_does_not_apply_holds_nothing_back(
    aval: Commands, gate: dict[str, str]
) -> None:
    aval.gates = [{**FAILED_GATE, **gate}]
    assert aval("promote", USE_CASE).exit_code == 0


def test_a_failed_gate_can_be_overridden_by_a_second_person_with_a_reason(aval: Commands) -> None:
    aval.gates = [FAILED_GATE]
    said = aval("promote", USE_CASE, "--json", *OVERRIDE)
    assert (said.exit_code, json.loads(said.stdout)["overridden"]) == (0, ["cost"])
    assert aval.champion.override.by == "Grace Hopper"


@pytest.mark.parametrize(
    "override",
    [
        ("--override-by", "Grace"),
        ("--override-because", "x"),
        ("--override-by", getpass.getuser(), *OVERRIDE[2:]),
    ],
    ids=("no reason", "no name", "oneself"),
)
def test_an_override_that_is_none_is_refused_before_anything_is_judged(
    aval: Commands, override: tuple[str, ...]
) -> None:
    said = aval("promote", USE_CASE, *override)
    assert isinstance(said.exception, WrongUse)
    assert aval.judged == []


def test_an_override_that_is_not_needed_is_not_recorded(aval: Commands) -> None:
    said = aval("promote", USE_CASE, *OVERRIDE)
    assert "the override was not needed and is not recorded" in said.stdout
    assert aval.champion.override is None


def test_the_card_of_the_champion_shows_how_it_became_one(aval: Commands) -> None:
    store = aval.registry.settings.bentoml_home
    aval("promote", USE_CASE, "--version", "1", "--why", "cheaper by a tenth")
    aval("promote", USE_CASE, "--version", "2")
    assert "cheaper by a tenth" in str(read_card(f"{aval.registry.history(USE_CASE)[0].model}", store))
    aval("rollback", USE_CASE, "--why", "too many complaints")
    assert "too many complaints" in str(read_card(USE_CASE, store))


def test_promoting_again_says_so(aval: Commands) -> None:
    aval("promote", USE_CASE)
    assert f"already is the champion of {USE_CASE}" in aval("promote", USE_CASE).stdout


def test_a_rollback_says_what_is_served_again(aval: Commands) -> None:
    aval("promote", USE_CASE, "--version", "1")
    aval("promote", USE_CASE, "--version", "2")
    said = aval("rollback", USE_CASE, "--why", "complaints", "--json")
    body = json.loads(said.stdout)
    assert (body["version"], body["changed"], body["why"]) == ("1", True, "complaints")
    assert body["policy"].startswith("least-cost-")
    assert aval.champion.model == body["model"]


def test_the_history_shows_who_what_and_why(aval: Commands) -> None:
    aval.gates = [FAILED_GATE]
    aval("promote", USE_CASE, "--version", "1", "--why", "first", *OVERRIDE)
    aval("promote", USE_CASE, "--version", "2", "--why", "second", *OVERRIDE)
    aval("rollback", USE_CASE, "--why", "complaints")
    said = aval("history", USE_CASE, "--json")
    told = [(item["action"], item["registry_version"], item["why"]) for item in json.loads(said.stdout)]
    assert told == [("promote", "1", "first"), ("promote", "2", "second"), ("rollback", "1", "complaints")]
    shown = aval("history", USE_CASE).stdout
    assert "complaints" in shown
    assert "Grace Hopper" in shown
    assert shown.endswith(f"champion now: {aval.champion.model}\n")


def test_a_use_case_without_champions_has_no_history(aval: Commands) -> None:
    said = aval("history", USE_CASE)
    assert isinstance(said.exception, NoSuchModel)
    assert str(said.exception) == f"{USE_CASE} has had no champion; run: aval promote {USE_CASE}"
