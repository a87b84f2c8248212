"""Parquet and Arrow: whole or refused, and of any types that Arrow has."""

from __future__ import annotations

import datetime
import io
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

from service.scoring.scorer import Scorer
from tests.service.batch.batch_files import arrow_bytes, blocks_of, checked, parquet_bytes, refusal
from tests.service.batch.batch_scorers import GOOD, HEADER, random_table

TABLE = random_table(1000)
PARQUET = parquet_bytes(TABLE)
STREAM = arrow_bytes(TABLE, stream=True)
FOOTER = int.from_bytes(PARQUET[-8:-4], "little")
THIRD = len(PARQUET) // 3
PLAIN = parquet_bytes(TABLE, compression="none", use_dictionary=False)


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes(byte ^ 255 for byte in content[at : at + 8]) + content[at + 8 :]


DAMAGED_PARQUET = {
    "empty": b"",
    "a mark alone": b"PAR1",
    "text": f"{HEADER}\n{GOOD}\n".encode(),
    "without its last mark": PARQUET[:-4],
    "without its footer": PARQUET[:-1000],
    "without its beginning": PARQUET[1000:],
    "a footer of zeros": PARQUET[: -8 - FOOTER] + b"\0" * FOOTER + PARQUET[-8:],
    "a damaged page": _flipped(PARQUET, THIRD),
    # Other numbers, and nothing that a decoder would stumble on.
    "a damaged page of plain numbers": _flipped(
        PLAIN, PLAIN.index(struct.pack("<d", TABLE["income"][500].as_py()))
    ),
}


@pytest.mark.parametrize("case", DAMAGED_PARQUET)
def test_damaged_parquet_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "in.parquet").write_bytes(DAMAGED_PARQUET[case])
    assert refusal(tmp_path / "in.parquet").startswith("in.parquet: cannot be read as Parquet: ")


@pytest.mark.parametrize("plain_footer", [True, False])
def test_encrypted_parquet_is_refused(tmp_path: Path, *, plain_footer: bool) -> None:
    factory = encryption.CryptoFactory(lambda _: _Keys())
    settings = encryption.EncryptionConfiguration(
        footer_key="key", column_keys={"key": ["income"]}, plaintext_footer=plain_footer
    )
    secret = factory.file_encryption_properties(encryption.KmsConnectionConfig(), settings)
    pq.write_table(TABLE, tmp_path / "in.parquet", encryption_properties=secret)
    assert refusal(tmp_path / "in.parquet") == "in.parquet is encrypted; decrypt it first"


@pytest.mark.parametrize("rows", [1, 7, 1000, 5000])
def test_row_groups_of_any_size_are_read_from_any_block_on(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batch.records.ROWS_PER_BLOCK", 128)
    (tmp_path / "in.parquet").write_bytes(parquet_bytes(TABLE, row_group_size=rows))
    for first in range(1, 1001, 128):
        _, blocks = blocks_of(tmp_path / "in.parquet", first_row=first)
        assert pa.concat_tables(blocks).equals(TABLE.slice(first - 1))


def test_reading_does_not_begin_before_the_row_group_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batch.records.ROWS_PER_BLOCK", 128)
    content = bytearray(parquet_bytes(TABLE, row_group_size=128))
    content[200:208] = b"\xff" * 8
    (tmp_path / "in.parquet").write_bytes(content)
    _, blocks = blocks_of(tmp_path / "in.parquet", first_row=129)
    assert pa.concat_tables(blocks).equals(TABLE.slice(128))
    assert "cannot be read as Parquet" in refusal(tmp_path / "in.parquet")


@pytest.mark.parametrize("cut", range(0, len(STREAM), 997))
def test_an_arrow_stream_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "in.arrow").write_bytes(STREAM[:cut])
    assert refusal(tmp_path / "in.arrow").startswith("in.arrow: ")


def test_an_arrow_stream_cut_between_two_batches_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.arrow").write_bytes(STREAM[:-8])
    assert refusal(tmp_path / "in.arrow") == (
        "in.arrow: the stream ends too early; was the file copied or downloaded whole?"
    )


def test_what_follows_an_arrow_stream_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.arrow").write_bytes(STREAM + STREAM)
    assert refusal(tmp_path / "in.arrow") == (
        "in.arrow: something follows the end of the stream; write one stream per file"
    )


@pytest.mark.parametrize("stream", [True, False])
def test_an_arrow_file_is_read_whatever_its_name_promises(tmp_path: Path, *, stream: bool) -> None:
    for name in ("in.arrow", "in.feather"):
        (tmp_path / name).write_bytes(arrow_bytes(TABLE, stream=stream))
        assert pa.concat_tables(blocks_of(tmp_path / name)[1]).equals(TABLE)


@pytest.mark.parametrize("stream", [True, False])
def test_a_record_batch_that_would_fill_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    monkeypatch.setattr("service.batch.arrow_file.MOST_BATCH_BYTES", 2**16)
    (tmp_path / "in.arrow").write_bytes(arrow_bytes(TABLE, stream=stream, rows=1000))
    said = refusal(tmp_path / "in.arrow")
    assert said.startswith("in.arrow: cannot be read as Arrow: it has a piece of ")
    assert said.endswith("MiB are read at once; write it in smaller record batches")
    (tmp_path / "in.arrow").write_bytes(arrow_bytes(TABLE, stream=stream, rows=300))
    assert pa.concat_tables(blocks_of(tmp_path / "in.arrow")[1]).equals(TABLE)


