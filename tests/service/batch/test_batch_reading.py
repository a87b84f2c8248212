from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.batch import csv_file, score_file
from service.errors import UnreadableInput
from service.scoring.scorer import ScoredTable, Scorer
from service.scoring.validation import Validator
from tests.service.batch.batch_scorers import CONTRACT, GOOD, HEADER, random_table, write_lines, write_records

FILE = f"{HEADER}\n{GOOD}\n{GOOD}\n"


def refusal(scorer: Scorer, source: Path) -> str:
    """Score what cannot be read, and return the error's text without the folder; nothing may be left behind."""
    before = sorted(source.parent.iterdir())
    with pytest.raises(UnreadableInput) as caught:
        score_file(scorer, source, source.parent / "out.csv")
    assert sorted(source.parent.iterdir()) == before
    return str(caught.value).replace(f"{source.parent}/", "")


def parquet_bytes() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(random_table(1000), buffer, write_page_checksum=True)
    return buffer.getvalue()


SAVE = "save the file as UTF-8"
CSV_CASES = {
    "zero bytes": ("", "in.csv: the file is empty; it needs a header, then one record per line"),
    "blank lines": (
        "\n\r\n\n",
        "in.csv: the file is empty; it needs a header, then one record per line",
    ),
    "a lone mark": (
        "\ufeff\n",
        "in.csv: the file is empty; it needs a header, then one record per line",
    ),
    "short row": (FILE + "1,2\n" + FILE, "in.csv: row 3 has 2 cells, and the header has 11"),
    "long row": (f"{HEADER}\n\n{GOOD},1\n", "in.csv: row 1 has 12 cells, and the header has 11"),
    "row after line breaks": (
        FILE + f'"a\n\nb"{GOOD[2:]}\n\n1\n',
        "in.csv: row 4 has 1 cells, and the header has 11",
    ),
    "open quote in the last cell": (
        FILE + GOOD.replace("true", '"true') + f"\n{GOOD}\n{GOOD}\n",
        "in.csv: row 3: a quote is opened and never closed",
    ),
    "open quote in the last cell of the last row": (
        FILE + GOOD.replace("true", '"true'),
        "in.csv: row 3: a quote is opened and never closed",
    ),
    "open quote in the header": (f'"{FILE}', "in.csv: the header: a quote is opened and never closed"),
    "open quote in an early cell": (
        FILE + f'"{GOOD}\n{GOOD}\n',
        "in.csv: row 3: a quote is opened and never closed",
    ),
    "NUL": (
        FILE.replace("car", "c\0r"),
        f"in.csv: byte {FILE.index('car') + 2} is NUL, which no text has; {SAVE} text",
    ),
    "semicolons": (
        FILE.replace(",", ";"),
        "… is not a field of small_loans",
    ),
    "column missing and one unknown": (
        FILE.replace("income", "Income").replace("age", "years"),
        "in.csv: age is missing; it must be an integer from 18 to 120 years; income is missing; it must be a "
        "number of at least 0; years is not a field of small_loans; Income is not a field of small_loans",
    ),
    "column twice": (FILE.replace("sex", "case"), "in.csv: 'case' stands twice"),
    "no header": (f"{GOOD}\n{GOOD}\n", "is not a field of small_loans"),
}


@pytest.mark.parametrize("case", CSV_CASES)
def test_text_that_is_no_csv_of_the_contract_is_refused_whole(
    scorer: Scorer, tmp_path: Path, case: str
) -> None:
    text, message = CSV_CASES[case]
    (tmp_path / "in.csv").write_bytes(text.encode())
    assert refusal(scorer, tmp_path / "in.csv").endswith(message)


@pytest.mark.parametrize("case", CSV_CASES)
def test_compressed_text_is_refused_in_the_same_words(scorer: Scorer, tmp_path: Path, case: str) -> None:
    text, message = CSV_CASES[case]
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert refusal(scorer, tmp_path / "in.csv.gz").endswith(message.removeprefix("in.csv"))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_text_in_another_encoding_is_refused_with_its_row_and_column(
    scorer: Scorer, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "in.csv").write_bytes((FILE + GOOD.replace("car", "Möbel")).encode(encoding))
    assert refusal(scorer, tmp_path / "in.csv") == f"in.csv: row 3, column 8: the text is not UTF-8; {SAVE}"


def test_a_header_in_another_encoding_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(FILE.replace("sex", "Größe").encode("latin-1"))
    assert refusal(scorer, tmp_path / "in.csv") == f"in.csv: the header: the text is not UTF-8; {SAVE}"


def test_utf_16_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(FILE, "utf-16")
    assert refusal(scorer, tmp_path / "in.csv").endswith(f"is NUL, which no text has; {SAVE} text")


def test_faults_in_late_blocks_are_refused_with_the_row_counted_from_the_first(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 200)
    long = [GOOD.replace("c1", f'"c\n{i}"') for i in range(50)]
    source = write_lines(tmp_path / "in.csv", *long, "1,2", *long)
    assert refusal(scorer, source) == "in.csv: row 51 has 2 cells, and the header has 11"
    source.write_bytes("\n".join([HEADER, *long, GOOD.replace("car", "Möbel")]).encode("latin-1"))
    assert refusal(scorer, source) == f"in.csv: row 51, column 8: the text is not UTF-8; {SAVE}"
    content = "\n".join([HEADER, *long, "\0"]).encode()
    source.write_bytes(content)
    assert refusal(scorer, source) == f"in.csv: byte {len(content):,} is NUL, which no text has; {SAVE} text"


