"""Real data through every kind of file, in and out: the bits of one record at a time."""

from __future__ import annotations

import gzip
import json
import random
import struct
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from service.batch import Manifest, Options, score_files
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid
from tests.service.batch.batch_scorers import read_quarantine, read_rows
from tests.service.batch.test_batch_reading_data import FILES, FORMATS
from training.use_cases import use_cases

ROWS = 6_000
SAMPLE = 200
# A row's number, the bits of its probability, and its decision.
Answer = tuple[int, bytes, str]


@pytest.fixture(scope="module", params=sorted(use_cases()))
def case(
    request: pytest.FixtureRequest, real_data: Path, quick_scorer: Callable[[str], Scorer]
) -> tuple[Scorer, bytes]:
    """A scorer, and real records as CSV; loan approval has none, so those of its generator."""
    name: str = request.param
    scorer = quick_scorer(name)
    if name not in FILES:
        return scorer, use_cases()[name].sample(ROWS, 1).to_csv(index=False).encode()
    path = real_data / FILES[name]
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return scorer, b"".join(islice(file, ROWS + 1))


@pytest.fixture(scope="module")
def expected(
    case: tuple[Scorer, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Answer], set[int]]:
    """The answers to the records as CSV, into Parquet, and the numbers of those that were refused."""
    scorer, content = case
    folder = tmp_path_factory.mktemp("expected")
    (folder / "in.csv").write_bytes(content)
    manifest = score_files(scorer, folder / "in.csv", folder / "out.parquet").manifest
    found = answers(folder / "out.parquet"), refused(folder / "out.parquet.quarantine.csv")
    assert manifest.tally.rows_in == len(found[0]) + len(found[1]) > 700
    return found


def answers(path: Path) -> list[Answer]:
    rows: list[dict[str, Any]]
    if path.suffix == ".parquet":
        rows = pq.read_table(path, columns=["row", "probability", "decision"]).to_pylist()
    elif path.suffix == ".csv":
        rows = read_rows(path)
    else:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(int(row["row"]), struct.pack("<d", float(row["probability"])), row["decision"]) for row in rows]


def refused(path: Path) -> set[int]:
    return {row["row"] for row in read_quarantine(path)} if path.exists() else set()


def outcome(scorer: Scorer, source: Path, target: Path) -> tuple[list[Answer], set[int]]:
    manifest: Manifest = score_files(scorer, source, target, Options(threads=2)).manifest
    found = answers(target), refused(target.with_name(f"{target.name}.quarantine.csv"))
    assert manifest.tally.rows_in == len(found[0]) + len(found[1])
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_file_gives_the_same_answers(
    case: tuple[Scorer, bytes], expected: tuple[list[Answer], set[int]], tmp_path: Path, kind: str
) -> None:
    scorer, content = case
    ending, change = FORMATS[kind]
    source = tmp_path / f"in{ending}"
    source.write_bytes(change(content))
    assert outcome(scorer, source, tmp_path / "out.parquet") == expected


@pytest.mark.parametrize("target", ["out.csv", "out.jsonl"])
def test_every_kind_of_output_holds_the_same_bits(
    case: tuple[Scorer, bytes], expected: tuple[list[Answer], set[int]], tmp_path: Path, target: str
) -> None:
    scorer, content = case
    (tmp_path / "in.csv").write_bytes(content)
    assert outcome(scorer, tmp_path / "in.csv", tmp_path / target) == expected


def test_they_are_the_bits_and_decisions_of_one_record_at_a_time(
    case: tuple[Scorer, bytes], expected: tuple[list[Answer], set[int]]
) -> None:
    scorer, content = case
    records = [json.loads(line) for line in FORMATS["JSON Lines"][1](content).splitlines()]
    by_row = {row: (bits, decision) for row, bits, decision in expected[0]}
    numbers = random.Random(2).sample(range(1, len(records) + 1), SAMPLE)  # noqa: S311  # rows, no secrets
    seen = 0
    for row in numbers:
        record = records[row - 1]
        record.pop(scorer.contract.outcome.name, None)
        if row in expected[1]:
            with pytest.raises(RecordInvalid):
                scorer.score(record)
            continue
        scored = scorer.score(record)
        assert by_row[row] == (struct.pack("<d", scored.probability), str(scored.decision)), f"row {row}"
        seen += 1
    assert seen > SAMPLE / 2
