"""Which jobs of the deployments run, by what caused the run: their conditions are evaluated as GitHub does it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.programs import needed
from tests.infra.workflow_files import CHECKOUT, FOLDER, Job, Workflow

SET_UP = {"vars.AWS_REGION": "eu-west-1"}
SAME = {"github.repository": "bank/aval", "github.event.pull_request.head.repo.full_name": "bank/aval"}
FORK = SAME | {"github.event.pull_request.head.repo.full_name": "stranger/aval"}
PLAN, APPLY = "plan", "apply"


@pytest.mark.parametrize(
    ("event", "more", "done"),
    [
        ("pull_request", SAME, {"staging": PLAN, "production": PLAN, "comment": ""}),
        ("pull_request", FORK, {}),
        ("push", {}, {"staging": APPLY, "production": APPLY}),
        ("workflow_dispatch", {"inputs.environment": "staging"}, {"staging": APPLY}),
        ("workflow_dispatch", {"inputs.environment": "production"}, {"production": APPLY}),
    ],
    ids=["pull request", "of a fork", "main", "staging by hand", "production by hand"],
)
def test_a_deployment_touches_the_environments_that_were_meant_and_no_others(
    event: str, more: dict[str, str], done: dict[str, str]
) -> None:
    seen = run("deploy.yml", SET_UP | {"github.event_name": event} | more)
    assert {name: effect for name, (_, effect) in seen.items()} == done


def test_without_aws_nothing_is_deployed() -> None:
    assert run("deploy.yml", {"github.event_name": "push"}) == {}


@pytest.mark.parametrize("event", ["push", "pull_request", "workflow_dispatch"])
def test_production_is_not_touched_after_a_staging_that_failed(event: str) -> None:
    assert "production" not in run(
        "deploy.yml", SET_UP | SAME | {"github.event_name": event}, failing="staging"
    )


@pytest.mark.parametrize(
    ("publish", "done"),
    [("true", {"staging": APPLY, "production": APPLY}), ("false", {})],
    ids=["published", "not published"],
)
def test_images_are_deployed_where_they_were_published(publish: str, done: dict[str, str]) -> None:
    told = {"needs.wanted.outputs.publish": publish, "github.event_name": "schedule"}
    seen = run("image.yml", SET_UP | told)
    assert {name: effect for name, (_, effect) in seen.items() if effect} == done


def test_each_environment_is_given_its_own_role_runner_and_images() -> None:
    for file in ("deploy.yml", "image.yml"):
        for job in Workflow(FOLDER / file).jobs:
            if "uses" in job.body:
                given = job.body["with"]
                assert given["environment"] == job.name
                assert given["plan-role"] == f"${{{{ vars.{job.name.upper()}_PLAN_ROLE }}}}"
                assert given["runner"] == f"${{{{ vars.{job.name.upper()}_RUNNER || 'ubuntu-latest' }}}}"


def test_what_is_applied_is_mains_terraform_and_what_its_plan_showed() -> None:
    plan, apply = Workflow(FOLDER / "environment.yml").jobs
    (planned,), (applied,) = (
        [step for step in job.steps if "actions/checkout" in step.get("uses", "")] for job in (plan, apply)
    )
    assert planned["with"]["ref"] == "${{ inputs.apply && 'main' || github.sha }}"
    assert plan.body["outputs"]["commit"] == f"${{{{ steps.{planned['id']}.outputs.commit }}}}"
    assert applied["with"]["ref"] == "${{ needs.plan.outputs.commit }}"
    (taken,) = [step["with"] for step in apply.steps if "actions/download-artifact" in step.get("uses", "")]
    (kept,) = [step["with"] for step in plan.steps if "actions/upload-artifact" in step.get("uses", "")]
    assert taken["name"] == kept["name"]
    assert any(f"PLAN={taken['path']}/plan.txt" in script for script in apply.scripts)


def test_a_role_lasts_as_long_as_the_job_that_applies_with_it() -> None:
    apply = Workflow(FOLDER / "environment.yml").jobs[-1]
    (entered,) = [step["with"] for step in apply.steps if "configure-aws-credentials" in step.get("uses", "")]
    assert entered["role-duration-seconds"] == apply.body["timeout-minutes"] * 60
    module = (CHECKOUT / "infra" / "modules" / "github" / "main.tf").read_text("utf-8")
    (most,) = re.findall(r"max_session_duration = (\d+)", module)
    assert entered["role-duration-seconds"] <= int(most)


def test_the_repository_that_the_roles_trust_can_be_written_as_the_page_shows_it() -> None:
    needed("jq")
    page = (FOLDER / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"gh api repos/OWNER/NAME --jq '(.+)'", page)
    told = json.dumps({"name": "aval.x", "id": 5678, "owner": {"login": "big-bank", "id": 1234}})
    said = subprocess.run(["jq", "-r", shown], input=told, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "big-bank@1234/aval.x@5678"
    variables = (CHECKOUT / "infra" / "variables.tf").read_text("utf-8")
    (taken,) = re.findall(r'regex\("(.+)", var\.github\.repository\)', variables)
    assert re.search(taken, said.strip())
    assert re.search(taken, "big-bank/aval.x")
    assert not re.search(taken, "big-bank@*/aval.x@*")


def test_at_night_the_interface_is_asked_more_often_than_the_tests_do() -> None:
    (job,) = Workflow(FOLDER / "nightly.yml").jobs
    (file,) = re.findall(r"PYTEST_ARGS=(\S+)", "\n".join(job.scripts))
    (usual,) = re.findall(r'environ\.get\("AVAL_FUZZ"\) or "(\d+)"', (CHECKOUT / file).read_text("utf-8"))
    assert int(job.body["env"]["AVAL_FUZZ"]) >= 50 * int(usual)


def run(file: str, told: Mapping[str, str], failing: str = "") -> dict[str, tuple[Job, str]]:
    """Return the jobs that run, and of a called workflow whether it plans or applies; jobs succeed but `failing`."""
    known, ran = dict(told), {}
    for job in Workflow(FOLDER / file).jobs:
        needs = job.body.get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        condition = str(job.body.get("if", "true"))
        # Where a condition asks for no state, GitHub asks for the success of all before.
        is_due = "cancelled()" in condition or all(
            known[f"needs.{need}.result"] == "success" for need in needs
        )
        result = "skipped"
        if is_due and value(condition, known):
            result = "failure" if job.name == failing else "success"
            apply = job.body.get("with", {}).get("apply", "")
            effect = "" if apply == "" else APPLY if value(str(apply).lower(), known) else PLAN
            ran[job.name] = (job, effect)
        known[f"needs.{job.name}.result"] = result
    return ran


def value(expression: str, known: Mapping[str, str]) -> Any:
    """Evaluate what stands in a workflow, which holds no other words than these; what is not known is empty."""
    functions = {
        "cancelled": lambda: False,
        "contains": lambda many, one: one in many,
        "fromJSON": json.loads,
    }
    operators = {"&&": " and ", "||": " or ", "!": " not ", "!=": "!=", "true": "True", "false": "False"}

    def translated(match: re.Match[str]) -> str:
        word = match[0]
        if word in operators:
            return operators[word]
        return word if word[0] == "'" or word in functions else f"known.get({word!r}, '')"

    text = re.sub(
        r"'[^']*'|&&|\|\||!=|!|[A-Za-z_][\w.-]*", translated, re.sub(r"\$\{\{|\}\}", "", expression)
    )
    return eval(f"({text})", {"__builtins__": {}}, {**functions, "known": known})  # noqa: S307  # our own files
