from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from service.decision_log import Kind, Record
from service.decision_log.reading import Selection, entries, reading
from tests.service.decision_log.written_log import decision, verified, write
from tests.training.log_commands import aval, use_log

CASE = "fraud_transactions"
AT = "2026-11-20T12:00:00Z"
Rows = Sequence[dict[str, Any]]


def decided(number: int, **ids: Any) -> Any:
    named = {"transaction_id": f"t{number}", "customer_id": f"c{number % 2}", "terminal_id": 7, **ids}
    return decision(
        number, use_case=CASE, record=Record({"amount": 5.0}, named, {k: v for k, v in named.items() if v})
    )


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a log of six decisions, d4 and d5 on one transaction."""
    found = use_log(monkeypatch, tmp_path)
    write(found, [*map(decided, range(4)), decided(4, transaction_id=44), decided(5, transaction_id=44)])
    return found


def csv_file(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def gzipped(path: Path, rows: Rows) -> Path:
    plain = csv_file(path.with_name("plain.csv"), rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


def json_lines(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def parquet(path: Path, rows: Rows) -> Path:
    frame = pd.DataFrame(rows)
    frame["observed_at"] = pd.to_datetime(frame["observed_at"])
    frame.to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("name", "written"),
    [("o.csv", csv_file), ("o.csv.gz", gzipped), ("o.jsonl", json_lines), ("o.parquet", parquet)],
)
def test_outcomes_come_from_any_kind_of_file(url: str, tmp_path: Path, name: str, written: Any) -> None:
    rows = [{"decision_id": f"d{n}", "is_fraud": n % 2, "observed_at": AT} for n in range(4)]
    file = written(tmp_path / name, rows)
    done = aval("outcomes", CASE, file, "--json")
    assert done.code == 0, done
    assert done.body == {
        "rows_in": 4,
        "recorded": 4,
        "unchanged": 0,
        "corrected": 0,
        "quarantined": 0,
        "quarantine": None,
    }
    assert [(item["outcome"], item["bad"]) for item in _logged(url)] == [(0, False), (1, True)] * 2
    assert verified(url).holds


def test_a_file_told_again_changes_nothing_and_a_corrected_one_corrects(url: str, tmp_path: Path) -> None:
    rows = [{"decision_id": f"d{n}", "is_fraud": 0, "observed_at": AT} for n in range(4)]
    file = csv_file(tmp_path / "o.csv", rows)
    aval("outcomes", CASE, file)
    assert aval("outcomes", CASE, file).out == "4 rows: 0 recorded, 0 corrected, 4 unchanged\n"
    csv_file(file, [{**rows[0], "is_fraud": 1}, *rows[1:]])
    assert aval("outcomes", CASE, file).out == "4 rows: 0 recorded, 1 corrected, 3 unchanged\n"
    assert len(_logged(url)) == 5


@pytest.mark.parametrize(
    "ids",
    [
        {"transaction_id": "t1"},
        {"transaction_id": "t1", "customer_id": "c1", "terminal_id": "7"},
        {"transaction_id": "t1", "customer_id": "", "terminal_id": "7"},
    ],
)
def test_outcomes_without_decision_ids_are_joined_by_the_records_ids(
    url: str, tmp_path: Path, ids: dict[str, str]
) -> None:
    file = csv_file(tmp_path / "o.csv", [{**ids, "is_fraud": 1, "observed_at": AT}])
    assert aval("outcomes", CASE, file, "--json").body["recorded"] == 1
    with reading(url) as connection:
        assert [item.row.about for item in entries(connection, Selection((Kind.OUTCOME,)))] == ["d1"]


def test_ids_of_several_decisions_or_of_none_are_quarantined_by_name(url: str, tmp_path: Path) -> None:
    rows = [{"transaction_id": name, "is_fraud": 1, "observed_at": AT} for name in ("44", "t9", "", "t0")]
    done = aval("outcomes", CASE, csv_file(tmp_path / "o.csv", rows), "--json")
    assert (done.code, done.body["recorded"], done.body["quarantined"]) == (0, 1, 3)
    refused = _quarantined(Path(done.body["quarantine"]))
    assert [(row, error["code"], error["message"]) for row, error in refused] == [
        (
            "1",
            "conflict",
            "2 decisions of fraud_transactions have transaction_id='44'; name one by its decision_id",
        ),
        ("2", "not_found", "no decision of fraud_transactions has transaction_id='t9'"),
        ("3", "unreadable", "the row has no decision_id, and none of the use case's ids"),
    ]


def test_bad_rows_are_quarantined_with_their_reasons_and_the_counts_reconcile(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "o.csv"
    file.write_text(
        "decision_id,is_fraud,observed_at\n"
        f"d0,1,{AT}\nd1,maybe,{AT}\nd2,1,2026-11-20\nd9,0,{AT}\nd3,0,{AT},more\n\nd3,,{AT}\nd3,0.0,{AT}\n"
    )
    body = aval("outcomes", CASE, file, "--json").body
    assert (body["rows_in"], body["recorded"], body["quarantined"]) == (7, 2, 5)
    messages = [error["message"] for _, error in _quarantined(Path(body["quarantine"]))]
    assert messages[0] == "outcome='maybe' is not one of: 1, 0"
    assert messages[1].startswith("observed_at='2026-11-20' is not a time with its zone")
    assert messages[2] == "no decision of fraud_transactions has the id 'd9'"
    assert messages[3] == "4 cells, and the header has 3"
    assert messages[4] == "outcome is null; it must be one of: 1, 0"


def test_one_time_can_be_given_for_all_rows(url: str, tmp_path: Path) -> None:
    file = csv_file(tmp_path / "o.csv", [{"decision_id": "d0", "is_fraud": 1}])
    assert aval("outcomes", CASE, file, "--observed-at", AT, "--json").body["recorded"] == 1
    assert [item["observed_at"] for item in _logged(url)] == [AT]


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        ("2026-11-30", "--observed-at '2026-11-30' is not a time with its zone, such as"),
        ("2026-02-30T10:00:00Z", "--observed-at '2026-02-30T10:00:00Z' is not a time with its zone"),
        (
            "2999-01-01T00:00:00Z",
            "--observed-at '2999-01-01T00:00:00Z' is not a time that is over; it is now 2",
        ),
        ("", "--observed-at '' is not a time with its zone"),
    ],
)
def test_a_wrong_time_for_all_rows_is_wrong_use_and_no_row_is_read(
    url: str, tmp_path: Path, moment: str, message: str
) -> None:
    file = csv_file(tmp_path / "o.csv", [{"decision_id": "d0", "is_fraud": 1}])
    done = aval("outcomes", CASE, file, "--observed-at", moment)
    assert done.code == 2
    assert done.said.startswith(message)
    assert not (tmp_path / "o.csv.quarantine.csv").exists()
    assert _logged(url) == []


def test_text_that_no_file_can_hold_is_quarantined_as_json_writes_it(url: str, tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    rows = [
        {"decision_id": "\ud800", "is_fraud": 1, "observed_at": AT},
        {"decision_id": "d0", "is_fraud": 1, "observed_at": AT, "source": "señor \ud800" * 99},
        {"decision_id": "d1", "is_fraud": 1, "observed_at": AT},
        {"\udfff": 1, "note": "años"},
    ]
    body = aval("outcomes", CASE, json_lines(file, rows), "--json").body
    assert (body["recorded"], body["quarantined"]) == (1, 3)
    with Path(body["quarantine"]).open(newline="", encoding="utf-8") as lines:
        kept = [row["record"] for row in csv.DictReader(lines)]
    assert [json.loads(record) for record in kept] == [rows[0], rows[1], rows[3]]
    assert "años" in kept[2]


def test_an_id_that_a_table_wrote_with_a_point_finds_its_decision(url: str, tmp_path: Path) -> None:
    write(url, [decided(8, transaction_id=1234567890123456789), decided(9, transaction_id=102)])
    rows = [
        {
            "transaction_id": name,
            "customer_id": customer,
            "terminal_id": "7.0",
            "is_fraud": 1,
            "observed_at": AT,
        }
        for name, customer in (("102.0", "c1"), ("1234567890123456789", "c0"))
    ]
    assert aval("outcomes", CASE, csv_file(tmp_path / "o.csv", rows), "--json").body["recorded"] == 2


def test_a_file_with_a_correction_told_again_changes_nothing(url: str, tmp_path: Path) -> None:
    rows = [{"decision_id": "d0", "is_fraud": n, "observed_at": f"2026-11-20T1{n}:00:00Z"} for n in range(2)]
    file = csv_file(tmp_path / "o.csv", rows)
    assert aval("outcomes", CASE, file).out == "2 rows: 1 recorded, 1 corrected, 0 unchanged\n"
    assert aval("outcomes", CASE, file).out == "2 rows: 0 recorded, 0 corrected, 2 unchanged\n"


def test_a_quarantine_file_does_not_outlive_its_run(url: str, tmp_path: Path) -> None:
    file = csv_file(tmp_path / "o.csv", [{"decision_id": "d9", "is_fraud": 1, "observed_at": AT}])
    aval("outcomes", CASE, file)
    assert (tmp_path / "o.csv.quarantine.csv").exists()
    csv_file(file, [{"decision_id": "d0", "is_fraud": 1, "observed_at": AT}])
    aval("outcomes", CASE, file)
    assert sorted(path.name for path in tmp_path.iterdir() if "o.csv" in path.name) == ["o.csv"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "none.csv is not a file"),
        ("o.xls", b"", "o.xls: its name must end in one of: .csv, .csv.gz, .jsonl, .parquet"),
        ("o.csv", b"", "o.csv cannot be read: the file is empty; it needs a header"),
        ("o.csv", b"a,b\n\xff,1\n", "o.csv: the text is not UTF-8"),
        ("o.csv", b'a,b\n"1,2\n', "o.csv cannot be read: unexpected end of data"),
        ("o.csv.gz", b"no gzip", "o.csv.gz cannot be read: Not a gzipped file"),
        ("o.parquet", b"no parquet", "o.parquet cannot be read: Parquet magic bytes not found"),
    ],
)
def test_an_unreadable_file_is_one_line_and_exit_code_2(
    url: str, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = aval("outcomes", CASE, tmp_path / name)
    assert done.code == 2
    assert message in done.said


def test_a_file_without_rows_is_nothing_to_do(url: str, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("decision_id,is_fraud,observed_at\n")
    assert aval("outcomes", CASE, tmp_path / "o.csv").code == 3


def test_many_outcomes_are_told_in_several_transactions(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.statements.ROWS_AT_ONCE", 7)
    monkeypatch.setattr("training.statements.WRITTEN_AT_ONCE", 3)
    write(url, [decided(n) for n in range(100, 130)])
    rows = [{"transaction_id": f"t{n}", "is_fraud": n % 2, "observed_at": AT} for n in range(100, 140)]
    body = aval("outcomes", CASE, json_lines(tmp_path / "o.jsonl", rows), "--json").body
    assert (body["rows_in"], body["recorded"], body["quarantined"]) == (40, 30, 10)
    assert verified(url).holds


def test_reviews_come_from_a_file_too(url: str, tmp_path: Path) -> None:
    told = {"decision": "approve", "reviewer": "m.rojas", "why": "Called the customer.", "reviewed_at": AT}
    write(url, [decided(6), decision(8, use_case=CASE, verdict="decline")])
    rows = [
        {"decision_id": "d0", **told, "override": ""},
        {"decision_id": "d0", **told, "override": "no idea"},
        {"decision_id": "d1", **told, "override": "false", "why": ""},
        {"decision_id": "d8", **told, "override": ""},
        {"decision_id": "d8", **told, "override": "true"},
    ]
    done = aval("reviews", CASE, csv_file(tmp_path / "r.csv", rows), "--json")
    assert done.code == 0
    assert (done.body["recorded"], done.body["quarantined"]) == (2, 3)
    messages = [error["message"] for _, error in _quarantined(Path(done.body["quarantine"]))]
    assert messages[0] == "override='no idea' is not one of: True, False"
    assert messages[1] == "why is missing"
    assert messages[2].startswith("the decision was decline, and only what was referred is reviewed")
    assert verified(url).holds


def _logged(url: str) -> list[dict[str, Any]]:
    with reading(url) as connection:
        return [item.details for item in entries(connection, Selection((Kind.OUTCOME,)))]


def _quarantined(file: Path) -> list[tuple[str, dict[str, Any]]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return [(row["row"], json.loads(row["errors"])[0]) for row in csv.DictReader(lines)]
