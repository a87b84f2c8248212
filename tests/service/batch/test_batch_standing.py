"""What stands after one run, and what the next makes of it: late files, changed ones, other options and models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from service.batch import Options, Result, SegmentLog, publishing, score_files
from service.batch.dialect import Dialect
from service.batch.state import StateDamaged
from service.errors import WrongUse
from service.places import place_of
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import GOOD, random_table, write_lines, write_records

REFUSED = GOOD.replace("40", "12")


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands in a folder with inputs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.csv", *[GOOD] * 20, REFUSED)
    write_records(tmp_path / "in" / "b.parquet", random_table(15, seed=2))
    return tmp_path


def run(scorer: Scorer, target: str, source: str = "in", *, logged: bool = True, **options: Any) -> Result:
    here = Path.cwd()
    log = SegmentLog(place_of(str(here / "segments")), f"sqlite:///{here / 'decisions.db'}")
    return score_files(scorer, source, target, Options(log=log if logged else None, **options))


def refusal(scorer: Scorer, target: str, source: str = "in", **options: Any) -> str:
    with pytest.raises(WrongUse) as caught:
        run(scorer, target, source, **options)
    return str(caught.value)


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "_manifest.json"
    }


def stop_before_publishing(scorer: Scorer, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a run when all is prepared and nothing is published."""
    calls: list[Any] = []

    def finish(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return publishing.finish(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("service.batch.run.finish", finish)
        with pytest.raises(KeyboardInterrupt):
            run(scorer, target)


def stop_while_scoring(scorer: Scorer, target: str, **options: Any) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_files(scorer, "in", target, Options(**options), progress=stop)


def test_a_late_file_is_added_and_what_stands_is_left_alone(scorer: Scorer, there: Path) -> None:
    run(scorer, "out/")
    before = outputs(there / "out")
    write_lines(there / "in" / "0-late.csv", GOOD, REFUSED)
    result = run(scorer, "out/")
    after = outputs(there / "out")
    assert (result.new, result.manifest.tally.rows_in, len(result.manifest.runs)) == (True, 38, 2)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {
        "0-late.csv-00000.parquet",
        "_quarantine/0-late.csv-00000.csv",
    }
    assert run(scorer, "out/").new is False


def test_a_late_file_is_scored_by_the_model_of_its_day(
    scorer: Scorer, tree_scorer: Scorer, there: Path
) -> None:
    run(scorer, "out/")
    before = outputs(there / "out")
    assert run(tree_scorer, "out/").new is False
    write_lines(there / "in" / "late.csv", GOOD)
    manifest = run(tree_scorer, "out/").manifest
    late = pq.read_table(there / "out" / "late.csv-00000.parquet").to_pylist()
    assert [item.model for item in manifest.runs] == [scorer.tag, tree_scorer.tag]
    assert [row["model"] for row in late] == [tree_scorer.tag]
    assert {name: outputs(there / "out")[name] for name in before} == before


def test_a_file_is_scored_again_whole_by_another_model(
    scorer: Scorer, tree_scorer: Scorer, there: Path
) -> None:
    run(scorer, "out.parquet")
    manifest = run(tree_scorer, "out.parquet").manifest
    rows = pq.read_table(there / "out.parquet").to_pylist()
    assert {row["model"] for row in rows} == {tree_scorer.tag}
    assert (len(rows), len(manifest.runs)) == (35, 1)


def test_a_changed_input_of_a_folder_is_refused_and_nothing_is_lost(scorer: Scorer, there: Path) -> None:
    run(scorer, "out/")
    before = outputs(there / "out")
    write_lines(there / "in" / "a.csv", *[GOOD.replace("40", "41")] * 20, REFUSED)
    assert refusal(scorer, "out/") == (
        "a.csv has been scored into out/ and is another file now; score it into another folder, or all of them again "
        "with --replace"
    )
    assert outputs(there / "out") == before


def test_replacing_a_folder_leaves_nothing_of_what_was_there(scorer: Scorer, there: Path) -> None:
    run(scorer, "out/")
    (there / "in" / "a.csv").unlink()
    write_records(there / "in" / "b.parquet", random_table(10, seed=3))
    run(scorer, "out/", replace=True)
    assert set(outputs(there / "out")) == {"b.parquet-00000.parquet"}
    run(scorer, "out/", replace=True, ending=".csv")
    assert set(outputs(there / "out")) == {"b.parquet-00000.csv"}


def test_a_folder_whose_manifest_cannot_be_read_can_be_replaced(scorer: Scorer, there: Path) -> None:
    run(scorer, "out/")
    (there / "out" / "_manifest.json").write_text("{")
    assert run(scorer, "out/", replace=True).manifest.tally.rows_in == 36


def test_the_first_rows_are_another_output_than_all_of_them(scorer: Scorer) -> None:
    assert run(scorer, "out.csv", limit=5).manifest.tally.rows_in == 5
    assert run(scorer, "out.csv", limit=5).new is False
    # Decisions on the first rows alone have names of their own, or the log would refuse those on all.
    assert run(scorer, "out.csv").manifest.tally.rows_in == 36


def test_the_first_rows_are_those_of_the_first_file_there_is_now(scorer: Scorer, there: Path) -> None:
    run(scorer, "out.csv", limit=5)
    write_lines(there / "in" / "0-late.csv", *[GOOD] * 9)
    manifest = run(scorer, "out.csv", limit=5).manifest
    assert [(item.name, item.rows_in) for item in manifest.inputs] == [("0-late.csv", 5)]


def test_a_folder_of_the_first_rows_is_not_taken_for_one_of_all(scorer: Scorer) -> None:
    run(scorer, "out/", limit=5)
    assert run(scorer, "out/", limit=5).new is False
    assert refusal(scorer, "out/") == (
        "out/ holds 5 rows, scored with --limit 5, and cannot be gone on with, with no --limit; score into another "
        "folder, or all again with --replace"
    )
    assert run(scorer, "out/", replace=True).manifest.tally.rows_in == 36


def test_another_dialect_is_another_run(scorer: Scorer, there: Path) -> None:
    source = "in/a.csv"
    run(scorer, "out.csv", source)
    assert run(scorer, "out.csv", source).new is False
    asked = Dialect(delimiter=",", decimal=".")
    result = run(scorer, "out.csv", source, dialect=asked)
    assert (result.new, result.manifest.runs[0].dialect) == (True, "decimal '.', delimiter ','")
    assert run(scorer, "out.csv", source, dialect=asked).new is False


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in", "in/out.csv"),
        ("in/", "in/out.parquet"),
        ("./in", "in/out/"),
        ("in/*", "in/out/"),
        ("in/*", "in/out.csv"),
        ("in/**/*.parquet", "in/deep/out/"),
        ("{here}/in/*.csv", "in/out.csv"),
    ],
)
def test_an_output_that_the_next_run_would_score_is_refused(
    scorer: Scorer, there: Path, source: str, target: str
) -> None:
    (there / "in" / "deep").mkdir()
    before = sorted(there.rglob("*"))
    source = source.format(here=there)
    assert refusal(scorer, target, source) == (
        f"{target} lies within {source}, whose files are scored; name another folder"
    )
    assert sorted(there.rglob("*")) == before


