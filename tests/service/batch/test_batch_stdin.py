from __future__ import annotations

import io
import json
import os
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.csv as pc
import pytest

from service.batch import Options, Threshold, TooManyRefused, csv_file, text_stream
from service.batch import records as batch_records
from service.batch.reading import open_stream
from service.batch.streaming import Sinks, refused_lines, score_stream
from service.errors import UnreadableInput
from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import Commands, Typed
from tests.service.batch.batch_scorers import (
    GOOD,
    HEADER,
    random_table,
    read_quarantine,
    read_rows,
    write_lines,
    write_records,
)

BAD = GOOD.replace("40", "12")


def test_what_comes_in_goes_out_as_a_file_would_but_for_the_ids_of_decisions(
    commands: Commands, typed: Typed, tmp_path: Path
) -> None:
    source = write_records(tmp_path / "in.csv", random_table(300))
    with source.open("a", encoding="utf-8") as file:
        file.write(f"{BAD}\n")
    typed(source, tmp_path / "out.csv", "--reasons")
    said = commands.run("-", "-", "--reasons", piped=source.read_bytes())
    rows = read_rows(tmp_path / "out.csv")
    assert {row.pop("decision_id")[16] for row in rows} == {"-"}
    expected = pa.Table.from_pylist(rows)
    assert pc.read_csv(io.BytesIO(said.output.encode()), convert_options=_as_text(expected)).equals(expected)
    refused, summary = said.errors.splitlines()
    assert json.loads(refused)["row"] == 301
    assert json.loads(refused)["errors"][0]["code"] == "range"
    assert json.loads(refused)["record"]["age"] == "12"
    assert summary.startswith("300 of 301 rows scored with small_loans:")
    assert summary.endswith("1 quarantined; none of it is in the decision log")
    assert said.code == 0


def _as_text(table: pa.Table) -> pc.ConvertOptions:
    return pc.ConvertOptions(column_types=table.schema, strings_can_be_null=False)


def test_json_lines_in_are_json_lines_out(typed: Typed, tmp_path: Path) -> None:
    rows = random_table(5).to_pylist()
    piped = "".join(json.dumps(row) + "\n" for row in rows).encode()
    said = typed("-", "-", "--from", "jsonl", piped=piped)
    answers = [json.loads(line) for line in said.output.splitlines()]
    assert [row["row"] for row in answers] == [1, 2, 3, 4, 5]
    assert "decision_id" not in answers[0]
    as_csv = typed("-", "-", "--from", "jsonl", "--to", "csv", "--json", piped=piped)
    assert as_csv.output.splitlines()[0].startswith("row,case,input_contract,probability")
    assert json.loads(as_csv.errors)["rows_scored"] == 5


def test_refused_rows_go_into_a_file_when_one_is_named(typed: Typed, tmp_path: Path) -> None:
    piped = "\n".join([HEADER, GOOD, BAD]).encode()
    said = typed("-", "-", "--quarantine", tmp_path / "bad.csv", piped=piped)
    assert (said.code, said.errors.count("\n")) == (0, 1)
    [refused] = read_quarantine(tmp_path / "bad.csv")
    assert (refused["row"], refused["errors"][0]["field"]) == (2, "age")
    nowhere = typed("-", "-", "--quarantine", tmp_path / "none" / "bad.csv", piped=piped)
    assert (nowhere.code, nowhere.output) == (2, "")
    assert "bad.csv cannot be written: No such file or directory; name another file" in nowhere.errors


