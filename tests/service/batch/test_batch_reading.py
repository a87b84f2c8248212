"""What is read of a file, whatever its format: all its records, in blocks of a known length, or one error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.batch import records as limits
from service.batch.reading import READERS, open_records, open_stream
from service.batch.records import rows_per_block
from service.errors import UnreadableInput, WrongUse
from service.scoring.validation import Validator
from tests.service.batch.batch_files import ENDINGS, blocks_of, checked, refusal, write_as
from tests.service.batch.batch_scorers import CONTRACT, GOOD, HEADER, random_table

VALIDATOR = Validator(CONTRACT)
FILE = f"{HEADER}\n{GOOD}\n{GOOD}\n"


def test_every_format_is_tried_here() -> None:
    assert set(ENDINGS) == set(READERS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_records_are_the_same_values_in_every_format(tmp_path: Path, ending: str) -> None:
    table = random_table(700)
    (found,) = checked(write_as(tmp_path / f"in{ending}", table))
    expected = VALIDATOR.check_table(table)
    assert found.values.keys() == expected.values.keys()
    for name, values in expected.values.items():
        np.testing.assert_array_equal(found.values[name].view(np.int64), values.view(np.int64), err_msg=name)
    assert found.valid.all()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_block_holds_the_same_rows_wherever_reading_begins(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS_PER_BLOCK", 64)
    path = write_as(tmp_path / f"in{ending}", random_table(300))
    records, blocks = blocks_of(path)
    assert records.rows_per_block == 64
    assert [block.num_rows for block in blocks] == [64, 64, 64, 64, 44]
    for k in range(6):
        _, rest = blocks_of(path, first_row=64 * k + 1)
        assert [block.to_pylist() for block in rest] == [block.to_pylist() for block in blocks[k:]]


def test_reading_begins_with_a_block(tmp_path: Path) -> None:
    path = write_as(tmp_path / "in.csv", random_table(3))
    with pytest.raises(ValueError, match="no block begins at row 3: each has 131072 rows"):
        blocks_of(path, first_row=3)


@pytest.mark.parametrize(("ending", "rows"), [(".parquet", 300), (".arrow", 300), (".csv", None)])
def test_the_number_of_records_is_told_where_the_file_says_it(
    tmp_path: Path, ending: str, rows: int | None
) -> None:
    records, _ = blocks_of(write_as(tmp_path / f"in{ending}", random_table(300)))
    assert records.rows == rows


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".arrow", ".feather"])
def test_a_file_without_records_has_no_blocks(tmp_path: Path, ending: str) -> None:
    _, blocks = blocks_of(write_as(tmp_path / f"in{ending}", random_table(0)))
    assert blocks == []


def test_blocks_of_wide_files_are_shorter() -> None:
    assert [rows_per_block(count) for count in (0, 1, 64, 65, 10_000, 10**6)] == [
        131_072,
        131_072,
        131_072,
        65_536,
        512,
        256,
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_block_that_does_not_fit_into_memory_is_refused(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("records", "jsonl_file"):
        monkeypatch.setattr(f"service.batch.{module}.MOST_BLOCK_BYTES", 20_000)
    path = write_as(tmp_path / f"in{ending}", random_table(1000))
    assert refusal(path) == (
        f"in{ending}: 131,072 records take more than 0 MiB; leave out columns of long text"
    )


@pytest.mark.parametrize("name", ["in.xlsx", "in", "in.csv.zip", "in.gz", "in.json"])
def test_an_unknown_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILE)
    assert refusal(tmp_path / name) == f"{name}: its name must end in one of: {', '.join(READERS)}"


def test_an_ending_in_capitals_is_known(tmp_path: Path) -> None:
    (tmp_path / "IN.CSV").write_text(FILE)
    assert sum(block.num_rows for block in blocks_of(tmp_path / "IN.CSV")[1]) == 2


def test_a_file_that_lies_elsewhere_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "fetched").write_text(FILE.replace("sex", "six"))
    assert refusal(tmp_path / "fetched", name="s3://bucket/in.csv") == (
        "s3://bucket/in.csv: six is not a field of small_loans"
    )


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "in.csv") == "in.csv does not exist"
    (tmp_path / "in.parquet").mkdir()
    assert refusal(tmp_path / "in.parquet") == "in.parquet is a folder; name one file"
    os.mkfifo(tmp_path / "pipe.csv")
    assert refusal(tmp_path / "pipe.csv") == "pipe.csv is no regular file; name one file"


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending not in (".parquet", ".arrow")])
def test_a_stream_is_read_as_the_file_would_be(tmp_path: Path, ending: str) -> None:
    path = write_as(tmp_path / f"in{ending}", random_table(300))
    _, expected = blocks_of(path)
    stream = _Pipe(path.read_bytes())
    with open_stream(stream, ending, VALIDATOR) as records:
        assert [block.to_pylist() for block in records.blocks] == [block.to_pylist() for block in expected]
    assert not stream.closed


def test_what_cannot_come_through_a_pipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as parquet, open_stream(_Pipe(b"PAR1"), ".parquet", VALIDATOR):
        pass
    assert str(parquet.value) == "standard input: Parquet cannot be read from a stream; name a file"
    content = write_as(tmp_path / "in.arrow", random_table(3)).read_bytes()
    with pytest.raises(UnreadableInput) as arrow, open_stream(_Pipe(content), ".arrow", VALIDATOR):
        pass
    assert str(arrow.value).startswith("standard input: cannot be read as Arrow: ")


def test_a_fault_in_a_stream_is_named_by_what_it_is() -> None:
    with pytest.raises(UnreadableInput) as caught, open_stream(_Pipe(b""), ".csv", VALIDATOR):
        pass
    assert str(caught.value) == "standard input: the file is empty"


def test_rows_are_kept_in_the_types_that_were_declared(tmp_path: Path) -> None:
    path = write_as(tmp_path / "in.parquet", random_table(5))
    records, (block,) = blocks_of(path)
    assert records.as_declared(block).equals(block)
    assert records.as_declared(block.select([])).num_columns == 0


class _Pipe(io.BytesIO):
    """Bytes that come once."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation("a pipe has no place")

    def tell(self) -> int:
        raise io.UnsupportedOperation("a pipe has no place")


def test_an_unsupported_type_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pa.ArrowNotImplementedError("no kernel for it")

    monkeypatch.setattr(Validator, "check_table", fail)
    path = write_as(tmp_path / "in.parquet", random_table(1))
    with pytest.raises(UnreadableInput) as caught, open_records(path, VALIDATOR):
        pass
    assert str(caught.value) == f"{path} has a column of a type that cannot be read: no kernel for it"
