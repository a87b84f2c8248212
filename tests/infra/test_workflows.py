"""Workflows run only what is here, pinned, with no more rights than listed here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.environments import programs_of
from tests.infra.workflow_files import CHECKOUT, FOLDER, jobs, matches, uses, workflows

GITHUB = FOLDER.parent
MAKEFILE = (CHECKOUT / "Makefile").read_text("utf-8")
# Whoever adds a right adds it here, with what it is for. All else may only read.
WRITES = {
    "image.yml/release": {"id-token"},  # enters AWS, to read a champion
    "image.yml/publish": {
        "attestations",
        "id-token",
        "packages",
    },  # enters AWS, to push; signs; pushes to GHCR
    "image.yml/staging": {"id-token"},  # what the called workflow may have at most
    "image.yml/production": {"id-token"},
    "deploy.yml/staging": {"id-token"},
    "deploy.yml/production": {"id-token"},
    "environment.yml/plan": {"id-token"},  # enters AWS, to look
    "environment.yml/apply": {"id-token"},  # enters AWS, to change
    "deploy.yml/comment": {"pull-requests"},
    "load.yml/comment": {"pull-requests"},
}
# Of these somebody who may not write to the repository can be the cause, with code or words of their own.
UNTRUSTED = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion", "fork", "watch"}


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the checkers; where they cannot be installed a test is skipped, and fails under AVAL_REQUIRE=1."""
    try:
        return programs_of("workflows")
    except subprocess.CalledProcessError as error:
        reason = f"the checkers of workflows cannot be installed: {error.stderr[-500:]}"
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def test_workflows_are_as_github_wants_them(tools: Path) -> None:
    files = [workflow.path for workflow in workflows()]
    _run(tools / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    _run(tools / "check-jsonschema", "--builtin-schema", "vendor.dependabot", GITHUB / "dependabot.yml")


def test_an_auditor_of_workflows_finds_nothing(tools: Path) -> None:
    _run(tools / "zizmor", "--offline", "--no-progress", "--pedantic", GITHUB)


def test_every_action_is_pinned_by_commit_with_its_version_beside_it() -> None:
    loose = [
        f"{file}: {used} {comment}"
        for file, used, comment in uses()
        if not used.startswith("./")
        and not (re.search(r"@[0-9a-f]{40}$", used) and re.fullmatch(r"# v\d+\.\d+\.\d+", comment))
    ]
    assert loose == []


def test_an_action_is_the_same_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for _, used, comment in uses():
        pins.setdefault(used.split("@")[0], set()).add(f"{used} {comment}")
    assert {
        name: pinned for name, pinned in pins.items() if len(pinned) > 1 and not name.startswith("./")
    } == {}


def test_no_workflow_runs_on_the_word_of_a_stranger() -> None:
    assert {workflow.path.name: set(workflow.triggers) & UNTRUSTED for workflow in workflows()} == {
        workflow.path.name: set() for workflow in workflows()
    }


def test_every_right_to_write_is_known() -> None:
    everywhere = {workflow.path.name: workflow.body["permissions"] for workflow in workflows()}
    assert set(map(str, everywhere.values())) <= {"{}", "{'contents': 'read'}"}
    writes = {
        job.place: {right for right, level in job.permissions.items() if level == "write"}
        for job in jobs()
        if everywhere[job.file] == {}
    }
    assert {place: rights for place, rights in writes.items() if rights} == WRITES


def test_every_job_ends_and_leaves_no_token_in_the_checkout() -> None:
    own = [job for job in jobs() if "uses" not in job.body]
    assert [job.place for job in own if "timeout-minutes" not in job.body] == []
    checkouts = [
        (job.place, step["with"].get("persist-credentials"))
        for job in own
        for step in job.steps
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert [place for place, kept in checkouts if kept is not False] == []


def test_no_text_of_an_event_is_pasted_into_a_script() -> None:
    assert [(job.place, script) for job in jobs() for script in job.scripts if "${{" in script] == []


def test_every_script_is_good_shell(tools: Path, tmp_path: Path) -> None:
    files = []
    for number, script in enumerate(script for job in jobs() for script in job.scripts):
        file = tmp_path / f"{number}.sh"
        # As GitHub runs it, where `shell: bash` is set.
        file.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{script}\n", "utf-8")
        _run("bash", "-n", file)
        files.append(file)
    # What `steps.….env` gives stands in capitals, and is not assigned in the script.
    _run(tools / "shellcheck", *files)


def test_every_workflow_has_its_scripts_run_by_a_shell_that_stops_at_an_error_in_a_pipe() -> None:
    shells = {
        workflow.path.name: workflow.body["defaults"]["run"]["shell"]
        for workflow in workflows()
        if any(job.scripts for job in workflow.jobs)
    }
    assert set(shells.values()) == {"bash"}


def test_every_file_that_is_run_is_here_and_is_good_shell(tools: Path) -> None:
    text = "\n".join(script for job in jobs() for script in job.scripts)
    called = set(re.findall(r"\bbash ([\w./-]+)", f"{text}\n{MAKEFILE}"))
    assert {
        "infra/deploy.sh",
        ".github/comment.sh",
        ".github/verify.sh",
        "infra/image/wanted.sh",
        ".ci/run",
    } <= called
    assert [name for name in called if not (CHECKOUT / name).is_file()] == []
    mine = sorted(CHECKOUT / name for name in called)
    _run(tools / "shellcheck", "-x", "-P", "SCRIPTDIR", "-S", "warning", *mine)


def test_every_make_target_that_is_called_is_here_and_takes_what_it_is_given() -> None:
    calls = [
        call
        for job in jobs()
        for script in job.scripts
        for call in re.findall(r"\bmake (?:-s )?([a-z].*)$", script, re.MULTILINE)
    ]
    assert calls
    for call in calls:
        target = call.split()[0]
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), call
        for variable in re.findall(r"\b([A-Z_]+)=", call):
            assert f"$({variable})" in MAKEFILE, call


def test_every_path_that_a_workflow_waits_for_or_caches_by_is_here() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    nowhere = [
        (workflow.path.name, pattern)
        for workflow in workflows()
        for pattern in workflow.patterns
        if not any(matches(pattern, path) for path in listed)
    ]
    assert nowhere == []


def test_what_a_called_workflow_is_given_is_what_it_asks_for() -> None:
    for job in jobs():
        if "uses" not in job.body:
            continue
        called = next(
            flow for flow in workflows() if flow.path == CHECKOUT / job.body["uses"].removeprefix("./")
        )
        asked = called.triggers["workflow_call"]["inputs"]
        assert set(job.body["with"]) <= set(asked), job.place
        assert {name for name, what in asked.items() if what.get("required")} <= set(job.body["with"]), (
            job.place
        )


def _run(*command: str | Path) -> None:
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
