from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.scoring.contract import Column, ColumnType, Contract, Role
from tests.training.registries import USE_CASE
from tests.training.retrain.stories import use_case
from training.data import Cases, generate_cases, keep_snapshot
from training.performance.maturity import population
from training.retrain import NothingYet
from training.retrain.divided import LEAST_HELD_OUT, LEAST_OF_AN_OUTCOME, Since, divide
from training.retrain.matured import Matured
from training.retrain.typed import as_typed, without_ids
from training.train import Trained
from training.use_case import Monitoring, Split, UseCase

ALWAYS = Since(0, 0)


@pytest.fixture(scope="module")
def champion(quick: Callable[..., Trained]) -> Trained:
    return quick(USE_CASE)


@pytest.fixture
def home(tmp_path: Path, champion: Trained) -> Path:
    keep_snapshot(champion.cases, tmp_path / "data")
    return tmp_path


def matured(*parts: Cases, at: np.ndarray | None = None, judges: np.ndarray | None = None) -> Matured:
    """Cases as decisions that had one microsecond each, in order."""
    table = pa.concat_tables([as_typed(replace(part, use_case=use_case())) for part in parts])
    bad = np.concatenate([part.outcomes for part in parts])
    rows = len(bad)
    everything = np.ones(rows, np.bool_)
    of_whom = population(np.zeros(rows, np.int8), everything, everything, Monitoring())
    return Matured(
        table,
        bad,
        np.arange(rows) if at is None else at,
        everything if judges is None else judges,
        np.zeros(rows, np.int8),
        of_whom,
    )


def with_ids(of: UseCase) -> UseCase:
    """The use case with two ids in its contract, of which the customer groups cases."""
    ids = [
        Column(
            name=name,
            type=ColumnType.ID,
            role=Role.ID,
            title=name,
            local_title=name,
            description=name,
            local_description=name,
            example="a 1",
        )
        for name in ("customer", "application")
    ]
    fields = {name: getattr(of.contract, name) for name in Contract.model_fields}
    contract = Contract(**{**fields, "columns": (*of.contract.columns, *ids)})
    return replace(of, contract=contract, split=Split.GROUPED, group="customer")


def later(rows: int = 1_000, seed: int = 21) -> Cases:
    return generate_cases(use_case(), rows, seed)


def test_the_latest_three_tenths_judge(home: Path, champion: Trained) -> None:
    found = divide(matured(later()), use_case(), champion.scorer, home, ALWAYS)
    assert (found.held_out.rows, found.latest.rows) == (300, 700)
    assert np.array_equal(found.held_out.matrix, later().matrix[700:])
    assert found.judged_until == 1_000


def test_what_is_learnt_from_is_the_history_and_then_the_latest(home: Path, champion: Trained) -> None:
    learnt = divide(matured(later()), use_case(), champion.scorer, home, ALWAYS).to_learn_from()
    assert learnt.rows == champion.cases.rows + 700
    assert learnt.generated
    assert np.array_equal(learnt.matrix[: champion.cases.rows], champion.cases.matrix)
    assert np.array_equal(learnt.outcomes[champion.cases.rows :], later().outcomes[:700])


def test_what_the_champion_learnt_from_neither_judges_nor_counts_twice(home: Path, champion: Trained) -> None:
    found = divide(matured(later(), champion.cases), use_case(), champion.scorer, home, ALWAYS)
    assert found.held_out.rows + found.latest.rows == 1_000
    assert found.to_learn_from().rows == champion.cases.rows + 700


def test_a_case_that_came_twice_since_counts_twice(home: Path, champion: Trained) -> None:
    found = divide(matured(later(), later()), use_case(), champion.scorer, home, ALWAYS)
    assert found.held_out.rows + found.latest.rows == 2_000


def test_what_has_judged_does_not_judge_again(home: Path, champion: Trained) -> None:
    found = divide(matured(later()), use_case(), champion.scorer, home, Since(judged=800, promoted=0))
    assert found.held_out.rows == 200
    with pytest.raises(NothingYet, match=r"1000 matured decisions .* 50 of them \(\d+ bad\) may still judge"):
        divide(matured(later()), use_case(), champion.scorer, home, Since(judged=950, promoted=0))


