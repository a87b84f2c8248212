"""What stands in an account, found out by asking each service for all that it has."""

from __future__ import annotations

from typing import Any

from tests.infra.terraform.account import NUMBER, Account

# Service, operation, key of its answer, and what tells one thing from another (None: the thing is its own name).
LISTED = (
    ("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
    ("application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ScalableTargetARN"),
    ("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", "PolicyARN"),
    ("budgets", "describe_budgets", "Budgets", "BudgetName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmArn"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("ecr", "describe_repositories", "repositories", "repositoryArn"),
    ("ecs", "list_task_definitions", "taskDefinitionArns", None),
    ("efs", "describe_access_points", "AccessPoints", "AccessPointId"),
    ("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ("events", "list_rules", "Rules", "Arn"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "Arn"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
    ("iam", "list_roles", "Roles", "Arn"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("logs", "describe_log_groups", "logGroups", "arn"),
    ("rds", "describe_db_cluster_parameter_groups", "DBClusterParameterGroups", "DBClusterParameterGroupArn"),
    ("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotArn"),
    ("rds", "describe_db_clusters", "DBClusters", "DBClusterArn"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceArn"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupArn"),
    ("rds", "describe_event_subscriptions", "EventSubscriptionsList", "EventSubscriptionArn"),
    ("route53", "list_hosted_zones", "HostedZones", "Id"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("scheduler", "list_schedule_groups", "ScheduleGroups", "Arn"),
    ("scheduler", "list_schedules", "Schedules", "Arn"),
    ("secretsmanager", "list_secrets", "SecretList", "ARN"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("wafv2", "list_web_acls", "WebACLs", "ARN"),
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "describe_budgets": {"AccountId": NUMBER},
    # Those that AWS makes by itself end with their database.
    "describe_db_cluster_snapshots": {"SnapshotType": "manual"},
    "describe_scalable_targets": {"ServiceNamespace": "ecs"},
    "describe_scaling_policies": {"ServiceNamespace": "ecs"},
    "list_web_acls": {"Scope": "REGIONAL"},
}


def standing(account: Account) -> set[str]:
    """Return all that stands there, such as `s3 list_buckets my-bucket`, and local policies, keys that are in use."""
    found = {
        f"{service} {operation} {item if name is None else item[name]}"
        for service, operation, key, name in LISTED
        for item in account.everything(service, operation, key, **ARGUMENTS.get(operation, {}))
        if name is None or item.get("State") != "deleted"
    }
    # AWS's own keys come with their first use, and stay.
    found = {item for item in found if " alias/aws/" not in item}
    policies = account.everything("iam", "list_policies", "Policies", Scope="Local")
    return (
        found | {f"iam policy {policy['Arn']}" for policy in policies} | _clusters(account) | _keys(account)
    )


def _clusters(account: Account) -> set[str]:
    """Return the clusters that were not deleted: those that were are told for a while, as inactive."""
    ecs = account.client("ecs")
    listed = ecs.describe_clusters(clusters=account.everything("ecs", "list_clusters", "clusterArns"))
    return {
        f"ecs cluster {item['clusterArn']}" for item in listed["clusters"] if item["status"] != "INACTIVE"
    }


def _keys(account: Account) -> set[str]:
    """Return the keys of one's own that are not about to be deleted: for weeks they can be had back."""
    kms = account.client("kms")
    listed = [kms.describe_key(KeyId=key["KeyId"]) for key in account.everything("kms", "list_keys", "Keys")]
    return {
        f"kms key {key['KeyMetadata']['Arn']}"
        for key in listed
        if key["KeyMetadata"]["KeyManager"] == "CUSTOMER"
        and key["KeyMetadata"]["KeyState"] != "PendingDeletion"
    }
