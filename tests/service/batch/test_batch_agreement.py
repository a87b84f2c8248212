"""What a file's rows are refused for is what one record is refused for."""

from __future__ import annotations

import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.scoring.scorer import ScoredRecord, Scorer
from service.scoring.validation import RecordInvalid
from tests.service.batch.batch_scorers import CONTRACT, read_quarantine, read_rows, score, write_records

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
# Text that stands for no number and no truth value, which CSV would read as such and JSON would not.
PROSE = WORDS.map(lambda text: f"x{text}")
NUMBERS = st.one_of(
    st.floats(), st.integers(-200, 200), st.integers(), st.sampled_from([10**400, -(10**400), -0.0])
)
TIMES = st.one_of(
    st.datetimes().map(lambda time: time.isoformat(" ")),
    st.from_regex(r"\A20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(Z|\+01:00)?\Z"),
    PROSE,
)
IDS = st.one_of(WORDS, st.sampled_from(["i" * 200, "i" * 201, "é" * 200]))
# Values that CSV and JSON both know. Those of a good record come first and often.
JSON_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "case": IDS,
    "contract": IDS,
    "asked at": st.one_of(st.just("2026-11-20 08:30:00"), TIMES),
    "sex": st.one_of(st.sampled_from(["female", "male"]), PROSE),
    "age": st.one_of(st.integers(18, 120), st.integers(18, 120).map(float), NUMBERS, PROSE),
    "income": st.one_of(st.floats(0, 1e6), NUMBERS, PROSE),
    "amount": st.one_of(st.floats(0, 1e6), NUMBERS, PROSE),
    "purpose": st.one_of(st.sampled_from(["car", "radio/TV", "a, b"]), PROSE),
    "Saving accounts": st.one_of(st.sampled_from(["NA", "little", "rich"]), PROSE),
    "pay.0": st.one_of(st.integers(-2, 1), st.integers(-(2**53), 2**53), st.floats(), PROSE),
    "homeowner": st.one_of(st.booleans(), PROSE),
}
# A column of a Parquet file is of one type.
PARQUET_CELLS: dict[str, list[st.SearchStrategy[Any]]] = {
    "case": [IDS, st.integers(-(2**63), 2**63 - 1), st.floats()],
    "contract": [IDS, st.booleans()],
    "asked at": [TIMES, st.integers(0, 9)],
    "sex": [st.sampled_from(["female", "male", "?"]), st.booleans()],
    "age": [st.integers(10, 130), st.floats(0, 150), st.integers(10, 130).map(float), PROSE, st.booleans()],
    "income": [st.floats(), st.integers(-(2**63), 2**63 - 1), WORDS],
    "amount": [st.floats(-1, 1e9), st.integers(-1, 99)],
    "purpose": [st.sampled_from(["car", "radio/TV", "a, b", "boat"]), st.integers(0, 9), st.floats()],
    "Saving accounts": [st.sampled_from(["NA", "little", "rich", "poor"]), st.booleans()],
    "pay.0": [st.integers(-3, 2), st.integers(-3, 2).map(float), st.floats(), WORDS, st.booleans()],
    "homeowner": [st.booleans(), st.integers(0, 1), WORDS, st.floats()],
}
FEW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def json_records(draw: st.DrawFn) -> list[dict[str, Any]]:
    cells = {name: st.one_of(strategy, st.none()) for name, strategy in JSON_CELLS.items()}
    return draw(st.lists(st.fixed_dictionaries(cells), max_size=8))


@st.composite
def parquet_columns(draw: st.DrawFn) -> dict[str, list[Any]]:
    rows = draw(st.integers(0, 8))
    return {
        name: draw(st.lists(st.one_of(draw(st.sampled_from(kinds)), st.none()), min_size=rows, max_size=rows))
        for name, kinds in PARQUET_CELLS.items()
    }


@FEW
@given(records=json_records())
def test_a_csv_file_agrees_with_its_records_one_by_one(scorer: Scorer, records: list[dict[str, Any]]) -> None:
    table = pa.table(
        {name: pa.array([_text(row[name]) for row in records], pa.string()) for name in JSON_CELLS}
    )
    _expect_agreement(scorer, records, table, "in.csv")
    _expect_agreement(scorer, records, table, "in.csv.gz")


@FEW
@given(columns=parquet_columns())
def test_a_parquet_file_agrees_with_its_records_one_by_one(
    scorer: Scorer, columns: dict[str, list[Any]]
) -> None:
    table = pa.table(columns)
    _expect_agreement(scorer, table.to_pylist(), table, "in.parquet")


def _expect_agreement(scorer: Scorer, records: list[dict[str, Any]], table: pa.Table, name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = write_records(folder / name, table)
        manifest = score(scorer, source, folder / "out.csv", reasons=True)
        answers = {int(row["row"]): row for row in read_rows(folder / "out.csv")}
        quarantine = folder / "out.csv.quarantine.csv"
        refused = (
            {row["row"]: row["errors"] for row in read_quarantine(quarantine)} if quarantine.exists() else {}
        )
    assert manifest.tally.rows_in == len(records) == len(answers) + len(refused)
    for row, record in enumerate(records, start=1):
        scored = _score(scorer, record)
        if isinstance(scored, RecordInvalid):
            assert refused[row] == [item.as_json() for item in scored.findings]
        else:
            assert struct.pack("<d", float(answers[row]["probability"])) == struct.pack(
                "<d", scored.probability
            )
            assert answers[row]["decision"] == scored.decision
            assert answers[row]["reasons"] == ";".join(reason.code for reason in scored.reasons)


def _score(scorer: Scorer, record: dict[str, Any]) -> ScoredRecord | RecordInvalid:
    try:
        return scorer.score(record)
    except RecordInvalid as error:
        return error


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # Python refuses to print integers of thousands of digits, and these have four hundred.
    return None if value is None else str(value)


assert set(JSON_CELLS) == set(PARQUET_CELLS) == {column.name for column in CONTRACT.columns}
