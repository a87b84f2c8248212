from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.batch.dialect import DETECTED
from service.batch.engine import Unit
from service.batch.plan import Plan, PlannedInput
from service.spark.shares import Share, shares_of, units_left

LENGTH = 100


def parts_in(unit: Unit) -> list[int]:
    assert unit.rows is not None
    return list(range(unit.first_part, unit.first_part + unit.rows // LENGTH))


@given(rows=st.integers(0, 3_000), of=st.integers(1, 12), whole=st.sets(st.integers(0, 40)))
def test_shares_together_do_each_part_that_is_left_once_and_reach_the_end_once(
    rows: int, of: int, whole: set[int]
) -> None:
    parts = max(1, -(-rows // LENGTH))
    units = [
        unit
        for number in range(of)
        for unit in units_left(Share(0, number, of), rows, LENGTH, whole.__contains__)
    ]
    done = sorted(part for unit in units for part in parts_in(unit))
    assert done == [part for part in range(parts) if part not in whole or part == parts - 1]
    assert [unit.first_part + len(parts_in(unit)) for unit in units if unit.whole] == [parts]
    assert all(unit.first_row == unit.first_part * LENGTH + 1 for unit in units)


@given(of=st.integers(1, 5), whole=st.integers(0, 9))
def test_an_input_of_unknown_length_is_gone_on_with_by_one_share_from_its_last_whole_part(
    of: int, whole: int
) -> None:
    units = [
        unit
        for number in range(of)
        for unit in units_left(Share(0, number, of), None, LENGTH, range(whole).__contains__)
    ]
    first = max(whole - 1, 0)
    assert units == [Unit(0, first, first * LENGTH + 1)]


def planned(name: str, size: int, etag: str | None = None) -> PlannedInput:
    return PlannedInput(name, size, "0" * 64, etag, {})


def test_only_files_in_which_parts_can_be_told_apart_are_shared_out() -> None:
    names = ("a.parquet", "b.arrow", "c.csv", "d.csv.gz", "e.jsonl", "f.feather")
    shares = shares_of(plan_of(*(planned(name, 1_000) for name in names)), set(), 250)
    assert [sum(share.input == index for share in shares) for index in range(6)] == [4, 4, 1, 1, 1, 4]


def test_a_file_in_a_bucket_is_downloaded_by_few() -> None:
    shares = shares_of(plan_of(planned("a.parquet", 10_000, etag="e")), set(), 1)
    assert len(shares) == 8


def test_an_empty_file_is_one_share() -> None:
    assert shares_of(plan_of(planned("a.parquet", 0)), set()) == (Share(0),)


def test_the_largest_input_is_begun_first_and_what_is_done_is_left_out() -> None:
    plan = plan_of(planned("a.csv", 5), planned("b.csv", 9), planned("c.csv", 7))
    assert shares_of(plan, {2}) == (Share(1), Share(0))


def plan_of(*inputs: PlannedInput) -> Plan:
    named = dict.fromkeys(Plan.__dataclass_fields__)
    return Plan(**{**named, "inputs": inputs, "dialect": DETECTED})  # type: ignore[arg-type]  # no more is looked at
