"""Decisions of batch runs are counted as those that were answered online."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.decision_log.segments.registering import publish
from service.errors import UnreadableInput
from service.monitoring.cells import Of, day_of
from service.monitoring.database import open_database
from service.monitoring.following import behind, rollups_of
from service.monitoring.rollups import RollupStore
from tests.service.decision_log.segment_logs import Kept, Made, keep, make
from tests.service.decision_log.written_log import write
from tests.service.monitoring.counted import (
    DAY,
    MONDAY,
    SCORER,
    USE_CASE,
    as_table,
    cells_of,
    count,
    decisions,
    inputs_of,
    log_at,
    outcome,
    plain,
    whole,
)

ENTRIES = decisions(45, seed=4)
ID = "0123456789abcdef"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A segment of 45 rows, the 4th of which was refused."""
    table = as_table(ENTRIES)
    ages = [7 if row == 3 else age for row, age in enumerate(table.column("age").to_pylist())]
    table = table.set_column(table.column_names.index("age"), "age", pa.array(ages))
    return make(tmp_path / "made", ID, table, scorer=SCORER)


@pytest.fixture
def kept(url: str, tmp_path: Path, made: Made) -> Kept:
    return keep(url, tmp_path, made, at=MONDAY + DAY)


SCORED = [entry for row, entry in enumerate(ENTRIES) if row != 3]


def test_a_segment_counts_on_the_day_it_was_registered(kept: Kept, monitoring: str) -> None:
    store = count(monitoring, kept.store)
    (cell,) = [cell for cell in cells_of(store) if cell.of == "decisions"]
    assert (cell.day, cell.model, cell.source) == (day_of(MONDAY + DAY), SCORER.tag, "batch")
    counts = cells_of(store)[cell]
    assert (counts["decisions"].sum(), counts["refused"][0], counts["known"][0]) == (44, 1, 44)
    assert counts["scores"].sum() == 44
    assert counts["sum"][0] == pytest.approx(sum(entry.probability or 0 for entry in SCORED))


def test_its_inputs_count_as_those_of_records_online(kept: Kept, url: str, monitoring: str) -> None:
    batch = whole(count(monitoring, kept.store), Of.INPUTS, source="batch")
    write(url, SCORED)
    online = whole(count(monitoring, kept.store), Of.INPUTS, source="online")
    assert {name: values.tolist() for name, values in batch.items()} == {
        name: values.tolist() for name, values in online.items()
    }
    assert batch["age"].sum() == len(inputs_of(SCORED)["age"])


def test_without_its_file_a_segment_counts_as_far_as_the_log_knows_it(kept: Kept, monitoring: str) -> None:
    kept.file(ID).unlink()
    store = count(monitoring, kept.store)
    counts = whole(store, Of.DECISIONS)
    assert (counts["decisions"].sum(), counts["scores"].sum()) == (44, 44)
    assert (counts["known"][0], counts["sum"][0]) == (0, 0)
    assert whole(store, Of.INPUTS) == {}


def test_a_file_that_is_not_the_logs_counts_for_nothing(kept: Kept, monitoring: str) -> None:
    file = kept.file(ID)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert whole(count(monitoring, kept.store), Of.INPUTS) == {}


def test_a_file_that_cannot_be_read_now_is_counted_when_it_can(
    kept: Kept, url: str, monitoring: str, tmp_path: Path
) -> None:
    write(url, [outcome(f"{ID}-1", bad=True)])
    file = kept.file(ID)
    away = file.rename(tmp_path / "away")
    os.mkfifo(file)
    for _ in range(2):
        with pytest.raises(UnreadableInput, match="is no regular file"):
            count(monitoring, kept.store)
    store = RollupStore(open_database(monitoring), USE_CASE)
    assert behind(store, kept.store, rollups_of(SCORER)) == 2
    away.replace(file)
    counted = count(monitoring, kept.store)
    assert whole(counted, Of.DECISIONS)["known"][0] == whole(counted, Of.INPUTS)["age"].sum() == 44
    assert whole(counted, Of.OUTCOMES)["told"][:-1].sum() == 1


def test_a_segment_that_is_registered_again_counts_once(
    kept: Kept, made: Made, url: str, monitoring: str
) -> None:
    count(monitoring, kept.store)
    write(url, [made.facts.entry(MONDAY + 2 * DAY)])
    publish(url, kept.place, [made.publication], MONDAY + 3 * DAY)
    assert whole(count(monitoring, kept.store), Of.DECISIONS)["decisions"].sum() == 44


def test_outcomes_of_batch_decisions_count_with_the_probabilities_of_the_file(
    kept: Kept, url: str, monitoring: str
) -> None:
    write(url, [outcome(f"{ID}-{row}", bad=row % 2 == 0) for row in (1, 2, 45)])
    counts = whole(count(monitoring, kept.store), Of.OUTCOMES, source="batch")
    expected = sum(ENTRIES[row - 1].probability or 0 for row in (1, 2, 45))
    assert (counts["told"][:-1].sum(), counts["bad"].sum()) == (3, 1)
    assert counts["sum"].sum() == pytest.approx(expected)


def test_outcomes_of_batch_decisions_whose_file_is_gone_count_without_probabilities(
    kept: Kept, url: str, monitoring: str
) -> None:
    kept.file(ID).unlink()
    write(url, [outcome(f"{ID}-1", bad=True), outcome(f"{ID}-2", bad=False)])
    counts = whole(count(monitoring, kept.store), Of.OUTCOMES)
    assert (counts["told"][-1], counts["bad"][-1]) == (2, 1)
    assert np.sum(counts["sum"] + counts["brier"]) == 0


def test_an_outcome_of_a_segment_that_the_log_does_not_have_counts_for_nothing(
    url: str, monitoring: str
) -> None:
    write(url, [outcome("fedcba9876543210-1", bad=True), outcome("nobody", bad=True)])
    assert whole(count(monitoring, log_at(url)), Of.OUTCOMES) == {}


def test_a_segment_of_text_is_read_as_text(url: str, monitoring: str, tmp_path: Path) -> None:
    table = as_table(ENTRIES)
    texts = pa.table(
        {
            name: [None if value is None else str(value) for value in table.column(name).to_pylist()]
            for name in table.column_names
        }
    )
    kept = keep(url, tmp_path, make(tmp_path / "made", ID, texts, scorer=SCORER, text=True), at=MONDAY)
    counted = whole(count(monitoring, kept.store), Of.INPUTS)
    write(url, ENTRIES)
    online = whole(count(monitoring, kept.store), Of.INPUTS, source="online")
    assert {name: values.tolist() for name, values in counted.items()} == {
        name: values.tolist() for name, values in online.items()
    }


def test_a_segment_is_counted_in_one_step_of_its_own(
    kept: Kept, url: str, monitoring: str, tmp_path: Path
) -> None:
    write(url, ENTRIES[:5])
    assert plain(count(monitoring, kept.store, at_once=2)) == plain(
        count(f"sqlite:///{tmp_path / 'other.db'}", kept.store, at_once=1_000)
    )
