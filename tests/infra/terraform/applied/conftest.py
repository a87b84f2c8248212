"""One deployment for all tests of this folder, made in spite of two interruptions: they look, and change little."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.infra.terraform.account import Account, running_account
from tests.infra.terraform.broken_off import APPLY, ENOUGH, BrokenOff, broken_off
from tests.infra.terraform.deployment import Deployment, deployment
from tests.infra.terraform.standing import standing


@pytest.fixture(scope="session")
def begun(terraform: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """An initialized root with everything in it, of which nothing is made yet, in an empty account."""
    folder = tmp_path_factory.mktemp("deployed")
    with running_account(folder) as account:
        yield deployment(folder / "infra", terraform, account)


@pytest.fixture(scope="session")
def before(begun: Deployment) -> set[str]:
    """What stands in the account before anything is made."""
    return standing(begun.account)


@pytest.fixture(scope="session")
def interrupted(begun: Deployment, before: set[str]) -> BrokenOff:
    """The first apply, interrupted as from a keyboard when it has made something of everything."""
    return broken_off(begun, ": Creation complete", ENOUGH, signal.SIGINT)


@pytest.fixture(scope="session")
def killed(begun: Deployment, interrupted: BrokenOff) -> BrokenOff:
    """The second apply, killed while it held the lock, before it made more."""
    return broken_off(begun, ": Refreshing state", 1, signal.SIGKILL)


@pytest.fixture(scope="session")
def refused(begun: Deployment, killed: BrokenOff) -> subprocess.CompletedProcess[str]:
    """A plan while the lock of the dead is there, which is taken away afterwards, as it says."""
    done = begun.terraform.run("plan", "-refresh=false", codes=(0, 1))
    if killed.lock:
        begun.terraform.run("force-unlock", "-force", killed.lock["ID"])
    return done


@pytest.fixture(scope="session")
def deployed(begun: Deployment, refused: subprocess.CompletedProcess[str]) -> Deployment:
    """The environment, made to the end by one more apply."""
    begun.terraform.run(*APPLY)
    return begun


@pytest.fixture(scope="session")
def account(deployed: Deployment) -> Account:
    """The account that it stands in."""
    return deployed.account
