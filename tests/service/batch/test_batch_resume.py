from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.batch import Options, Result, Run, SegmentLog, engine, score_files
from service.batch import records as batch_records
from service.batch.engine import Unit
from service.batch.run import score_locally
from service.decision_log.entries import Kind
from service.decision_log.reading import Selection, entries, reading
from service.places import place_of
from service.places.local import LocalPlace
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import GOOD, random_table, read_rows, write_lines, write_records

CHANGES = ("write", "put", "move", "remove")


class Killed(BaseException):
    """The process is gone: nothing that it would still do is done."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 40)
    monkeypatch.setattr(engine, "BLOCKS_PER_PART", 2)


@pytest.fixture(params=["out.csv", "out.parquet", "out.jsonl", "folder/"])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def inputs_in(folder: Path) -> Path:
    source = folder / "in"
    source.mkdir(parents=True)
    write_records(source / "a.parquet", random_table(170, seed=1))
    write_lines(source / "b.csv", *[GOOD] * 70, GOOD.replace("40", "12"), *[GOOD] * 30)
    return source


def run(scorer: Scorer, folder: Path, target: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Result:
    """Run as the user who stands in `folder`, so that the names of decisions are the same everywhere."""
    monkeypatch.chdir(folder)
    log = SegmentLog(place_of(str(folder / "segments")), f"sqlite:///{folder / 'decisions.db'}")
    return score_files(scorer, "in/", target, Options(log=log, **options))


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything but the inputs, the log, and the manifest's times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith(("in/", "decisions.db")):
            found[name] = path.read_bytes()
    for name in list(found):
        if name.endswith("manifest.json"):
            manifest = json.loads(found[name])
            for item in manifest["runs"]:
                del item["started"], item["finished"]
            found[name] = json.dumps(manifest).encode()
    return found


def registered(folder: Path) -> list[str]:
    with reading(f"sqlite:///{folder / 'decisions.db'}") as connection:
        return [item.row.about for item in entries(connection, Selection(kinds=(Kind.SEGMENT,)))]


def expect_true(folder: Path) -> None:
    """A manifest that is there tells the truth of every file."""
    for path in folder.rglob("*manifest.json"):
        for output in json.loads(path.read_text("utf-8"))["outputs"]:
            content = (path.parent / output["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == output["sha256"], f"{path} lies of {output['name']}"


class Kills:
    """Ends the process at the n-th change that it makes to a place, before or after it is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> None:
        self.left, self.after = at, after
        for name in CHANGES:
            monkeypatch.setattr(LocalPlace, name, self._killing(getattr(LocalPlace, name)))

    def _killing(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not self.after):
                raise Killed
            result = change(*args)
            if self.left == 0:
                raise Killed
            return result

        return changed


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_ends_at_any_step_is_finished_by_the_same_command_with_the_same_bytes(
    scorer: Scorer, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    inputs_in(tmp_path / "calm")
    run(scorer, tmp_path / "calm", target, monkeypatch)
    expected = outputs(tmp_path / "calm")
    assert len(expected) >= 8
    # After one change is before the next: each of the two takes every other one.
    for at in range(2 if after else 1, 200, 2):
        folder = tmp_path / f"killed-{at}"
        inputs_in(folder)
        with monkeypatch.context() as patch:
            Kills(patch, at, after=after)
            try:
                run(scorer, folder, target, patch)
            except Killed:
                pass
            else:
                assert at > 10, "the run made hardly any change"
                break
        expect_true(folder)
        run(scorer, folder, target, monkeypatch)
        assert outputs(folder) == expected, f"killed at change {at}"
        assert registered(folder) == registered(tmp_path / "calm")
    else:
        pytest.fail("no run came to its end")


def test_after_success_nothing_is_done(
    scorer: Scorer, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs_in(tmp_path)
    first = run(scorer, tmp_path, target, monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    second = run(scorer, tmp_path, target, monkeypatch)
    assert (first.new, second.new) == (True, False)
    assert second.manifest.to_bytes() == first.manifest.to_bytes()
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {tmp_path / "decisions.db"}


def test_what_was_done_before_a_kill_is_not_done_again(
    scorer: Scorer, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs_in(tmp_path)
    with monkeypatch.context() as patch:
        Kills(patch, 14, after=False)
        with pytest.raises(Killed):
            run(scorer, tmp_path, target, patch)
    result = run(scorer, tmp_path, target, monkeypatch)
    assert 80 <= result.continued < 271
    assert result.manifest.tally.rows_in == 271


def test_what_an_earlier_run_still_writes_is_never_taken_for_a_later_ones(
    scorer: Scorer, tree_scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(100))
    monkeypatch.chdir(tmp_path)
    begun: list[Run] = []

    def kept(run: Run) -> int:
        begun.append(run)
        raise KeyboardInterrupt

    def overtaken(run: Run) -> int:
        inputs = score_locally(run)
        late = begun[0]
        engine.score_unit(late.plan, Unit(0), late.scorer, late.state)
        return inputs

    with pytest.raises(KeyboardInterrupt):
        score_files(scorer, source, "out.csv", engine=kept)
    score_files(tree_scorer, source, "out.csv", engine=overtaken)
    assert {row["model"] for row in read_rows(tmp_path / "out.csv")} == {tree_scorer.tag}
    assert not list(tmp_path.glob(".out*"))
