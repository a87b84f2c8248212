"""The script that workflows deploy with knows the root: its environments, backend, images and addresses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.programs import needed
from tests.infra.terraform.deployment import Deployment, image


@pytest.fixture(scope="module")
def root(deployed: Deployment) -> Path:
    """The folder of the script."""
    needed("jq")
    return deployed.terraform.root


def test_what_runs_goes_on_as_it_is_where_nothing_is_named(root: Path, deployed: Deployment) -> None:
    ran = plan(root, deployed)
    assert ran.returncode == 0, ran.stderr
    assert "No changes." in ran.stdout


def test_what_is_named_is_planned_and_all_else_goes_on(root: Path, deployed: Deployment) -> None:
    named = root.parent / "images.json"
    named.write_text(
        json.dumps({"credit_risk": {"image": image("credit_risk", "7"), "model": "m:1"}}), "utf-8"
    )
    ran = plan(root, deployed, str(named))
    assert ran.returncode == 0, ran.stderr
    assert image("credit_risk", "7") in ran.stdout
    assert 'module.service["german_credit"]' not in ran.stdout.partition("Terraform will perform")[2]


def plan(root: Path, deployed: Deployment, *images: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(root / "deploy.sh"), "plan", "staging", *images],
        env={**os.environ, **deployed.terraform.surroundings},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
