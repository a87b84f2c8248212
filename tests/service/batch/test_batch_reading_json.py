"""JSON Lines: every line is judged as the same record would be one by one, or the file is refused with the line."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.batch import records as limits
from service.batch import text_stream
from service.scoring.scorer import ScoredRecord, Scorer
from service.scoring.validation import RecordInvalid, Validator
from tests.service.batch.batch_files import blocks_of, column_of, refusal
from tests.service.batch.batch_scorers import CONTRACT

NAMES = [column.name for column in CONTRACT.columns]
GOOD: dict[str, Any] = {
    "case": "c1",
    "contract": 5,
    "asked at": "2026-11-20 08:30",
    "sex": "male",
    "age": 40,
    "income": 20.5,
    "amount": 10,
    "purpose": "car",
    "Saving accounts": "little",
    "pay.0": 1,
    "homeowner": True,
}
LINE = json.dumps(GOOD)
VALIDATOR = Validator(CONTRACT)


def lines(path: Path, *texts: str | bytes, newline: bytes = b"\n") -> Path:
    path.write_bytes(b"".join((text.encode() if isinstance(text, str) else text) + newline for text in texts))
    return path


def changed(**cells: Any) -> str:
    return json.dumps({**GOOD, **cells})


# --- the same verdict as one by one

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["40", "true", "car", "NA", "?", "\ud800", 'a"b', "}{", "},\n{", "i" * 201]
)
NUMBERS = (
    st.integers(-200, 200)
    | st.integers()
    | st.floats()
    | st.sampled_from([2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, -0.0, 1e999, 40.0, 40.5])
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
ANYTHING = SCALARS | st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records most cells of which are good ones, in any order, some left out."""
    odd = {name: draw(st.sampled_from([SCALARS, ANYTHING, NUMBERS, TEXTS])) for name in NAMES}
    found = []
    for _ in range(draw(st.integers(1, 6))):
        cells = {name: draw(odd[name]) if draw(st.integers(0, 5)) == 0 else GOOD[name] for name in NAMES}
        names = draw(st.permutations(NAMES))
        found.append({name: cells[name] for name in names[draw(st.integers(0, 2)) :]})
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=records(), ascii_only=st.booleans(), compressed=st.booleans())
def test_every_line_is_judged_as_the_record_alone(
    scorer: Scorer, rows: list[dict[str, Any]], *, ascii_only: bool, compressed: bool
) -> None:
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode(
        "utf-8", "backslashreplace"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("in.jsonl.gz" if compressed else "in.jsonl")
        path.write_bytes(gzip.compress(text) if compressed else text)
        found, (block,) = blocks_of(path)
    scored = scorer.score_table(block, text=found.text)
    for position, line in enumerate(text.split(b"\n")[:-1]):
        record = {**dict.fromkeys(NAMES), **json.loads(line)}
        expected = _score(scorer, record)
        if isinstance(expected, RecordInvalid):
            assert tuple(scored.checked[0].findings()[position]) == expected.findings
        else:
            assert scored.probabilities[position].tobytes() == np.float64(expected.probability).tobytes()
            assert scored.decision_names()[position].as_py() == expected.decision
        assert _same({name: block.column(name)[position].as_py() for name in NAMES}, record)


def _score(scorer: Scorer, record: dict[str, Any]) -> ScoredRecord | RecordInvalid:
    try:
        return scorer.score(record)
    except RecordInvalid as error:
        return error


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=records())
def test_accepted_rows_are_kept_in_the_declared_types(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = lines(Path(folder) / "in.jsonl", *map(json.dumps, rows))
        found, (block,) = blocks_of(path)
    kept = found.as_declared(block)
    kept.validate(full=True)
    assert kept.schema.types == found.schema.types
    valid = scorer.score_table(block, text=found.text).valid
    for position in np.flatnonzero(valid).tolist():
        for name, cell in kept.slice(position, 1).to_pylist()[0].items():
            assert cell == _declared(name, rows[position].get(name)), name


def _declared(name: str, cell: Any) -> Any:
    if cell is None or CONTRACT.by_name[name].type not in ("id", "time"):
        return float(cell) if type(cell) is int else cell
    return cell if isinstance(cell, str) else json.dumps(cell)


def _same(found: Any, expected: Any) -> bool:
    """Equal, NaN to itself; 1 is 1.0 but not true."""
    return bool(_typed(found) == _typed(expected))


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(cell) for name, cell in value.items()}
    if isinstance(value, list):
        return [_typed(cell) for cell in value]
    return (
        repr(float(value))
        if type(value) is float or (type(value) is int and abs(value) < 2**53)
        else repr(value)
    )


# --- what is no JSON Lines

