"""Real data are the same values in every format and dialect."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest

from service.scoring.contract import Contract
from service.scoring.validation import CheckedTable
from tests.service.batch.batch_files import arrow_bytes, blocks_of, checked, parquet_bytes
from training.use_cases import use_cases

FILES = {
    "fraud_transactions": "fraud_transactions.csv.gz",
    "german_credit": "german_credit_data.csv",
    "credit_risk": "credit_risk_dataset.csv",
    "card_default": "lending_data.csv",
}

# All of them but for the frauds, of which there are five times as many.
ROWS = 27_000


def _typed(content: bytes) -> pa.Table:
    options = pc.ConvertOptions(null_values=[""], strings_can_be_null=True)
    return pc.read_csv(io.BytesIO(content), convert_options=options)


def _json(table: pa.Table) -> bytes:
    return "".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()).encode()


def _german(content: bytes) -> bytes:
    """As a spreadsheet in Germany saves it: semicolons and decimal commas."""
    table = _typed(content)
    numbers = [pa.types.is_floating(kind) for kind in table.schema.types]
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    changed = io.StringIO(newline="")
    writer = csv.writer(changed, delimiter=";")
    writer.writerow(rows[0])
    for row in rows[1:]:
        writer.writerow(
            [cell.replace(".", ",") if number else cell for cell, number in zip(row, numbers, strict=True)]
        )
    return changed.getvalue().encode()


FORMATS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": (".csv.gz", partial(gzip.compress, compresslevel=1)),
    "tabs": (".tsv", lambda content: content.replace(b",", b"\t")),
    "semicolons and decimal commas": (".csv", _german),
    "UTF-16": (".csv", lambda content: content.decode().encode("utf-16")),
    "Parquet": (".parquet", lambda content: parquet_bytes(_typed(content))),
    "JSON Lines": (".jsonl", lambda content: _json(_typed(content))),
    "Arrow file": (".arrow", lambda content: arrow_bytes(_typed(content), stream=False, rows=5000)),
    "Arrow stream": (".arrow", lambda content: arrow_bytes(_typed(content), stream=True, rows=5000)),
}


@pytest.fixture(scope="module", params=FILES)
def original(
    request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Contract, bytes, CheckedTable]:
    path = real_data / FILES[request.param]
    contract = use_cases()[request.param].contract
    content = path.read_bytes()
    lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines(keepends=True)
    part = tmp_path_factory.mktemp("real") / "in.csv"
    part.write_bytes(b"".join(lines[: ROWS + 1]))
    (found,) = checked(part, contract)
    return contract, part.read_bytes(), found


@pytest.mark.parametrize("name", FORMATS)
def test_real_data_are_the_same_values_in_every_format(
    tmp_path: Path, original: tuple[Contract, bytes, CheckedTable], name: str
) -> None:
    contract, content, expected = original
    ending, write = FORMATS[name]
    path = tmp_path / f"in{ending}"
    path.write_bytes(write(content))
    (found,) = checked(path, contract)
    assert found.rows == expected.rows
    assert found.findings() == expected.findings()
    for column, values in expected.values.items():
        np.testing.assert_array_equal(
            found.values[column][found.valid].view(np.int64),
            values[expected.valid].view(np.int64),
            err_msg=column,
        )


def test_a_dialect_is_reported_for_real_data(
    tmp_path: Path, original: tuple[Contract, bytes, CheckedTable]
) -> None:
    contract, content, _ = original
    (tmp_path / "in.csv").write_bytes(_german(content).decode().encode("utf-16"))
    fractions = re.search(rb"\d\.\d", content.split(b"\n", 1)[1]) is not None
    said: list[Any] = ["delimiter ';'", *(["decimal ','"] if fractions else []), "encoding utf-16"]
    assert blocks_of(tmp_path / "in.csv", contract)[0].dialect_found == ", ".join(said)
