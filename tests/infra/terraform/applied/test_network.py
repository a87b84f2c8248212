"""Who can reach what, on which ports."""

from __future__ import annotations

import json
from typing import Any

from tests.infra.terraform.account import Account
from tests.infra.terraform.deployment import NAME

ANYWHERE = ("0.0.0.0/0", "::/0")


def test_from_outside_only_declared_callers_reach_the_load_balancer_on_web_ports(account: Account) -> None:
    open_to = {
        (rule["CidrIpv4"], rule["FromPort"], rule["ToPort"])
        for rule in _rules(account, into=True)
        if rule.get("CidrIpv4") and not rule["CidrIpv4"].startswith("10.")
    }
    assert open_to == {("198.51.100.0/24", 80, 80), ("198.51.100.0/24", 443, 443)}
    assert not [rule for rule in _rules(account, into=True) if rule.get("CidrIpv6")]


def test_inside_groups_let_in_named_groups_on_one_port_each(account: Account) -> None:
    names = _group_names(account)
    inside = {
        (
            names[rule["ReferencedGroupInfo"]["GroupId"]],
            names[rule["GroupId"]],
            rule["FromPort"],
            rule["ToPort"],
        )
        for rule in _rules(account, into=True)
        if "ReferencedGroupInfo" in rule
    }
    assert inside == {
        ("aval-staging-load-balancer", "aval-staging-services", 3000, 3000),
        ("aval-staging-services", "aval-staging-database", 5432, 5432),
        ("aval-staging-jobs", "aval-staging-database", 5432, 5432),
        ("aval-staging-jobs", "aval-staging-state", 2049, 2049),
    }


def test_ways_out_are_https_or_go_to_a_named_group(account: Account) -> None:
    for rule in _rules(account, into=False):
        if rule.get("CidrIpv4") in ANYWHERE:
            assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443), rule
        else:
            assert "ReferencedGroupInfo" in rule, rule


def test_every_rule_says_what_it_is_for(account: Account) -> None:
    assert all(rule.get("Description") for rule in [*_rules(account, True), *_rules(account, False)])


def test_what_names_no_group_of_its_own_reaches_nothing(account: Account) -> None:
    client = account.client("ec2")
    (vpc,) = _vpcs(account)
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (default,) = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert default["IpPermissions"] == default["IpPermissionsEgress"] == []


def test_no_subnet_gives_out_public_addresses_and_private_ones_have_no_way_out(account: Account) -> None:
    (vpc,) = _vpcs(account)
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    client = account.client("ec2")
    subnets = client.describe_subnets(Filters=mine)["Subnets"]
    assert not [subnet for subnet in subnets if subnet["MapPublicIpOnLaunch"]]
    for table in client.describe_route_tables(Filters=mine)["RouteTables"]:
        names = [tag["Value"] for tag in table.get("Tags", ()) if tag["Key"] == "Name"]
        if f"{NAME}-private" in names:
            assert not [route for route in table["Routes"] if route.get("DestinationCidrBlock") in ANYWHERE]
            break
    else:
        raise AssertionError("there is no route table aval-staging-private")


def test_tasks_stand_in_private_subnets_of_two_zones_without_public_addresses(account: Account) -> None:
    client = account.client("ec2")
    private = {
        subnet["SubnetId"]: subnet["AvailabilityZone"]
        for subnet in client.describe_subnets()["Subnets"]
        if any("private" in tag["Value"] for tag in subnet.get("Tags", ()) if tag["Key"] == "Name")
    }
    assert len(set(private.values())) == 2
    services = _services(account)
    assert len(services) == 2
    for service in services:
        placed = service["networkConfiguration"]["awsvpcConfiguration"]
        assert set(placed["subnets"]) == set(private)
        assert placed["assignPublicIp"] == "DISABLED"


def test_aws_is_reached_without_the_internet_and_no_bucket_of_others_is(account: Account) -> None:
    endpoints = account.everything("ec2", "describe_vpc_endpoints", "VpcEndpoints")
    served = {endpoint["ServiceName"].rpartition("eu-west-1.")[2]: endpoint for endpoint in endpoints}
    needed = {"s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts", "monitoring"}
    assert needed <= set(served)
    statements = json.loads(served["s3"]["PolicyDocument"])["Statement"]
    for statement in statements:
        if statement["Resource"] == "*":
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": "123456789012"}}
    assert all(served[name]["PrivateDnsEnabled"] for name in needed - {"s3"})


def test_what_passes_through_the_network_is_logged(account: Account) -> None:
    (log,) = account.everything("ec2", "describe_flow_logs", "FlowLogs")
    assert (log["TrafficType"], log["ResourceId"]) == ("ALL", _vpcs(account)[0])


def _vpcs(account: Account) -> list[str]:
    found = account.everything("ec2", "describe_vpcs", "Vpcs")
    return [vpc["VpcId"] for vpc in found if not vpc["IsDefault"]]


def _group_names(account: Account) -> dict[str, str]:
    groups = account.everything("ec2", "describe_security_groups", "SecurityGroups")
    return {group["GroupId"]: group["GroupName"] for group in groups}


def _rules(account: Account, into: bool) -> list[dict[str, Any]]:
    """Return the rules of all groups but the default ones."""
    names = _group_names(account)
    rules = account.everything("ec2", "describe_security_group_rules", "SecurityGroupRules")
    own = [rule for rule in rules if names[rule["GroupId"]] != "default"]
    return [rule for rule in own if rule["IsEgress"] is not into]


def _services(account: Account) -> list[dict[str, Any]]:
    client = account.client("ecs")
    (cluster,) = client.list_clusters()["clusterArns"]
    names = client.list_services(cluster=cluster)["serviceArns"]
    found: list[dict[str, Any]] = client.describe_services(cluster=cluster, services=names)["services"]
    return found
