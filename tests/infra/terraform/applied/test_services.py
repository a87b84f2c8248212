"""How a use case is served: the task, its service, the load balancer before it and the firewall before that."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.infra.terraform.account import Account
from tests.infra.terraform.deployment import NAME, Deployment, image

USE_CASES = ("credit_risk", "german_credit")
# Words that stand in the name of what must not be told: its value has to come from Secrets Manager.
SECRET_WORDS = ("PASSWORD", "SECRET", "TOKEN", "KEYS_JSON", "CREDENTIAL")


@pytest.fixture(scope="module")
def services(deployed: Deployment) -> dict[str, dict[str, Any]]:
    """The services by use case, each with its task definition under `task`."""
    ecs = deployed.account.client("ecs")
    cluster = deployed.terraform.outputs()["cluster"]
    found = ecs.describe_services(cluster=cluster, services=list(USE_CASES))["services"]
    return {
        service["serviceName"]: {
            **service,
            "task": ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"],
        }
        for service in found
    }


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_service_runs_its_own_image_by_digest(services: dict[str, Any], use_case: str) -> None:
    images = {container["image"] for container in services[use_case]["task"]["containerDefinitions"]}
    assert len(images) == 1
    assert images.pop().startswith(image(use_case).rpartition(":")[0])


@pytest.mark.parametrize("use_case", USE_CASES)
def test_its_containers_are_not_root_and_can_write_nothing_but_named_folders(
    services: dict[str, Any], use_case: str
) -> None:
    task = services[use_case]["task"]
    assert task["networkMode"] == "awsvpc"
    assert not [volume for volume in task["volumes"] if volume.get("host", {}).get("sourcePath")]
    for container in task["containerDefinitions"]:
        assert container["user"].startswith("10001"), container["name"]
        assert container["readonlyRootFilesystem"], container["name"]
        assert not container.get("privileged"), container["name"]
        assert container["linuxParameters"]["capabilities"]["drop"] == ["ALL"], container["name"]
        writable = {mount["containerPath"] for mount in container["mountPoints"] if not mount["readOnly"]}
        assert writable <= {"/tmp", "/var/lib/aval", "/run/aval"}, container["name"]  # noqa: S108


def test_no_task_definition_holds_a_secret_in_plain_text(account: Account) -> None:
    ecs = account.client("ecs")
    arns = account.everything("ecs", "list_task_definitions", "taskDefinitionArns")
    assert len(arns) >= 5
    for arn in arns:
        task = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        for container in task["containerDefinitions"]:
            for item in container["environment"]:
                assert not any(word in item["name"].upper() for word in SECRET_WORDS), (
                    f"{arn}: {item['name']}"
                )
                address = item["value"].partition("://")[2].partition("@")
                assert ":" not in address[0] or not address[1], f"{arn}: {item['name']} holds a password"
            for item in container["secrets"]:
                assert item["valueFrom"].startswith("arn:aws:secretsmanager:"), f"{arn}: {item['name']}"


@pytest.mark.parametrize("use_case", USE_CASES)
def test_it_is_told_what_it_serves_and_asks_for_keys_and_a_verified_database(
    services: dict[str, Any], use_case: str
) -> None:
    given = _given(services[use_case])
    assert given["AVAL_MODEL"] == use_case
    assert given["AVAL_HOST"] == "0.0.0.0"  # noqa: S104  # behind the load balancer
    assert "AVAL_WITHOUT_KEYS" not in given
    assert given["AVAL_API_KEYS"] == "/run/aval/keys.json"
    containers = services[use_case]["task"]["containerDefinitions"]
    assert f"{NAME}/{use_case}/api-keys" in json.dumps([item["secrets"] for item in containers])
    assert re.fullmatch(r"postgresql\S*://aval@\S+\?password_secret=arn:\S+", given["AVAL_DECISION_LOG"])
    assert given["AVAL_DECISION_LOG_DOWN"] == "closed"
    assert given["PGSSLMODE"] == "verify-full"
    assert given["PGSSLROOTCERT"] == "/run/aval/rds-ca.pem"


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_task_that_stops_has_time_for_what_it_holds(
    services: dict[str, Any], account: Account, use_case: str
) -> None:
    given = _given(services[use_case])
    stop = _container(services[use_case])["stopTimeout"]
    group = _target_group(account, services[use_case])
    attributes = account.client("elbv2").describe_target_group_attributes(
        TargetGroupArn=group["TargetGroupArn"]
    )
    waited = {item["Key"]: item["Value"] for item in attributes["Attributes"]}
    drain = int(waited["deregistration_delay.timeout_seconds"])
    assert 0 < int(given["AVAL_DRAIN_SECONDS"]) < stop <= 120
    assert int(given["AVAL_DRAIN_SECONDS"]) + drain <= stop


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_failover_of_the_database_is_over_before_tasks_are_replaced_for_it(
    services: dict[str, Any], account: Account, use_case: str
) -> None:
    group = _target_group(account, services[use_case])
    assert group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"] >= 45


@pytest.mark.parametrize("use_case", USE_CASES)
def test_only_ready_tasks_are_asked_and_dead_ones_are_started_again(
    services: dict[str, Any], account: Account, use_case: str
) -> None:
    group = _target_group(account, services[use_case])
    assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/readyz", "200")
    assert (group["TargetType"], group["Port"]) == ("ip", 3000)
    assert "/livez" in json.dumps(_container(services[use_case])["healthCheck"]["command"])


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_bad_image_is_rolled_back_by_itself_and_never_stands_alone(
    services: dict[str, Any], use_case: str
) -> None:
    how = services[use_case]["deploymentConfiguration"]
    assert how["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (how["minimumHealthyPercent"], how["maximumPercent"]) == (100, 200)
    assert how["alarms"]["enable"]
    assert how["alarms"]["rollback"]
    assert set(how["alarms"]["alarmNames"]) == {f"{NAME}-{use_case}-{kind}" for kind in ("errors", "slow")}


@pytest.mark.parametrize("use_case", USE_CASES)
def test_there_are_never_fewer_than_two_tasks_and_more_when_there_is_work(
    account: Account, use_case: str
) -> None:
    scaling = account.client("application-autoscaling")
    name = f"service/{NAME}/{use_case}"
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[name])[
        "ScalableTargets"
    ]
    assert target["MinCapacity"] == 2
    assert target["MaxCapacity"] > 2
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=name)["ScalingPolicies"]
    metrics = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"][
            "PredefinedMetricType"
        ]
        for policy in policies
    }
    assert metrics == {"ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilization"}


def test_callers_meet_tls_of_today_and_are_sent_there_from_plain_http(account: Account) -> None:
    (balancer,) = account.everything("elbv2", "describe_load_balancers", "LoadBalancers")
    listeners = account.client("elbv2").describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    by_port = {listener["Port"]: listener for listener in listeners}
    assert sorted(by_port) == [80, 443]
    assert by_port[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    (plain,) = by_port[80]["DefaultActions"]
    assert (plain["Type"], plain["RedirectConfig"]["Protocol"]) == ("redirect", "HTTPS")
    (other,) = by_port[443]["DefaultActions"]
    assert other["FixedResponseConfig"]["StatusCode"] == "404"


def test_the_load_balancer_is_logged_protected_and_drops_odd_headers(account: Account) -> None:
    (balancer,) = account.everything("elbv2", "describe_load_balancers", "LoadBalancers")
    attributes = account.client("elbv2").describe_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"]
    )
    chosen = {item["Key"]: item["Value"] for item in attributes["Attributes"]}
    assert chosen["access_logs.s3.enabled"] == "true"
    assert chosen["deletion_protection.enabled"] == "true"
    assert chosen["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_each_use_case_has_its_own_address(account: Account, deployed: Deployment) -> None:
    assert deployed.terraform.outputs()["urls"] == {
        "credit_risk": "https://risk.bank.example/credit_risk",
        "german_credit": "https://german.bank.example",
    }
    (balancer,) = account.everything("elbv2", "describe_load_balancers", "LoadBalancers")
    elb = account.client("elbv2")
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    (secure,) = [listener for listener in listeners if listener["Port"] == 443]
    rules = elb.describe_rules(ListenerArn=secure["ListenerArn"])["Rules"]
    asked = [condition for rule in rules for condition in rule["Conditions"]]
    hosts = [
        condition["HostHeaderConfig"]["Values"] for condition in asked if "HostHeaderConfig" in condition
    ]
    paths = [
        condition["PathPatternConfig"]["Values"] for condition in asked if "PathPatternConfig" in condition
    ]
    assert hosts == [["german.bank.example"]]
    assert [sorted(values) for values in paths] == [["/credit_risk", "/credit_risk/*"]]


def test_the_firewall_stands_before_it_and_holds_off_who_asks_too_often(account: Account) -> None:
    waf = account.client("wafv2")
    (balancer,) = account.everything("elbv2", "describe_load_balancers", "LoadBalancers")
    acl = waf.get_web_acl_for_resource(ResourceArn=balancer["LoadBalancerArn"])["WebACL"]
    rules = {rule["Name"]: rule for rule in acl["Rules"]}
    assert rules["rate"]["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429
    managed = [
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for rule in acl["Rules"]
        if "Action" not in rule
    ]
    assert "AWSManagedRulesKnownBadInputsRuleSet" in managed
    # A sampled request is a person's record, to be seen by whoever may look at the firewall.
    assert not acl["VisibilityConfig"]["SampledRequestsEnabled"]


def _container(service: dict[str, Any]) -> dict[str, Any]:
    (found,) = [item for item in service["task"]["containerDefinitions"] if item["essential"]]
    return dict(found)


def _given(service: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in _container(service)["environment"]}


def _target_group(account: Account, service: dict[str, Any]) -> dict[str, Any]:
    (balanced,) = service["loadBalancers"]
    client = account.client("elbv2")
    (group,) = client.describe_target_groups(TargetGroupArns=[balanced["targetGroupArn"]])["TargetGroups"]
    return dict(group)
