"""A deployment for tests: an environment with everything that the root can make, and what must be there before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.terraform.account import NUMBER, REGION, Account
from tests.infra.terraform.program import Terraform, copied_root

STATE_BUCKET = "tests-terraform-state"
STATE_KEY = "aval/test.tfstate"
NAME = "aval-test"
REGISTRY = f"{NUMBER}.dkr.ecr.{REGION}.amazonaws.com"
NIGHTLY = {
    "use_case": "credit_risk",
    "kind": "score",
    "schedule": "cron(15 3 * * ? *)",
    "time_zone": "Europe/Madrid",
}


@dataclass(frozen=True)
class Deployment:
    """A root, the account that it makes things in, and the variables of its environment."""

    terraform: Terraform
    account: Account
    variables: Mapping[str, Any]

    def write(self, **changed: Any) -> None:
        """Write the variables where Terraform reads them by itself, some of them changed."""
        file = self.terraform.root / "tests.auto.tfvars.json"
        file.write_text(json.dumps({**self.variables, **changed}), "utf-8")


def image(name: str, digit: str = "1") -> str:
    """Return an image by digest, as the root wants it: of a use case, or `train`."""
    return f"{REGISTRY}/aval/{name}@sha256:{digit * 64}"


def deployment(folder: Path, program: str, account: Account, **changed: Any) -> Deployment:
    """Return an initialized root, with its state in the account and nothing made yet."""
    _make_bucket(account)
    root = copied_root(folder, program, account.environment)
    made = Deployment(root, account, {**variables(_zone(account), folder), **changed})
    made.write()
    root.run("init", "-lockfile=readonly", *(f"-backend-config={option}" for option in _BACKEND))
    return made


def variables(zone: str, folder: Path) -> dict[str, Any]:
    """Return an environment in which nothing is left out but EMR, which moto knows too little of."""
    jobs = {
        "nightly": NIGHTLY,
        "drift": {"use_case": "credit_risk", "kind": "drift", "schedule": "cron(0 6 * * ? *)"},
        "retrain": {
            "use_case": "credit_risk",
            "kind": "retrain",
            "schedule": "cron(0 7 ? * SUN *)",
            "options": ["--quick"],
        },
    }
    return {
        "environment": "test",
        "region": REGION,
        "callers": ["198.51.100.0/24"],
        "domain": {"name": "risk.bank.example", "zone_id": zone},
        "database_ca_file": str(folder / "tests" / "ca.pem"),
        "services": {
            "credit_risk": {"path": "/credit_risk"},
            "german_credit": {"host": "german.bank.example"},
        },
        "images": {name: image(name) for name in ("credit_risk", "german_credit", "train")},
        "jobs": jobs,
        "alarm_emails": ["risk@bank.example"],
        "budget": 1000,
        "github": {"repository": "bank/aval", "state_bucket": STATE_BUCKET},
    }


_BACKEND = (f"bucket={STATE_BUCKET}", f"key={STATE_KEY}", f"region={REGION}", "use_path_style=true")


def _make_bucket(account: Account) -> None:
    place = {"LocationConstraint": REGION}
    account.client("s3").create_bucket(Bucket=STATE_BUCKET, CreateBucketConfiguration=place)


def _zone(account: Account) -> str:
    made = account.client("route53").create_hosted_zone(Name="bank.example", CallerReference="tests")
    return str(made["HostedZone"]["Id"]).rpartition("/")[2]
