"""An apply that breaks off half-way is gone on with: see `conftest`, whose deployment was made in this way."""

from __future__ import annotations

import subprocess

from tests.infra.terraform.broken_off import ENOUGH, BrokenOff
from tests.infra.terraform.deployment import FILES, Deployment

REPOSITORY = 'module.images.aws_ecr_repository.this["aval/train"]'


def test_an_interrupted_apply_writes_down_what_it_made_and_gives_the_lock_back(
    interrupted: BrokenOff,
) -> None:
    assert "Interrupt received" in interrupted.output
    assert interrupted.code == 1
    assert len(interrupted.addresses) >= ENOUGH
    assert interrupted.lock is None


def test_a_killed_apply_leaves_its_lock_and_what_was_written_down(
    interrupted: BrokenOff, killed: BrokenOff
) -> None:
    assert killed.code < 0
    assert killed.lock is not None
    assert killed.lock["Operation"] == "OperationTypeApply"
    assert killed.addresses == interrupted.addresses


def test_the_lock_of_the_dead_keeps_others_out_and_says_whose_it_is(
    killed: BrokenOff, refused: subprocess.CompletedProcess[str]
) -> None:
    assert killed.lock is not None
    assert refused.returncode == 1
    assert "Error acquiring the state lock" in refused.stderr
    assert killed.lock["ID"] in refused.stderr


def test_the_next_apply_makes_the_rest_without_making_anything_twice(
    interrupted: BrokenOff, deployed: Deployment
) -> None:
    made = set(deployed.terraform.addresses())
    assert len(made) > 10 * ENOUGH
    assert set(interrupted.addresses) <= made


def test_what_was_made_and_not_written_down_is_taken_in_by_its_name(deployed: Deployment) -> None:
    terraform = deployed.terraform
    # What a killed apply leaves of a thing that it had just made.
    terraform.run("state", "rm", REPOSITORY)
    refused = terraform.run("apply", "-auto-approve", "-refresh=false", *FILES, codes=(1,))
    assert "RepositoryAlreadyExistsException" in refused.stderr
    assert REPOSITORY in refused.stderr
    terraform.run("import", *FILES, REPOSITORY, "aval/train")
    assert deployed.planned("-refresh=false") == {}
