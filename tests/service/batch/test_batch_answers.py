from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import (
    GOOD,
    POLICY,
    random_table,
    read_rows,
    score,
    write_lines,
    write_records,
)

ROWS = 300


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


@pytest.fixture(params=["scorer", "tree_scorer"])
def any_scorer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_every_format_scores_the_bits_of_one_record_at_a_time(any_scorer: Scorer, tmp_path: Path) -> None:
    table = random_table(ROWS)
    expected = [any_scorer.score(record) for record in table.to_pylist()]
    for name in ("in.csv", "in.csv.gz", "in.parquet"):
        source = write_records(tmp_path / name, table)
        score(any_scorer, source, tmp_path / "out.csv")
        score(any_scorer, source, tmp_path / "out.parquet")
        answers = read_rows(tmp_path / "out.csv")
        columns = pq.read_table(tmp_path / "out.parquet").to_pydict()
        assert [bits(float(row["probability"])) for row in answers] == [
            bits(one.probability) for one in expected
        ]
        assert list(map(bits, columns["probability"])) == [bits(one.probability) for one in expected]
        assert (
            [row["decision"] for row in answers] == columns["decision"] == [one.decision for one in expected]
        )


def test_each_answer_names_its_row_its_ids_and_what_decided(scorer: Scorer, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(3))
    score(scorer, source, tmp_path / "out.parquet")
    answers = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row.pop("probability") for row in answers] == pytest.approx([0.5] * 3, abs=0.5)
    assert {row.pop("decision") for row in answers} <= {"approve", "refer", "decline"}
    segments = {row.pop("decision_id").removesuffix(f"-{i}") for i, row in enumerate(answers, start=1)}
    assert [len(segment) for segment in segments] == [16]
    assert answers == [
        {
            "row": i + 1,
            "case": f"c{i}",
            # The name `contract` is taken by the contract's version.
            "input_contract": 7_000_000_000 + i,
            "model": f"small_loans:{scorer.version}",
            "policy": POLICY.version,
            "contract": scorer.contract.version,
        }
        for i in range(3)
    ]


def test_text_in_a_parquet_output_is_plain_text(scorer: Scorer, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(3))
    score(scorer, source, tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert {schema.field(name).type for name in ("case", "decision", "model", "policy", "contract")} == {
        pa.string()
    }


def test_ids_stay_as_they_came_with_commas_quotes_and_leading_zeros(scorer: Scorer, tmp_path: Path) -> None:
    ids = ["007", 'say "no"', "a,b", "two\nlines", " x ", "é", "1e5"]
    table = random_table(len(ids)).set_column(0, "case", pa.array(ids))
    score(scorer, write_records(tmp_path / "in.csv", table), tmp_path / "out.csv")
    assert [row["case"] for row in read_rows(tmp_path / "out.csv")] == ids


def test_an_id_column_that_the_file_lacks_is_left_out(scorer: Scorer, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.csv", random_table(2).drop_columns(["case"]))
    score(scorer, source, tmp_path / "out.csv")
    assert list(read_rows(tmp_path / "out.csv")[0])[:2] == ["row", "input_contract"]


def test_ids_read_by_dictionary_or_as_nothing_at_all_are_kept(scorer: Scorer, tmp_path: Path) -> None:
    table = random_table(3)
    table = table.set_column(0, "case", table.column("case").dictionary_encode())
    table = table.set_column(1, "contract", pa.nulls(3))
    score(scorer, write_records(tmp_path / "in.parquet", table), tmp_path / "out.csv")
    answers = read_rows(tmp_path / "out.csv")
    assert [(row["case"], row["input_contract"]) for row in answers] == [("c0", ""), ("c1", ""), ("c2", "")]


def test_the_order_of_columns_an_outcome_and_ignored_columns_change_nothing(
    scorer: Scorer, tmp_path: Path
) -> None:
    table = random_table(20)
    score(scorer, write_records(tmp_path / "in.csv", table), tmp_path / "plain.csv")
    turned = table.select(table.column_names[::-1])
    turned = turned.append_column("late", pa.array([1] * 20)).append_column("", pa.array(range(20)))
    score(scorer, write_records(tmp_path / "turned.csv", turned), tmp_path / "turned-out.csv")
    plain, other = read_rows(tmp_path / "plain.csv"), read_rows(tmp_path / "turned-out.csv")
    for row in (*plain, *other):
        # Names the file that it is of.
        del row["decision_id"]
    assert plain == other


def test_the_text_na_and_an_empty_cell_are_the_same_level(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", *(GOOD.replace("little", text) for text in ("", "NA", '""')))
    assert score(scorer, source, tmp_path / "out.csv").tally.rows_scored == 3
    assert len({row["probability"] for row in read_rows(tmp_path / "out.csv")}) == 1


def test_a_missing_marker_an_empty_cell_and_null_are_the_same(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD.replace(",10,", ",?,"), GOOD.replace(",10,", ",,"))
    score(scorer, source, tmp_path / "out.csv")
    assert len({row["probability"] for row in read_rows(tmp_path / "out.csv")}) == 1


def test_reasons_are_those_of_one_record_and_stand_where_it_was_not_approved(
    any_scorer: Scorer, tmp_path: Path
) -> None:
    table = random_table(ROWS)
    source = write_records(tmp_path / "in.parquet", table)
    score(any_scorer, source, tmp_path / "out.csv", reasons=True)
    expected = [
        ";".join(reason.code for reason in any_scorer.score(record).reasons) for record in table.to_pylist()
    ]
    assert [row["reasons"] for row in read_rows(tmp_path / "out.csv")] == expected
    assert {bool(codes) for codes in expected} == {True, False}


def test_reasons_keep_to_their_rows_beside_refused_ones(scorer: Scorer, tmp_path: Path) -> None:
    worst = GOOD.replace("car", '"a, b"').replace("little", "rich")
    bad = GOOD.replace("40", "12")
    source = write_lines(
        tmp_path / "in.csv", *[bad, GOOD, bad, worst, GOOD.replace(",1,", ",-2,"), worst, bad]
    )
    score(scorer, source, tmp_path / "out.csv", reasons=True)
    for row in read_rows(tmp_path / "out.csv"):
        assert bool(row["reasons"]) == (row["decision"] != "approve")
