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
from tests.processes import free_port

Ran = subprocess.CompletedProcess[str]

CHECKOUT = Path(__file__).resolve().parents[2]
GOOD, BETTER, BAD, UNKNOWN, STUCK, FAR = (
    f"registry.example/aval/credit_risk@sha256:{digit * 64}" for digit in "abcdef"
)
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
# As a service is replaced: it may fail in the midst of an apply.
resource "terraform_data" "roll" {
  for_each         = var.images
  triggers_replace = each.value
  provisioner "local-exec" {
    command = "case ${each.value} in *eeee) echo the new tasks do not start; exit 1 ;; esac"
  }
}
resource "terraform_data" "images" {
  input      = var.images
  depends_on = [terraform_data.service, terraform_data.roll]
}
output "images" { value = terraform_data.images.output }
output "urls" { value = { for name, service in terraform_data.service : name => var.where[service.output] } }
"""


@dataclass(frozen=True)
class Place:
    """A checkout with a root of one environment, `staging`, and what is deployed in it."""

    folder: Path

    def deploy(
        self, step: str, images: object = None, environment: str = "staging", key: str = "", plan: str = ""
    ) -> Ran:
        named = [""]
        if images is not None:
            (self.folder / "images.json").write_text(json.dumps(images), "utf-8")
            named = [str(self.folder / "images.json")]
        script = str(self.folder / "infra" / "deploy.sh")
        command = ["bash", script, step, environment, *named, key, "0", plan]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False
        )

    def approved(self, images: object) -> str:
        """Return the file with the plan as it was printed and approved."""
        file = self.folder / "plan.txt"
        file.write_text(self.deploy("plan", images).stdout, "utf-8")
        return str(file)

    def breaks_off(self, images: dict[str, str]) -> None:
        """Apply with Terraform alone what fails, as where a machine dies before the way back."""
        (self.folder / "images.tfvars.json").write_text(json.dumps({"images": images}), "utf-8")
        variables = ["-var-file=environments/staging.tfvars", "-var-file=../images.tfvars.json"]
        command = ["terraform", "apply", "-auto-approve", "-input=false", *variables]
        ran = subprocess.run(command, cwd=self.folder / "infra", capture_output=True, text=True, check=False)
        assert ran.returncode == 1, ran.stdout

    @property
    def deployed(self) -> dict[str, str]:
        state = json.loads((self.folder / "staging.tfstate").read_text("utf-8"))
        return dict(state["outputs"]["images"]["value"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One where GOOD and BETTER decide (as m:1), BAD does not, STUCK does not start, and FAR is out of reach."""
    needed("terraform", "jq")
    for script in ("infra/deploy.sh", "tests/e2e/smoke.py"):
        (tmp_path / script).parent.mkdir(parents=True)
        shutil.copy(CHECKOUT / script, tmp_path / script)
    environments = tmp_path / "infra" / "environments"
    environments.mkdir()
    (tmp_path / "infra" / "main.tf").write_text(ROOT, "utf-8")
    (environments / "staging.backend.hcl").write_text(f'path = "{tmp_path}/staging.tfstate"\n', "utf-8")
    with pretending({}) as up, pretending({"/predict": (500, {})}) as down:
        far = f"http://127.0.0.1:{free_port()}"
        urls = {GOOD: up, BETTER: up, BAD: down, STUCK: up, FAR: far}
        where = "".join(f'"{image}" = "{url}"\n' for image, url in urls.items())
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


def test_an_apply_that_fails_in_its_midst_is_taken_back(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    ran = place.deploy("apply", {"credit_risk": STUCK})
    assert (ran.returncode, place.deployed) == (1, {"credit_risk": GOOD})
    assert "the new tasks do not start" in ran.stderr
    assert "staging decides again, with the images before" in ran.stderr


def test_an_apply_that_broke_off_leaves_what_ran_as_what_the_next_one_goes_back_to(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    place.breaks_off({"credit_risk": STUCK})
    assert place.deployed == {"credit_risk": GOOD}
    ran = place.deploy("apply", {"credit_risk": BAD})
    assert (ran.returncode, place.deployed) == (1, {"credit_risk": GOOD})


def test_what_cannot_be_reached_from_here_is_not_taken_back(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    ran = place.deploy("apply", {"credit_risk": FAR})
    assert (ran.returncode, place.deployed) == (3, {"credit_risk": FAR})
    assert "from here it could not be asked, so nothing is taken back" in ran.stderr


def test_beside_a_service_out_of_reach_one_that_does_not_decide_is_taken_back(place: Place) -> None:
    place.deploy("apply", {"card_default": GOOD, "credit_risk": GOOD})
    ran = place.deploy("apply", {"card_default": FAR, "credit_risk": BAD})
    assert (ran.returncode, place.deployed) == (1, {"card_default": GOOD, "credit_risk": GOOD})


def test_what_was_approved_is_applied(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    ran = place.deploy("apply", {"credit_risk": BETTER}, plan=place.approved({"credit_risk": BETTER}))
    assert (ran.returncode, place.deployed) == (0, {"credit_risk": BETTER}), ran.stderr


def test_an_approval_that_comes_after_another_change_applies_nothing(place: Place) -> None:
    place.deploy("apply", {"credit_risk": GOOD})
    approved = place.approved({"credit_risk": BETTER})
    place.deploy("apply", {"card_default": GOOD})
    # What Terraform was changed to meanwhile is not in the checkout that was approved, and would be destroyed.
    (place.folder / "infra" / "later.tf").write_text('resource "terraform_data" "later" {}', "utf-8")
    place.deploy("apply")
    (place.folder / "infra" / "later.tf").unlink()
    state = (place.folder / "staging.tfstate").read_bytes()
    ran = place.deploy("apply", {"credit_risk": BETTER}, plan=approved)
    assert ran.returncode == 4
    assert "terraform_data.later will be destroyed" in ran.stderr
    assert "nothing was; plan again" in ran.stderr
    assert (place.folder / "staging.tfstate").read_bytes() == state


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
    assert "Plan: 1 to add, 2 to change, 1 to destroy." in ran.stdout
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


@pytest.mark.parametrize(
    ("text", "said"),
    [("Authorization: Bearer secret\n", "holds 3 words"), ("", "holds 0 words"), (None, "there is no file")],
    ids=["a header", "empty", "missing"],
)
def test_a_file_that_holds_no_key_is_refused_before_anything_is_applied(
    place: Place, text: str | None, said: str
) -> None:
    key = place.folder / "key"
    if text is not None:
        key.write_text(text, "utf-8")
    ran = place.deploy("apply", {"credit_risk": GOOD}, key=str(key))
    assert ran.returncode == 2
    assert said in ran.stderr
    assert not (place.folder / "infra" / ".terraform").exists()
