"""What the next plan shows, after nothing changed and after an image did."""

from __future__ import annotations

from tests.infra.terraform.deployment import Deployment, image

REPLACED = ["create", "delete"]


def test_a_second_plan_is_empty(deployed: Deployment) -> None:
    done = deployed.terraform.run("plan", "-detailed-exitcode", codes=(0, 2))
    assert done.returncode == 0, done.stdout


def test_a_new_image_makes_a_new_task_and_rolls_its_service_alone(deployed: Deployment) -> None:
    changes = _planned(deployed, german_credit="a")
    service = 'module.service["german_credit"]'
    assert changes == {
        f"{service}.module.task.aws_ecs_task_definition.this": REPLACED,
        f"{service}.aws_ecs_service.this": ["update"],
    }


def test_a_new_image_of_what_is_scored_at_night_is_taken_by_that_job_too(deployed: Deployment) -> None:
    changes = _planned(deployed, credit_risk="a")
    kinds = {address.split(".aws_")[0] for address in changes}
    assert kinds == {
        'module.service["credit_risk"]',
        'module.service["credit_risk"].module.task',
        'module.job["nightly"]',
        'module.job["nightly"].module.task',
    }
    assert [actions for actions in changes.values() if "delete" in actions] == [REPLACED] * 2


def test_an_applied_image_runs_and_the_plan_after_it_is_empty(deployed: Deployment) -> None:
    wanted = image("german_credit", "b")
    deployed.write(images={**deployed.variables["images"], "german_credit": wanted})
    deployed.terraform.run("apply", "-auto-approve")
    cluster = deployed.terraform.outputs()["cluster"]
    ecs = deployed.account.client("ecs")
    (service,) = ecs.describe_services(cluster=cluster, services=["german_credit"])["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert {container["image"] for container in task["containerDefinitions"]} == {wanted}
    assert deployed.terraform.planned() == {}


def _planned(deployed: Deployment, **digits: str) -> dict[str, list[str]]:
    images = {**deployed.variables["images"], **{name: image(name, digit) for name, digit in digits.items()}}
    deployed.write(images=images)
    try:
        return deployed.terraform.planned()
    finally:
        deployed.write()
