"""Files damaged at random: all their records, or one error that names the file."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.batch.records import Records
from service.errors import AvalError, UnreadableInput, WrongUse
from service.scoring.validation import Validator
from tests.service.batch.batch_files import ENDINGS, blocks_of, write_as
from tests.service.batch.batch_scorers import CONTRACT, random_table

INSERTED = [
    b"\0",
    b'"',
    b"'",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\xe4",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[1]",
    b"1e999",
    b"\x1f\x8b",
]
RECODED = ["utf-16", "utf-16-le", "cp1252", "utf-8-sig", "cp500"]
WHOLE: dict[str, bytes] = {}


def whole(ending: str) -> bytes:
    """A file with texts of several bytes a character."""
    if ending not in WHOLE:
        table = random_table(60)
        table = table.set_column(0, "case", pa.array([f"ñ{i}€" for i in range(60)]))
        with tempfile.TemporaryDirectory() as folder:
            WHOLE[ending] = write_as(Path(folder) / f"in{ending}", table).read_bytes()
    return WHOLE[ending]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file's ending and its bytes after one to three accidents, before or after it was compressed."""
    ending = draw(st.sampled_from(ENDINGS))
    content, inside = whole(ending), ending.endswith(".gz") and draw(st.booleans())
    content = gzip.decompress(content) if inside else content
    for _ in range(draw(st.integers(1, 3))):
        content = draw(accidents(content))
    return ending, gzip.compress(content) if inside else content


@st.composite
def accidents(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes after one accident."""
    at = draw(st.integers(0, len(content)))
    other = draw(st.integers(at, len(content)))
    noise = draw(st.binary(min_size=1, max_size=8))
    inserted = draw(st.sampled_from(INSERTED)) * draw(st.integers(1, 3))
    ends = draw(st.sampled_from([b"\r\n", b"\r", b"\n\n"]))
    accidents = {
        "cut": lambda: content[:at],
        "left out": lambda: content[:at] + content[other:],
        "twice": lambda: content[:other] + content[at:],
        "flipped": lambda: content[:at] + _flipped(content[at:], noise),
        "inserted": lambda: content[:at] + inserted + content[at:],
        "line ends": lambda: content[:at].replace(b"\n", ends) + content[at:],
        "recoded": lambda: content.decode("utf-8", "replace").encode(
            draw(st.sampled_from(RECODED)), "replace"
        ),
    }
    return accidents[draw(st.sampled_from(sorted(accidents)))]()


def _flipped(content: bytes, noise: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(content, noise, strict=False)) + content[len(noise) :]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=damaged())
def test_a_damaged_file_is_read_whole_or_refused_by_name(file: tuple[str, bytes]) -> None:
    ending, content = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in{ending}"
        path.write_bytes(content)
        found = _read(path)
        if isinstance(found, AvalError):
            assert str(found).startswith(str(path))
            assert len(str(found)) < 5000
            return
        records, blocks = found
        for block in blocks:
            block.validate(full=True)
            _judge(Validator(CONTRACT), block, text=records.text)
            records.as_found(block).to_pylist()
            records.as_declared(block).validate(full=True)


def _read(path: Path) -> tuple[Records, list[pa.Table]] | AvalError:
    try:
        return blocks_of(path)
    except (UnreadableInput, WrongUse) as error:
        return error


def _judge(validator: Validator, block: pa.Table, *, text: bool) -> None:
    try:
        validator.check_table(block, text=text).findings()
    except (pa.ArrowException, OverflowError):
        # A damaged number may be no time that Python has; the engine tells the rows.
        return


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ending=st.sampled_from([ending for ending in ENDINGS if "gz" not in ending]),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_a_file_cut_short_gives_no_record_that_it_does_not_hold(ending: str, cut: float) -> None:
    content = whole(ending)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in{ending}"
        path.write_bytes(content)
        _, (expected,) = blocks_of(path)
        path.write_bytes(content[: int(cut * len(content))])
        try:
            _, blocks = blocks_of(path)
        except UnreadableInput:
            return
    found = sum(block.num_rows for block in blocks)
    # Text may be cut at the end of a line, or within the last cell: then nobody can tell.
    assert ending in (".csv", ".tsv", ".jsonl", ".ndjson")
    if found > 1:
        assert blocks[0].slice(0, found - 1).to_pylist() == expected.slice(0, found - 1).to_pylist()