def test_a_reader_that_goes_away_ends_the_command_quietly(commands: Commands, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.csv", pa.concat_tables([random_table(5_000)] * 20))
    with commands.start(source, "-") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.close()
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.parametrize(
    ("piped", "message"),
    [
        (b"", "standard input: the file is empty"),
        (b"a,b\n1,2\n", "standard input: "),
        (
            f"{HEADER}\n{GOOD}\n{GOOD},more\n".encode(),
            "standard input: row 2 has 12 cells, and the header has 11",
        ),
        (f'{HEADER}\n{GOOD}\n"c'.encode(), "a quote is opened and never closed"),
    ],
)
def test_input_that_cannot_be_read_to_its_end_is_exit_code_2(
    typed: Typed, piped: bytes, message: str
) -> None:
    said = typed("-", "-", piped=piped)
    assert said.code == 2
    assert message in said.errors
    assert said.errors.count("\n") == 1
    assert "rows scored" not in said.errors


def test_too_many_refused_rows_are_exit_code_1_and_told_not_to_be_used(typed: Typed) -> None:
    piped = "\n".join([HEADER, GOOD, BAD]).encode()
    said = typed("-", "-", "--max-quarantine", "10%", piped=piped)
    assert said.code == 1
    assert said.errors.splitlines()[-1] == (
        "aval: error: 1 of 2 rows are refused, and at most 10% may be: 1 x age: range; do not use what was written"
    )
    assert typed("-", "-", "--max-quarantine", "50%", piped=piped).code == 0


def test_standard_input_into_a_file_is_a_run_like_any_other(typed: Typed, tmp_path: Path) -> None:
    piped = "\n".join([HEADER, GOOD, BAD]).encode()
    said = typed("-", tmp_path / "out.parquet", piped=piped)
    assert said.output.startswith("1 of 2 rows scored")
    manifest = json.loads((tmp_path / "out.parquet.manifest.json").read_text())
    assert [item["name"] for item in manifest["inputs"]] == ["standard-input.csv"]
    again = typed("-", tmp_path / "out.parquet", piped=piped)
    assert again.output.startswith("nothing new to score")
    assert typed("-", "--dry-run", piped=piped).output.startswith("1 of 2 rows can be scored")


def test_one_file_goes_to_standard_output_and_several_do_not(typed: Typed, tmp_path: Path) -> None:
    for name in "ab":
        write_records(tmp_path / f"{name}.parquet", random_table(3))
    said = typed(tmp_path / "a.parquet", "-", "--limit", "2")
    assert (said.code, len(said.output.splitlines())) == (0, 3)
    both = typed(tmp_path, "-")
    assert (both.code, both.output) == (2, "")
    assert both.errors == (f"aval: error: {tmp_path} is 2 files; to standard output goes one, so name it\n")


def test_the_input_is_no_file_for_refused_rows(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)
    before = source.read_bytes()
    said = typed(source, "-", "--quarantine", source)
    assert said.code == 2
    assert "is the input and would be replaced" in said.errors
    assert source.read_bytes() == before


class _Pipe(io.RawIOBase):
    """Gives a record at a time, and remembers how many answers were there when each was asked for."""

    def __init__(self, records: int, answers: io.BytesIO) -> None:
        self._pieces = iter([HEADER, *[GOOD] * records])
        self._answers = answers
        self.seen: list[int] = []

    def readable(self) -> bool:
        return True

    def read(self, _: int = -1) -> bytes:
        self.seen.append(self._answers.getvalue().count(b"\n"))
        return "".join(f"{piece}\n" for piece in islice(self._pieces, 20)).encode()


def test_answers_come_while_records_still_arrive(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 512)
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 4_096)
    monkeypatch.setattr(text_stream, "PIECE_BYTES", 4_096)
    answers = io.BytesIO()
    pipe = _Pipe(40_000, answers)
    with open_stream(cast(BinaryIO, pipe), ".csv", scorer.validator) as records:
        tally = score_stream(scorer, records, Sinks(answers, ".csv", lambda _: None), Options(threads=1))
    assert (tally.rows_in, answers.getvalue().count(b"\n")) == (40_000, 40_001)
    # Before the last record came, most of the answers had been written: nothing is kept until the end.
    assert pipe.seen[-1] > 15_000


def test_a_number_of_refused_rows_ends_the_stream_as_soon_as_it_is_passed(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 8)
    piped = io.BytesIO("\n".join([HEADER, *[BAD] * 100]).encode())
    lines: list[str] = []
    options = Options(threads=1, most_refused=Threshold(rows=3))
    with (
        open_stream(piped, ".csv", scorer.validator) as records,
        pytest.raises(TooManyRefused, match="8 of 8 rows are refused, and at most 3 rows may be"),
    ):
        score_stream(scorer, records, Sinks(io.BytesIO(), ".csv", refused_lines(lines.append)), options)
    assert [json.loads(line)["row"] for line in lines] == list(range(1, 9))


def test_a_stream_that_breaks_off_has_no_tally(scorer: Scorer) -> None:
    piped = io.BytesIO(f"{HEADER}\n{GOOD}\n{GOOD[:10]}\n".encode())
    with (
        pytest.raises(UnreadableInput, match="row 2 has 3 cells"),
        open_stream(piped, ".csv", scorer.validator) as records,
    ):
        score_stream(scorer, records, Sinks(io.BytesIO(), ".csv", lambda _: None), Options())
