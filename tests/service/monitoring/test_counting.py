"""What is counted is what the log holds, however it is counted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision_log import Entry, Record
from service.monitoring.cells import FIRST, LAST, Of, day_of
from service.monitoring.database import open_database
from service.monitoring.events import Event, EventStore
from service.monitoring.following import behind, follow, rollups_of
from service.monitoring.inputs import InputsRollup
from service.monitoring.rollups import RollupStore
from service.monitoring.score_bins import UNKNOWN, bins_of
from service.scoring.profile import SCORE_BORDERS, make_profile
from tests.service.decision_log.written_log import alter, remove, write
from tests.service.monitoring.counted import (
    DAY,
    MONDAY,
    SCORER,
    USE_CASE,
    by_decision,
    cells_of,
    count,
    decision,
    decisions,
    inputs_of,
    log_at,
    outcome,
    plain,
    refusal,
    shadow,
    whole,
)

ENTRIES = decisions()


def test_decisions_are_counted_by_day_with_their_scores(url: str, monitoring: str) -> None:
    write(url, [*ENTRIES, refusal(MONDAY + DAY), refusal(MONDAY + DAY + 1)])
    cells = {
        cell: counts
        for cell, counts in cells_of(count(monitoring, log_at(url))).items()
        if cell.of == "decisions"
    }
    days = sorted({day_of(entry.at) for entry in ENTRIES})
    assert [cell.day for cell in cells] == days
    for cell, counts in cells.items():
        of_day = [entry for entry in ENTRIES if day_of(entry.at) == cell.day]
        scores = np.array([entry.probability for entry in of_day])
        assert (cell.model, cell.policy, cell.source) == (SCORER.tag, SCORER.policy.version, "online")
        assert counts["decisions"].tolist() == by_decision(of_day)
        assert counts["scores"].tolist() == np.histogram(scores, [-1, *SCORE_BORDERS, 2])[0].tolist()
        assert counts["sum"][0] == pytest.approx(scores.sum())
        assert counts["known"][0] == len(of_day)
        assert (counts[FIRST][0], counts[LAST][0]) == (of_day[0].at, of_day[-1].at)
        assert counts.get("refused", np.zeros(1))[0] == (2 if cell.day == days[1] else 0)


def test_inputs_are_counted_in_the_bins_of_the_profile(url: str, monitoring: str) -> None:
    write(url, ENTRIES)
    counted = whole(count(monitoring, log_at(url)), Of.INPUTS)
    for name, values in inputs_of(ENTRIES).items():
        distribution = SCORER.profile.inputs[name]
        present = values[~np.isnan(values)]
        edges = (
            [-np.inf, *distribution.borders, np.inf]
            if distribution.borders
            else np.arange(len(distribution.counts) + 1) - 0.5
        )
        expected = np.histogram(present, edges)[0].tolist()
        assert counted[name].tolist() == [*expected, len(values) - len(present)], name


def test_a_profile_of_its_own_rows_is_what_counting_them_gives(url: str, monitoring: str) -> None:
    matrix = np.column_stack(list(inputs_of(ENTRIES).values()))
    profile = make_profile(SCORER.contract, matrix, SCORER.score_matrix(matrix), 0.3)
    scorer = replace(SCORER, profile=profile, version="0" * 16)
    write(url, ENTRIES)
    rollup = InputsRollup(scorer)
    store = count(monitoring, log_at(url), rollups=[rollup])
    found: dict[str, np.ndarray] = {}
    for counts in store.cells(rollup.name, 0, 100_000).values():
        found = {name: values + found.get(name, 0) for name, values in counts.items()}
    assert {name: values.tolist() for name, values in found.items()} == {
        name: [*item.counts, item.nulls] for name, item in profile.inputs.items()
    }


def test_entries_of_other_use_cases_count_for_nothing(url: str, monitoring: str) -> None:
    write(url, [replace(entry, use_case="other", about=f"o{entry.about}") for entry in ENTRIES])
    store = count(monitoring, log_at(url))
    assert cells_of(store) == {}
    assert behind(store, log_at(url), rollups_of(SCORER)) == 0


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at_once=st.lists(st.integers(3, 40), min_size=1, max_size=3), parts=st.integers(1, 3))
def test_counting_in_any_steps_while_the_log_grows_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, at_once: list[int], parts: int
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    url = f"sqlite:///{folder / 'log.db'}"
    told = [outcome(f"d{number}", bad=number % 3 == 0) for number in range(16)]
    corrected = [outcome(f"d{number}", bad=number % 2 == 0, correction=1) for number in range(0, 16, 3)]
    entries: list[Entry] = [*ENTRIES[:30], *told, refusal(), *corrected]
    for part in range(parts):
        write(url, entries[part * len(entries) // parts : (part + 1) * len(entries) // parts])
        stepped = count(f"sqlite:///{folder / 'steps.db'}", log_at(url), at_once[part % len(at_once)])
    at_one_time = count(f"sqlite:///{folder / 'once.db'}", log_at(url), 100_000)
    assert plain(stepped) == plain(at_one_time)


def test_two_that_count_at_once_count_nothing_twice(url: str, monitoring: str) -> None:
    write(url, decisions(60), at_once=60)
    open_database(monitoring)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda at_once: count(monitoring, log_at(url), at_once), [13, 17, 19]))
    assert whole(count(monitoring, log_at(url)), Of.DECISIONS)["known"][0] == 60
    assert whole(count(monitoring, log_at(url)), Of.INPUTS)["age"].sum() == 60


def test_a_step_that_somebody_else_was_faster_with_changes_nothing(url: str, monitoring: str) -> None:
    write(url, ENTRIES)
    store = count(monitoring, log_at(url))
    before = plain(store)
    seen = store.position("decisions:1")
    (writer, seq), *_ = seen.seqs.items()
    assert store.count("decisions:1", seen, writer, seq, {})
    assert not store.count("decisions:1", seen, writer, 1, cells_of(store))
    assert not store.start_anew("decisions:1", seen)
    assert plain(store) == before


def test_counts_that_were_deleted_are_counted_again(tmp_path: Path) -> None:
    url, monitoring = f"sqlite:///{tmp_path / 'log.db'}", f"sqlite:///{tmp_path / 'monitoring.db'}"
    write(url, [*ENTRIES, outcome("d3", bad=True)])
    before = plain(count(monitoring, log_at(url)))
    for file in tmp_path.glob("monitoring.db*"):
        file.unlink()
    assert plain(count(monitoring, log_at(url))) == before


def test_the_tables_of_counts_can_be_deleted_and_what_was_said_stays(url: str, monitoring: str) -> None:
    write(url, [*ENTRIES, outcome("d3", bad=True)])
    before = plain(count(monitoring, log_at(url)))
    database = open_database(monitoring)
    assert EventStore(database).add(Event(USE_CASE, "report", "k", MONDAY, {}))
    with database.writing() as connection:
        for name in ("monitoring_rollups", "monitoring_positions", "monitoring_followers"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
    assert plain(count(monitoring, log_at(url))) == before
    assert len(EventStore(database).events(USE_CASE)) == 1


def test_another_log_in_the_place_of_the_counted_one_is_counted_from_its_beginning(tmp_path: Path) -> None:
    url, monitoring = f"sqlite:///{tmp_path / 'log.db'}", f"sqlite:///{tmp_path / 'monitoring.db'}"
    write(url, ENTRIES)
    store = count(monitoring, log_at(url))
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    write(url, ENTRIES[:5])
    assert behind(store, log_at(url), rollups_of(SCORER)) == 5
    assert whole(count(monitoring, log_at(url)), Of.DECISIONS)["known"][0] == 5


def test_a_log_that_was_set_back_is_counted_again(url: str, monitoring: str) -> None:
    write(url, ENTRIES)
    count(monitoring, log_at(url))
    remove(url, "entries", "seq > 40")
    assert whole(count(monitoring, log_at(url)), Of.DECISIONS)["known"][0] == 40


def test_what_was_erased_since_stays_counted_and_is_not_counted_anew(url: str, monitoring: str) -> None:
    write(url, ENTRIES)
    before = plain(count(monitoring, log_at(url)))
    remove(url, "records", "seq <= 10 AND part = 'inputs'")
    remove(url, "records", "seq BETWEEN 11 AND 14 AND part = 'personal'")
    assert plain(count(monitoring, log_at(url))) == before
    rollup = InputsRollup(SCORER)
    store = RollupStore(open_database(monitoring), USE_CASE)
    assert store.start_anew(rollup.name, store.position(rollup.name))
    # An input of this use case is the hour of a time, which stands in the personal part.
    assert whole(count(monitoring, log_at(url)), Of.INPUTS)["age"].sum() == len(ENTRIES) - 14


def test_a_record_that_never_had_a_personal_part_is_counted(url: str, monitoring: str) -> None:
    bare = dict(ENTRIES[0].record.inputs or {})
    write(url, [decision(bare, "bare")])
    counted = whole(count(monitoring, log_at(url)), Of.INPUTS)
    assert counted["age"].sum() == 1
    assert counted["hour"][-1] == 1, "the hour of no time is null"


def test_what_the_bundles_contract_refuses_is_not_counted_column_by_column(url: str, monitoring: str) -> None:
    other = {"age": "forty", "income": -5.0, "amount": 10, "purpose": "boat", "pay.0": 1, "homeowner": 3}
    write(url, [*ENTRIES, replace(ENTRIES[0], about="old", contract="of old", record=Record(other))])
    counted = whole(count(monitoring, log_at(url)), Of.INPUTS)
    known = whole(count(monitoring, log_at(url)), Of.DECISIONS)["known"][0]
    assert known == len(ENTRIES) + 1
    refused = {"age", "income", "purpose", "homeowner", "burden", "log income"}
    assert {name for name, values in counted.items() if values.sum() < known} == refused


def test_a_shadow_is_compared_with_the_decisions_that_it_is_of(url: str, monitoring: str) -> None:
    first, second = ENTRIES[:2]
    other = "decline" if second.decision != "decline" else "approve"
    assert first.probability is not None
    assert second.probability is not None
    said = [
        shadow(first, str(first.decision), first.probability + 0.1),
        shadow(second, other, second.probability - 0.3),
    ]
    third = replace(ENTRIES[2], probability=0.5)
    write(url, [first, second, third, *said, shadow(third, str(third.decision), 0.5)])
    counted = whole(count(monitoring, log_at(url)), Of.SHADOW, model="small_loans:shadow")
    assert (counted["decisions"][0], counted["same"][0]) == (3, 2)
    assert counted["difference"][0] == pytest.approx(-0.2)


def test_one_holder_counts_until_its_time_is_over(monitoring: str) -> None:
    store = RollupStore(open_database(monitoring), USE_CASE)
    assert store.lease("decisions:1", "first", now=100, until=200)
    assert not store.lease("decisions:1", "second", now=150, until=250)
    assert store.lease("decisions:1", "first", now=150, until=300)
    assert not store.lease("decisions:1", "second", now=250, until=400)
    assert store.lease("decisions:1", "second", now=301, until=400)


def test_counts_in_other_bins_that_nobody_has_held_for_long_are_forgotten(url: str, monitoring: str) -> None:
    write(url, ENTRIES)
    store = count(monitoring, log_at(url))
    name = InputsRollup(SCORER).name
    for rollup, until in (("decisions:1", 5), (name, 5), ("inputs:1:kept", 50)):
        store.lease(rollup, "anybody", now=1, until=until)
    store.forget("inputs:1:kept", before=10)
    assert store.position(name).seqs == {}
    assert store.cells(name, 0, 100_000) == {}
    assert store.position("decisions:1").seqs
    assert not store.lease("inputs:1:kept", "other", now=10, until=60)


# Outcomes


def test_outcomes_are_counted_with_the_day_and_the_probability_of_their_decision(
    url: str, monitoring: str
) -> None:
    write(
        url,
        [*ENTRIES, *[outcome(entry.about, bad=number % 3 == 0) for number, entry in enumerate(ENTRIES[:40])]],
    )
    counted = {
        cell: counts
        for cell, counts in cells_of(count(monitoring, log_at(url))).items()
        if cell.of == "outcomes"
    }
    assert [cell.day for cell in counted] == sorted({day_of(entry.at) for entry in ENTRIES[:40]})
    probabilities = np.array([entry.probability for entry in ENTRIES[:40]])
    bad = np.arange(40) % 3 == 0
    together = whole(count(monitoring, log_at(url)), Of.OUTCOMES)
    assert together["told"].tolist() == np.bincount(bins_of(probabilities), minlength=UNKNOWN + 1).tolist()
    assert together["bad"].sum() == bad.sum()
    assert together["sum"].sum() == pytest.approx(probabilities.sum())
    assert together["square"].sum() == pytest.approx((probabilities**2).sum())
    assert together["brier"].sum() == pytest.approx(((probabilities - bad) ** 2).sum())


def test_a_correction_takes_the_place_of_what_was_told(url: str, monitoring: str) -> None:
    write(url, [*ENTRIES[:3], outcome("d0", bad=True), outcome("d1", bad=True), outcome("d2", bad=False)])
    assert whole(count(monitoring, log_at(url)), Of.OUTCOMES)["bad"].sum() == 2
    write(url, [outcome("d0", bad=False, correction=1), outcome("d0", bad=True, correction=2)])
    write(url, [outcome("d1", bad=False, correction=1)])
    together = whole(count(monitoring, log_at(url), at_once=1), Of.OUTCOMES)
    assert (together["told"].sum(), together["bad"].sum()) == (3, 1)


def test_a_correction_that_is_seen_before_what_it_corrects_still_counts(url: str, monitoring: str) -> None:
    write(url, [ENTRIES[0]])
    late = write(url, [outcome("d0", bad=True)])
    early = write(url, [outcome("d0", bad=False, correction=1)])
    # Writers are followed in the order of their names: of the two, the correction's comes first.
    alter(url, "entries", {"writer": "'0first'"}, "writer = :w", w=early)
    alter(url, "writers", {"id": "'0first'"}, "id = :w", w=early)
    alter(url, "entries", {"writer": "'zlast'"}, "writer = :w", w=late)
    alter(url, "writers", {"id": "'zlast'"}, "id = :w", w=late)
    together = whole(count(monitoring, log_at(url), at_once=1), Of.OUTCOMES)
    assert (together["told"].sum(), together["bad"].sum()) == (1, 0)


def test_a_step_can_be_stopped_and_goes_on_later(url: str, monitoring: str) -> None:
    write(url, ENTRIES, at_once=60)
    store = RollupStore(open_database(monitoring), USE_CASE)
    rollup = rollups_of(SCORER)[0]
    assert not follow(rollup, store, log_at(url), USE_CASE, at_once=10, goes_on=lambda: False)
    assert behind(store, log_at(url), [rollup]) == 50
    assert follow(rollup, store, log_at(url), USE_CASE, at_once=10)
    assert behind(store, log_at(url), [rollup]) == 0
