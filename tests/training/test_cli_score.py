from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from service.batch.__main__ import main as image_command
from service.batch.asked import Asked
from service.errors import AvalError, UnreadableInput
from tests.processes import PROGRAMS, Home
from training.cli import app
from training.cli.scoring import score

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@pytest.fixture(scope="module")
def cases(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 60 generated records of loan_approval, in a folder of its own."""
    path = tmp_path_factory.mktemp("cases") / "cases.csv"
    assert (
        quick_home("loan_approval").aval("sample", "loan_approval", "--rows", "60", "-o", path).returncode
        == 0
    )
    return path


def test_both_commands_are_asked_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        image_command(["--help"])
    by_image = set(OPTION.findall(capsys.readouterr().out)) - {"--help"}
    parameters = _parameters("score")
    assert {name for name in parameters if name.startswith("--")} == by_image
    assert len(by_image) == 21
    assert [name for name in parameters if not name.startswith("--")] == ["use_case", "source", "target"]


def _parameters(command: str) -> list[str]:
    group: Any = typer.main.get_command(app)
    return [(item.opts or [item.name])[0] for item in group.commands[command].params]


@pytest.mark.parametrize(
    ("typed", "field", "value"),
    [
        (["--reasons"], "reasons", True),
        (["--threads", "3"], "threads", 3),
        (["--where", "a=1", "--where", "b=2"], "where", ("a=1", "b=2")),
        (["--from", "jsonl"], "come_as", "jsonl"),
        (["--quote", ""], "quote", ""),
        ([], "where", ()),
        ([], "to", None),
        ([], "engine", "local"),
    ],
)
def test_what_is_typed_arrives_the_same_from_both(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], field: str, value: object
) -> None:
    arrived: list[Asked] = []

    def take(asked: Asked, *_: object) -> int:
        arrived.append(asked)
        return 0

    monkeypatch.setattr("service.batch.command.run", take)
    monkeypatch.setattr("service.batch.__main__.run", take)
    arguments = ["loan_approval", "in/", "out/", *typed]
    assert image_command(arguments) == 0
    command: Any = typer.main.get_command(app)
    command.commands["score"].main(arguments, standalone_mode=False)
    assert arrived[0] == arrived[1]
    assert getattr(arrived[0], field) == value


def test_a_table_of_totals_and_the_manifest_follow_a_run(
    quick_home: Callable[[str], Home], cases: Path, tmp_path: Path
) -> None:
    home = quick_home("loan_approval")
    done = home.aval("score", "loan_approval", cases, tmp_path / "out.parquet", "--reasons")
    assert (done.returncode, done.stderr) == (0, "")
    summary, *table = done.stdout.splitlines()
    assert summary.startswith("60 of 60 rows scored with loan_approval:")
    assert any(re.fullmatch(r"\s*scored +60 \(100\.00%\)\s*", line) for line in table)
    again = home.aval("score", "loan_approval", cases, tmp_path / "out.parquet", "--reasons", "--json")
    assert json.loads(again.stdout)["new"] is False


@pytest.fixture
def typed(
    quick_home: Callable[[str], Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """`typed("score", …)`: an `aval` command in this process, with a champion of loan_approval."""
    monkeypatch.setenv("AVAL_HOME", str(tmp_path / "home"))
    quick_home("loan_approval")
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def test_verify_ends_with_0_or_1_and_lists_what_differs(
    typed: Callable[..., Any], cases: Path, tmp_path: Path
) -> None:
    assert typed("score", "loan_approval", cases, tmp_path / "out.csv").exit_code == 0
    manifest = tmp_path / "out.csv.manifest.json"
    done = typed("verify", manifest, "--input", cases)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("the manifest holds: 60 rows in 1 files, 1 of 1 inputs compared; ")
    (tmp_path / "out.csv").write_text("row\n")
    told = typed("verify", manifest)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[0].startswith("out.csv has 4 bytes, and ")
    assert told.stdout.splitlines()[1].startswith("1 difference: 60 rows in 1 files, inputs not compared")
    body = json.loads(typed("verify", manifest, "--json").stdout)
    assert (body["holds"], len(body["differences"])) == (False, 1)
    missing = typed("verify", tmp_path / "none.json")
    assert isinstance(missing.exception, UnreadableInput)
    assert str(missing.exception).startswith(f"{tmp_path}/none.json does not exist")


@pytest.mark.parametrize(("more", "code"), [(["--max-quarantine", "0"], 1), ([], 0)])
def test_the_exit_code_is_1_where_too_many_rows_are_refused(
    typed: Callable[..., Any], cases: Path, tmp_path: Path, more: list[str], code: int
) -> None:
    lines = cases.read_text("utf-8").splitlines()
    (tmp_path / "in.csv").write_text("\n".join([*lines[:5], re.sub(r"^[^,]*,", "?!,", lines[5])]), "utf-8")
    done = typed("score", "loan_approval", tmp_path / "in.csv", tmp_path / "out.csv", *more)
    assert getattr(done.exception, "exit_code", 0) == code


def test_nothing_there_yet_is_exit_code_3(quick_home: Callable[[str], Home], tmp_path: Path) -> None:
    night = ("score", "loan_approval", f"{tmp_path}/{{date}}/", f"{tmp_path}/out/", "--date", "2026-11-20")
    done = quick_home("loan_approval").aval(*night)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"aval: error: {tmp_path}/2026-11-20/: no file to score is there yet; look again later\n"
    )


def test_a_file_of_a_use_case_of_ones_own_names_it_for_score(tmp_path: Path) -> None:
    with pytest.raises(AvalError, match=r"boat\.py is not a file"):
        score(**{"use_case": "boat.py", "source": "a", "target": "b", "where": None})


@pytest.mark.parametrize("program", ["aval", "python"])
def test_a_terminal_shows_a_line_that_goes_away(
    quick_home: Callable[[str], Home], cases: Path, tmp_path: Path, program: str
) -> None:
    home = quick_home("loan_approval")
    command = [PROGRAMS / "aval", "score"] if program == "aval" else [sys.executable, "-m", "service.batch"]
    # So many that it takes long enough to be looked at.
    long = tmp_path / "long.csv"
    header, *lines = cases.read_text("utf-8").splitlines()
    long.write_text("\n".join([header, *lines * 1_000, ""]), "utf-8")
    printed = _on_terminal([*command, "loan_approval", long, tmp_path / "out.csv"], home)
    assert "scoring: " in printed
    assert "60,000 of 60,000 rows scored" in printed
    # The last thing that is done to the line is to clear it.
    line, _, rest = printed.partition("60,000 of 60,000 rows scored")
    assert "\x1b[2K" in line or line.endswith("\r\x1b[K")
    assert "scoring: " not in rest


def _on_terminal(command: list[Any], home: Home) -> str:
    """Run a command on a terminal and return everything that appeared on it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        list(map(str, command)),
        env=home.environment(TERM="xterm"),
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
    )
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 65_536):
            printed += piece
    except OSError:
        # On Linux, a terminal whose other side is closed ends with an error.
        pass
    assert process.wait(60) == 0, printed.decode()
    os.close(ours)
    return printed.decode()


def test_other_commands_do_not_load_what_scores_files() -> None:
    code = "import sys, training.cli; print(*(name for name in sys.modules if name.startswith('service.batch.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["service.batch.asked"]
