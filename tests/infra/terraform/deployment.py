"""A deployment for tests: a copy of the checkout, an environment with everything in it, and an account."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.terraform.account import CHECKOUT, NUMBER, REGION, STATE_BUCKET, Account
from tests.infra.terraform.certificates import Authority
from tests.infra.terraform.first_page import blocks
from tests.infra.terraform.program import Terraform, copied_root

ENVIRONMENT = "staging"
NAME = f"aval-{ENVIRONMENT}"
# As environments/staging.backend.hcl has it.
STATE_KEY = f"aval/{ENVIRONMENT}.tfstate"
REGISTRY = f"{NUMBER}.dkr.ecr.{REGION}.amazonaws.com"
JOBS = ("credit-risk-drift", "credit-risk-retrain", "credit-risk-score")
IMAGES = "images.tfvars.json"
FILES = (f"-var-file=environments/{ENVIRONMENT}.tfvars", f"-var-file={IMAGES}")


@dataclass(frozen=True)
class Deployment:
    """A checkout whose root has been pointed at an account, and the variables of its environment."""

    checkout: Path
    terraform: Terraform
    account: Account
    authority: Authority
    variables: Mapping[str, Any]

    def edit(self, **changed: Any) -> None:
        """Write the environment's file, as a person edits it before the first deployment."""
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in {**self.variables, **changed}.items())
        (self.terraform.root / "environments" / f"{ENVIRONMENT}.tfvars").write_text("".join(lines), "utf-8")

    def name_images(self, file: str = IMAGES, **digits: str) -> None:
        """Write a file of images by digest; each digest is one digit, `1` where none is given."""
        named = {
            name: image(name, digits.get(name, "1")) for name in ("credit_risk", "german_credit", "train")
        }
        (self.terraform.root / file).write_text(json.dumps({"images": named}), "utf-8")

    def planned(self, *options: str, **digits: str) -> dict[str, list[str]]:
        """Return what a plan with these images would change."""
        self.name_images("planned.tfvars.json", **digits)
        return self.terraform.planned(FILES[0], "-var-file=planned.tfvars.json", *options)

    def follow(self, mark: str, number: int = 0) -> str:
        """Run a block of `infra/README.md` to the letter, as somebody in the checkout does; return what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", blocks(mark)[number]],
            cwd=self.checkout,
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{mark} {number}: {done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of a shell in which `aws` and `terraform` reach the account."""
        given = self.terraform.surroundings
        return {**given, "PATH": f"{self.checkout / 'programs'}:{given['PATH']}"}


@dataclass(frozen=True)
class Followed:
    """A deployment after its first day, and what each block of the page printed since the second."""

    deployment: Deployment
    printed: list[str]


def image(name: str, digit: str = "1") -> str:
    """Return an image by digest, as the root wants it: of a use case, or `train`."""
    return f"{REGISTRY}/aval/{name}@sha256:{digit * 64}"


def deployment(folder: Path, program: str, account: Account) -> Deployment:
    """Return a checkout that is ready for the first block of `infra/README.md`."""
    authority = Authority.new()
    _write_aws(folder / "programs" / "aws")
    # A stand-in has one address for all buckets.
    environment = {**account.environment, "TF_CLI_ARGS_init": "-backend-config=use_path_style=true"}
    root = copied_root(folder / "infra", program, environment)
    (root.root / "environments" / "rds-ca.pem").write_bytes(authority.certificate)
    made = Deployment(folder, root, account, authority, variables(_zone(account)))
    made.edit()
    return made


def variables(zone: str) -> dict[str, Any]:
    """Return an environment in which nothing is left out but EMR, which moto knows too little of."""
    job = {"use_case": "credit_risk", "time_zone": "Europe/Madrid"}
    score = {"kind": "score", "schedule": "cron(15 3-7 * * ? *)", "options": ["--max-quarantine", "1%"]}
    return {
        "environment": ENVIRONMENT,
        "region": REGION,
        "callers": ["198.51.100.0/24"],
        "domain": {"name": "risk.bank.example", "zone_id": zone},
        "services": {
            "credit_risk": {"path": "/credit_risk"},
            "german_credit": {"host": "german.bank.example"},
        },
        "jobs": {
            "credit-risk-score": {**job, **score},
            "credit-risk-drift": {**job, "kind": "drift", "schedule": "cron(0 8 * * ? *)"},
            "credit-risk-retrain": {**job, "kind": "retrain", "schedule": "cron(0 2 ? * MON *)"},
        },
        "alarm_emails": ["risk@bank.example"],
        "budget": 1000,
        "github": {"repository": "bank@12/aval@3456", "state_bucket": STATE_BUCKET},
    }


def _write_aws(file: Path) -> None:
    """Write the command `aws`, of which there is none in Python's own packages."""
    file.parent.mkdir(parents=True)
    path, program = shlex.quote(str(CHECKOUT)), shlex.quote(sys.executable)
    file.write_text(
        f'#!/bin/sh\nPYTHONPATH={path} exec {program} -m tests.infra.terraform.aws_command "$@"\n', "utf-8"
    )
    file.chmod(0o755)


def _zone(account: Account) -> str:
    made = account.client("route53").create_hosted_zone(Name="bank.example", CallerReference="tests")
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]