DEEP = "[" * 33 + "]" * 33
CASES: dict[str, tuple[list[str | bytes], str]] = {
    "nothing": ([], "the file is empty"),
    "blank lines": (["", " \t", "\r"], "the file is empty"),
    "no JSON": (
        [LINE, "{'a': 1}"],
        "line 2 is no JSON object: Expecting property name enclosed in double quotes at character 2",
    ),
    "cut short": ([LINE, LINE[:-1]], "line 2 is no JSON object: Expecting ',' delimiter at character"),
    "cut in a text": (
        [LINE, LINE[:5]],
        "line 2 is no JSON object: Unterminated string starting at at character",
    ),
    "two objects on a line": ([LINE, "", LINE + LINE], "line 3 is no JSON object: Extra data at character"),
    "two objects and a comma": ([f"{LINE},{LINE}"], "line 1 is no JSON object: Extra data at character"),
    "an object on two lines": ([LINE, LINE[:10], LINE[10:]], "line 2 is no JSON object: "),
    "an object on two lines and two on one": (
        ['{"age": [{}', '{"age": 1}]}', '{"age": 1},{"age": 2}'],
        "line 1 is no JSON object: Expecting ',' delimiter at character 12",
    ),
    "fields on two lines and two objects on one": (
        ['{"age": 1', '"sex": "male"}', '{"age": 1},{"age": 2}'],
        "line 1 is no JSON object: Expecting ',' delimiter at character 10",
    ),
    "a text over two lines": (
        ['{"case": "a}', '{b"}', '{"age": 1},{"age": 2}'],
        "line 1 is no JSON object: ",
    ),
    "a number between objects": (["{},5", '5,{"age": 1}'], "line 1 is no JSON object: Extra data"),
    "a number": ([LINE, "5"], "line 2 is no JSON object"),
    "a text": ([LINE, '"{}"'], "line 2 is no JSON object"),
    "null": (["null"], "line 1 is no JSON object"),
    "a list": ([f"[{LINE},{LINE}]"], "line 1 is a JSON list; write one object on each line"),
    "a list over lines": (["[", LINE, "]"], "line 1 is no JSON object: Expecting value at character 2"),
    "a list after an object": ([LINE, "[]"], "line 2 is a JSON list; write one object on each line"),
    "a field twice": ([LINE, LINE[:-1] + ', "age": 40}'], "line 2 has the field 'age' twice"),
    "a field twice within": (
        [changed(age={"a": 1}).replace('{"a": 1}', '{"a": 1, "a": 1}')],
        "line 1 has the field 'a' twice",
    ),
    "a field twice in other letters": (
        [LINE[:-1] + ', "\\u0061ge": 40}'],
        "line 1 has the field 'age' twice",
    ),
    "a field twice beside hidden quotes": (
        [LINE[:-1] + ', "age": 40}', changed(case='a"b').replace('\\"', "\\u0022"), changed(case='\\"')],
        "line 1 has the field 'age' twice",
    ),
    "a field twice beside quotes": (
        [changed(case='a"b"'), changed(case='"')[:-1] + ', "case": ""}'],
        "line 2 has the field 'case' twice",
    ),
    "unknown field": ([LINE, changed(Age=1)], "line 2 cannot be read: Age is not a field of small_loans"),
    "too deep": ([LINE, changed(age="DEEP").replace('"DEEP"', DEEP)], "line 2 is nested too deeply"),
    "far too deep": ([LINE, "[" * 200_000], "line 2 is nested too deeply"),
    "thousands of digits": (
        [LINE, changed(age="X").replace('"X"', "1" * 5000)],
        "line 2 holds an integer of thousands of digits",
    ),
    "a line feed in a text": ([LINE.replace("c1", "c\n1")], "line 1 is no JSON object: Unterminated string"),
    "a control character in a text": (
        [LINE.replace("c1", "c\t1")],
        "line 1 is no JSON object: Invalid control character at",
    ),
    "NUL": ([LINE, LINE.replace("c1", "c\0")], "NUL, which no text has"),
    "no UTF-8": (
        [LINE, "", LINE.replace("c1", "ü").encode("latin-1")],
        "line 3: the text is not utf-8; save the file as UTF-8, or name",
    ),
    "Python's names": (
        [LINE.replace("true", "True")],
        "line 1 is no JSON object: Expecting value at character",
    ),
    "a trailing comma": ([LINE + ",", LINE], "line 1 is no JSON object: Extra data at character"),
    "CSV": (["a,b", "1,2"], "line 1 is no JSON object: Expecting value at character 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_lines_that_are_no_json_objects_are_refused(tmp_path: Path, case: str) -> None:
    texts, message = CASES[case]
    said = refusal(lines(tmp_path / "in.jsonl", *texts))
    assert said.startswith("in.jsonl: ")
    assert message in said


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_blank_lines_and_line_ends_of_any_kind_are_no_records(tmp_path: Path, newline: bytes) -> None:
    path = lines(tmp_path / "in.jsonl", "", LINE, " ", f"  {LINE}\t", "\r", newline=newline)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + changed(case="last").encode())
    assert column_of(path, "case") == ["c1", "c1", "last"]


def test_utf_16_with_a_mark_is_read_and_reported(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(f"{LINE}\n{changed(case='ñ')}\n".encode("utf-16"))
    assert column_of(tmp_path / "in.jsonl", "case") == ["c1", "ñ"]
    assert blocks_of(tmp_path / "in.jsonl")[0].dialect_found == "encoding utf-16"


def test_objects_of_no_fields_are_records_of_nulls(tmp_path: Path) -> None:
    assert column_of(lines(tmp_path / "in.jsonl", "{}", "{ }", LINE), "case") == [None, None, "c1"]


def test_a_column_that_nobody_looks_at_is_kept_if_the_beginning_has_it(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "in.jsonl", changed(late=1), changed(late="no"), changed(late=[1], **{"Unnamed: 0": 7})
    )
    found, (block,) = blocks_of(path)
    assert found.schema.names == [*NAMES, "Unnamed: 0", "late"]
    assert block.column("late").to_pylist() == [1, "no", [1]]
    assert found.as_declared(block.select(["late"])).column("late").to_pylist() == ["1", "no", "[1]"]
    path = lines(path, LINE)
    assert blocks_of(path)[0].schema.names == NAMES


def test_the_schema_says_the_types_of_answers_whatever_the_lines_hold(tmp_path: Path) -> None:
    schema = blocks_of(lines(tmp_path / "in.jsonl", changed(contract="x")))[0].schema
    assert schema == blocks_of(lines(tmp_path / "in.jsonl", changed(contract=5, age=7.5)))[0].schema
    assert [str(kind) for kind in schema.types] == (
        [
            "string",
            "string",
            "string",
            "string",
            "int64",
            "double",
            "double",
            "string",
            "string",
            "int64",
            "bool",
        ]
    )


def test_a_line_is_found_wherever_the_pieces_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [changed(case=f"ñ{i}", amount=None if i % 3 else i) for i in range(60)]
    for size in (7, 100, 1000):
        monkeypatch.setattr(text_stream, "PIECE_BYTES", size)
        path = lines(tmp_path / "in.jsonl", "", *texts)
        assert column_of(path, "case") == [f"ñ{i}" for i in range(60)]
        path = lines(tmp_path / "in.jsonl", "", *texts, "x", LINE)
        assert "line 62 is no JSON object" in refusal(path)


def test_a_line_that_is_too_long_is_refused_before_it_ends(tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", LINE, b'{"case": "' + b"x" * 20_000_000)
    assert refusal(path) == "in.jsonl: line 2 is longer than 2 MiB"


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(f"{LINE}\n".encode() * 50)
    (tmp_path / "in.jsonl.gz").write_bytes(whole[:-9])
    assert refusal(tmp_path / "in.jsonl.gz") == (
        "in.jsonl.gz: the compressed data end too early; was the file copied or downloaded whole?"
    )


def test_lines_before_the_first_block_that_is_wanted_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS_PER_BLOCK", 4)
    path = lines(tmp_path / "in.jsonl", "x", "", *[changed(case=f"c{i}") for i in range(2, 10)])
    assert column_of(path, "case", first_row=5) == [f"c{i}" for i in range(5, 10)]


def test_one_odd_cell_changes_nothing_for_its_neighbours(tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", LINE, changed(age="40"), changed(age=True), changed(age=2**70), LINE)
    _, (block,) = blocks_of(path)
    found = VALIDATOR.check_table(block)
    assert found.valid.tolist() == [True, False, False, False, True]
    assert [item[0].message for item in found.findings().values()] == [
        "age='40' is not an integer; it must be an integer from 18 to 120 years",
        "age=true is not an integer; it must be an integer from 18 to 120 years",
        "age=1.1805916207174113e+21 years is out of range; it must be an integer from 18 to 120 years",
    ]
    assert pa.types.is_union(block.column("age").type)


def test_ids_are_written_as_they_came(tmp_path: Path) -> None:
    ids = [7_000_000_000, 2**64, "x", 3.0, None, 7e9]
    path = lines(tmp_path / "in.jsonl", *[changed(case=item) for item in ids])
    found, (block,) = blocks_of(path)
    assert found.as_declared(block).column("case").to_pylist() == [
        "7000000000",
        "18446744073709551616",
        "x",
        "3.0",
        None,
        "7000000000.0",
    ]
    path = lines(path, *[changed(case=item) for item in ids if type(item) in (int, float)])
    assert blocks_of(path)[1][0].column("case").to_pylist() == [7_000_000_000, 2**64, 3.0, 7e9]
    path = lines(path, changed(case=7_000_000_000), changed(case=3.0))
    assert column_of(path, "case") == [7_000_000_000, 3.0]
    assert [type(cell) for cell in column_of(path, "case")] == [int, float]


def test_quotes_and_backslashes_within_texts_are_read(tmp_path: Path) -> None:
    texts = ['"', 'a"b', "\\", '\\"', '\\\\"', '"},\n{"', "},{"]
    for rows in (texts, texts[:1], texts[2:3]):
        path = lines(tmp_path / "in.jsonl", *[changed(case=text) for text in rows])
        assert column_of(path, "case") == rows
    path = lines(path, changed(case='"').replace('\\"', "\\u0022"), LINE)
    assert column_of(path, "case") == ['"', "c1"]
