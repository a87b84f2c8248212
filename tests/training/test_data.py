from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.errors import UnreadableInput
from training.data import cases_of_table, generate_cases, keep_snapshot, read_cases
from training.use_cases import use_cases

GERMAN = use_cases()["german_credit"]


def test_csv_and_parquet_of_the_same_cases_have_the_same_fingerprint(tmp_path: Path) -> None:
    frame = GERMAN.sample(300, seed=1)
    frame.to_csv(tmp_path / "cases.csv", index=False)
    frame.to_csv(tmp_path / "cases.csv.gz", index=False)
    frame.to_parquet(tmp_path / "cases.parquet", index=False)
    prints = {
        read_cases(GERMAN, tmp_path / f"cases.{end}").fingerprint for end in ("csv", "csv.gz", "parquet")
    }
    assert len(prints) == 1


def test_a_snapshot_is_kept_once_under_its_fingerprint_and_reads_back_the_same(tmp_path: Path) -> None:
    cases = generate_cases(GERMAN, 300, seed=1)
    kept = keep_snapshot(cases, tmp_path)
    assert keep_snapshot(cases, tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == [f"{cases.fingerprint}.parquet"]
    assert kept.stat().st_mode & 0o077 == 0
    assert read_cases(GERMAN, kept).fingerprint == cases.fingerprint


def test_good_and_bad_are_turned_to_bad_is_one() -> None:
    frame = GERMAN.sample(200, seed=2)
    cases = cases_of_table(GERMAN, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="t")
    assert cases.outcomes.tolist() == (frame["Risk"] == "bad").astype(int).tolist()


def test_an_unknown_outcome_is_refused_by_value() -> None:
    table = pa.Table.from_pandas(GERMAN.sample(50), preserve_index=False)
    table = table.set_column(table.column_names.index("Risk"), "Risk", pa.array(["good"] * 49 + ["so-so"]))
    with pytest.raises(UnreadableInput) as caught:
        cases_of_table(GERMAN, table, text=False, source="cases.csv")
    assert str(caught.value) == "Risk='so-so' is not one of: bad, good"


def test_cases_without_the_outcome_column_are_refused() -> None:
    table = pa.Table.from_pandas(GERMAN.sample(50).drop(columns="Risk"), preserve_index=False)
    with pytest.raises(UnreadableInput) as caught:
        cases_of_table(GERMAN, table, text=False, source="cases.csv")
    assert str(caught.value) == "the outcome column Risk is missing; past cases need it"


def test_cases_of_one_outcome_only_are_refused() -> None:
    frame = GERMAN.sample(80)
    table = pa.Table.from_pandas(frame[frame["Risk"] == "good"], preserve_index=False)
    with pytest.raises(UnreadableInput) as caught:
        cases_of_table(GERMAN, table, text=False, source="cases.csv")
    assert "training needs good and bad cases" in str(caught.value)


def test_refused_rows_are_left_out_and_counted_by_message() -> None:
    case = use_cases()["credit_risk"]
    frame = case.sample(200, seed=3)
    frame.loc[[4, 9], "person_age"] = 144
    cases = cases_of_table(case, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="t")
    assert cases.rows == 198
    assert list(cases.refused.values()) == [2]
    (reason,) = cases.refused
    assert reason.startswith("person_age: range; it must be an integer from 18 to 120 years")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1\n"])
def test_what_is_no_table_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_bytes(content)
    with pytest.raises(UnreadableInput) as caught:
        read_cases(GERMAN, file)
    assert "\n" not in str(caught.value)


def test_exact_duplicates_share_a_group_whatever_their_ids_and_nulls() -> None:
    case = use_cases()["fraud_transactions"]
    frame = case.sample(60, seed=5)
    frame.loc[7, "customer_avg_amount_7d"] = np.nan
    frame.loc[8] = frame.loc[7]
    frame.loc[8, "transaction_id"] = 987654321
    frame.loc[[1, 2], "is_fraud"] = [0, 1]
    cases = cases_of_table(case, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="t")
    assert cases.groups[7] == cases.groups[8]
    assert len(np.unique(cases.groups)) == 59
