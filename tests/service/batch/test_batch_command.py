from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from service.batch import __main__ as main
from service.batch import command
from service.batch.pace import Pace, duration
from service.batch.screen import PlainScreen, changing_line, json_lines, lines
from service.batch.step import Step
from service.batch.tally import Tally
from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import Commands, Typed, tree
from tests.service.batch.batch_scorers import (
    GOOD,
    HEADER,
    random_table,
    read_rows,
    write_lines,
    write_records,
)

BAD = GOOD.replace("40", "12")


def test_the_command_scores_a_file_with_the_champion_and_says_what_became_of_it(
    commands: Commands, scorer: Scorer, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, BAD)
    said = commands.run(source, tmp_path / "out.csv", "--reasons")
    assert (said.code, said.errors) == (0, "")
    summary, *table = said.output.splitlines()
    assert summary.startswith(f"1 of 2 rows scored with {scorer.tag} (")
    assert summary.endswith("into out.csv; 1 quarantined in out.csv.quarantine.csv")
    told = [line.split("  ", 1) for line in table]
    told = [[name, value.strip()] for name, value in told]
    assert ["quarantined", "1 (50.00%)"] in told
    assert ["finding", "1 x age: range"] in told
    assert "reasons" in read_rows(tmp_path / "out.csv")[0]


def test_a_use_case_that_nobody_promoted_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    assert main.main(["other", "in.csv", "out.csv"]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("aval: error: other has no champion in the model store")
    assert errors.count("\n") == 1


def test_a_polite_request_to_end_leaves_no_output_and_the_same_command_then_finishes(
    commands: Commands, tmp_path: Path
) -> None:
    source = write_records(tmp_path / "in.parquet", pa.concat_tables([random_table(10_000)] * 15))
    with commands.start(source, tmp_path / "out.csv") as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".aval-scratch-*/scores")) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (128 + signal.SIGTERM, b"")
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == [source]
    assert commands.run(source, tmp_path / "out.csv").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"in.parquet", "out.csv", "out.csv.manifest.json"}


