"""What Terraform's provider asks of an account and moto 5.2 does not answer, or answers so that plans never end."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any, cast


def tags_of_autoscaling() -> None:
    """Keep the tags of scalable targets, which the provider reads after it has made one."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Answer

    kept: dict[str, dict[str, str]] = {}
    register = Answer.register_scalable_target

    def registering(self: Answer) -> str:
        answer = register(self)
        kept.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
        return answer

    def listing(self: Answer) -> str:
        return json.dumps({"Tags": kept.get(self._get_param("ResourceARN"), {})})

    _put(Answer, register_scalable_target=registering, list_tags_for_resource=listing)


def fields_of_services() -> None:
    """Keep what moto forgets of a new ECS service: the next plan would replace the service for it."""
    from moto.ecs.responses import EC2ContainerServiceResponse as Answer

    forgotten = {
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
        "capacityProviderStrategy": "capacity_provider_strategy",
        "deploymentConfiguration": "deployment_configuration",
        "enableECSManagedTags": "enable_ecs_managed_tags",
        "enableExecuteCommand": "enable_execute_command",
        "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    }
    create = Answer.create_service

    def creating(self: Answer) -> Any:
        answer = create(self)
        service = cast("dict[str, Any]", answer.result)["service"]
        for name, attribute in forgotten.items():
            if self._get_param(name) is not None:
                setattr(service, attribute, self._get_param(name))
        if self._get_param("capacityProviderStrategy"):
            service.launch_type = None
        return answer

    _put(Answer, create_service=creating)


def tasks_that_end() -> None:
    """Start a task though its containers name no memory, as on Fargate, and give its address free: it ran nowhere."""
    from moto.ec2.models import ec2_backends
    from moto.ecs.models import EC2ContainerServiceBackend as Backend

    run = Backend.run_task

    def running(self: Backend, *arguments: Any, **named: Any) -> list[Any]:
        tasks: list[Any] = run(self, *arguments, **named)
        network = ec2_backends[self.account_id][self.region_name]
        for task in tasks:
            task.last_status = task.desired_status = "STOPPED"
            for detail in (item for attachment in task.attachments for item in attachment["details"]):
                if detail["name"] == "networkInterfaceId":
                    network.delete_network_interface(detail["value"])
        return tasks

    _put(Backend, run_task=running, _calculate_task_resource_requirements=staticmethod(lambda _: {}))


def descriptions_of_rules() -> None:
    """Tell the description also of a rule that lets in another group."""
    from moto.ec2.models.security_groups import SecurityGroupRule as Rule

    def description(self: Rule) -> str | None:
        return (self.ip_range or self.source_group or {}).get("Description")

    _put(Rule, description=property(description))


def conditions_of_denials() -> None:
    """Pass over a denial that has a condition: moto takes every one for met, also "not over TLS"."""
    from moto.iam.access_control import IAMPolicyStatement, PermissionResult

    judge = IAMPolicyStatement.is_action_permitted

    def judging(self: Any, *arguments: Any, **named: Any) -> PermissionResult:
        statement = self._statement
        if statement.get("Effect") == "Deny" and statement.get("Condition"):
            return PermissionResult.NEUTRAL
        return judge(self, *arguments, **named)

    _put(IAMPolicyStatement, is_action_permitted=judging)


def deliveries_of_logs() -> None:
    """Read bucket policies that name everybody, or several resources, when it is asked who may deliver logs."""
    from moto.s3.models import FakeBucket

    def permitted(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        name = f"{target_bucket.name}/{target_prefix or ''}"
        delivered = f"arn:{target_bucket.partition}:s3:::{name}log"
        statements = json.loads(target_bucket.policy or b"{}").get("Statement", [])
        return any(
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
            and "s3:PutObject" in _listed(statement["Action"])
            and any(fnmatch(delivered, resource) for resource in _listed(statement["Resource"]))
            for statement in statements
        )

    _put(FakeBucket, _log_permissions_enabled_policy=staticmethod(permitted))


def ends_of_deletions() -> None:
    """Let what says that an object was deleted be deleted itself, as when a bucket is emptied."""
    from moto.s3.models import FakeDeleteMarker

    _put(FakeDeleteMarker, dispose=lambda _: None)


def policies_of_file_systems() -> None:
    """Keep whether a file system is backed up, and forget who may mount it when that is asked for."""
    from moto.efs.responses import EFSResponse as Answer

    kept: dict[str, Any] = {}
    plain = {"Content-Type": "application/json"}

    def told(system: str) -> tuple[str, dict[str, str]]:
        return json.dumps({"BackupPolicy": kept.get(system, {"Status": "DISABLED"})}), plain

    def putting(self: Answer) -> tuple[str, dict[str, str]]:
        system = self._get_param("FileSystemId")
        kept[system] = self._get_param("BackupPolicy")
        return told(system)

    def describing(self: Answer) -> tuple[str, dict[str, str]]:
        return told(self._get_param("FileSystemId"))

    def deleting(self: Answer) -> tuple[str, dict[str, str]]:
        system = self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]
        system.file_system_policy = None
        return "{}", plain

    _put(
        Answer,
        put_backup_policy=putting,
        describe_backup_policy=describing,
        delete_file_system_policy=deleting,
    )


def readers_of_budgets() -> None:
    """Tell who is told of a budget, and its tags."""
    from moto.budgets.responses import BudgetsResponse as Answer

    tags: dict[str, Any] = {}
    create = Answer.create_budget

    def creating(self: Answer) -> str:
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create(self)

    def listing(self: Answer) -> str:
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN").rpartition("/")[2], [])})

    def subscribers(self: Answer) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        wanted = _named(self._get_param("Notification"))
        told = [item.subscribers for item in budget.notifications if _named(item.details) == wanted]
        return json.dumps({"Subscribers": told[0] if told else []})

    _put(
        Answer,
        create_budget=creating,
        list_tags_for_resource=listing,
        describe_subscribers_for_notification=subscribers,
    )


def fields_of_databases() -> None:
    """Tell no capacity of the first serverless kind for a database of the second; keep that insights are on."""
    from moto.rds.models import DBCluster, DBInstance

    made = DBInstance.__init__

    def making(self: Any, backend: Any, **fields: Any) -> None:
        made(self, backend, **fields)
        self.performance_insights_enabled = fields.get("enable_performance_insights") or False
        self.performance_insights_kms_key_id = fields.get("performance_insights_kms_key_id")
        self.performance_insights_retention_period = fields.get("performance_insights_retention_period")

    _put(DBCluster, scaling_configuration_info=property(lambda _: None))
    _put(DBInstance, __init__=making)


# All of it, to be called once before the server starts.
ADDITIONS: tuple[Callable[[], None], ...] = (
    tags_of_autoscaling,
    fields_of_services,
    tasks_that_end,
    descriptions_of_rules,
    conditions_of_denials,
    deliveries_of_logs,
    ends_of_deletions,
    policies_of_file_systems,
    readers_of_budgets,
    fields_of_databases,
)


def _named(notification: dict[str, Any]) -> tuple[Any, ...]:
    wanted = ("NotificationType", "ComparisonOperator", "ThresholdType")
    return (*(notification.get(name) for name in wanted), float(notification["Threshold"]))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _put(owner: type, **members: Any) -> None:
    for name, member in members.items():
        setattr(owner, name, member)
