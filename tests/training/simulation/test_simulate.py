from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from service.decision_log import Kind
from service.decision_log.anchors import Anchor
from service.decision_log.reading import Selection, entries, reading
from service.decision_log.statements import moment_of
from service.decision_log.verify import verify
from service.replay import replay, stored_scorers
from service.settings import Settings
from tests.processes import Home
from tests.training.simulation.commands import CASE, address, aval_simulate, logged, probabilities, use_home
from training.simulation.state import alone

DAY = 86_400 * 1_000_000
START = "2026-06-01"
FIRST = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_home: Callable[[str], Home]) -> Path:
    """Where the simulation will be; a quickly trained champion is in the tests' model store."""
    quick_home(CASE)
    return use_home(monkeypatch, tmp_path) / "simulations" / CASE


def simulated(*more: str, weeks: int = 1, per_day: int = 20) -> dict[str, object]:
    done = aval_simulate(
        CASE, "--start", START, "--weeks", str(weeks), "--per-day", str(per_day), "--json", *more
    )
    assert done.code == 0, done.said
    body: dict[str, object] = done.body
    return body


def test_decisions_are_logged_at_the_times_of_the_simulation(home: Path) -> None:
    simulated(weeks=2)
    found = [item.row.at for item in logged(home, Kind.DECISION)]
    assert len(found) == 280
    assert [(at - FIRST) // DAY for at in found] == [number // 20 for number in range(280)]


def test_decisions_and_outcomes_say_that_they_are_simulated(home: Path) -> None:
    simulated("--delay", "0")
    assert {item.row.key_id for item in logged(home)} == {"simulation"}
    assert {item.details["source"] for item in logged(home, Kind.OUTCOME)} == {"simulation"}


def test_the_log_holds_and_every_decision_can_be_made_again(home: Path) -> None:
    simulated("--delay", "2")
    anchors: list[Anchor] = []
    with reading(address(home)) as connection:
        assert verify(connection, anchors).holds
        decisions = entries(connection, Selection((Kind.DECISION,)))
        again = replay(decisions, stored_scorers(Settings.from_environment().bentoml_home), reasons=True)
    assert (again.decisions, again.different) == (140, 0)


def test_outcomes_come_late_and_not_for_the_declined(home: Path) -> None:
    body = simulated("--delay", "3", weeks=2)
    decided = {item.row.about: item.row for item in logged(home, Kind.DECISION)}
    outcomes = logged(home, Kind.OUTCOME)
    assert {moment_of(item.details["observed_at"]) - decided[item.row.about].at for item in outcomes} == {
        3 * DAY
    }
    assert all(item.row.at >= moment_of(item.details["observed_at"]) for item in outcomes)
    assert {decided[item.row.about].decision for item in outcomes} == {"approve", "refer"}
    assert body["told"] == len(outcomes)
    open_ones = sum(row.decision != "decline" for row in decided.values()) - len(outcomes)
    assert body["to_come"] == open_ones > 0


def test_declined_cases_have_outcomes_where_they_are_told(home: Path) -> None:
    simulated("--delay", "0", "--declines-told")
    decided = {item.row.about: item.row.decision for item in logged(home, Kind.DECISION)}
    assert {item.row.about for item in logged(home, Kind.OUTCOME)} == set(decided)


def test_the_same_seed_gives_the_same_decisions(home: Path, tmp_path: Path) -> None:
    simulated("--seed", "7")
    simulated("--seed", "7", "--home", str(tmp_path / "other"))
    assert (probabilities(home) == probabilities(tmp_path / "other")).all()


def test_records_are_none_that_the_generator_gave_for_the_seed_itself(home: Path) -> None:
    from training.use_cases import find_use_case

    simulated("--seed", "0")
    came = [(item.inputs or {})["person_income"] for item in logged(home, Kind.DECISION)]
    learnt = find_use_case(CASE).sample(140, seed=0)["person_income"]
    assert sorted(came) != sorted(learnt)


def test_it_goes_on_where_it_stopped_and_tells_what_was_to_come(home: Path) -> None:
    first = simulated("--delay", "3")
    done = aval_simulate(CASE, "--weeks", "1", "--per-day", "20", "--delay", "3", "--json")
    assert done.code == 0, done.said
    assert (first["until"], done.body["since"], done.body["until"]) == (
        "2026-06-08",
        "2026-06-08",
        "2026-06-15",
    )
    decided = {item.row.about: item.row for item in logged(home, Kind.DECISION)}
    told = {item.row.about for item in logged(home, Kind.OUTCOME)}
    due = {about for about, row in decided.items() if row.at + 3 * DAY < FIRST + 14 * DAY}
    assert told == {about for about in due if decided[about].decision != "decline"}


@pytest.mark.parametrize(("start", "end"), [("2026-03-27", "2026-04-03"), ("2026-10-23", "2026-10-30")])
def test_days_are_whole_where_clocks_change(
    home: Path, monkeypatch: pytest.MonkeyPatch, start: str, end: str
) -> None:
    monkeypatch.setenv("AVAL_TIME_ZONE", "Europe/Berlin")
    options = ("--weeks", "1", "--per-day", "24", "--delay", "0", "--json")
    body = aval_simulate(CASE, "--start", start, *options).body
    assert (body["since"], body["until"]) == (start, end)
    # The zone in which it began is its own.
    monkeypatch.setenv("AVAL_TIME_ZONE", "UTC")
    done = aval_simulate(CASE, "--start", end, *options)
    assert (done.code, done.said) == (0, "")
    assert (done.body["since"], done.body["weeks"][0]["from"]) == (end, end)
    berlin = ZoneInfo("Europe/Berlin")
    dates = [datetime.fromtimestamp(item.row.at / 1e6, berlin).date() for item in logged(home, Kind.DECISION)]
    first = date.fromisoformat(start)
    assert dates == [first + timedelta(days=number // 24) for number in range(14 * 24)]


def test_a_change_declared_once_stays_declared(home: Path) -> None:
    simulated("--calibration", "+0.5@0")
    done = aval_simulate(CASE, "--weeks", "1", "--per-day", "20", "--json")
    assert done.body["weeks"][0]["changes"] == ["calibration +0.5@0"]


def test_the_truth_stays_the_first_champions(home: Path) -> None:
    body = simulated()
    assert str(body["truth"]).startswith("credit_risk:")
    done = aval_simulate(CASE, "--weeks", "1", "--truth", "data")
    assert (done.code, "began with --truth model" in done.said) == (2, True)


def test_another_seed_is_refused_for_one_that_has_begun(home: Path) -> None:
    simulated()
    done = aval_simulate(CASE, "--weeks", "1", "--seed", "8")
    assert "--seed: the simulation in this home began with 0" in done.said


def test_decisions_of_a_killed_run_are_not_made_again(home: Path) -> None:
    simulated()
    (home / "simulated" / f"{CASE}.json").unlink()
    done = aval_simulate(CASE, "--start", START, "--weeks", "1")
    assert (done.code, "a process that was killed has left them" in done.said) == (2, True), done.said


def test_two_processes_do_not_simulate_in_one_home(home: Path) -> None:
    with alone(home, CASE):
        done = aval_simulate(CASE, "--start", START, "--weeks", "1")
    assert (done.code, "another process simulates credit_risk" in done.said) == (2, True), done.said


def test_there_is_nothing_to_do_without_a_day_left(home: Path) -> None:
    assert aval_simulate(CASE, "--weeks", "1", "--per-day", "5").code == 0
    done = aval_simulate(CASE, "--per-day", "5")
    assert (done.code, "there is no day left" in done.out) == (3, True)


def test_the_future_is_not_simulated(home: Path) -> None:
    done = aval_simulate(CASE, "--start", START, "--weeks", "520", "--per-day", "1")
    assert (done.code, "which is to come" in done.said) == (2, True)


def test_a_calibration_shift_is_seen_in_outcomes_and_not_in_probabilities(home: Path) -> None:
    simulated("--calibration", "+1.5@1", "--delay", "0", "--declines-told", weeks=2, per_day=150)
    decided = {item.row.about: item.row for item in logged(home, Kind.DECISION)}
    expected, bad = np.zeros(2), np.zeros(2)
    for item in logged(home, Kind.OUTCOME):
        row = decided[item.row.about]
        week = (row.at - FIRST) // (7 * DAY)
        expected[week] += row.probability
        bad[week] += item.details["bad"]
    assert abs(bad[0] - expected[0]) < 40
    assert bad[1] > expected[1] + 60
    assert abs(expected[1] - expected[0]) < 60


def test_past_cases_come_in_their_own_order_and_time(
    home: Path, quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    from training.use_cases import find_use_case

    quick_home("fraud_transactions")
    cases = find_use_case("fraud_transactions").sample(3_000, seed=4)
    cases.to_csv(tmp_path / "cases.csv", index=False)
    done = aval_simulate(
        "fraud_transactions", "--data", tmp_path / "cases.csv", "--truth", "data", "--weeks", "2", "--json"
    )
    assert done.code == 0, done.said
    found = logged(home.parent / "fraud_transactions", Kind.DECISION)
    times = [str(item.personal["tx_datetime"]) for item in found if item.personal]
    expected = sorted(cases["tx_datetime"])
    assert times == expected[: len(times)]
    first = datetime.fromisoformat(expected[0]).replace(tzinfo=UTC).timestamp()
    assert found[0].row.at == int(first * 1e6)
    bad = dict(zip(cases["transaction_id"], cases["is_fraud"], strict=True))
    named = {item.row.about: (item.personal or {})["transaction_id"] for item in found}
    outcomes = logged(home.parent / "fraud_transactions", Kind.OUTCOME)
    assert outcomes
    assert all(item.details["outcome"] == bad[int(named[item.row.about])] for item in outcomes)


def test_past_cases_may_leave_out_a_day(
    home: Path, quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    from training.use_cases import find_use_case

    quick_home("fraud_transactions")
    cases = find_use_case("fraud_transactions").sample(40, seed=4).sort_values("tx_datetime")
    hours = [f"{8 + number // 4:02}:{number % 4 * 15:02}:00" for number in range(20)]
    cases["is_fraud"] = [0, 1] * 20
    cases["tx_datetime"] = [f"2026-06-{day} {hour}" for day in ("01", "03") for hour in hours]
    cases.to_csv(tmp_path / "cases.csv", index=False)
    done = aval_simulate("fraud_transactions", "--data", tmp_path / "cases.csv", "--json")
    assert done.code == 0, done.said
    assert (done.body["decisions"], done.body["until"]) == (40, "2026-06-04")
    found = logged(home.parent / "fraud_transactions", Kind.DECISION)
    assert [(item.row.at - FIRST) // DAY for item in found] == [0] * 20 + [2] * 20


def test_the_table_shows_the_weeks_and_how_to_get_there(home: Path) -> None:
    done = aval_simulate(CASE, "--start", START, "--weeks", "2", "--per-day", "5", "--prior", "+0.5@1")
    assert "prior +0.5@1" in done.out
    assert f"export AVAL_HOME={home}" in done.out
    assert f"export BENTOML_HOME={home}/bentoml" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--delay", "soon"), "--delay 'soon' is not of the form 30 or 30:20"),
        (("--truth", "hearsay"), "--truth 'hearsay' is not one of: model, data"),
        (("--start", "yesterday"), "'yesterday' is no date such as 2026-11-20"),
        (("--declines-told", "--accept-declines", "0.1"), "leave out --accept-declines"),
        (("--prior", "much"), "--prior 'much' is not of the form"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_logged(
    home: Path, options: tuple[str, ...], message: str
) -> None:
    done = aval_simulate(CASE, *options)
    assert (done.code, message in done.said) == (2, True), done.said
    assert not (home / "decisions.db").exists()
