"""What the pages tell people to type, to set and to look at exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import typer

from infra.operations.settings_page import told
from tests.infra.operations.markdown import CHECKOUT, Page, pages, read
from training.cli import app

COMMAND = typer.main.get_command(app)
VARIABLES = {item.variable for items in told().values() for item in items}
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE))
# A word in capitals, an ellipsis or a choice stands for what the reader puts there.
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|….*|\.\.\.")
ENDINGS = r"(?:py|sh|md|ya?ml|json|toml|tf|tftpl|lock|html|ipynb|tfvars|hcl|txt|conf)"


@pytest.fixture(params=pages(), ids=str)
def page(request: pytest.FixtureRequest) -> Page:
    found: Page = request.param
    return found


def test_every_command_of_ours_on_a_page_exists_with_its_options(page: Page) -> None:
    said = [complaint(line) for line in _commands(page.spans)]
    typed = [complaint(line, whole=True) for line in _commands(page.code)]
    assert [told for told in said + typed if told] == []


def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Page) -> None:
    wrong = []
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        if not target.exists() or (anchor and anchor not in read(target).anchors):
            wrong.append(link)
    assert wrong == []


def test_every_file_of_ours_that_a_page_names_exists(page: Page) -> None:
    places = (CHECKOUT, page.path.parent)
    wrong = [name for name in _files(page) if not any((place / name).exists() for place in places)]
    assert wrong == []


def test_every_setting_that_a_page_names_is_read(page: Page) -> None:
    named = set(re.findall(r"\bAVAL_[A-Z0-9_]*[A-Z0-9]\b(?!\*)", "\n".join([page.text, *page.code])))
    assert named - VARIABLES - _of_scripts() == set()


def test_every_target_of_make_that_a_page_names_exists(page: Page) -> None:
    typed = [*page.spans, *(line.strip() for line in page.code)]
    named = {found[1] for item in typed if (found := re.match(r"(?:\$ )?make ([a-z][a-z-]*)", item))}
    assert named - TARGETS == set()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("aval promise credit_risk", "no command promise"),
        ("aval log tell ID", "no command log tell"),
        ("aval drift credit_risk --quickly", "drift: no option --quickly"),
        ("aval retrain credit_risk --every-days 7 extra", "retrain: unexpected extra"),
        ("aval rollback --why better", "rollback: no use_case"),
        ("aval rollback credit_risk", "rollback: no --why"),
        ("aval rollback credit_risk --why=better", ""),
        ("aval train USE_CASE [--data FILE|s3://…] [--trials N]", ""),
        ("aval log verify --anchor FILE  # a comment", ""),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, told: str) -> None:
    assert complaint(line, whole=True) == told


def test_there_is_much_to_check() -> None:
    assert sum(len(list(_commands([*page.spans, *page.code]))) for page in pages()) > 100
    assert sum(len(list(_files(page))) for page in pages()) > 20
    assert sum(len(page.links) for page in pages()) > 15


def complaint(line: str, whole: bool = False) -> str:
    """Return what is wrong with a line that begins with `aval`, nothing if it could be typed.

    whole: whether it must have all that is required too; a mention within a sentence need not.
    """
    words = shlex.split(re.sub(r"[\[\]]", " ", line), comments=True)[1:]
    command: Any = COMMAND
    path: list[str] = []
    while hasattr(command, "commands") and words and not PLACEHOLDER.fullmatch(words[0]):
        path.append(words.pop(0))
        command = command.commands.get(path[-1])
        if command is None:
            return f"no command {' '.join(path)}"
    found = next(_wrong(command, words, whole), "")
    return f"{' '.join(path)}: {found}" if found else ""


def _wrong(command: Any, words: list[str], whole: bool) -> Iterator[str]:
    options = {name: item for item in command.params for name in (*item.opts, *item.secondary_opts)}
    named = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    yield from (f"no option {name}" for name in named if name not in options.keys() | {"--help"})
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    given = _arguments(command, words)
    yield from (f"unexpected {word}" for word in given[len(arguments) :])
    if whole and "--help" not in named:
        yield from (f"no {item.name}" for item in arguments[len(given) :] if item.required)
        said = [options[name] for name in named]
        yield from (
            f"no {item.opts[0]}" for item in command.params if item.required and item not in arguments + said
        )


def _arguments(command: Any, words: list[str]) -> list[str]:
    taking = {name for item in command.params if not getattr(item, "is_flag", False) for name in item.opts}
    kept, skip = [], False
    for word in words:
        if not skip and not word.startswith("-") and word not in ("|", "…"):
            kept.append(word)
        skip = not skip and word in taking
    return kept


def _commands(lines: Iterable[str]) -> Iterator[str]:
    for typed in lines:
        # What another command answers is one word here.
        line = re.sub(r"\$\([^()]*\)", "X", typed)
        # At the start, after a setting, a prompt or a time of cron; up to a pipe, a comment or the table beside it.
        found = re.match(r"[ $]*(?:[-*/0-9 ]+ )?(?:cd \S+ && )?(?:[A-Z_]+=\S+ +)*(aval [a-z\[].*)", line)
        if found:
            yield re.split(r" {2,}| [|&>;]|\)$| #", found[1])[0]


def _files(page: Page) -> Iterator[str]:
    for span in [*page.spans, *page.code]:
        # What is written there need not be there before.
        for name in re.findall(
            rf"(?<![\w/.*{{}}$<-])(?<!> )((?:\.?[\w-]+/)+[\w.-]+\.{ENDINGS})(?![\w*/])", span
        ):
            if name.partition("/")[0] in {".github", ".ci", "infra", "service", "tests", "training"}:
                yield name


def _of_scripts() -> set[str]:
    """Return the variables that only tests, compose and the scripts of infra read."""
    scripts = [file for ending in ("sh", "yaml") for file in (CHECKOUT / "infra").rglob(f"*.{ending}")]
    read = {name for file in scripts for name in re.findall(r"\$\{?(AVAL_[A-Z_]+)", file.read_text("utf-8"))}
    return read | {"AVAL_TEST_DATA", "AVAL_REQUIRE"}