@pytest.mark.parametrize(
    ("source", "target"), [("in/*.parquet", "in/out.csv"), ("in/a.csv", "in/o.csv"), ("in/a.csv", "in/out/")]
)
def test_an_output_beside_the_input_is_fine_where_nobody_would_score_it(
    scorer: Scorer, source: str, target: str
) -> None:
    assert run(scorer, target, source).new
    assert run(scorer, target, source).new is False


def test_a_folder_called_like_an_output_is_refused_before_anything_is_done(
    scorer: Scorer, there: Path
) -> None:
    (there / "in" / "a.csv-00000.parquet").mkdir()
    write_lines(there / "in" / "a.csv-00000.parquet" / "c.csv", GOOD)
    assert refusal(scorer, "out/") == (
        "a.csv-00000.parquet is a folder of inputs, and what becomes of a.csv is called so; rename it"
    )
    assert not (there / "out").exists()


def test_a_run_that_waits_for_the_log_says_so_and_can_be_thrown_away(
    scorer: Scorer, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_before_publishing(scorer, "out.csv", monkeypatch)
    assert refusal(scorer, "out.csv", logged=False).endswith(
        "an earlier run is finished but for the decision log, which is off; set AVAL_DECISION_LOG as it was then, or "
        "score all again with --replace"
    )
    assert run(scorer, "out.csv", logged=False, replace=True).new
    assert not (there / "segments").exists()


def test_a_run_that_waits_for_the_log_is_published_when_it_is_on(
    scorer: Scorer, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_before_publishing(scorer, "out.csv", monkeypatch)
    assert not (there / "out.csv").exists()
    assert run(scorer, "out.csv").manifest.tally.rows_in == 36
    assert len(list((there / "segments").rglob("*.parquet"))) == 2
    assert not list(there.glob(".out*"))


def test_another_model_begins_anew_where_a_run_was_broken_off(
    scorer: Scorer, tree_scorer: Scorer, there: Path
) -> None:
    stop_while_scoring(scorer, "out.csv")
    assert (there / ".out.csv.partial").is_dir()
    result = run(tree_scorer, "out.csv", logged=False)
    assert result.continued == 0
    assert {item.model for item in result.manifest.runs} == {tree_scorer.tag}


@pytest.mark.parametrize("change", ["more", "fewer", "other"])
def test_other_inputs_begin_anew_where_a_run_was_broken_off(scorer: Scorer, there: Path, change: str) -> None:
    stop_while_scoring(scorer, "out/")
    if change == "more":
        write_lines(there / "in" / "0.csv", GOOD)
    elif change == "fewer":
        (there / "in" / "a.csv").unlink()
    else:
        write_lines(there / "in" / "a.csv", *[GOOD.replace("40", "41")] * 20, REFUSED)
    result = run(scorer, "out/", logged=False)
    clean = run(scorer, "clean/", logged=False)
    assert (result.continued, result.manifest.tally.rows_in) == (0, clean.manifest.tally.rows_in)
    assert set(outputs(there / "out")) == set(outputs(there / "clean"))


def test_an_unfinished_run_is_gone_on_with_after_its_input_was_copied_anew(
    scorer: Scorer, there: Path
) -> None:
    stop_while_scoring(scorer, "out/")
    content = (there / "in" / "a.csv").read_bytes()
    (there / "in" / "a.csv").unlink()
    (there / "in" / "a.csv").write_bytes(content)
    assert run(scorer, "out/", logged=False).manifest.tally.rows_in == 36


@pytest.mark.parametrize("name", ["complete.json", "000000-000000.scores", "000001-000000.scores"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_state_is_never_published(
    scorer: Scorer, there: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    run(scorer, "calm/", logged=False)
    stop_before_publishing(scorer, "out/", monkeypatch)
    (path,) = (there / "out" / ".aval-run").glob(f"*/{name}")
    path.write_bytes(path.read_bytes()[:9]) if damage == "cut" else path.unlink()
    if name != "complete.json":
        with pytest.raises(StateDamaged) as caught:
            run(scorer, "out/")
        assert str(caught.value) == (
            f"out/.aval-run/{path.parent.name}/{name} is gone or damaged, so that this run could not be finished; "
            "run the same command again"
        )
    run(scorer, "out/")
    rows = sum(pq.read_metadata(path).num_rows for path in (there / "out").glob("*.parquet"))
    assert rows == 35
    assert not (there / "out" / ".aval-run").exists()


def test_a_manifest_tells_what_stands_after_any_number_of_runs(scorer: Scorer, there: Path) -> None:
    for number in range(4):
        write_lines(there / "in" / f"late{number}.csv", *[GOOD] * number, REFUSED)
        run(scorer, "out/")
    manifest = json.loads((there / "out" / "_manifest.json").read_text("utf-8"))
    named = {item["name"] for item in manifest["outputs"]}
    assert named == set(outputs(there / "out"))
    assert (
        manifest["rows_in"] == 36 + sum(range(4)) + 4 == sum(item["rows_in"] for item in manifest["inputs"])
    )
    assert sum(item["rows"] for item in manifest["outputs"]) == manifest["rows_in"]
    scored = (pq.read_table(path) for path in sorted((there / "out").glob("*.parquet")))
    ids = [name for table in scored for name in table.column("decision_id").to_pylist()]
    assert len(ids) == len(set(ids)) == manifest["rows_scored"]
