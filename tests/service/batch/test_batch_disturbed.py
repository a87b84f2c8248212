"""What others do while a run is at work: fill the disk, change its inputs, remove its folder, run at the same time."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from service.batch import Options, Step, Threshold, TooManyRefused, engine, score_files
from service.batch import records as batch_records
from service.errors import AvalError, UnreadableInput, WrongUse
from service.places import Busy
from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import Commands, Typed, tree
from tests.service.batch.batch_scorers import GOOD, random_table, read_rows, score, write_lines, write_records
from tests.service.batch.test_batch_outputs import files_no_longer_than

REFUSED = GOOD.replace("40", "12")
TARGETS = ["out.csv", "out.parquet", "folder/"]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 40)
    monkeypatch.setattr(engine, "BLOCKS_PER_PART", 2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    write_lines(folder / "a.csv", *[GOOD] * 150, REFUSED)
    write_records(folder / "b.parquet", random_table(400, seed=1))
    return folder


def when(rows: int, act: Callable[[], object]) -> Callable[[Step], None]:
    """Act once when so many rows are done."""
    left = [act]

    def progress(step: Step) -> None:
        if step.tally.rows_in >= rows and left:
            left.pop()()

    return progress


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("target", TARGETS)
def test_a_disk_that_is_full_at_any_moment_costs_nothing_but_the_run(
    scorer: Scorer, source: Path, tmp_path: Path, target: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    score(scorer, write_lines(tmp_path / "old.csv", GOOD), f"{out}/{target}")
    before = tree(out)
    chance = random.Random(4)  # noqa: S311  # sizes, no secrets
    failed = 0
    for size in sorted(int(10 ** chance.uniform(1.5, 4.9)) for _ in range(12)):
        with files_no_longer_than(size):
            try:
                score(scorer, source, f"{out}/{target}", replace=True)
            except WrongUse as error:
                failed += "cannot be written: File too large" in str(error)
                left = {name: content for name, content in tree(out).items() if not _hidden(name)}
                assert left == before, f"files of {size} bytes"
            else:
                break
    assert failed >= 3
    manifest = score(scorer, source, f"{out}/{target}", replace=True)
    assert (manifest.tally.rows_in, manifest.tally.rows_quarantined) == (551, 1)
    assert not [name for name in tree(out) if _hidden(name)]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rows", [40, 160, 500])
def test_a_folder_that_is_removed_while_it_is_written_to_is_one_error(
    scorer: Scorer, source: Path, tmp_path: Path, target: str, rows: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(AvalError) as caught:
        score(scorer, source, f"{out}/{target}", progress=when(rows, lambda: shutil.rmtree(out)))
    assert str(out) in str(caught.value)
    assert not out.exists() or not [name for name in tree(out) if not _hidden(name)]
    out.mkdir(exist_ok=True)
    assert score(scorer, source, f"{out}/{target}").tally.rows_in == 551


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("rows", [40, 200, 520])
@pytest.mark.parametrize("name", ["a.csv", "b.parquet"])
@pytest.mark.parametrize("change", ["same size", "longer", "removed", "replaced"])
def test_an_input_that_is_changed_while_it_may_be_read_ends_the_run(
    scorer: Scorer, source: Path, tmp_path: Path, name: str, rows: int, change: str
) -> None:
    path = source / name

    def act() -> None:
        content = path.read_bytes()
        if change == "removed":
            path.unlink()
        elif change == "replaced":
            (tmp_path / "new").write_bytes(content)
            (tmp_path / "new").replace(path)
        else:
            path.write_bytes(content[:-1] + b"\n" if change == "same size" else content + b"\n")

    with pytest.raises(UnreadableInput) as caught:
        score(scorer, source, tmp_path / "out.csv", progress=when(rows, act))
    assert name in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "new"}


def test_of_two_runs_at_once_one_is_told_to_wait(scorer: Scorer, source: Path, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def pause(_: Step) -> None:
        begun.set()
        go_on.wait(30)

    first = threading.Thread(target=score, args=(scorer, source, tmp_path / "out.csv", pause))
    first.start()
    begun.wait(30)
    with pytest.raises(Busy) as caught:
        score(scorer, source, tmp_path / "out.csv")
    go_on.set()
    first.join()
    assert "another run is writing here" in str(caught.value)
    assert len(read_rows(tmp_path / "out.csv")) == 550


def test_many_processes_at_once_end_with_one_output(commands: Commands, source: Path, tmp_path: Path) -> None:
    runs = [commands.start(source, tmp_path / "out.csv") for _ in range(3)]
    said = [(run.communicate(timeout=300), run.returncode) for run in runs]
    codes = Counter(code for _, code in said)
    assert codes[0] >= 1
    assert set(codes) <= {0, 5}
    for (_, errors), code in said:
        assert b"Traceback" not in errors
        assert code == 0 or b"another run is writing here" in errors
    assert len(read_rows(tmp_path / "out.csv")) == 550
    assert {path.name for path in tmp_path.iterdir()} == {
        "in",
        "out.csv",
        "out.csv.manifest.json",
        "out.csv.quarantine.csv",
    }


@pytest.mark.parametrize("text", ["0", "1", "7", "0%", "1%", "3.5%", "7%", "29%", "58%", "64.1%", "100%"])
def test_as_many_rows_as_the_threshold_may_be_quarantined_and_not_one_more(text: str) -> None:
    threshold = Threshold.read(text)
    rows = 1000
    most = round(float(text.rstrip("%")) * rows / 100) if "%" in text else int(text)
    assert threshold.allows(most, rows)
    assert not threshold.allows(most + 1, rows) or most == rows
    assert Threshold.read(str(threshold).removesuffix(" rows")) == threshold


def test_an_empty_file_has_no_share_that_is_too_large() -> None:
    assert Threshold.read("0%").allows(0, 0)


def test_beyond_the_threshold_the_exit_code_is_one_and_everything_is_as_it_was(
    typed: Typed, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "in.csv", *[GOOD] * 71, *[REFUSED] * 29)
    assert typed(write_lines(tmp_path / "old.csv", GOOD), tmp_path / "out.csv").code == 0
    before = {name: content for name, content in tree(tmp_path).items() if not name.startswith("home/")}
    said = typed(source, tmp_path / "out.csv", "--max-quarantine", "28.9%")
    assert (said.code, said.errors) == (
        1,
        "aval: error: 29 of 100 rows would be quarantined, and at most 28.9% may be: 29 x age: range; nothing was "
        "written\n",
    )
    after = {name: content for name, content in tree(tmp_path).items() if not name.startswith("home/")}
    assert after == before
    assert typed(source, tmp_path / "out.csv", "--max-quarantine", "29%").code == 0


def test_the_threshold_counts_all_inputs_together(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.csv", *[GOOD] * 9)
    write_lines(tmp_path / "in" / "b.csv", REFUSED)
    tenth = Options(most_refused=Threshold.read("10%"))
    assert (
        score_files(scorer, tmp_path / "in", f"{tmp_path}/out/", tenth).manifest.tally.rows_quarantined == 1
    )
    write_lines(tmp_path / "in" / "c.csv", REFUSED)
    # A later run is judged by what it adds.
    with pytest.raises(TooManyRefused):
        score_files(scorer, tmp_path / "in", f"{tmp_path}/out/", tenth)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
