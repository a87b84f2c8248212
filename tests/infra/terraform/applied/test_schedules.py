"""What runs by the clock, and who is told when it, or anything else, goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.terraform.account import Account
from tests.infra.terraform.deployment import JOBS, NAME
from training.retrain.ending import End

TOPIC = f"{NAME}-alarms"


@pytest.fixture(scope="module")
def schedules(account: Account) -> dict[str, dict[str, Any]]:
    """The schedules by name."""
    client = account.client("scheduler")
    listed = account.everything("scheduler", "list_schedules", "Schedules")
    return {
        item["Name"]: client.get_schedule(Name=item["Name"], GroupName=item["GroupName"]) for item in listed
    }


def test_each_job_runs_when_and_where_it_was_asked_to(schedules: dict[str, Any]) -> None:
    assert {
        name: (item["ScheduleExpression"], item["ScheduleExpressionTimezone"], item["State"])
        for name, item in schedules.items()
    } == {
        "credit-risk-score": ("cron(15 3-7 * * ? *)", "Europe/Madrid", "ENABLED"),
        "credit-risk-drift": ("cron(0 8 * * ? *)", "Europe/Madrid", "ENABLED"),
        "credit-risk-retrain": ("cron(0 2 ? * MON *)", "Europe/Madrid", "ENABLED"),
    }


def test_the_input_of_a_schedule_reaches_ecs_as_it_was_written(schedules: dict[str, Any]) -> None:
    # jsonencode writes \u003c where Scheduler looks for <aws.scheduler.scheduled-time>.
    for name, schedule in schedules.items():
        text = schedule["Target"].get("Input", "")
        assert "\\u003" not in text, f"{name}: {text}"


def test_yesterday_is_that_of_the_schedules_time_zone(account: Account, schedules: dict[str, Any]) -> None:
    for name, schedule in schedules.items():
        given = _environment(account, schedule)
        assert given["AVAL_TIME_ZONE"] == schedule["ScheduleExpressionTimezone"], name


def test_a_job_runs_in_private_subnets_on_a_task_that_is_named_with_its_revision(
    schedules: dict[str, Any],
) -> None:
    for name, schedule in schedules.items():
        how = schedule["Target"]["EcsParameters"]
        assert how["LaunchType"] == "FARGATE", name
        assert how["NetworkConfiguration"]["awsvpcConfiguration"]["AssignPublicIp"] == "DISABLED", name
        assert how["TaskDefinitionArn"].rpartition(":")[2].isdigit(), name


def test_a_start_is_tried_again_and_one_that_fails_is_kept(
    account: Account, schedules: dict[str, Any]
) -> None:
    (url,) = account.everything("sqs", "list_queues", "QueueUrls")
    attributes = account.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    for name, schedule in schedules.items():
        target = schedule["Target"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2, name
        assert target["DeadLetterConfig"]["Arn"] == attributes["QueueArn"], name


def test_scoring_runs_on_the_serving_image_and_all_else_on_the_training_image(
    account: Account, schedules: dict[str, Any]
) -> None:
    images = {name: _container(account, schedule)["image"] for name, schedule in schedules.items()}
    assert "/aval/credit_risk@sha256:" in images["credit-risk-score"]
    assert "/aval/train@sha256:" in images["credit-risk-drift"]
    assert images["credit-risk-drift"] == images["credit-risk-retrain"]


def test_models_and_snapshots_outlive_a_job_on_an_encrypted_way_to_their_own_folder(
    account: Account, schedules: dict[str, Any]
) -> None:
    for name in ("credit-risk-drift", "credit-risk-retrain"):
        (home,) = [item for item in _task(account, schedules[name])["volumes"] if item["name"] == "home"]
        shared = home["efsVolumeConfiguration"]
        assert shared["transitEncryption"] == "ENABLED", name
        assert shared["authorizationConfig"]["iam"] == "ENABLED", name
        points = account.client("efs").describe_access_points(
            AccessPointId=shared["authorizationConfig"]["accessPointId"]
        )
        assert points["AccessPoints"][0]["RootDirectory"]["Path"] == "/credit_risk", name


def test_a_job_that_fails_is_told_of_and_one_with_nothing_to_do_is_not(account: Account) -> None:
    events = account.client("events")
    rules = {rule["Name"]: rule for rule in account.everything("events", "list_rules", "Rules")}
    asking = f"{NAME}-credit-risk-retrain-asking"
    assert set(rules) == {asking, *(f"{NAME}-{job}-failed" for job in JOBS)}
    for name, rule in rules.items():
        if name == asking:
            continue
        pattern = json.loads(rule["EventPattern"])
        assert pattern["detail-type"] == ["ECS Task State Change"], name
        either = pattern["detail"]["$or"]
        (fine,) = [
            item["containers"]["exitCode"][0]["anything-but"] for item in either if "containers" in item
        ]
        assert {0, 3} <= set(fine), name
        # A fault of ours, wrong use, or a kill.
        assert not {2, 70, 137, 143} & set(fine), name
        assert {"stopCode": ["TaskFailedToStart"]} in either, name
        (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
        assert target["Arn"].endswith(f":{TOPIC}"), name


def test_a_retraining_that_asks_for_a_person_is_told_of_and_is_no_failure(account: Account) -> None:
    events = account.client("events")
    name = f"{NAME}-credit-risk-retrain"
    pattern = json.loads(events.describe_rule(Name=f"{name}-asking")["EventPattern"])
    told = {End.WAITING.exit_code, End.PERSON.exit_code}
    assert set(pattern["detail"]["containers"]["exitCode"]) == told
    (target,) = events.list_targets_by_rule(Rule=f"{name}-asking")["Targets"]
    assert target["Arn"].endswith(f":{TOPIC}")
    failed = json.loads(events.describe_rule(Name=f"{name}-failed")["EventPattern"])["detail"]["$or"]
    (fine,) = [item["containers"]["exitCode"][0]["anything-but"] for item in failed if "containers" in item]
    assert told <= set(fine)


def test_every_alarm_speaks_to_the_topic_that_people_read(account: Account) -> None:
    alarms = account.everything("cloudwatch", "describe_alarms", "MetricAlarms")
    # Those of target tracking scale, and tell nobody.
    ours = [alarm for alarm in alarms if not alarm["AlarmName"].startswith("TargetTracking-")]
    assert len(ours) >= 10
    for alarm in ours:
        assert alarm["ActionsEnabled"], alarm["AlarmName"]
        assert [action for action in alarm["AlarmActions"] if action.endswith(f":{TOPIC}")], alarm[
            "AlarmName"
        ]
        assert "RUNBOOK" in alarm["AlarmDescription"], alarm["AlarmName"]
    sns = account.client("sns")
    (subscription,) = sns.list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "risk@bank.example")


def test_starts_that_failed_have_an_alarm(account: Account) -> None:
    alarms = account.everything("cloudwatch", "describe_alarms", "MetricAlarms")
    (found,) = [alarm for alarm in alarms if alarm["Namespace"] == "AWS/SQS"]
    assert (found["MetricName"], found["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    (url,) = account.everything("sqs", "list_queues", "QueueUrls")
    assert {"Name": "QueueName", "Value": url.rpartition("/")[2]} in found["Dimensions"]


def test_too_much_money_is_told_before_it_is_spent(account: Account) -> None:
    budgets = account.client("budgets")
    (budget,) = budgets.describe_budgets(AccountId="123456789012")["Budgets"]
    assert budget["BudgetLimit"] == {"Amount": "1000", "Unit": "USD"}
    found = budgets.describe_notifications_for_budget(
        AccountId="123456789012", BudgetName=budget["BudgetName"]
    )
    assert {item["NotificationType"] for item in found["Notifications"]} == {"ACTUAL", "FORECASTED"}


def test_each_use_case_has_its_dashboard(account: Account) -> None:
    listed = account.everything("cloudwatch", "list_dashboards", "DashboardEntries")
    assert {item["DashboardName"] for item in listed} == {f"{NAME}-credit_risk", f"{NAME}-german_credit"}
    for item in listed:
        body = account.client("cloudwatch").get_dashboard(DashboardName=item["DashboardName"])[
            "DashboardBody"
        ]
        assert "${" not in body
        assert json.loads(body)["widgets"]


def _task(account: Account, schedule: dict[str, Any]) -> dict[str, Any]:
    arn = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"]
    found: dict[str, Any] = account.client("ecs").describe_task_definition(taskDefinition=arn)[
        "taskDefinition"
    ]
    return found


def _container(account: Account, schedule: dict[str, Any]) -> dict[str, Any]:
    containers = _task(account, schedule)["containerDefinitions"]
    (found,) = [item for item in containers if item["essential"]]
    return dict(found)


def _environment(account: Account, schedule: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in _container(account, schedule)["environment"]}
