"""A value that stands in the name of a folder is a value of every record below it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from service.batch.dialect import Dialect
from service.places.pattern import NO_VALUE
from service.scoring.scorer import Scorer
from tests.service.batch.batch_files import blocks_of, checked, refusal, write_as
from tests.service.batch.batch_scorers import random_table, score

ENDINGS = (".csv", ".parquet", ".jsonl", ".arrow")
VALUES = {"sex": "female", "income": "12.5", "pay.0": "-1", "homeowner": "true", "case": "c/1"}


def without(*names: str) -> pa.Table:
    return random_table(5).drop_columns(list(names))


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".arrow"])
def test_a_column_that_the_file_lacks_comes_from_the_folder(tmp_path: Path, ending: str) -> None:
    path = write_as(tmp_path / f"in{ending}", without(*VALUES))
    records, (block,) = blocks_of(path, partitions={**VALUES, "date": "2026-11-20", "late": "1"})
    assert records.schema == block.schema
    assert set(block.column_names) == set(random_table(1).column_names)
    (found,) = checked(path, partitions=VALUES)
    assert found.valid.all()
    assert [found.values[name][0] for name in ("sex", "income", "pay.0", "homeowner")] == [
        0.0,
        12.5,
        1.0,
        1.0,
    ]
    assert records.as_declared(block).column("case").to_pylist() == ["c/1"] * 5


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_that_the_file_has_too_must_agree(tmp_path: Path, ending: str) -> None:
    table = random_table(5)
    for name, value in {"sex": "male", "income": 12.5, "pay.0": -1, "homeowner": False, "case": "c1"}.items():
        table = table.set_column(table.column_names.index(name), name, pa.array([value] * 5))
    path = write_as(tmp_path / f"in{ending}", table)
    agreed = {"sex": "male", "income": "12.50", "pay.0": "-1", "homeowner": "false", "case": "c1"}
    assert len(blocks_of(path, partitions=agreed)[1]) == 1
    for name, other in {
        "sex": "female",
        "income": "12.4",
        "pay.0": "1",
        "homeowner": "true",
        "case": "c2",
    }.items():
        said = refusal(path, partitions={**agreed, name: other})
        assert said.startswith(f"in{ending}: {name} is '{other}' by the name of its folder, and ")
        assert said.endswith(" in the file")


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_folder_of_nulls_is_null(tmp_path: Path, ending: str) -> None:
    path = write_as(tmp_path / f"in{ending}", without("amount", "sex"))
    (found,) = checked(path, partitions={"amount": NO_VALUE, "sex": NO_VALUE})
    assert found.valid.all()
    (found,) = checked(path, partitions={"amount": "?"})
    assert found.valid.all()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("column", ["sex", "amount", "homeowner", "Saving accounts"])
def test_every_row_of_a_folder_of_nulls_is_scored(
    scorer: Scorer, tmp_path: Path, ending: str, column: str
) -> None:
    folder = tmp_path / f"in/{column}=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    write_as(folder / f"x{ending}", without(column))
    done = score(scorer, tmp_path / "in", tmp_path / "out.csv")
    assert (done.tally.rows_scored, done.tally.rows_quarantined) == (5, 0)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_folder_of_what_cannot_be_is_refused_row_by_row(tmp_path: Path, ending: str) -> None:
    path = write_as(tmp_path / f"in{ending}", without("income"))
    (found,) = checked(path, partitions={"income": "much"})
    assert {item[0].message for item in found.findings().values()} == {
        "income='much' is not a number; it must be a number of at least 0"
    }


def test_json_lines_that_leave_a_field_out_take_it_from_the_folder(tmp_path: Path) -> None:
    path = write_as(tmp_path / "in.jsonl", without("sex", "income"))
    (found,) = checked(path, partitions={"sex": "female", "income": "12.5"})
    assert found.valid.all()
    assert found.values["income"].tolist() == [12.5] * 5


def test_a_decimal_comma_in_the_file_is_none_in_the_folder(tmp_path: Path) -> None:
    path = write_as(tmp_path / "in.csv", without("income"))
    asked = Dialect(decimal=",")
    records, (block,) = blocks_of(path, partitions={"income": "12.5"}, dialect=asked)
    assert block.column("income").to_pylist() == ["12.5"] * 5
    assert records.as_found(block).column("income").to_pylist() == ["12.5"] * 5
