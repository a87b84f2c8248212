from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from service.errors import AvalError
from service.model_store import load_scorer
from tests.training.log_commands import Done
from tests.training.registries import USE_CASE
from tests.training.retrain.stories import (
    Home,
    as_the_champion_says,
    decide,
    declared,
    home_with_champion,
    riskier_than_it_says,
)
from training.cli.retrain import retrain
from training.retrain.lock import at_work
from training.train import Trained

AS_OF = ("--as-of", "2026-11-16T02:00:00Z")
RECALIBRATE = ("--because", "degradation", "--recalibrate")


@pytest.fixture
def home(tmp_path: Path, quick: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch) -> Home:
    home = home_with_champion(tmp_path, quick)
    for name, value in {
        "HOME": tmp_path,
        "SEGMENTS": tmp_path / "segments",
        "DECISION_LOG": home.log,
    }.items():
        monkeypatch.setenv(f"AVAL_{name}", str(value))
    return home


def aval(*arguments: str, use_case: str = USE_CASE) -> Done:
    app = typer.Typer()
    app.command()(retrain)
    done = CliRunner().invoke(app, [use_case, *arguments])
    if isinstance(done.exception, AvalError):
        return Done(done.exception.exit_code, done.stdout, str(done.exception))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def logged(home: Home, rows: int, **more: Any) -> Home:
    decide(home, load_scorer(USE_CASE, home.store), as_the_champion_says, rows=rows, **more)
    return home


def test_too_few_decisions_end_with_3_and_say_how_many_there_are(home: Home) -> None:
    logged(home, 50, days=(6, 1))
    done = aval(*AS_OF, "--json")
    assert done.code == 3
    assert done.body["end"] == "nothing_yet"
    assert done.body["text"].startswith("50 decisions in the last 7 days, and at least 120 are needed")


def test_only_one_part_can_be_asked_for(home: Home) -> None:
    logged(home, 150, days=(6, 1))
    assert aval(*AS_OF, "--only", "enough").out == "150 decisions in the last 7 days: enough\n"
    done = aval(*AS_OF, "--only", "reason", "--because", "schedule", "--json")
    assert (done.code, done.body["because"], done.body["method"]) == (0, "schedule", "retrain")


def test_a_promotion_waits_with_4_and_is_approved_by_its_story(home: Home) -> None:
    decide(home, load_scorer(USE_CASE, home.store), riskier_than_it_says)
    use_case = str(declared(home.folder))
    waiting = aval(*AS_OF, *RECALIBRATE, "--approval", "--json", use_case=use_case)
    assert (waiting.code, waiting.body["end"]) == (4, "waiting")
    open_story = aval(*AS_OF, "--only", "enough", use_case=use_case)
    assert (open_story.code, "was left open" in open_story.out) == (0, True)
    done = aval("--approve", waiting.body["story"], use_case=use_case)
    assert done.code == 0
    assert "was made champion" in done.out


def test_an_effort_that_an_open_story_does_not_look_at_is_told(home: Home) -> None:
    decide(home, load_scorer(USE_CASE, home.store), riskier_than_it_says)
    use_case = str(declared(home.folder))
    assert aval(*AS_OF, *RECALIBRATE, "--approval", use_case=use_case).code == 4
    again = aval(*AS_OF, "--seed", "3", use_case=use_case)
    assert again.code == 4
    assert "note: " in again.out
    assert "its effort is --seed 0 --trials 8, not --seed 3 --trials 8" in again.out


def test_another_at_work_ends_with_5(home: Home) -> None:
    with at_work(USE_CASE, home.store):
        done = aval("--json")
    assert (done.code, done.body["end"]) == (5, "at_work")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--because", "boredom"], "'boredom' is not one of: schedule, drift, degradation, request"),
        (["--only", "half"], "--only 'half' is not one of: enough, reason"),
        (["--recalibrate"], "--recalibrate needs a reason"),
        (["--quick", "--trials", "3"], "--quick does not search"),
        (["--as-of", "soon"], "--as-of 'soon' is not a time with its zone, such as"),
        (["--as-of", "2026-11-16"], "is not a time with its zone, such as"),
        (["--as-of", "2999-01-01T00:00:00Z"], "lies ahead"),
        (["--approve", "a", "--reject", "b"], "--approve and --reject: leave one out"),
        (["--approve", "a"], "'a' is not one of: no story has been begun"),
    ],
)
def test_wrong_use_says_what_is_right(home: Home, arguments: list[str], said: str) -> None:
    logged(home, 130, days=(6, 1))
    done = aval(*(AS_OF if "--as-of" not in arguments else ()), *arguments)
    assert done.code == 2
    assert said in done.said


def test_without_a_champion_there_is_nothing_to_retrain(home: Home) -> None:
    logged(home, 130, days=(6, 1))
    (home.store / "champions" / f"{USE_CASE}.json").unlink()
    assert "has no champion" in aval(*AS_OF).said


def test_json_is_json_whatever_becomes_of_it(home: Home) -> None:
    logged(home, 130, days=(6, 1))
    done = aval(*AS_OF, "--because", "request", "--json")
    assert done.code == 3
    assert json.loads(done.out)["story"] is None
