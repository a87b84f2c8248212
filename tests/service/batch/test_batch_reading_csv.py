"""CSV of any delimiter, quote, encoding and decimal mark: read as it is meant, or refused with where it fails."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from service.batch import csv_file
from service.batch import records as limits
from service.batch.dialect import DETECTED, Dialect
from service.errors import WrongUse
from service.scoring.contract import Column, ColumnType, Role
from tests.service.batch.batch_files import blocks_of, checked, column_of, refusal, with_column
from tests.service.batch.batch_scorers import CONTRACT, GOOD, HEADER, write_lines

FILE = f"{HEADER}\n{GOOD}\n{GOOD}\n"
SAVE = "save the file as UTF-8, or name its encoding with --encoding"
CASES = {
    "zero bytes": ("", "in.csv: the file is empty"),
    "blank lines": ("\n\r\n\n", "in.csv: the file is empty"),
    "a lone mark": ("\ufeff\n", "in.csv: the file is empty"),
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
    "open quote in the header": (
        f'"{FILE}',
        "in.csv: no header ends within 2 MiB; is a quote opened and never closed?",
    ),
    "open quote in an early cell": (
        FILE + f'"{GOOD}\n{GOOD}\n',
        "in.csv: row 3: a quote is opened and never closed",
    ),
    "NUL": (
        FILE.replace("car", "c\0r"),
        f"in.csv: line 2: there is a NUL, which no text has; {SAVE}",
    ),
    "colons": (FILE.replace(",", ":"), "… is not a field of small_loans"),
    "column missing and one unknown": (
        FILE.replace("income", "Income").replace("age", "years"),
        "in.csv: age is missing; it must be an integer from 18 to 120 years; income is missing; it must be a "
        "number of at least 0; years is not a field of small_loans; Income is not a field of small_loans",
    ),
    "column twice": (FILE.replace("sex", "case"), "in.csv: 'case' stands twice"),
    "no header": (f"{GOOD}\n{GOOD}\n", "is not a field of small_loans"),
    "header twice": (FILE + HEADER[:-10] + "\n", "in.csv: row 3 has 10 cells, and the header has 11"),
}


@pytest.mark.parametrize("case", CASES)
def test_text_that_is_no_csv_of_the_contract_is_refused_whole(tmp_path: Path, case: str) -> None:
    text, message = CASES[case]
    (tmp_path / "in.csv").write_bytes(text.encode())
    assert refusal(tmp_path / "in.csv").endswith(message)


@pytest.mark.parametrize("case", CASES)
def test_compressed_text_is_refused_in_the_same_words(tmp_path: Path, case: str) -> None:
    text, message = CASES[case]
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert refusal(tmp_path / "in.csv.gz").endswith(message.removeprefix("in.csv"))


@pytest.mark.parametrize(("delimiter", "shown"), [(",", ""), (";", "';'"), ("\t", "tab"), ("|", "'|'")])
def test_a_delimiter_is_found_by_the_contracts_names_and_reported(
    tmp_path: Path, delimiter: str, shown: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(FILE.replace(",", delimiter))
    records, (block,) = blocks_of(path)
    assert block.num_rows == 2
    assert records.dialect_found == (f"delimiter {shown}" if shown else "")


def test_the_usual_delimiter_goes_with_the_ending(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text(FILE.replace(",", "\t"))
    assert blocks_of(tmp_path / "in.tsv")[0].dialect_found == ""
    (tmp_path / "in.tsv").write_text(FILE)
    assert blocks_of(tmp_path / "in.tsv")[0].dialect_found == "delimiter ','"


def test_other_delimiters_in_names_and_cells_do_not_mislead(tmp_path: Path) -> None:
    contract = with_column(Column(name="a;b|c", type=ColumnType.ID, role=Role.ID))
    path = write_lines(tmp_path / "in.csv", f"{GOOD},;;;;;;;;;;|||||||||||", header=f"{HEADER},a;b|c")
    assert blocks_of(path, contract)[0].dialect_found == ""


def test_a_delimiter_and_a_quote_that_are_asked_for_are_taken(tmp_path: Path) -> None:
    lines = GOOD.replace(",", ":").replace("2026-11-20 08:30", "'2026-11-20 08:30'")
    path = write_lines(tmp_path / "in.csv", lines, header=HEADER.replace(",", ":"))
    asked = Dialect(delimiter=":", quote="'")
    assert column_of(path, "asked at", asked) == ["2026-11-20 08:30"]
    assert blocks_of(path, dialect=asked)[0].dialect_found == ""


def test_without_a_quote_a_quote_is_a_character_like_others(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.csv", GOOD.replace("c1", '"c1'), GOOD)
    assert column_of(path, "case", Dialect(quote="")) == ['"c1', "c1"]
    assert "a quote is opened" in refusal(path)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_line_ends_are_read_also_mixed_ones(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes((FILE.replace("\n", newline) + f"{GOOD}\r\n{GOOD}\n\r\n{GOOD}").encode())
    assert len(column_of(path, "case")) == 5


WRONG = {
    "delimiter ';;' is not one ASCII character": {"delimiter": ";;"},
    "delimiter '§' is not one ASCII character": {"delimiter": "§"},
    "delimiter '\\n' is not one ASCII character": {"delimiter": "\n"},
    "quote 'ab' is not one ASCII character": {"quote": "ab"},
    "delimiter and quote are both '\"'; they must differ": {"delimiter": '"'},
    "decimal ';' is neither '.' nor ','": {"decimal": ";"},
    "encoding 'latin-77' is not known; it is one such as utf-8, utf-16, windows-1252, iso-8859-1": {
        "encoding": "latin-77"
    },
    "encoding 'hex' is not known; it is one such as utf-8, utf-16, windows-1252, iso-8859-1": {
        "encoding": "hex"
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_what_no_file_is_written_with_is_wrong_use(message: str) -> None:
    with pytest.raises(WrongUse) as caught:
        Dialect(**WRONG[message])
    assert str(caught.value) == message


# --- the decimal mark


def _of_incomes(path: Path, *incomes: str, delimiter: str = ";") -> Path:
    lines = [GOOD.replace(",", delimiter).replace("20.5", income) for income in incomes]
    return write_lines(path, *lines, header=HEADER.replace(",", delimiter))


def _incomes(path: Path, dialect: Dialect = DETECTED) -> list[float | None]:
    (found,) = checked(path, dialect=dialect)
    return [
        value if valid else None
        for value, valid in zip(found.values["income"].tolist(), found.valid.tolist(), strict=True)
    ]


def test_a_decimal_comma_is_found_where_it_cannot_be_anything_else(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", "20,5", " +1,25e3 ", ",5", "7", "0,125")
    assert blocks_of(path)[0].dialect_found == "delimiter ';', decimal ','"
    assert _incomes(path) == [20.5, 1250.0, 0.5, 7.0, 0.125]


def test_a_decimal_comma_may_stand_in_quotes_between_commas(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", '"20,5"', '"1,25"', delimiter=",")
    assert blocks_of(path)[0].dialect_found == "decimal ','"
    assert _incomes(path) == [20.5, 1.25]


def test_with_a_decimal_comma_points_are_no_part_of_a_number(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", *["20,5"] * 40, "1.234", "1.234,5", "1,234,5")
    assert _incomes(path) == [20.5] * 40 + [None] * 3
    (found,) = checked(path)
    assert [item[0].message.split(" is ")[0] for item in found.findings().values()] == [
        "income='1.234 (with a decimal point)'",
        "income='1.234,5'",
        "income='1,234,5'",
    ]


def test_what_stands_in_the_file_is_kept_apart_from_what_is_read(tmp_path: Path) -> None:
    cells = ["20,5"] * 40 + ["1.234", "1.234,5", " ,5", "7", "x.y", "x,y", "?", "1e5", "1,"]
    assert column_of(_of_incomes(tmp_path / "in.csv", *cells), "income") == cells


def test_only_numbers_of_the_contract_have_a_decimal_mark(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", "20,5")
    path.write_text(path.read_text().replace("c1", "1,5").replace("car", "a, b"))
    records, (block,) = blocks_of(path)
    assert block.column("case").to_pylist() == ["1,5"]
    assert block.column("purpose").to_pylist() == ["a, b"]
    assert records.as_declared(block.select(["case"])).to_pylist() == [{"case": "1,5"}]


def test_a_stray_comma_is_no_decimal_mark(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", *["20.5"] * 40, "1,5", "1,234")
    assert _incomes(path) == [20.5] * 40 + [None, None]
    assert blocks_of(path)[0].dialect_found == "delimiter ';'"


UNCLEAR = {
    "thousands or decimals": ["12,500", "1,250", "999"],
    "both in equal parts": ["20,5", "20.5"],
    "points between thousands": ["1.234,50", "1.234"],
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_decimal_mark_that_is_not_clear_has_to_be_named(tmp_path: Path, case: str) -> None:
    path = _of_incomes(tmp_path / "in.csv", *UNCLEAR[case])
    numbers = ", ".join(UNCLEAR[case][:1] if case == "thousands or decimals" else UNCLEAR[case])
    assert refusal(path) == (
        f"in.csv: the decimal mark is not clear: there are numbers like {numbers}; say --decimal , or --decimal . "
        "(thousands separators are refused)"
    )
    for decimal in ".,":
        assert len(_incomes(path, Dialect(decimal=decimal))) == len(UNCLEAR[case])


def test_a_decimal_mark_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    path = _of_incomes(tmp_path / "in.csv", "12,500", "20.5")
    assert _incomes(path, Dialect(decimal=",")) == [12.5, None]
    assert _incomes(path, Dialect(decimal=".")) == [None, 20.5]


# --- the encoding


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mark_at_the_beginning_tells_the_encoding(
    tmp_path: Path, encoding: str, *, compressed: bool
) -> None:
    content = FILE.replace("c1", "ñ€😀").encode(encoding)
    path = tmp_path / ("in.csv.gz" if compressed else "in.csv")
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert column_of(path, "case") == ["ñ€😀"] * 2
    expected = "" if encoding == "utf-8-sig" else f"encoding {encoding}"
    assert blocks_of(path)[0].dialect_found == expected


def test_utf_16_of_any_order_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        path.write_bytes(mark + FILE.replace("c1", "ñ").encode(encoding))
        assert column_of(path, "case") == ["ñ"] * 2


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_utf_16_cut_within_a_character_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(f"{FILE}😀".encode("utf-16")[:-cut])
    if cut == 2:
        assert refusal(path).endswith(f"the text is not utf-16; {SAVE}")
    else:
        assert "the text is not utf-16" in refusal(path)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_bytes((FILE + GOOD.replace("car", "Möbel")).encode(encoding))
    assert refusal(tmp_path / "in.csv") == f"in.csv: line 4: the text is not utf-8; {SAVE}"


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(FILE.replace("sex", "Größe").encode("latin-1"))
    assert refusal(tmp_path / "in.csv") == f"in.csv: line 1: the text is not utf-8; {SAVE}"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp437", "utf-16-le"])
def test_an_encoding_that_is_asked_for_is_taken(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_bytes(FILE.replace("c1", "Müller").encode(encoding))
    assert column_of(tmp_path / "in.csv", "case", Dialect(encoding=encoding)) == ["Müller"] * 2
    assert blocks_of(tmp_path / "in.csv", dialect=Dialect(encoding=encoding))[0].dialect_found == ""


PROFESSION = Column(name="Beruf", type=ColumnType.CATEGORY, levels=("Gärtner", "Koch"), required=False)


def test_windows_1252_is_found_by_a_level_of_the_contract(tmp_path: Path) -> None:
    contract = with_column(PROFESSION)
    lines = [f"{GOOD},Gärtner", GOOD.replace("c1", "€uro") + ",Koch"]
    path = tmp_path / "in.csv"
    path.write_bytes("\n".join([f"{HEADER},Beruf", *lines]).encode("cp1252"))
    records, (block,) = blocks_of(path, contract)
    assert records.dialect_found == "encoding windows-1252"
    assert block.column("Beruf").to_pylist() == ["Gärtner", "Koch"]
    assert block.column("case").to_pylist() == ["c1", "€uro"]


@pytest.mark.parametrize("odd", ["ü".encode(), b"\x81"])
def test_windows_1252_is_not_found_where_something_speaks_against_it(tmp_path: Path, odd: bytes) -> None:
    contract = with_column(PROFESSION)
    content = f"{HEADER},Beruf\n{GOOD},Gärtner\n".encode("cp1252")
    (tmp_path / "in.csv").write_bytes(content + GOOD.encode().replace(b"c1", odd) + b",Koch\n")
    assert refusal(tmp_path / "in.csv", contract=contract) == (
        f"in.csv: line 2: the text is not utf-8; {SAVE}"
    )


def test_utf_16_without_a_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(FILE, "utf-16-le")
    assert refusal(tmp_path / "in.csv") == f"in.csv: line 1: there is a NUL, which no text has; {SAVE}"


# --- long files, lines and headers


def test_faults_in_late_blocks_are_refused_with_the_row_counted_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 200)
    long = [GOOD.replace("c1", f'"c\n{i}"') for i in range(50)]
    source = write_lines(tmp_path / "in.csv", *long, "1,2", *long)
    assert refusal(source) == "in.csv: row 51 has 2 cells, and the header has 11"
    source.write_bytes("\n".join([HEADER, *long, GOOD.replace("car", "Möbel")]).encode("latin-1"))
    assert refusal(source) == f"in.csv: line 102: the text is not utf-8; {SAVE}"
    source.write_bytes("\n".join([HEADER, *long, "\0"]).encode())
    assert refusal(source) == f"in.csv: line 102: there is a NUL, which no text has; {SAVE}"


def test_a_record_longer_than_what_is_read_at_once_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 400)
    source = write_lines(tmp_path / "in.csv", GOOD, f'"{GOOD}', *[GOOD] * 100)
    assert "a record is longer than" in refusal(source)
    assert "is a quote opened and never closed?" in refusal(source)


def test_a_line_without_end_is_refused_after_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(f"{HEADER}\n".encode() + b"x" * 20_000_000)
    assert refusal(path) == "in.csv: a record is longer than 2 MiB; is a quote opened and never closed?"
    path.write_bytes(b"x" * 20_000_000)
    assert refusal(path) == ("in.csv: no header ends within 2 MiB; is a quote opened and never closed?")


def test_ten_thousand_columns_are_refused_shortly(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(10_000)]
    path = write_lines(tmp_path / "in.csv", ",".join("1" * 10_000), header=",".join(names))
    assert refusal(path) == (
        "in.csv has 10,000 columns (c0, c1, c2, …), and small_loans knows 14; is it the right file, and is its first "
        "line the header?"
    )


def test_a_row_as_long_as_our_own_ending_is_no_ending(tmp_path: Path) -> None:
    cells = len(CONTRACT.columns) + len(CONTRACT.ignored) + 3
    source = write_lines(tmp_path / "in.csv", GOOD, "," * (cells - 1), GOOD)
    assert refusal(source) == f"in.csv: row 2 has {cells} cells, and the header has 11"


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b""), gzip.compress(b"\n\n")],
    ids=["no byte", "a packed nothing", "packed line ends"],
)
def test_a_compressed_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.csv.gz").write_bytes(content)
    assert refusal(tmp_path / "in.csv.gz") == "in.csv.gz: the file is empty"


def test_a_long_nothing_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"\n" * 1_500_000)
    assert refusal(tmp_path / "in.csv") == "in.csv: the file is empty"


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((FILE * 50).replace(f"\n{HEADER}", "").encode())
    source = tmp_path / "in.csv.gz"
    for cut in (5, 30, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        source.write_bytes(whole[:cut])
        assert refusal(source) == (
            "in.csv.gz: the compressed data end too early; was the file copied or downloaded whole?"
        )
    for content in (whole[:-6] + b"\0" + whole[-5:], whole + b"more", FILE.encode()):
        source.write_bytes(content)
        assert refusal(source) == "in.csv.gz: the compressed data are damaged, or the file is no gzip file"


def test_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    content = b"".join(gzip.compress(part.encode()) for part in (HEADER, "\n", f"{GOOD}\n", f"{GOOD}\n"))
    (tmp_path / "in.csv.gz").write_bytes(content)
    assert column_of(tmp_path / "in.csv.gz", "case") == ["c1", "c1"]


def test_blocks_do_not_follow_the_pieces_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 300)
    monkeypatch.setattr(limits, "ROWS_PER_BLOCK", 16)
    path = write_lines(tmp_path / "in.csv", *[GOOD.replace("c1", f"c{i}") for i in range(100)])
    _, blocks = blocks_of(path)
    assert [block.num_rows for block in blocks] == [16] * 6 + [4]
    assert [cell for block in blocks for cell in block.column("case").to_pylist()] == [
        f"c{i}" for i in range(100)
    ]
