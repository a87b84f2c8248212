"""What the tests of Terraform share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.infra.terraform.account import Account, running_account
from tests.infra.terraform.checkov import start_installing
from tests.infra.terraform.program import missing, terraform_program


@pytest.fixture(scope="session")
def terraform() -> str:
    """The program; without it a test is skipped, and fails under AVAL_REQUIRE=1."""
    return terraform_program()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An empty account of this module's own."""
    with running_account(tmp_path_factory.mktemp("account")) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def checkov_begun() -> Future[Path]:
    """The installation of Checkov, which goes on while other tests wait for Terraform."""
    return start_installing()


@pytest.fixture(scope="session")
def checkov(checkov_begun: Future[Path]) -> Path:
    """The folder of Checkov's programs; where it cannot be installed a test is skipped, or fails as above."""
    try:
        return checkov_begun.result()
    except (subprocess.SubprocessError, OSError) as error:
        missing(f"Checkov cannot be installed: {getattr(error, 'stderr', '') or error}")
        raise
