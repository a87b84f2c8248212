from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.decision_log import Kind
from service.model_store import find_champion
from service.settings import Settings
from tests.processes import Home
from tests.service.decision_log.logs import an_entry, append, writing
from tests.training.simulation.commands import CASE, address, aval_simulate, logged, use_home
from training.simulation.place import place_for

SHORT = ("--start", "2026-06-01", "--weeks", "1", "--per-day", "3")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_home: Callable[[str], Home]) -> Path:
    """The user's own home, in which nothing was decided yet."""
    quick_home(CASE)
    return use_home(monkeypatch, tmp_path)


def with_a_real_decision(home: Path) -> Path:
    with writing(address(home)) as log:
        append(log, an_entry())
    return home


def test_the_users_own_log_is_not_touched(home: Path) -> None:
    with_a_real_decision(home)
    assert aval_simulate(CASE, *SHORT).code == 0
    assert len(logged(home)) == 1
    assert len(logged(home / "simulations" / CASE, Kind.DECISION)) == 21


def test_a_log_of_real_decisions_is_refused(home: Path) -> None:
    done = aval_simulate(CASE, *SHORT, "--home", with_a_real_decision(home))
    assert (done.code, "holds decisions that are no simulation's" in done.said) == (2, True)
    assert len(logged(home)) == 1


def test_a_real_log_is_written_only_where_that_is_typed(home: Path) -> None:
    done = aval_simulate(CASE, *SHORT, "--into-real-log", "--json")
    assert done.code == 0, done.said
    assert done.body["exports"] == []
    assert len(logged(home, Kind.DECISION)) == 21


def test_a_real_home_that_was_simulated_into_once_is_no_simulations(home: Path) -> None:
    assert aval_simulate(CASE, *SHORT, "--into-real-log").code == 0
    assert aval_simulate(CASE, *SHORT).code == 0
    assert len(logged(home, Kind.DECISION)) == 21
    assert len(logged(home / "simulations" / CASE, Kind.DECISION)) == 21


def test_a_real_log_that_was_simulated_into_once_is_refused_from_elsewhere_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_real_decision(home)
    assert aval_simulate(CASE, *SHORT, "--into-real-log").code == 0
    use_home(monkeypatch, tmp_path / "elsewhere")
    done = aval_simulate(CASE, "--weeks", "1", "--per-day", "3", "--home", home)
    assert (done.code, "holds decisions that are no simulation's" in done.said) == (2, True), done.said


def test_a_simulations_own_log_is_refused_once_it_holds_a_real_decision(home: Path) -> None:
    assert aval_simulate(CASE, *SHORT).code == 0
    with_a_real_decision(home / "simulations" / CASE)
    done = aval_simulate(CASE, "--weeks", "1", "--per-day", "3")
    assert (done.code, "holds decisions that are no simulation's" in done.said) == (2, True), done.said


def test_a_log_of_simulated_decisions_alone_may_get_more(home: Path) -> None:
    assert aval_simulate(CASE, *SHORT, "--home", home).code == 0
    assert aval_simulate(CASE, "--weeks", "1", "--per-day", "3", "--home", home).code == 0
    assert len(logged(home, Kind.DECISION)) == 42


def test_a_real_decision_among_simulated_ones_is_found(home: Path) -> None:
    assert aval_simulate(CASE, *SHORT, "--home", home).code == 0
    with_a_real_decision(home)
    done = aval_simulate(CASE, "--weeks", "1", "--home", home)
    assert "holds decisions that are no simulation's" in done.said


def test_its_model_store_is_a_copy_so_that_nothing_real_is_promoted_by_it(home: Path) -> None:
    place = place_for(CASE, Settings.from_environment(), None, into_real_log=False)
    real = Path(os.environ["BENTOML_HOME"])
    found, expected = find_champion(CASE, place.bentoml_home), find_champion(CASE, real)
    assert place.bentoml_home == home / "simulations" / CASE / "bentoml"
    assert found is not None
    assert expected is not None
    assert found.model == expected.model
    assert place.champion(CASE).tag == found.model


def test_its_exports_lead_to_it_and_away_from_everything_else(home: Path) -> None:
    place = place_for(CASE, Settings.from_environment(), None, into_real_log=False)
    there = home / "simulations" / CASE
    assert place.exports == [
        f"export AVAL_HOME={there}",
        f"export BENTOML_HOME={there}/bentoml",
        "unset AVAL_DECISION_LOG AVAL_SEGMENTS AVAL_SPOOL AVAL_MONITORING MLFLOW_TRACKING_URI",
    ]


def test_with_its_exports_in_force_it_goes_on_in_the_same_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = home / "simulations" / CASE
    assert aval_simulate(CASE, *SHORT).code == 0
    monkeypatch.setenv("AVAL_HOME", str(there))
    monkeypatch.setenv("BENTOML_HOME", str(there / "bentoml"))
    assert aval_simulate(CASE, "--weeks", "1", "--per-day", "3").code == 0
    assert len(logged(there, Kind.DECISION)) == 42


def test_a_use_case_without_a_champion_says_what_to_do(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests may have promoted one in the store that all share.
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    done = aval_simulate("german_credit", *SHORT, "--home", tmp_path / "new")
    assert (done.code, "german_credit has no champion" in done.said) == (2, True)
