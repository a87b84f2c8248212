"""The files of Terraform as they are written: layout, validity, plans of every variant, and Checkov's rules."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform.account import REGION
from tests.infra.terraform.checkov import checked
from tests.infra.terraform.program import INFRA, Terraform, copied_root

# `checkov:skip=NAME:reason` in the block that it is about.
SKIP = re.compile(r"checkov:skip=(?P<rule>\w+)(?::(?P<reason>.*))?")
LEAST_REASON = 20
# None of these is real; plans ask nobody.
OFFLINE = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@pytest.fixture(scope="module")
def root(terraform: str, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """The root, initialized without a backend and with the provider of the lock file."""
    found = copied_root(tmp_path_factory.mktemp("written") / "infra", terraform, OFFLINE)
    found.run("init", "-backend=false", "-lockfile=readonly")
    return found


@pytest.fixture(scope="module")
def report(checkov: Path) -> dict[str, list[dict[str, str]]]:
    """What Checkov found, by verdict."""
    done = checked(checkov, INFRA, "--output", "json")
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    results: dict[str, list[dict[str, str]]] = found["results"]
    assert found["summary"]["parsing_errors"] == 0, results["parsing_errors"]
    assert found["summary"]["passed"] > 100, found["summary"]
    return results


def test_the_files_are_laid_out_as_terraform_would(terraform: str) -> None:
    done = subprocess.run(
        [terraform, "fmt", "-check", "-recursive", "-diff", str(INFRA)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_root_is_valid(root: Terraform) -> None:
    verdict = json.loads(root.run("validate", "-json", codes=(0, 1)).stdout)
    assert verdict["valid"], verdict["diagnostics"]
    assert verdict["warning_count"] == 0, verdict["diagnostics"]


def test_every_variable_and_output_says_what_it_is_and_variables_have_types() -> None:
    for file in sorted(INFRA.rglob("*.tf")):
        for kind, name, body in _blocks(file):
            where = f"{kind} {name} in {file.relative_to(INFRA)}"
            assert re.search(r"^  description\s*=", body, re.MULTILINE), f"{where} has no description"
            assert kind == "output" or re.search(r"^  type\s*=", body, re.MULTILINE), f"{where} has no type"


def test_the_lock_file_has_hashes_of_the_provider_for_every_platform() -> None:
    text = (INFRA / ".terraform.lock.hcl").read_text("utf-8")
    assert text.count('provider "') == 1
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', text)) >= 10


def test_plans_of_every_variant_hold_what_their_tests_say(root: Terraform) -> None:
    done = root.run("test", codes=(0, 1))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! \d+ passed, 0 failed", done.stdout), done.stdout


def test_checkov_finds_nothing(report: dict[str, list[dict[str, str]]]) -> None:
    found = [
        f"{item['check_id']} {item['resource']} in {item['file_path']}: {item['check_name']}"
        for item in report["failed_checks"]
    ]
    assert found == []


def test_every_rule_of_checkov_that_is_left_out_is_used_and_says_why(
    report: dict[str, list[dict[str, str]]],
) -> None:
    used = {item["check_id"] for item in report["skipped_checks"]}
    for file in sorted(INFRA.rglob("*.tf")):
        for skip in SKIP.finditer(file.read_text("utf-8")):
            reason = (skip["reason"] or "").strip()
            assert len(reason) >= LEAST_REASON, f"{file.name}: {skip[0]} gives no reason"
            assert skip["rule"] in used, f"{file.name}: {skip['rule']} is left out where nothing breaks it"


def _blocks(file: Path) -> list[tuple[str, str, str]]:
    text = file.read_text("utf-8")
    return re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