def test_a_record_batch_that_fills_memory_once_it_is_decompressed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batch.arrow_file.MOST_BATCH_BYTES", 2**16)
    same = pa.concat_tables([TABLE.slice(0, 1)] * 1000).combine_chunks()
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, same.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(same)
    assert len(buffer.getvalue()) < 2**16
    (tmp_path / "in.arrow").write_bytes(buffer.getvalue())
    assert "write it in smaller record batches" in refusal(tmp_path / "in.arrow")


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_compressed_arrow_file_is_read(tmp_path: Path, compression: str) -> None:
    buffer = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(buffer, TABLE.schema, options=options) as writer:
        writer.write_table(TABLE, max_chunksize=300)
    (tmp_path / "in.arrow").write_bytes(buffer.getvalue())
    records, blocks = blocks_of(tmp_path / "in.arrow")
    assert (records.rows, pa.concat_tables(blocks)) == (1000, TABLE)


@pytest.mark.parametrize("cut", [1, 8, 100, 1000, 20_000])
def test_an_arrow_file_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "in.arrow").write_bytes(arrow_bytes(TABLE, stream=False)[:-cut])
    assert refusal(tmp_path / "in.arrow").startswith("in.arrow: cannot be read as Arrow: ")


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_file_with_other_columns_is_refused(tmp_path: Path, ending: str) -> None:
    table = random_table(3).rename_columns({"sex": "case", "age": "Age"})
    content = parquet_bytes(table) if ending == ".parquet" else arrow_bytes(table, stream=False)
    (tmp_path / f"in{ending}").write_bytes(content)
    assert refusal(tmp_path / f"in{ending}") == (
        f"in{ending}: age is missing; it must be an integer from 18 to 120 years; Age is not a field of small_loans; "
        "'case' stands twice"
    )


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_text_that_is_not_utf_8_is_refused(tmp_path: Path, ending: str) -> None:
    table = random_table(2).set_column(7, "purpose", pa.array([b"car", b"\xff"]).view(pa.string()))
    content = parquet_bytes(table) if ending == ".parquet" else arrow_bytes(table, stream=False)
    (tmp_path / f"in{ending}").write_bytes(content)
    assert "Invalid UTF8" in refusal(tmp_path / f"in{ending}")


TIME = datetime.datetime(2026, 11, 20, 8, 30)
# A value of every type, and whether `income` takes it.
TYPES: list[tuple[pa.DataType, Any, bool]] = [
    (pa.null(), None, False),
    (pa.bool_(), True, False),
    *[
        (kind(), 7, True)
        for kind in (pa.int8, pa.uint8, pa.int16, pa.uint16, pa.int32, pa.uint32, pa.int64, pa.uint64)
    ],
    *[(kind(), 7.5, True) for kind in (pa.float16, pa.float32, pa.float64)],
    *[(pa.decimal128(9, 2), Decimal("7.25"), True), (pa.decimal256(40, 2), Decimal("7.25"), True)],
    *[(kind(), "7", False) for kind in (pa.string, pa.large_string, pa.string_view)],
    *[(kind, b"7", False) for kind in (pa.binary(), pa.large_binary(), pa.binary(1), pa.binary_view())],
    *[(pa.timestamp(unit, zone), TIME, False) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC")],
    *[(kind(), TIME.date(), False) for kind in (pa.date32, pa.date64)],
    *[(kind, datetime.time(8), False) for kind in (pa.time32("s"), pa.time64("us"), pa.time64("ns"))],
    *[(pa.duration(unit), datetime.timedelta(1), False) for unit in ("s", "us", "ns")],
    (pa.list_(pa.int64()), [1], False),
    (pa.large_list(pa.int64()), [1], False),
    (pa.struct({"a": pa.int64()}), {"a": 1}, False),
    (pa.map_(pa.string(), pa.int64()), [("a", 1)], False),
    (pa.dictionary(pa.int8(), pa.float64()), 7.5, True),
    (pa.dictionary(pa.int32(), pa.string()), "7", False),
]


@pytest.mark.parametrize(("kind", "value", "taken"), TYPES, ids=[str(kind) for kind, _, _ in TYPES])
@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_column_of_any_type_is_judged_value_by_value(
    scorer: Scorer, tmp_path: Path, ending: str, kind: pa.DataType, value: Any, *, taken: bool
) -> None:
    cells = pa.array([value, None, value], kind.value_type if pa.types.is_dictionary(kind) else kind)
    cells = cells.dictionary_encode() if pa.types.is_dictionary(kind) else cells
    table = random_table(3)
    for name in table.column_names:
        position = table.column_names.index(name)
        changed = table.set_column(position, name, cells)
        path = tmp_path / f"in{ending}"
        path.write_bytes(
            parquet_bytes(changed) if ending == ".parquet" else arrow_bytes(changed, stream=False)
        )
        (found,) = checked(path)
        assert found.rows == 3
        if name == "income":
            assert found.valid.tolist() == [taken, False, taken]


class _Keys(encryption.KmsClient):  # type: ignore[misc]  # pyarrow ships no types
    def wrap_key(self, key_bytes: bytes, _: str) -> bytes:
        return key_bytes.hex().encode()

    def unwrap_key(self, wrapped_key: bytes, _: str) -> bytes:
        return bytes.fromhex(wrapped_key.decode())
