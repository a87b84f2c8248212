"""What somebody sees who follows the page of `infra/` to the letter: see `conftest`, which does so."""

from __future__ import annotations

import json

from tests.infra.terraform.deployment import NAME, Deployment, Followed
from tests.infra.terraform.first_page import blocks, marks

MARKS = ("first-deployment", "upgrade", "rollback", "teardown")


def test_every_marked_block_is_followed_by_these_tests() -> None:
    assert marks() == set(MARKS)
    assert [len(blocks(mark)) for mark in MARKS] == [5, 1, 1, 1]


def test_the_first_apply_makes_everything_but_what_runs(followed: Followed) -> None:
    assert "Apply complete!" in followed.printed[0]
    assert "module.service" not in followed.printed[0]
    assert "module.job" not in followed.printed[0]


def test_the_keys_of_callers_are_in_their_secret_and_in_no_state(followed: Followed) -> None:
    secrets = followed.deployment.account.client("secretsmanager")
    found = secrets.get_secret_value(SecretId=f"{NAME}/credit_risk/api-keys")["SecretString"]
    assert json.loads(found) == {"keys": []}
    state = followed.deployment.terraform.run("state", "pull").stdout
    assert '{\\"keys\\": []}' not in state


def test_the_second_apply_makes_what_runs_and_says_where_it_is_asked(followed: Followed) -> None:
    assert "Apply complete!" in followed.printed[2]
    assert '"credit_risk" = "https://risk.bank.example/credit_risk"' in followed.printed[2]


def test_a_job_is_run_by_hand_with_another_command(followed: Followed) -> None:
    (task,) = json.loads(followed.printed[3])["tasks"]
    (changed,) = task["overrides"]["containerOverrides"]
    assert changed["name"] == "aval"
    releases = followed.deployment.terraform.outputs()["buckets"]["releases"]
    assert changed["command"] == ["-euc", f"aval import s3://{releases}/credit_risk"]


def test_the_state_is_in_a_private_bucket_with_all_its_versions(deployed: Deployment) -> None:
    s3 = deployed.account.client("s3")
    bucket = deployed.variables["github"]["state_bucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
