"""A deployment that does not decide is taken back: `infra/deploy.sh` with the real Terraform and a small root."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.pretender import pretending
from tests.infra.programs import needed

Ran = subprocess.CompletedProcess[str]

CHECKOUT = Path(__file__).resolve().parents[2]
GOOD, BETTER, BAD, UNKNOWN = (f"registry.example/aval/credit_risk@sha256:{digit * 64}" for digit in "abcd")
# Where an image is "deployed" is all that the scripts see of AWS: the address that an output names.
ROOT = """
terraform {
  backend "local" {}
}
variable "images" { type = map(string) }
variable "where" { type = map(string) }
resource "terraform_data" "service" {
  for_each = var.images
  input    = each.value
  lifecycle {
    precondition {
      condition     = contains(keys(var.where), each.value)
      error_message = "no such image"
    }
  }
}
output "images" { value = var.images }
output "urls" { value = { for name, service in terraform_data.service : name => var.where[service.output] } }
"""


@dataclass(frozen=True)
class Place:
    """A checkout with a root of one environment, `staging`, and what is deployed in it."""

    folder: Path

    def deploy(self, step: str, images: object = None, environment: str = "staging") -> Ran:
        named = [""]
        if images is not None:
            (self.folder / "images.json").write_text(json.dumps(images), "utf-8")
            named = [str(self.folder / "images.json")]
        command = ["bash", str(self.folder / "infra" / "deploy.sh"), step, environment, *named, "", "0"]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False
        )

    @property
    def deployed(self) -> dict[str, str]:
        state = json.loads((self.folder / "staging.tfstate").read_text("utf-8"))
        return dict(state["outputs"]["images"]["value"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One where GOOD and BETTER decide (as m:1), and BAD does not."""
    needed("terraform", "jq")
    for script in ("infra/deploy.sh", "tests/e2e/smoke.py"):
        (tmp_path / script).parent.mkdir(parents=True)
        shutil.copy(CHECKOUT / script, tmp_path / script)
    environments = tmp_path / "infra" / "environments"
    environments.mkdir()
    (tmp_path / "infra" / "main.tf").write_text(ROOT, "utf-8")
    (environments / "staging.backend.hcl").write_text(f'path = "{tmp_path}/staging.tfstate"\n', "utf-8")
    with pretending({}) as up, pretending({"/predict": (500, {})}) as down:
        where = "".join(f'"{image}" = "{url}"\n' for image, url in ((GOOD, up), (BETTER, up), (BAD, down)))
        (environments / "staging.tfvars").write_text(f"where = {{\n{where}}}\n", "utf-8")
        yield Place(tmp_path)


def test_what_decides_is_deployed(place: Place) -> None:
    ran = place.deploy("apply", {"credit_risk": GOOD})
    assert (ran.returncode, place.deployed) == (0, {"credit_risk": GOOD}), ran.stderr
    assert "ok  decided the example" in ran.stderr


def test_what_does_not_decide_is_taken_back(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    ran = place.deploy("apply", {"credit_risk": BAD})
    assert (ran.returncode, place.deployed) == (1, {"credit_risk": GOOD})
    assert "staging decides again, with the images before" in ran.stderr


def test_an_apply_that_fails_is_taken_back(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    ran = place.deploy("apply", {"credit_risk": UNKNOWN})
    assert (ran.returncode, place.deployed) == (1, {"credit_risk": GOOD})
    assert "no such image" in ran.stderr
    assert "staging decides again, with the images before" in ran.stderr


def test_an_image_of_another_model_than_it_was_named_with_is_taken_back(place: Place) -> None:
    place.deploy("apply", {"credit_risk": {"image": GOOD, "model": "m:1"}})
    ran = place.deploy("apply", {"credit_risk": {"image": BETTER, "model": "m:2"}})
    assert (ran.returncode, place.deployed) == (1, {"credit_risk": GOOD})
    assert "m:1 is served after 0 s, not m:2" in ran.stderr


def test_what_is_not_named_stays_as_it_runs_and_what_is_null_ends(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD, "card_default": GOOD})
    assert place.deploy("apply", {"credit_risk": BETTER}).returncode == 0
    assert place.deployed == {"credit_risk": BETTER, "card_default": GOOD}
    assert place.deploy("apply", {"card_default": None}).returncode == 0
    assert place.deployed == {"credit_risk": BETTER}


def test_a_first_deployment_that_does_not_decide_has_nothing_to_go_back_to(place: Place) -> None:
    ran = place.deploy("apply", {"credit_risk": BAD})
    assert ran.returncode == 1
    assert "there are no other images to go back to" in ran.stderr


def test_a_plan_is_printed_and_nothing_is_changed(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    before = (place.folder / "staging.tfstate").read_bytes()
    ran = place.deploy("plan", {"credit_risk": BETTER})
    assert ran.returncode == 0
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in ran.stdout
    assert (place.folder / "staging.tfstate").read_bytes() == before


@pytest.mark.parametrize(
    ("step", "images", "environment", "said"),
    [
        ("destroy", {}, "staging", "usage: deploy.sh plan|apply"),
        ("plan", ["credit_risk"], "staging", "IMAGES must be a JSON object"),
        ("plan", {}, "stagging", "there is no environment 'stagging'; there are: staging.tfvars"),
    ],
    ids=["step", "images", "environment"],
)
def test_wrong_use_is_told_and_changes_nothing(
    place: Place, step: str, images: object, environment: str, said: str
) -> None:
    ran = place.deploy(step, images, environment)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert not (place.folder / "infra" / ".terraform").exists()
