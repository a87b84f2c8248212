"""Terraform as a person types it, in a copy of `infra/`, against an account that is not Amazon's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

INFRA = Path(__file__).resolve().parents[3] / "infra"
PROVIDER = Path("registry.terraform.io") / "hashicorp" / "aws"
# Where Terraform's own manual and packages put providers that are to be had without a network.
MIRRORS = (
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/*",
)
SECONDS = 600
# Where it is set, a provider that had to be fetched is fetched once.
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "TF_PLUGIN_CACHE_DIR")
# Found by Terraform wherever it stands; only ever in the copy, so that what users have knows nothing of tests.
OVERRIDE = """
provider "aws" {
  max_retries                 = 3
  s3_use_path_style           = true
  skip_metadata_api_check     = true
}
"""


@dataclass(frozen=True)
class Terraform:
    """A program and the folder of a root that it works in; `environment` is all that it knows of the world."""

    program: str
    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run a command and return what it printed; its exit code must be one of `codes`."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.root,
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode in codes, f"terraform {' '.join(arguments)}: {_end(done)}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a group of its own, so that it can be interrupted like one in a terminal."""
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.root,
            env=self.surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def planned(self, *arguments: str) -> dict[str, list[str]]:
        """Return what a plan would change: each address with its actions, such as `["update"]`."""
        self.run("plan", *arguments, "-out=changes.tfplan", codes=(0,))
        plan = json.loads(self.run("show", "-json", "changes.tfplan").stdout)
        changes = {item["address"]: item["change"]["actions"] for item in plan.get("resource_changes", ())}
        return {
            address: actions for address, actions in changes.items() if actions not in (["no-op"], ["read"])
        }

    def addresses(self) -> list[str]:
        """Return the addresses of all that the state holds."""
        return self.run("state", "list").stdout.split()

    def outputs(self) -> dict[str, Any]:
        """Return the outputs by name."""
        found = json.loads(self.run("output", "-json").stdout)
        return {name: item["value"] for name, item in found.items()}

    @property
    def surroundings(self) -> dict[str, str]:
        """The whole environment of a command."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_CLI_ARGS": "-no-color",
            "CHECKPOINT_DISABLE": "1",
            # A sixth of the processor's time: the provider's schemas are much memory, and none of it is freed.
            "GOGC": "400",
        }
        return {**kept, **own, **self.environment}


def copied_root(folder: Path, program: str, environment: Mapping[str, str]) -> Terraform:
    """Copy `infra/` into a folder and return a Terraform that works there, with a provider that needs no network."""
    shutil.copytree(INFRA, folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars.json"))
    (folder / "test_override.tf").write_text(OVERRIDE, "utf-8")
    settings = folder.parent / f"{folder.name}.tfrc"
    settings.write_text(provider_settings(), "utf-8")
    return Terraform(program, folder, {**environment, "TF_CLI_CONFIG_FILE": str(settings)})


def provider_settings() -> str:
    """Return Terraform's settings: a folder of this machine that has the provider, or none, where it is fetched."""
    mirror = provider_mirror()
    if mirror is None:
        return "disable_checkpoint = true\n"
    chosen = f'filesystem_mirror {{\n    path    = "{mirror}"\n    include = ["hashicorp/aws"]\n  }}'
    others = 'direct {\n    exclude = ["hashicorp/aws"]\n  }'
    return f"disable_checkpoint = true\nprovider_installation {{\n  {chosen}\n  {others}\n}}\n"


def provider_mirror() -> Path | None:
    """Return the folder of a mirror of providers on this machine that has Amazon's, None where there is none."""
    for place in MIRRORS:
        pattern = Path(place).expanduser()
        for folder in sorted(Path("/").glob(str(pattern.relative_to("/")))):
            if (folder / PROVIDER).is_dir():
                return folder
    return None


def terraform_program() -> str:
    """Return the program; without it a test is skipped, and fails under AVAL_REQUIRE=1."""
    program = shutil.which("terraform")
    if program is None:
        missing("no terraform on the path; install 1.11 or newer from developer.hashicorp.com")
    return str(program)


def missing(reason: str) -> None:
    """Skip a test for what is not to be had; fail it under AVAL_REQUIRE=1."""
    if os.environ.get("AVAL_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _end(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit code {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