def test_picked_cases_do_not_judge(home: Path, champion: Trained) -> None:
    judges = np.arange(1_000) < 500
    found = divide(matured(later(), judges=judges), use_case(), champion.scorer, home, ALWAYS)
    assert np.array_equal(found.held_out.matrix, later().matrix[200:500])
    # Cases are learnt from in order, and nothing of the time that judges.
    assert found.latest.rows == 200


def test_decisions_of_one_batch_run_judge_and_are_learnt_from(home: Path, champion: Trained) -> None:
    at_once = np.full(1_000, 7)
    found = divide(matured(later(), at=at_once), use_case(), champion.scorer, home, ALWAYS)
    assert (found.held_out.rows, found.latest.rows) == (300, 700)
    assert (found.judged_since, found.judged_until) == (7, 8)


def test_what_the_champion_learnt_from_is_known_again_without_its_personal_part(
    home: Path, champion: Trained
) -> None:
    found = matured(later(), champion.cases)
    place = found.table.column_names.index("age")
    erased = found.table.set_column(place, "age", pa.nulls(found.rows, pa.int64()))
    divided = divide(replace(found, table=erased), use_case(), champion.scorer, home, ALWAYS)
    assert divided.held_out.rows + divided.latest.rows == 1_000


def test_kept_cases_have_no_ids_and_their_groups_are_hashed_once(home: Path, champion: Trained) -> None:
    named = with_ids(use_case())
    table = as_typed(replace(later(), use_case=named))
    for name, many in (("customer", 50), ("application", 1_000)):
        ids = pa.array([f"{name} {row % many}" for row in range(1_000)])
        table = table.set_column(table.column_names.index(name), name, ids)
    found = divide(replace(matured(later()), table=table), named, champion.scorer, home, ALWAYS)
    learnt = found.to_learn_from()
    for cases in (found.latest, found.held_out, learnt):
        assert set(cases.table.column("application").to_pylist()) == {None}
        groups = {group for group in cases.table.column("customer").to_pylist() if group}
        assert len(groups) == 50
        assert all(re.fullmatch("#[0-9a-f]{64}", group) for group in groups)
    assert without_ids(found.held_out.table, named).equals(found.held_out.table)
    assert (
        learnt.table.column("customer").to_pylist()[-700:]
        == found.latest.table.column("customer").to_pylist()
    )


def test_without_its_history_only_what_was_decided_since_the_promotion_judges(
    tmp_path: Path, champion: Trained
) -> None:
    found = divide(matured(later()), use_case(), champion.scorer, tmp_path, Since(judged=0, promoted=850))
    assert found.held_out.rows == 150
    assert found.history is None
    assert "learnt from decisions alone" in found.note
    assert found.to_learn_from().rows == 850


def test_a_rare_outcome_makes_more_rows_judge(home: Path, champion: Trained) -> None:
    cases = later(3_000)
    rare = np.sort(np.concatenate([np.flatnonzero(cases.outcomes == 0), np.flatnonzero(cases.outcomes)[::8]]))
    found = matured(cases)
    some = Matured(
        found.table.take(pa.array(rare)),
        found.bad[rare],
        found.at[: len(rare)],
        found.judges[rare],
        found.decisions[rare],
        found.population,
    )
    spread = divide(some, use_case(), champion.scorer, home, ALWAYS).held_out
    assert spread.outcomes.sum() >= LEAST_OF_AN_OUTCOME
    assert spread.rows >= LEAST_HELD_OUT


def test_one_outcome_alone_is_nothing_to_learn_from(home: Path, champion: Trained) -> None:
    found = matured(later())
    good = np.flatnonzero(found.bad == 0)
    some = Matured(
        found.table.take(pa.array(good)),
        found.bad[good],
        found.at[good],
        found.judges[good],
        found.decisions[good],
        found.population,
    )
    with pytest.raises(NothingYet, match="0 of them bad; good and bad ones are needed"):
        divide(some, use_case(), champion.scorer, home, ALWAYS)
    none = Matured(
        found.table.slice(0, 0),
        found.bad[:0],
        found.at[:0],
        found.judges[:0],
        found.decisions[:0],
        found.population,
    )
    with pytest.raises(NothingYet, match="0 matured decisions with an outcome"):
        divide(none, use_case(), champion.scorer, home, ALWAYS)


def test_a_recalibration_looks_at_what_was_decided_since_the_change(home: Path, champion: Trained) -> None:
    found = divide(matured(later()), use_case(), champion.scorer, home, Since(0, 0, changed=400))
    assert found.held_out.rows + found.latest.rows == 600
