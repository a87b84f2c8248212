"""What the root's variables refuse, each with words that say what to write instead."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.terraform.program import INFRA, Terraform, terraform_program

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/aval"
DIGEST = f"sha256:{'1' * 64}"
JOB = {"use_case": "credit_risk", "kind": "score", "schedule": "rate(1 day)"}
GOOD: Mapping[str, Any] = {
    "environment": "test",
    "region": "eu-west-1",
    "callers": ["10.0.0.0/8"],
    "domain": {"name": "risk.bank.example", "zone_id": "Z0123456789"},
    "database_ca_file": "ca.pem",
    "services": {"credit_risk": {"path": "/credit_risk"}, "card_default": {"host": "cards.bank.example"}},
    "jobs": {"nightly": JOB},
    "images": {"credit_risk": f"{REGISTRY}/credit_risk@{DIGEST}", "train": f"{REGISTRY}/train@{DIGEST}"},
}


def service(**given: Any) -> dict[str, Any]:
    """Return `services` with one that has these values."""
    return {"credit_risk": {"path": "/credit_risk", **given}}


def job(**given: Any) -> dict[str, Any]:
    """Return `jobs` with one that has these values."""
    return {"nightly": {**JOB, **given}}


REFUSED: list[tuple[str, Any, str]] = [
    ("environment", "Staging_1", "2 to 12 lower-case letters and digits"),
    ("region", "Ireland", "such as eu-west-1"),
    ("callers", ["everybody"], "must be CIDR ranges"),
    ("callers", [], "must be CIDR ranges"),
    ("log_days", 31, "one of 30, 60, 90"),
    ("network", {"cidr": "10.0.0.0/24"}, "at least 1,024 addresses"),
    ("network", {"cidr": "the bank's"}, "at least 1,024 addresses"),
    (
        "network",
        {"vpc_id": "vpc-1", "private_subnet_ids": ["a"], "public_subnet_ids": ["b", "c"]},
        "two subnets or more",
    ),
    ("network", {"vpc_id": "vpc-1", "private_subnet_ids": ["a", "b"]}, "needs network.public_subnet_ids"),
    ("domain", {"name": "risk.bank.example"}, "domain needs zone_id"),
    ("domain", {"name": "https://risk.bank.example", "zone_id": "Z1"}, "must be a host name"),
    ("requests_per_five_minutes", 5, "from 100 to 2000000000"),
    ("services", service(host="risk.bank.example"), "a path or a host, and not both"),
    ("services", {"credit_risk": {}}, "a path or a host, and not both"),
    ("services", {"Credit-Risk": {"path": "/a"}}, "named like use cases"),
    ("services", service(path="/credit_risk/"), "begins with / and does not end with it"),
    ("services", {"credit_risk": {"path": "/a"}, "card_default": {"path": "/a"}}, "the same path or host"),
    ("services", {"credit_risk": {"path": "/a"}, "card_default": {"path": "/a/b"}}, "lies within another's"),
    ("services", service(least=1), "at least two tasks"),
    ("services", service(least=4, most=3), "at least two tasks"),
    ("services", service(cpu=1000), "a service's cpu must be 512"),
    ("services", service(memory=1024), "a service's cpu must be 512"),
    ("services", service(memory=3000), "a service's cpu must be 512"),
    ("services", service(cpu=4096, memory=32768), "a service's cpu must be 512"),
    ("services", service(cpu=8192, memory=17408), "a service's cpu must be 512"),
    ("services", service(settings={"AVAL_DECISION_LOG": "off"}), "one that is made here"),
    ("services", service(settings={"AVAL_DECISION_LOG_DOWN": "open"}), "a task's disk ends with it"),
    ("images", {"credit_risk": f"{REGISTRY}/credit_risk:latest"}, "a tag could come to mean another image"),
    ("images", {"credit_risk": f"{REGISTRY}/card_default@{DIGEST}"}, "must be of its own repository"),
    ("images", {"fraud": f"{REGISTRY}/fraud@{DIGEST}"}, "no service and not train"),
    ("jobs", {"Nightly job": JOB}, "names of lower-case letters"),
    ("jobs", {"credit_risk": JOB}, "named like a service"),
    ("jobs", job(cpu=256, memory=512), "a job's cpu must be 512"),
    ("jobs", job(cpu=4096, memory=32768), "a job's cpu must be 512"),
    ("jobs", job(kind="train"), "score, drift or retrain"),
    ("jobs", job(use_case="fraud"), "must be one of services"),
    ("jobs", job(schedule="15 3 * * *"), "EventBridge Scheduler"),
    ("jobs", job(attempts=0), "from 1 to 185"),
    ("database", {"least_units": 8, "most_units": 4}, "least_units <= most_units"),
    ("database", {"backup_days": 1}, "backup_days from 7 to 35"),
    ("database_ca_file", "nowhere.pem", "holds no certificate"),
    ("database_ca_file", "none.pem", "holds no certificate"),
    ("database_ca_file", "global.pem", "the bundle of your region"),
    ("budget", 0, "more than 0 dollars"),
    ("github", {"repository": "risk", "state_bucket": "state"}, "must be owner/name"),
    ("github", {"repository": "bank@*/risk@*", "state_bucket": "state"}, "must be owner/name"),
]


def test_values_that_fit_are_taken(variables: Terraform) -> None:
    planned(variables, GOOD)


def test_a_repository_may_have_the_numbers_by_which_github_calls_new_ones(variables: Terraform) -> None:
    planned(variables, {**GOOD, "github": {"repository": "bank@12/risk@3456", "state_bucket": "state"}})


def test_the_largest_sizes_of_fargate_are_taken(variables: Terraform) -> None:
    sizes = {
        "nightly": {**JOB, "cpu": 4096, "memory": 30720},
        "weekly": {**JOB, "cpu": 8192, "memory": 61440},
    }
    planned(variables, {**GOOD, "jobs": sizes})


@pytest.mark.parametrize(("name", "value", "words"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_value_that_does_not_fit_is_refused_with_what_would(
    name: str, value: Any, words: str, variables: Terraform
) -> None:
    said = planned(variables, {**GOOD, **without_others(name, value), name: value}, code=1)
    assert "Invalid value for variable" in said
    assert words in said


def test_every_refusal_of_the_root_is_tried() -> None:
    written = (INFRA / "variables.tf").read_text("utf-8")
    messages = re.findall(r'error_message = "((?:[^"\\]|\\.)*)"', written)
    untried = [message for message in messages if not any(words in message for _, _, words in REFUSED)]
    assert untried == []


def without_others(name: str, value: Any) -> dict[str, Any]:
    """Return no images and jobs of services that are not there in these, so that one value alone is refused."""
    return {"images": {}, "jobs": {}} if name == "services" else {}


def planned(terraform: Terraform, values: Mapping[str, Any], code: int = 0) -> str:
    """Plan with these values and return what was said, in one line."""
    file = terraform.root / "values.tfvars.json"
    file.write_text(json.dumps(values), "utf-8")
    done = terraform.run("plan", f"-var-file={file}", codes=(code,))
    return " ".join(re.sub(r"[│╷╵]", " ", done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """A root of the variables alone: it needs no provider, and says in a moment what it refuses."""
    root = tmp_path_factory.mktemp("variables")
    shutil.copy(INFRA / "variables.tf", root)
    certificate = (INFRA / "tests" / "ca.pem").read_text("ascii")
    for name, text in {"ca.pem": certificate, "none.pem": "no PEM", "global.pem": certificate * 20}.items():
        Path(root / name).write_text(text, "ascii")
    return Terraform(terraform_program(), root)