def test_an_unreadable_file_is_one_line_and_exit_code_2(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('"a\nb",c\n')
    said = typed(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (said.code, said.output, said.errors.count("\n")) == (2, "", 1)
    assert said.errors.startswith("aval: error: in.csv: age is missing")


def test_json_prints_the_manifest_and_whether_anything_was_new(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)
    for new in (True, False):
        said = typed(source, tmp_path / "out.csv", "--json")
        printed = json.loads(said.output)
        assert (said.code, printed.pop("new"), printed.pop("continued")) == (0, new, 0)
        assert printed.pop("seconds") >= 0
        assert printed == json.loads((tmp_path / "out.csv.manifest.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small_loans"], "the following arguments are required: INPUT; see: python -m service.batch --help"),
        (["a", "in.csv", "out.csv", "--fast"], "unrecognized arguments: --fast; see: python"),
        (["a", "in.csv", "out.csv", "--threads", "two"], "argument --threads: invalid int value: 'two'; see"),
        (["a", "in.csv", "out.csv", "--threads", "0"], "threads=0 is too few; it must be at least 1"),
        (["a", "in.csv", "out.csv", "--limit", "0"], "limit=0 is too few; it must be at least 1"),
        (
            ["a", "in.csv"],
            "OUTPUT is missing: name a file, a folder or - for standard output; only --dry-run",
        ),
        (["a", "in/", "out/", "--to", "xls"], "--to 'xls' is not one of: csv, jsonl, parquet"),
        (["a", "-", "out.csv", "--from", "parquet"], "--from 'parquet' is not one of: csv, jsonl"),
        (["a", "in.csv", "o.csv", "--engine", "dask"], "--engine 'dask' is not one of: local, spark"),
        (["a", "in.csv", "o.csv", "--max-quarantine", "many"], "'many' is no threshold; it must be a share"),
        (["a", "in/", "out/", "--where", "north"], "--where 'north' is not KEY=VALUE, such as region=north"),
        (["a", "i/", "o/", "--where", "a=1", "--where", "a=2"], "--where asks for a=1 and for a=2; ask for"),
        (["a", "in.csv", "o.csv", "--delimiter", "ab"], "delimiter 'ab' is not one ASCII character"),
        (["a", "in.csv", "o.csv", "--encoding", "klingon"], "encoding 'klingon' is not known"),
        (["a", "in.csv", "o.csv", "--decimal", ";"], "decimal ';' is neither '.' nor ','"),
        (["a", "in.csv", "o.csv", "--quarantine", "q"], "--quarantine q is for standard output alone"),
        (["a", "in.csv", "o.csv", "--from", "csv"], "--from csv is for standard input alone"),
        (["a", "-", "-", "--replace"], "--replace needs files; standard input and output have none"),
        (["a", "-", "-", "--engine", "spark"], "--engine spark needs files; standard input and output have"),
        (["a", "-", "-", "--where", "a=1"], "--where needs files; standard input and output have none"),
        (["a", "-", "-", "--to", "parquet"], "--to parquet cannot be written to standard output; it is one"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main.main(arguments) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert errors.startswith(f"aval: error: {message}")


def test_an_interruption_is_no_traceback(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "score_files", interrupt)
    said = typed(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (said.code, said.output, said.errors) == (128 + signal.SIGINT, "", "")


def test_the_same_command_again_does_nothing_and_says_so(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, GOOD)
    typed(source, tmp_path / "out.csv")
    before = tree(tmp_path)
    said = typed(source, tmp_path / "out.csv")
    assert (said.code, said.errors) == (0, "")
    assert said.output == f"nothing new to score: {tmp_path}/out.csv holds all 2 rows of 1 input\n"
    assert tree(tmp_path) == before


def test_a_run_that_goes_on_says_how_many_rows_had_been_done(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        write_lines(tmp_path / "in" / f"{name}.csv", GOOD, GOOD)
    told: list[Any] = []

    def stop(step: Step) -> None:
        told.append(step)
        if len(told) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PlainScreen, "progress", lambda *_: _Given(stop))
        assert typed(tmp_path / "in", tmp_path / "out.csv").code == 128 + signal.SIGINT
    said = typed(tmp_path / "in", tmp_path / "out.csv")
    assert said.code == 0
    assert "continued    2 rows had been done by a run that was broken off" in said.output
    assert "rows in      6 of 3 inputs" in said.output


class _Given:
    def __init__(self, take: Callable[[Step], None]) -> None:
        self._take = take

    def __enter__(self) -> Callable[[Step], None]:
        return self._take

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""


@pytest.mark.parametrize(("most", "code"), [("33%", 1), ("34%", 0), ("0", 1), ("1", 0)])
def test_more_refused_rows_than_allowed_end_with_1_and_leave_no_output(
    typed: Typed, tmp_path: Path, most: str, code: int
) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, BAD, GOOD)
    before = source.read_bytes()
    said = typed(source, tmp_path / "out.csv", "--max-quarantine", most)
    assert (said.code, source.read_bytes()) == (code, before)
    assert (tmp_path / "out.csv").exists() == (code == 0)
    if code:
        assert said.errors.startswith("aval: error: 1 of 3 rows would be quarantined, and at most ")
        assert said.errors.endswith(": 1 x age: range; nothing was written\n")
        assert {path.name for path in tmp_path.iterdir()} <= {"in.csv", "home"}


@pytest.mark.parametrize("source", ["in/", "in/*.csv", "in/month=11/"])
def test_nothing_to_score_yet_is_exit_code_3(typed: Typed, tmp_path: Path, source: str) -> None:
    (tmp_path / "in").mkdir()
    said = typed(tmp_path / source, f"{tmp_path}/out/")
    assert (said.code, said.output) == (3, "")
    assert "no file to score is there yet" in said.errors


def test_a_file_that_does_not_exist_is_exit_code_2(typed: Typed, tmp_path: Path) -> None:
    assert typed(tmp_path / "in.csv", tmp_path / "out.csv").code == 2


def test_text_is_read_as_the_options_say_and_as_it_is_found_otherwise(typed: Typed, tmp_path: Path) -> None:
    lines = [line.replace(",", ";").replace("20.5", "20,5") for line in (HEADER, GOOD)]
    (tmp_path / "in.csv").write_text("\n".join(lines), "utf-8")
    found = typed(tmp_path / "in.csv", tmp_path / "found.csv")
    assert "read as      in.csv: delimiter ';', decimal ','" in found.output
    said = typed(tmp_path / "in.csv", tmp_path / "said.csv", "--delimiter", ";", "--decimal", ",")
    assert "read as" not in said.output
    (tmp_path / "tab.csv").write_text("\n".join([HEADER, GOOD]).replace(",", "\t"), "utf-8")
    tabs = typed(tmp_path / "tab.csv", tmp_path / "tabs.csv", "--delimiter", "tab", "--quote", "")
    assert (found.code, said.code, tabs.code) == (0, 0, 0)
    results = {read_rows(tmp_path / f"{name}.csv")[0]["probability"] for name in ("found", "said", "tabs")}
    assert len(results) == 1


def test_a_folder_gets_a_file_per_part_of_the_kind_that_is_asked_for(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        write_lines(tmp_path / "in" / f"{name}.csv", GOOD, BAD)
    options = ("--to", "jsonl", "--reasons", "--keep-columns")
    said = typed(f"{tmp_path}/in/", f"{tmp_path}/out/", *options)
    assert said.code == 0
    assert set(tree(tmp_path / "out")) == {
        "_manifest.json",
        *(f"{name}.csv-00000.jsonl" for name in "ab"),
        *(f"_quarantine/{name}.csv-00000.csv" for name in "ab"),
    }
    first = json.loads((tmp_path / "out" / "a.csv-00000.jsonl").read_text())
    assert {"purpose", "reasons", "decision_id"} <= first.keys()


def test_only_the_partitions_that_are_asked_for_are_scored(typed: Typed, tmp_path: Path) -> None:
    for region in ("north", "south"):
        for day in (1, 2):
            folder = tmp_path / "in" / f"region={region}" / f"day={day}"
            folder.mkdir(parents=True)
            write_lines(folder / "x.csv", GOOD)
    where = ("--where", "region=north", "--where", "day=2")
    said = typed(tmp_path / "in", f"{tmp_path}/out/", *where, "--to", "csv")
    assert said.code == 0
    assert [name for name in tree(tmp_path / "out") if name.endswith("0.csv")] == [
        "region=north/day=2/x.csv-00000.csv"
    ]


def test_only_so_many_rows_are_scored(typed: Typed, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(50))
    assert typed(source, tmp_path / "out.parquet", "--limit", "7").code == 0
    assert pq.read_table(tmp_path / "out.parquet")["row"].to_pylist() == list(range(1, 8))


def test_what_is_there_is_scored_again_when_asked(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)
    typed(source, tmp_path / "out.csv")
    before = (tmp_path / "out.csv").stat().st_ino
    said = typed(source, tmp_path / "out.csv", "--replace")
    assert said.output.startswith("1 of 1 rows scored")
    assert (tmp_path / "out.csv").stat().st_ino != before


def test_decisions_go_into_the_log_unless_it_is_off(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, BAD)
    typed(source, tmp_path / "out.csv")
    with create_engine(f"sqlite:///{tmp_path}/home/decisions.db").connect() as connection:
        kinds = connection.execute(text("select kind, count(*) from entries group by kind")).all()
    assert [tuple(row) for row in kinds] == [("segment", 1)]
    assert len(list((tmp_path / "home" / "segments").rglob("*.parquet"))) == 1
    monkeypatch.setenv("AVAL_DECISION_LOG", "off")
    monkeypatch.setenv("AVAL_HOME", str(tmp_path / "other"))
    assert typed(source, tmp_path / "off.csv").code == 0
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("target", [[], ["out.csv"], ["out/"]])
def test_a_dry_run_says_what_would_be_refused_and_writes_nothing(
    typed: Typed, tmp_path: Path, target: list[str]
) -> None:
    (tmp_path / "in").mkdir()
    write_lines(tmp_path / "in" / "a.csv", GOOD, BAD, BAD.replace("car", "boat"))
    write_lines(tmp_path / "in" / "b.csv", GOOD)
    before = tree(tmp_path)
    targets = [f"{tmp_path}/{name}" for name in target]
    said = typed(tmp_path / "in" / "*.csv", *targets, "--dry-run")
    assert (said.code, said.errors) == (0, "")
    first, *table = said.output.splitlines()
    assert first == "2 of 4 rows can be scored; nothing was written"
    told = [line.split("  ", 1) for line in table]
    told = [[name, value.strip()] for name, value in told]
    assert ["finding", "2 x age: range"] in told
    assert ["finding", "1 x purpose: level"] in told
    assert ["refused of", "a.csv: 2 (66.67%)"] in told
    assert tree(tmp_path) == before


def test_a_dry_run_ends_as_the_run_would(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, BAD)
    said = typed(source, "--dry-run", "--json", "--max-quarantine", "10%")
    assert said.code == 1
    assert said.errors == (
        "aval: error: 1 of 2 rows would be quarantined, and at most 10% may be: 1 x age: range; nothing was written\n"
    )
    body = json.loads(said.output)
    assert body["inputs"] == [{"name": "in.csv", "rows_in": 2, "rows_quarantined": 1, "read_as": ""}]
    assert (body["rows_in"], body["findings"]) == (2, {"age: range": 1})
    assert typed(source, source, "--dry-run").code == 2
    assert typed(source, "--dry-run", "--limit", "1", "--max-quarantine", "0").code == 0


def test_progress_for_programs_is_json_lines(typed: Typed, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, BAD)
    said = typed(source, tmp_path / "out.csv", "--progress-json")
    last = json.loads(said.errors.splitlines()[-1])["progress"]
    assert (last["rows_in"], last["rows_quarantined"], last["inputs"]) == (2, 1, 1)
    assert 0 < last["share"] <= 1


def test_spark_that_is_not_installed_is_one_line_that_says_what_to_install(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is None among the modules cannot be imported.
    monkeypatch.setitem(sys.modules, "pyspark", None)
    source = write_lines(tmp_path / "in.csv", GOOD)
    said = typed(source, tmp_path / "out.csv", "--engine", "spark")
    assert said.code == 2
    assert said.errors.startswith("aval: error: --engine spark needs pyspark; ")
    assert "pip install 'aval[spark]'" in said.errors


def test_pace_tells_rows_per_second_and_the_time_left() -> None:
    now = [100.0]
    pace = Pace(clock=lambda: now[0])
    assert pace.words == "looking at the inputs"
    assert pace.as_json() is None
    pace.take(Step(Tally(1_000, 900, 100), 0, 1, 0.1, continued=500))
    assert pace.words == "1,000 rows, 100 refused, 10 %"
    now[0] += 10
    pace.take(Step(Tally(3_000, 2_800, 200), 0, 1, 0.3))
    assert pace.words == "3,000 rows, 200 refused, 200 rows/s, 30 %, about 35 s left"
    body = pace.as_json()
    assert body is not None
    assert (body["rows_per_second"], body["seconds_left"], body["share"]) == (200, 35, 0.3)


def test_pace_tells_no_share_of_what_has_no_known_end() -> None:
    pace = Pace()
    pace.take(Step(Tally(1_000, 900, 100), 0, 1, 0.0))
    assert pace.words == "1,000 rows, 100 refused"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3_540, "59 min"),
        (3_600, "1 h 0 min"),
        (9_000, "2 h 30 min"),
    ],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_line_is_written_every_so_often_and_a_terminal_is_left_clean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with lines("scoring", seconds=0.01) as step:
        step(Step(Tally(5, 5), 0, 1, 0.5))
        time.sleep(0.1)
    written = capsys.readouterr().err
    assert "scoring: 5 rows, 0 refused, 50 %\n" in written
    with json_lines(seconds=0.01):
        pass
    assert capsys.readouterr().err == ""
    with changing_line("scoring"):
        time.sleep(0.3)
    written = capsys.readouterr().err
    assert "\r\x1b[Kscoring: looking at the inputs" in written
    assert written.endswith("\r\x1b[K")