def test_a_record_longer_than_a_block_is_refused(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 400)
    source = write_lines(tmp_path / "in.csv", GOOD, f'"{GOOD}', *[GOOD] * 100)
    assert "a record is longer than" in refusal(scorer, source)
    assert "is a quote opened and never closed?" in refusal(scorer, source)


def test_a_row_as_long_as_our_own_ending_is_no_ending(scorer: Scorer, tmp_path: Path) -> None:
    cells = len(CONTRACT.columns) + len(CONTRACT.ignored) + 3
    source = write_lines(tmp_path / "in.csv", GOOD, "," * (cells - 1), GOOD)
    assert refusal(scorer, source) == f"in.csv: row 2 has {cells} cells, and the header has 11"


@pytest.mark.parametrize("content", [b"", gzip.compress(b""), gzip.compress(b"\n\n")])
def test_a_compressed_nothing_is_refused(scorer: Scorer, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.csv.gz").write_bytes(content)
    assert refusal(scorer, tmp_path / "in.csv.gz").startswith("in.csv.gz: the file is empty")


def test_damaged_gzip_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    whole = gzip.compress((FILE * 50).replace(f"\n{HEADER}", "").encode())
    source = tmp_path / "in.csv.gz"
    for cut in (5, 30, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        source.write_bytes(whole[:cut])
        assert refusal(scorer, source) == (
            "in.csv.gz: the compressed data end too early; was the file copied or downloaded whole?"
        )
    for content in (whole[:-6] + b"\0" + whole[-5:], whole + b"more", FILE.encode()):
        source.write_bytes(content)
        assert refusal(scorer, source) == (
            "in.csv.gz: the compressed data are damaged, or the file is no gzip file"
        )


def test_damaged_parquet_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    whole = parquet_bytes()
    middle, footer = len(whole) // 3, int.from_bytes(whole[-8:-4], "little")
    contents = [
        b"",
        b"PAR1",
        FILE.encode(),
        whole[:-4],
        whole[:-1000],
        whole[1000:],
        whole[: -8 - footer] + b"\0" * footer + whole[-8:],
    ]
    contents.append(
        whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 8]) + whole[middle + 8 :]
    )
    for content in contents:
        (tmp_path / "in.parquet").write_bytes(content)
        assert refusal(scorer, tmp_path / "in.parquet").startswith("in.parquet: cannot be read as Parquet: ")


def test_a_parquet_file_with_other_columns_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    table = random_table(3).rename_columns({"sex": "case", "age": "Age"})
    pq.write_table(table, tmp_path / "in.parquet")
    assert refusal(scorer, tmp_path / "in.parquet") == (
        "in.parquet: age is missing; it must be an integer from 18 to 120 years; Age is not a field of small_loans; "
        "'case' stands twice"
    )


def test_text_in_parquet_that_is_not_utf_8_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    broken = pa.array([b"car", b"\xff"]).view(pa.string())
    table = random_table(2).set_column(7, "purpose", broken)
    write_records(tmp_path / "in.parquet", random_table(1))
    pq.write_table(table, tmp_path / "in.parquet")
    assert "Invalid UTF8" in refusal(scorer, tmp_path / "in.parquet")


def test_what_the_columns_cannot_be_read_as_is_refused_with_its_rows(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Scorer.score_table

    def fail(scorer: Scorer, table: pa.Table, *, text: bool) -> ScoredTable:
        if table.num_rows:
            raise OverflowError("date value out of range")
        return whole(scorer, table, text=text)

    monkeypatch.setattr(Scorer, "score_table", fail)
    source = write_records(tmp_path / "in.parquet", random_table(7))
    assert refusal(scorer, source) == "in.parquet: rows 1 to 7 cannot be read: date value out of range"


def test_a_type_that_no_column_can_be_read_from_is_refused(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pa.ArrowNotImplementedError("no kernel for it")

    monkeypatch.setattr(Validator, "check_table", fail)
    source = write_records(tmp_path / "in.parquet", random_table(1))
    assert refusal(scorer, source) == (
        "in.parquet has a column of a type that cannot be read: no kernel for it"
    )


@pytest.mark.parametrize("name", ["in.xlsx", "in", "in.csv.zip", "in.gz"])
def test_an_unknown_kind_of_file_is_refused(scorer: Scorer, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILE)
    assert refusal(scorer, tmp_path / name) == f"{name}: its name must end in one of: .csv, .csv.gz, .parquet"


def test_an_ending_in_capitals_is_known(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "IN.CSV").write_text(FILE)
    assert score_file(scorer, tmp_path / "IN.CSV", tmp_path / "OUT.CSV").rows_scored == 2


def test_a_file_that_is_not_there_and_a_folder_are_refused(scorer: Scorer, tmp_path: Path) -> None:
    assert refusal(scorer, tmp_path / "in.csv") == "in.csv does not exist"
    (tmp_path / "in.parquet").mkdir()
    assert refusal(scorer, tmp_path / "in.parquet") == "in.parquet is a folder; name one file"


def test_a_file_that_changes_while_it_is_read_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)

    def append(_: int) -> None:
        with source.open("a", encoding="utf-8") as file:
            file.write(GOOD)

    with pytest.raises(UnreadableInput) as caught:
        score_file(scorer, source, tmp_path / "out.csv", progress=append)
    assert str(caught.value) == f"{source} was changed while it was read; score it again"
    assert sorted(tmp_path.iterdir()) == [source]
