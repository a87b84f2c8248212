"""Whole runs over damaged files: every row is accounted for, or there is one line and everything is as it was."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from service.batch import Manifest, Options, score_files
from service.errors import AvalError
from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import Typed
from tests.service.batch.batch_files import arrow_bytes, json_bytes, parquet_bytes
from tests.service.batch.batch_scorers import (
    GOOD,
    HEADER,
    random_table,
    read_quarantine,
    read_rows,
    write_lines,
)
from tests.service.batch.test_batch_reading_fuzz import damaged

LINES = [
    GOOD,
    GOOD.replace("40", "12"),
    GOOD.replace("c1", '"two\nlines"'),
    GOOD.replace("c1", '"say ""no"""'),
]
TEXT = "\n".join([HEADER, *LINES]) + "\n"
TABLE = random_table(40)
PARQUET = parquet_bytes(TABLE)
ARROW = arrow_bytes(TABLE, stream=False)
BITTEN = bytearray(PARQUET)
BITTEN[len(PARQUET) // 3] ^= 0xFF

# Name, bytes, and how many rows it has; None where it is refused.
DAMAGED: dict[str, tuple[str, bytes, int | None]] = {
    "nothing": ("in.csv", b"", None),
    "blank lines": ("in.csv", b"\n\n\r\n", None),
    "header only": ("in.csv", HEADER.encode(), 0),
    "header only with a mark": ("in.csv", b"\xef\xbb\xbf" + HEADER.encode(), 0),
    "mixed line ends": ("in.csv", f"{HEADER}\r\n{GOOD}\n{GOOD}\r\n{GOOD}\n".encode(), 3),
    "mark and newline in quotes": ("in.csv", b"\xef\xbb\xbf" + TEXT.encode(), 4),
    "quote that is never closed": ("in.csv", f'{HEADER}\n{GOOD}\n"c1,5,'.encode(), None),
    "cut in a row": ("in.csv", TEXT.encode()[:-20], None),
    "ragged, too few": ("in.csv", f"{TEXT}1,2\n".encode(), None),
    "ragged, too many": ("in.csv", f"{TEXT}{GOOD},1\n".encode(), None),
    "duplicated header": ("in.csv", f"{HEADER},age\n{GOOD},1\n".encode(), None),
    "header twice": ("in.csv", f"{HEADER}\n{HEADER}\n{GOOD}\n".encode(), 2),
    "zero bytes": ("in.csv", TEXT.encode()[:60] + b"\0" * 9 + TEXT.encode()[60:], None),
    "another encoding": ("in.csv", f"{HEADER}\n{GOOD.replace('c1', 'ñ')}\n".encode("latin-1"), None),
    "UTF-16 without a mark": ("in.csv", TEXT.encode("utf-16-le"), None),
    "UTF-16": ("in.csv", TEXT.encode("utf-16"), 4),
    "ten thousand columns": ("in.csv", ",".join(f"x{i}" for i in range(10_000)).encode() + b"\n", None),
    "ten thousand more columns": (
        "in.csv",
        (HEADER + "".join(f",x{i}" for i in range(10_000)) + "\n" + GOOD + ",1" * 10_000 + "\n").encode(),
        None,
    ),
    "no CSV at all": ("in.csv", bytes(range(256)) * 40, None),
    "Parquet called CSV": ("in.csv", PARQUET, None),
    "gzip called CSV": ("in.csv", gzip.compress(TEXT.encode()), None),
    "CSV called gzip": ("in.csv.gz", TEXT.encode(), None),
    "gzip cut short": ("in.csv.gz", gzip.compress(TEXT.encode())[:-12], None),
    "gzip of nothing": ("in.csv.gz", gzip.compress(b""), None),
    "gzip with a tail": ("in.csv.gz", gzip.compress(TEXT.encode()) + b"tail", None),
    "Parquet without its end": ("in.parquet", PARQUET[:-100], None),
    "Parquet with a wrong byte": ("in.parquet", bytes(BITTEN), None),
    "Parquet that is CSV": ("in.parquet", TEXT.encode(), None),
    "Parquet of nothing": ("in.parquet", b"", None),
    "Parquet with other types": (
        "in.parquet",
        parquet_bytes(TABLE.set_column(4, "age", pa.array([[1]] * 40))),
        40,
    ),
    "Parquet with a column of text": (
        "in.parquet",
        parquet_bytes(TABLE.set_column(4, "age", pa.array(["x"] * 40))),
        40,
    ),
    "Parquet without a column": ("in.parquet", parquet_bytes(TABLE.drop_columns(["age"])), None),
    "Arrow cut short": ("in.arrow", ARROW[: len(ARROW) // 2], None),
    "JSON cut short": ("in.jsonl", json_bytes(TABLE)[:-9], None),
    "JSON that is a list": ("in.jsonl", b"[" + json_bytes(TABLE).replace(b"\n", b",\n") + b"{}]", None),
    "JSON of nothing": ("in.jsonl", b"", None),
}
TARGETS = ["out.csv", "out.parquet", "out/"]


def expect_reconciled(manifest: Manifest, folder: Path, rows: int | None = None) -> None:
    """Count again, from the files alone."""
    refused = folder / "out.csv.quarantine.csv"
    scored = [int(row["row"]) for row in read_rows(folder / "out.csv")]
    numbers = scored + ([item["row"] for item in read_quarantine(refused)] if refused.exists() else [])
    assert sorted(numbers) == list(range(1, manifest.tally.rows_in + 1))
    assert rows in (None, len(numbers))


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_reconciles_or_is_one_line_and_changes_nothing(
    typed: Typed, tmp_path: Path, case: str
) -> None:
    name, content, rows = DAMAGED[case]
    good = write_lines(tmp_path / "good.csv", GOOD)
    for target in TARGETS:
        assert typed(good, tmp_path / target).code == 0
    (tmp_path / name).write_bytes(content)
    before = _tree(tmp_path)
    for target in TARGETS:
        said = typed(tmp_path / name, f"{tmp_path}/{target}", "--json")
        assert "Traceback" not in said.errors
        if rows is None:
            assert (said.code, said.output, said.errors.count("\n")) == (2, "", 1)
            assert (
                said.errors.removeprefix(f"aval: error: {tmp_path}/")
                .removeprefix("aval: error: ")
                .startswith(name)
            )
            assert len(said.errors) < 1_000
            assert _tree(tmp_path) == before
        else:
            assert said.code == 0
            manifest = json.loads(said.output)
            last = manifest["inputs"][-1]
            assert last["rows_in"] == last["rows_scored"] + last["rows_quarantined"] == rows


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=damaged())
def test_a_file_damaged_at_random_reconciles_or_leaves_the_old_output(
    scorer: Scorer, file: tuple[str, bytes]
) -> None:
    ending, content = file
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        score_files(scorer, write_lines(folder / "good.csv", GOOD), folder / "out.csv")
        (folder / f"in{ending}").write_bytes(content)
        before = _tree(folder)
        try:
            manifest = score_files(scorer, folder / f"in{ending}", folder / "out.csv").manifest
        except AvalError:
            assert _tree(folder) == before
        else:
            expect_reconciled(manifest, folder)


def test_one_damaged_file_among_many_is_named_and_nothing_is_published(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        write_lines(tmp_path / "in" / f"{number}.csv", GOOD)
    (tmp_path / "in" / "2.csv").write_bytes(TEXT.encode()[:-20])
    said = typed(tmp_path / "in", f"{tmp_path}/out/")
    assert (said.code, said.errors.count("\n")) == (2, 1)
    assert "2.csv" in said.errors
    assert not list((tmp_path / "out").rglob("*"))


def test_a_folder_called_like_a_file_is_a_folder(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    assert typed(tmp_path / "x.csv", tmp_path / "out.csv").code == 3
    write_lines(tmp_path / "x.csv" / "a.csv", GOOD)
    assert typed(tmp_path / "x.csv", tmp_path / "out.csv").code == 0


@pytest.mark.parametrize(
    "name",
    [
        "a b.csv",
        "ünï €.csv",
        "100%.csv",
        "q'uo\"te.csv",
        "[x]*?.csv",
        "a;b,c=d.csv",
        "$HOME.csv",
        "{x}.csv",
        ".hidden.csv",
    ],
)
def test_any_name_of_a_file_is_fine(scorer: Scorer, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    source = write_lines(tmp_path / "in" / name, GOOD, GOOD.replace("40", "12"))
    for target in (f"out {name}", f"out {name[:-4]}.parquet", "folder/"):
        manifest = score_files(scorer, source, f"{tmp_path}/{target}").manifest
        assert (manifest.inputs[0].name, manifest.tally.rows_in) == (name, 2)
        # What was written can be read by the name it was given.
        assert score_files(scorer, source, f"{tmp_path}/{target}").new is False
    assert read_rows(tmp_path / f"out {name}")[0]["row"] == "1"


def test_files_of_all_kinds_become_one(scorer: Scorer, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    write_lines(folder / "a.csv", GOOD, GOOD.replace("40", "12"))
    (folder / "b.parquet").write_bytes(parquet_bytes(TABLE.drop_columns(["case"])))
    (folder / "c.arrow").write_bytes(ARROW)
    (folder / "d.jsonl").write_bytes(json_bytes(TABLE.slice(0, 7)))
    (folder / "e.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n".encode()))
    (tmp_path / "in" / "link.csv").symlink_to(folder / "a.csv")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    manifest = score_files(scorer, tmp_path / "in", tmp_path / "out.csv").manifest
    rows = read_rows(tmp_path / "out.csv")
    counts = {item.name: item.rows_in for item in manifest.inputs}
    assert counts == {
        "deep/a.csv": 2,
        "deep/b.parquet": 40,
        "deep/c.arrow": 40,
        "deep/d.jsonl": 7,
        "deep/e.csv.gz": 0,
    }
    assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)
    assert len(rows) == manifest.tally.rows_scored == 88
    assert len({row["decision_id"] for row in rows}) == 88
    assert {row["case"] for row in rows if row["file"] == "deep/b.parquet"} == {""}


def test_columns_that_one_file_cannot_keep_are_refused_before_anything_is_published(
    typed: Typed, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.csv", GOOD)
    write_lines(tmp_path / "in" / "b.csv", f"{GOOD},1", header=f"{HEADER},late")
    said = typed(tmp_path / "in", tmp_path / "out.csv", "--keep-columns")
    assert (said.code, said.errors) == (
        2,
        "aval: error: b.csv and a.csv have different columns, which one file cannot keep; score into a folder\n",
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "home"}
    assert typed(tmp_path / "in", f"{tmp_path}/out/", "--keep-columns").code == 0


def test_many_small_files_are_scored_in_one_go(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(150):
        write_lines(tmp_path / "in" / f"{number:04d}.csv", GOOD)
    manifest = score_files(scorer, tmp_path / "in", tmp_path / "out.csv", Options(threads=1)).manifest
    assert (manifest.tally.rows_in, len(manifest.inputs)) == (150, 150)
    assert [row["file"] for row in read_rows(tmp_path / "out.csv")] == [
        f"{number:04d}.csv" for number in range(150)
    ]


def _tree(folder: Path) -> dict[str, Any]:
    """Everything but the log and empty folders."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
