"""Jobs as Terraform made them, run by this machine: schedule → task definition → its containers, one after another."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.terraform.account import CHECKOUT, Account
from tests.postgres import Postgres
from tests.processes import PROGRAMS

SECONDS = 300
# Folders of the image that a task may write, by the volumes that are mounted there.
WRITABLE = ("/var/lib/aval", "/run/aval", "/tmp")  # noqa: S108  # a container's own


@dataclass(frozen=True)
class Machine:
    """What stands in the place of Fargate: a folder instead of a container's, a port instead of Aurora's.

    environment: what the image itself brings, and what is needed to reach the account and the database.
    """

    folder: Path
    port: int
    environment: Mapping[str, str]


def scheduled(account: Account, schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task definition that a schedule starts, its containers changed as the schedule's input says."""
    target = schedule["Target"]
    family = target["EcsParameters"]["TaskDefinitionArn"]
    definition: dict[str, Any] = account.client("ecs").describe_task_definition(taskDefinition=family)[
        "taskDefinition"
    ]
    changes = json.loads(target.get("Input") or "{}").get("containerOverrides", [])
    for container in definition["containerDefinitions"]:
        for change in changes:
            if change["name"] == container["name"]:
                container.update(change)
    return definition


def with_command(definition: Mapping[str, Any], *command: str) -> dict[str, Any]:
    """Return it with another command in its main container, as `aws ecs run-task --overrides` has it."""
    containers = [
        {**item, "entryPoint": [], "command": list(command)} if item["essential"] else item
        for item in definition["containerDefinitions"]
    ]
    return {**definition, "containerDefinitions": containers}


def play(
    account: Account, definition: Mapping[str, Any], machine: Machine
) -> subprocess.CompletedProcess[str]:
    """Run the containers in the order that they wait for one another, and return how the last one ended."""
    *before, last = _in_order(definition["containerDefinitions"])
    for container in before:
        done = _run(account, container, machine)
        assert done.returncode == 0, f"{container['name']}: {done.stdout}{done.stderr}"
    return _run(account, last, machine)


def speak_tls(postgres: Postgres, certificate: bytes, key: bytes) -> None:
    """Let a database prove who it is, with a certificate and its key as PEM."""
    data = postgres.folder / "data"
    for setting, name, content in (
        ("ssl_cert_file", "server.crt", certificate),
        ("ssl_key_file", "server.key", key),
    ):
        (data / name).write_bytes(content)
        (data / name).chmod(0o600)
        owner = data.stat()
        os.chown(data / name, owner.st_uid, owner.st_gid)
        postgres.run(f"ALTER SYSTEM SET {setting} = '{name}'")
    postgres.run("ALTER SYSTEM SET ssl = on")
    postgres.run("SELECT pg_reload_conf()")


def _in_order(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return them with those that wait for nobody first; more than one step of waiting is not known here."""
    return sorted(containers, key=lambda container: len(container.get("dependsOn", ())))


def _run(
    account: Account, container: Mapping[str, Any], machine: Machine
) -> subprocess.CompletedProcess[str]:
    own = {item["name"]: _here(item["value"], machine) for item in container.get("environment", ())}
    secret = {item["name"]: _secret(account, item["valueFrom"]) for item in container.get("secrets", ())}
    command = [_here(word, machine) for word in (*container.get("entryPoint", ()), *container["command"])]
    for folder in WRITABLE:
        Path(_here(folder, machine)).mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        command,
        cwd=CHECKOUT,
        env={
            **machine.environment,
            **own,
            **secret,
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "TMPDIR": _here(WRITABLE[-1], machine),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _secret(account: Account, reference: str) -> str:
    """Return what ECS would put into the variable: a secret, or one key of it, as in `arn:…:password::`."""
    parts = reference.split(":")
    found = account.client("secretsmanager").get_secret_value(SecretId=":".join(parts[:7]))["SecretString"]
    return str(json.loads(found)[parts[7]] if len(parts) > 7 and parts[7] else found)


def _here(text: str, machine: Machine) -> str:
    text = text.replace(":5432/", f":{machine.port}/")
    return re.sub("|".join(WRITABLE), lambda found: f"{machine.folder}{found[0]}", text)
