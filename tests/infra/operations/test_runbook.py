"""The runbook: what it has people type works, and every alarm leads to an entry of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml  # type: ignore[import-untyped]  # comes with BentoML, without its types
from botocore import xform_name

from service.settings import Settings
from tests.infra.operations.markdown import CHECKOUT, pages
from tests.infra.operations.runbook import RUNBOOK, Block, blocks, typed
from tests.infra.programs import needed
from tests.mlflow_tables import with_tables
from tests.processes import Home, post
from tests.service.records import records
from training.registry import Registry
from training.train import Trained
from training.use_cases import use_cases

USE_CASE = "credit_risk"
KINDS = ("catboost_smooth", "logistic_regression")
# Commands and options that only the AWS command knows.
OWN = {"logs tail", "ecr get-login-password"}
GLOBAL = {"query", "output", "region", "cli-input-json"}
FAMILY = "aval-production-credit-risk-retrain"
_SCOPES = ("--scope", "predict", "--scope", "read")


@pytest.fixture(scope="module")
def ran(quick: Callable[..., Trained], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the blocks printed, by their heading: on a machine where the second champion turned out to be wrong."""
    home = with_tables(Home(tmp_path_factory.mktemp("runbook")))
    _two_champions(home, quick)
    with _served(home) as (url, known):
        _drawn_up(home, url, known)
        known["OTHER_POLICY"] = quick(USE_CASE, KINDS[0]).scorer.policy.version
        said: dict[str, str] = {}
        for block in blocks():
            if not block.needs:
                said[block.heading] = said.get(block.heading, "") + typed(
                    block, home.folder, home.environment(**known)
                )
    return said


def test_every_block_that_is_to_be_tried_works(ran: dict[str, str]) -> None:
    assert len(ran) > 10


def test_a_line_that_fails_is_not_taken_for_the_answer_of_the_last_one(tmp_path: Path) -> None:
    assert typed(Block("A", "", frozenset({0, 1}), "echo a\necho b && false\n"), tmp_path, {}) == "a\nb\n"
    with pytest.raises(AssertionError, match="echo a && false"):
        typed(Block("A", "", frozenset({0, 1}), "echo a && false\necho b\n"), tmp_path, {})


def test_a_rollback_leads_to_the_champion_before_which_is_then_exported_with_its_policy(
    ran: dict[str, str],
) -> None:
    second, first, exported = re.findall(r"credit_risk:[0-9a-f]{16}", ran["Rollback"])[:3]
    assert first == exported != second
    assert f"{first} (version 1) is the champion of credit_risk again" in ran["Rollback"]
    assert "is now the policy in use of credit_risk" in ran["Rollback"]
    assert f"{first} is now the champion" in ran["A store is down"]


def test_a_restored_log_is_shown_to_be_whole_up_to_its_anchors_and_its_decisions_come_out_the_same(
    ran: dict[str, str],
) -> None:
    assert re.search(r"the log holds: .* [1-9]\d* anchors", ran["Restore of the decision log"])
    assert re.search(
        r"[1-9]\d* decisions: [1-9]\d* the same bit for bit, 0 diff", ran["Restore of the decision log"]
    )


def test_too_many_refused_rows_write_nothing_until_they_are_allowed(ran: dict[str, str]) -> None:
    said = ran["Many records are refused"]
    assert "person_age" in said
    assert re.search(r"392 of 400 rows scored", said)


def test_what_was_erased_is_said_by_a_log_that_holds(ran: dict[str, str]) -> None:
    assert re.search(r"the log holds: .* [1-9]\d* erased", ran["A person asks to be erased"])


def test_who_would_have_been_decided_otherwise_is_said_and_written(ran: dict[str, str]) -> None:
    said = ran["Wrong decisions"]
    assert re.search(r"[1-9][\d,]* of [\d,]+ decisions would have been others under", said)
    # Of the line before, whose place is in the middle: a block is typed to its end.
    assert re.search(r"\d of \d+ cases \([\d.]+%\) get another decision", said)


def test_a_look_at_drift_says_what_was_compared(ran: dict[str, str]) -> None:
    assert "no open incidents of credit_risk" in ran["Drift"]
    assert re.search(r"^analysis: .*\n(.*\n)*  records have not drifted", ran["Drift"], re.MULTILINE)


