"""Who may do what: policies and trust read as JSON, since no stand-in of AWS refuses anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.terraform.account import NUMBER, Account

# Actions that AWS lets nobody bound by a resource.
UNBOUND = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
}


@pytest.fixture(scope="module")
def roles(account: Account) -> dict[str, dict[str, Any]]:
    """The roles of the deployment by name, each with its inline policies under `policies`."""
    iam = account.client("iam")
    found = {}
    for role in account.everything("iam", "list_roles", "Roles"):
        name = role["RoleName"]
        names = iam.list_role_policies(RoleName=name)["PolicyNames"]
        policies = [iam.get_role_policy(RoleName=name, PolicyName=item)["PolicyDocument"] for item in names]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        found[name] = {**role, "policies": policies, "attached": [item["PolicyArn"] for item in attached]}
    return found


def test_no_role_of_a_task_job_or_schedule_may_do_everything_or_to_everything(
    roles: dict[str, dict[str, Any]],
) -> None:
    checked = 0
    for name, role in roles.items():
        if "github" in name:
            continue
        for statement in _allowed(role):
            checked += 1
            actions = _listed(statement["Action"])
            assert not [action for action in actions if "*" in action], f"{name}: {statement}"
            if "*" in _listed(statement["Resource"]):
                assert set(actions) <= UNBOUND, f"{name}: {statement}"
    assert checked > 20


def test_what_is_attached_to_a_role_is_for_one_service_of_aws(roles: dict[str, dict[str, Any]]) -> None:
    attached = {arn for name, role in roles.items() for arn in role["attached"] if "github" not in name}
    assert attached == {"arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"}


def test_roles_of_services_can_be_taken_by_one_service_for_this_account_alone(
    roles: dict[str, dict[str, Any]],
) -> None:
    for name, role in roles.items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        if "Service" not in statement["Principal"] or "monitoring" in name:
            continue
        assert isinstance(statement["Principal"]["Service"], str), name
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == NUMBER, name


def test_roles_are_handed_on_only_to_the_service_that_is_meant(roles: dict[str, dict[str, Any]]) -> None:
    found = 0
    for name, role in roles.items():
        for statement in _allowed(role):
            if "iam:PassRole" in _listed(statement["Action"]):
                found += 1
                assert "*" not in _listed(statement["Resource"]), name
                passed = json.dumps(statement.get("Condition", {}))
                assert "iam:PassedToService" in passed, name
    assert found >= 3


def test_a_task_reads_only_the_secrets_of_its_own_use_case(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        if not name.endswith("-execution"):
            continue
        read = [
            resource
            for statement in _allowed(role)
            if "secretsmanager:GetSecretValue" in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        others = {"credit_risk", "german_credit"} - {
            case for case in ("credit_risk", "german_credit") if case in name
        }
        # A job that answers nobody has no keys of callers.
        assert read or "score" in name, name
        assert not [item for item in read if any(f"/{other}/" in item for other in others)], name


def test_a_service_writes_into_no_bucket_and_a_nightly_job_only_under_its_own_use_case(
    roles: dict[str, dict[str, Any]],
) -> None:
    written = {
        name: [
            resource
            for statement in _allowed(role)
            if "s3:PutObject" in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        ]
        for name, role in roles.items()
    }
    assert written["aval-staging-credit_risk-task"] == []
    assert {resource.partition("/")[2] for resource in written["aval-staging-credit-risk-score-task"]} == {
        "scored/credit_risk/*",
        "segments/*",
    }


def test_the_retrainings_role_may_do_what_people_type_by_hand_in_its_own_use_case(
    roles: dict[str, dict[str, Any]],
) -> None:
    written, read = (
        {
            resource.partition(":::aval-staging-")[2].replace(f"-{NUMBER}-eu-west-1", "")
            for statement in _allowed(roles["aval-staging-credit-risk-retrain-task"])
            if action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        }
        for action in ("s3:PutObject", "s3:GetObject")
    )
    # Erasures rewrite segments, an approval is followed by an export, a day is scored again.
    assert written == {
        "artifacts/mlflow/*",
        "data/scored/credit_risk/*",
        "decisions/segments/*",
        "releases/credit_risk/*",
    }
    assert read == {*written, "data/incoming/credit_risk/*"}


def test_github_is_believed_only_for_the_named_repository_and_audience(
    roles: dict[str, dict[str, Any]],
) -> None:
    theirs = {name: role for name, role in roles.items() if "github" in name}
    assert len(theirs) == 3, sorted(roles)
    for name, role in theirs.items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity", name
        conditions = statement["Condition"]
        values = {key: _listed(value) for test in conditions.values() for key, value in test.items()}
        assert values["token.actions.githubusercontent.com:aud"] == ["sts.amazonaws.com"], name
        for subject in values["token.actions.githubusercontent.com:sub"]:
            # Neither any branch nor any repository whose name begins alike.
            assert re.fullmatch(r"repo:bank@12/aval@3456:[\w:/.-]+(v\*)?", subject), f"{name}: {subject}"


def test_github_may_not_make_itself_somebody_else(roles: dict[str, dict[str, Any]]) -> None:
    for name, role in roles.items():
        if "github" not in name or "apply" in name:
            continue
        for statement in _allowed(role):
            actions = _listed(statement["Action"])
            assert "*" not in actions, f"{name}: {statement}"
            assert not [action for action in actions if re.match(r"iam:(?!Get|List)", action)], (
                f"{name}: {actions}"
            )


@pytest.mark.parametrize("purpose", ["plan", "apply"])
def test_github_reads_and_changes_no_records_secrets_and_logs(
    purpose: str, roles: dict[str, dict[str, Any]]
) -> None:
    role = roles[f"aval-staging-github-{purpose}"]
    (objects,) = [item for item in _denied(role) if "NotResource" in item]
    assert {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"} <= set(
        objects["Action"]
    )
    assert _listed(objects["NotResource"]) == ["arn:aws:s3:::aval-state-staging/*"]
    everywhere = {
        action
        for item in _denied(role)
        if _listed(item.get("Resource", [])) == ["*"]
        for action in _listed(item["Action"])
    }
    assert {
        "ecs:ExecuteCommand",
        "elasticfilesystem:Client*",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "logs:StartQuery",
        "rds-data:*",
        "rds-db:connect",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutResourcePolicy",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecret",
        "sqs:ReceiveMessage",
    } <= everywhere


def test_who_applies_makes_roles_within_the_boundary_alone_and_becomes_none_of_them(
    roles: dict[str, dict[str, Any]],
) -> None:
    role = roles["aval-staging-github-apply"]
    allowed = {action: item for item in _allowed(role) for action in _listed(item["Action"])}
    for action in ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"):
        bound = allowed[action]["Condition"]["StringEquals"]["iam:PermissionsBoundary"]
        assert _listed(bound) == [f"arn:aws:iam::{NUMBER}:policy/aval-staging-boundary"], action
    assert not {"iam:UpdateAssumeRolePolicy", "iam:PutRolePermissionsBoundary", "kms:PutKeyPolicy"} & set(
        allowed
    )
    assert not [action for action in allowed if action in ("*", "iam:*", "kms:*", "sts:*")]
    denied = {
        action: _listed(item.get("Resource", []))
        for item in _denied(role)
        for action in _listed(item["Action"])
    }
    assert denied["sts:AssumeRole"] == ["*"]
    assert denied["iam:PutRolePolicy"] == [f"arn:aws:iam::{NUMBER}:role/aval-staging-github-*"]


def test_who_applies_changes_names_in_the_one_zone_and_works_in_the_one_region(
    roles: dict[str, dict[str, Any]],
) -> None:
    for item in _allowed(roles["aval-staging-github-apply"]):
        for action in _listed(item["Action"]):
            if action.startswith("route53:"):
                assert re.fullmatch(r"arn:aws:route53:::hostedzone/\w+", *_listed(item["Resource"]))
            if _listed(item["Resource"]) == ["*"]:
                regions = item["Condition"]["StringEquals"]["aws:RequestedRegion"]
                assert _listed(regions) == ["eu-west-1"], action


def test_no_user_and_no_key_was_made(account: Account) -> None:
    assert account.everything("iam", "list_users", "Users") == []


def _allowed(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["policies"]:
        yield from (item for item in _listed(policy["Statement"]) if item["Effect"] == "Allow")


def _denied(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["policies"]:
        yield from (item for item in _listed(policy["Statement"]) if item["Effect"] == "Deny")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
