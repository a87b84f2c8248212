"""What the next plan shows, after nothing changed and after an image did; upgrade and rollback as the page has them."""

from __future__ import annotations

from tests.infra.terraform.deployment import FILES, IMAGES, Deployment, image

# What was asked of AWS a moment ago is not asked again.
QUICKLY = "-refresh=false"
REPLACED = ["create", "delete"]
# What the root says that runs.
SAID = "terraform_data.images"


def test_a_second_plan_is_empty(deployed: Deployment) -> None:
    done = deployed.terraform.run("plan", "-detailed-exitcode", *FILES, codes=(0, 2))
    assert done.returncode == 0, done.stdout


def test_a_new_image_makes_a_new_task_and_rolls_its_service_alone(deployed: Deployment) -> None:
    service = 'module.service["german_credit"]'
    assert deployed.planned(QUICKLY, german_credit="a") == {
        f"{service}.module.task.aws_ecs_task_definition.this": REPLACED,
        f"{service}.aws_ecs_service.this": ["update"],
        SAID: ["update"],
    }


def test_a_new_image_of_what_is_scored_at_night_is_taken_by_that_job_too(deployed: Deployment) -> None:
    changes = deployed.planned(QUICKLY, credit_risk="a")
    assert {address.split(".aws_")[0] for address in changes} == {
        'module.service["credit_risk"]',
        'module.service["credit_risk"].module.task',
        'module.job["credit-risk-score"]',
        'module.job["credit-risk-score"].module.task',
        SAID,
    }
    assert [actions for actions in changes.values() if "delete" in actions] == [REPLACED] * 2


def test_an_upgrade_runs_the_new_image_and_a_rollback_the_one_before(deployed: Deployment) -> None:
    deployed.name_images("before.tfvars.json")
    deployed.name_images(german_credit="b")
    deployed.follow("upgrade")
    assert _running(deployed) == {image("german_credit", "b")}
    assert deployed.terraform.outputs()["images"]["german_credit"] == image("german_credit", "b")
    deployed.follow("rollback")
    assert _running(deployed) == {image("german_credit")}
    deployed.name_images(IMAGES)
    assert deployed.planned(QUICKLY) == {}


def _running(deployed: Deployment) -> set[str]:
    ecs = deployed.account.client("ecs")
    cluster = deployed.terraform.outputs()["cluster"]
    (service,) = ecs.describe_services(cluster=cluster, services=["german_credit"])["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return {container["image"] for container in task["containerDefinitions"]}