def test_every_alert_of_prometheus_leads_to_an_entry() -> None:
    rules = yaml.safe_load((CHECKOUT / "infra" / "prometheus" / "rules.yaml").read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert alerts == set(re.findall(r"`(Aval\w+)`", RUNBOOK.split("\n## ")[0]))


def test_every_alarm_of_cloudwatch_leads_to_an_entry() -> None:
    text = "\n".join(file.read_text("utf-8") for file in sorted((CHECKOUT / "infra").glob("modules/*/*.tf")))
    named = set(re.findall(r'alarm_name\s*=\s*"\$\{[^}]*\}-([a-z-]+)"', text))
    table = (CHECKOUT / "infra" / "modules" / "service" / "alarms.tf").read_text("utf-8")
    named |= set(re.findall(r"^    (\w+) = \{$", table, re.MULTILINE))
    assert named == set(re.findall(r"`…-([a-z-]+)`", RUNBOOK.split("\n## ")[0]))


def test_the_helper_for_aws_runs_aval_in_the_task_of_a_job_that_may_do_it(tmp_path: Path) -> None:
    needed("jq")
    [helper] = re.findall(r"^job\(\) \{.*?^\}", RUNBOOK, re.MULTILINE | re.DOTALL)
    script = f"""
aws() {{ [ "$8" = {FAMILY} ] || return 9; printf '%s' "${{@: -1}}"; }}
terraform() {{ echo '{{"credit-risk-retrain": "{FAMILY}"}}'; }}
{helper}
job credit-risk-retrain rollback credit_risk --why 'since "Thursday"'
"""
    asked = _ran(["bash", "-euo", "pipefail", "-c", script], {})
    [container] = json.loads(asked)["containerOverrides"]
    (tmp_path / "aval").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "aval").chmod(0o755)
    # The image's entry point of that job.
    typed = _ran(["sh", *container["command"]], {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    assert typed.splitlines() == ["rollback", "credit_risk", "--why", 'since "Thursday"']


def test_every_job_that_is_typed_for_aws_is_one_that_may_do_it() -> None:
    typed = re.findall(r"^job ([a-z-]+)", RUNBOOK, re.MULTILINE)
    assert len(typed) > 5
    assert set(typed) == {"credit-risk-retrain"}


def test_every_entry_says_how_one_knows_that_it_is_over() -> None:
    sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[2:]
    assert len(sections) > 20
    for section in sections:
        assert re.search(r"\b[Oo]ver\b.{0,5} (when|with)", section), section.partition("\n")[0]


def test_every_command_of_aws_on_a_page_exists_with_its_options() -> None:
    session = botocore.session.get_session()
    typed = [line for page in pages() for line in _aws("\n".join([*page.code, *page.spans]))]
    assert len(typed) > 12
    assert [told for line in typed if (told := _complaint(session, line))] == []


def test_a_command_of_aws_that_does_not_exist_is_found() -> None:
    session = botocore.session.get_session()
    assert _complaint(session, "aws ecs start-everything --cluster a") == "ecs start-everything"
    assert _complaint(session, "aws ecs run-task --clusters a") == "ecs run-task --clusters"
    assert _complaint(session, "aws ecs run-task --cluster a --query b") == ""


def _ran(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout


def _two_champions(home: Home, quick: Callable[..., Trained]) -> None:
    own = home.folder / "aval"
    settings = replace(Settings.from_environment(), home=own, tracking_uri=f"sqlite:///{own / 'mlflow.db'}")
    registry = Registry(replace(settings, bentoml_home=home.bentoml_home))
    for kind in KINDS:
        registry.record(quick(USE_CASE, kind), {"git_revision": "0123456789abcdef"})
        # A process of its own: BentoML has one store for each.
        why = ("--why", f"{kind} it is", "--override-by", "Grace Hopper", "--override-because", "a test")
        done = home.aval("promote", USE_CASE, *why)
        assert done.returncode == 0, done.stderr


@contextmanager
def _served(home: Home) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the second champion with a key; yields its URL and what the blocks find in their environment."""
    keys = home.folder / "keys.json"
    made = json.loads(home.aval("keys", "create", "core", *_SCOPES, "--file", keys, "--json").stdout)
    (home.folder / "key.header").write_text(f"Authorization: Bearer {made['secret']}\n")
    with home.serve(USE_CASE, AVAL_API_KEYS=str(keys)) as url:
        known = {"URL": url, "KEY": "key.header", "KEY_ID": made["id"], "AVAL_API_KEYS": str(keys)}
        yield url, known | {"TOKEN": made["secret"]}


def _drawn_up(home: Home, url: str, known: dict[str, str]) -> None:
    """Decide some records, take anchors, and lay out the files and versions that the blocks name."""
    headers = {"authorization": f"Bearer {known.pop('TOKEN')}"}
    ids = [post(f"{url}/predict", record, headers).json()["decision_id"] for record in records(USE_CASE)[:5]]
    done = home.aval("log", "anchor", "-o", home.folder / "anchors.jsonl")
    assert done.returncode == 0, done.stderr
    case = use_cases()[USE_CASE]
    case.sample(2_000, seed=4).to_csv(home.folder / "cases.csv", index=False)
    table = case.sample(400, seed=5)
    table.loc[:7, "person_age"] = 999
    table.to_csv(home.folder / "in.csv", index=False)
    cut_offs = (
        "--cut-offs",
        "0.05",
        "0.2",
        "--because",
        "fewer reviews",
        "--data",
        home.folder / "cases.csv",
    )
    made = home.aval("policy", "make", USE_CASE, *cut_offs, "--json")
    assert made.returncode == 0, made.stderr
    copy = f"sqlite:///{home.folder / 'copy.db'}"
    known.update(ID=ids[0], POLICY=json.loads(made.stdout)["policy"], COPY=copy)


def _aws(text: str) -> Iterator[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    yield from re.findall(r"\baws [a-z0-9-]+ [a-z0-9-]+(?:[^\n`]|`[^\n`]*`)*", joined)


def _complaint(session: Any, line: str) -> str:
    """Return what does not exist of a command of AWS, nothing if all of it does; its own left out."""
    # What is quoted may hold anything; what is asked in between is a command of its own, from the innermost out.
    line = re.sub(r"'[^']*'", "X", line).partition(" #")[0]
    while (shorter := re.sub(r"\$\([^()]*\)", "X", line)) != line:
        line = shorter
    _, service, operation, *rest = line.split()
    if f"{service} {operation}" in OWN or service == "s3":
        return ""
    service = {"s3api": "s3"}.get(service, service)
    if service not in session.get_available_services():
        return service
    model = session.get_service_model(service)
    if operation == "wait":
        known = session.get_waiter_model(service).waiter_names
        return "" if rest[0] in {xform_name(name, "-") for name in known} else f"{service} wait {rest[0]}"
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        return f"{service} {operation}"
    shape = model.operation_model(names[operation]).input_shape
    options = {xform_name(name, "-") for name in (shape.members if shape else ())}
    options |= {f"no-{name}" for name in options} | GLOBAL
    wrong = [word for word in re.findall(r"(?<= )--([a-z0-9-]+)", line) if word not in options]
    return f"{service} {operation} --{wrong[0]}" if wrong else ""
