from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.batch import engine
from service.batch.scored_block import ScoredBlock, score_block
from service.errors import AvalError, UnreadableInput, WrongUse
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import GOOD, HEADER, random_table, score, write_lines, write_records

NOBODY = 65534


def refusal(scorer: Scorer, source: Path, target: Path) -> str:
    with pytest.raises(WrongUse) as caught:
        score(scorer, source, target)
    return str(caught.value)


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def without_root() -> Iterator[None]:
    """Root may write anywhere, so play somebody else."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_records(tmp_path / "in.parquet", random_table(3000))


def test_an_output_of_an_unknown_kind_is_refused(scorer: Scorer, source: Path, tmp_path: Path) -> None:
    for name in ("out.xlsx", "out.csv.gz"):
        message = refusal(scorer, source, tmp_path / name)
        assert message == (
            f"{tmp_path / name}: the output's name must end in one of: .csv, .jsonl, .parquet; a folder's, in a slash"
        )


def test_a_folder_that_is_not_there_is_not_made(scorer: Scorer, source: Path, tmp_path: Path) -> None:
    message = refusal(scorer, source, tmp_path / "new" / "out.csv")
    assert message == f"{tmp_path}/new/out.csv: there is no folder {tmp_path}/new; make it first"
    assert refusal(scorer, source, source / "out.csv").endswith(f"there is no folder {source}; make it first")


def test_a_folder_is_no_output(scorer: Scorer, source: Path, tmp_path: Path) -> None:
    for name in ("out.csv.quarantine.csv", "out.csv.manifest.json"):
        (tmp_path / name).mkdir()
        assert refusal(scorer, source, tmp_path / "out.csv") == (
            f"{tmp_path / name} is a folder; name another output"
        )
        (tmp_path / name).rmdir()


def test_the_input_is_never_replaced(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)
    (tmp_path / "link.csv").hardlink_to(source)
    (tmp_path / "soft.csv").symlink_to(source)
    for name in ("in.csv", "link.csv", "soft.csv"):
        message = refusal(scorer, source, tmp_path / name)
        assert message == f"{tmp_path / name} is the input and would be replaced; name another output"
    quarantined = write_lines(tmp_path / "mended.csv.quarantine.csv", GOOD)
    assert "is the input and would be replaced" in refusal(scorer, quarantined, tmp_path / "mended.csv")
    assert source.read_text() == quarantined.read_text() == f"{HEADER}\n{GOOD}\n"


def test_a_folder_that_may_not_be_written_is_refused(scorer: Scorer) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_records(folder / "in.csv", random_table(3))
        folder.chmod(0o555)
        with without_root():
            message = refusal(scorer, source, folder / "out.csv")
        assert message == f"{folder}/.out.csv.partial.lock cannot be written: Permission denied"
        assert list(folder.iterdir()) == [source]


def test_a_name_that_is_too_long_for_the_manifest_is_refused_at_once(
    scorer: Scorer, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / f"{'x' * 245}.csv"
    assert refusal(scorer, source, target) == f"{target} cannot be written: File name too long"


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_full_disk_leaves_the_folder_as_it_was(
    scorer: Scorer, source: Path, tmp_path: Path, name: str
) -> None:
    score(scorer, source, tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with files_no_longer_than(20_000), pytest.raises(WrongUse) as caught:
        score(scorer, source, tmp_path / name, replace=True)
    message = str(caught.value)
    assert message == f"{tmp_path / name} cannot be written: File too large"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_fault_in_the_last_row_leaves_the_old_output_alone(
    scorer: Scorer, tmp_path: Path, name: str
) -> None:
    score(scorer, write_lines(tmp_path / "in.csv", GOOD, GOOD.replace("40", "12")), tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "in.csv"}
    with pytest.raises(UnreadableInput):
        score(scorer, write_lines(tmp_path / "in.csv", *[GOOD] * 1000, "1,2"), tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "in.csv"} == before


def test_a_quarantine_file_does_not_outlive_its_run(scorer: Scorer, tmp_path: Path) -> None:
    score(scorer, write_lines(tmp_path / "in.csv", GOOD.replace("40", "12")), tmp_path / "out.csv")
    assert (tmp_path / "out.csv.quarantine.csv").exists()
    score(scorer, write_lines(tmp_path / "in.csv", GOOD), tmp_path / "out.csv")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"in.csv", "out.csv", "out.csv.manifest.json"}


def test_rows_that_do_not_add_up_are_never_published(
    scorer: Scorer, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score_block

    def losing(*args: Any) -> ScoredBlock:
        block = whole(*args)
        return replace(block, answers=block.answers.slice(1), tally=replace(block.tally, rows_scored=2999))

    monkeypatch.setattr(engine, "score_block", losing)
    with pytest.raises(AvalError) as caught:
        score(scorer, source, tmp_path / "out.csv")
    assert "the rows do not add up: 3,000 read, 2,999 scored, 0 quarantined" in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", ["theirs.csv", "out.csv.quarantine.csv"])
def test_a_file_that_no_run_has_written_is_replaced_on_request_alone(
    scorer: Scorer, source: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("precious")
    target = tmp_path / name.removesuffix(".quarantine.csv")
    assert refusal(scorer, source, target).startswith(f"{tmp_path / name} is there and is no output of aval")
    assert (tmp_path / name).read_text() == "precious"
    score(scorer, source, target, replace=True)
    assert score(scorer, source, target).tally.rows_in == 3000


def test_replacing_one_of_a_folders_inputs_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv"):
        write_lines(tmp_path / "in" / name, GOOD)
    score(scorer, tmp_path / "in", f"{tmp_path}/out/")
    with pytest.raises(WrongUse, match="also holds what became of 1 other inputs"):
        score(scorer, tmp_path / "in" / "b.csv", f"{tmp_path}/out/", replace=True)
    assert (tmp_path / "out" / "a.csv-00000.parquet").exists()
