"""One deployment for all tests of this folder, made by `infra/README.md` in spite of two interruptions.

The tests look at it, and change it little.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.infra.programs import needed
from tests.infra.terraform.account import Account, running_account
from tests.infra.terraform.broken_off import ENOUGH, BrokenOff, broken_off
from tests.infra.terraform.deployment import ENVIRONMENT, FILES, Deployment, Followed, deployment
from tests.infra.terraform.standing import standing


@pytest.fixture(scope="session")
def begun(terraform: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A root of which nothing is made yet, its state in a bucket as the page's first block makes it."""
    needed("jq")
    folder = tmp_path_factory.mktemp("deployed")
    with running_account(folder) as account:
        made = deployment(folder / "checkout", terraform, account)
        made.follow("first-deployment")
        made.terraform.run("init", f"-backend-config=environments/{ENVIRONMENT}.backend.hcl")
        yield made


@pytest.fixture(scope="session")
def before(begun: Deployment) -> set[str]:
    """What stands in the account before anything is made."""
    return standing(begun.account)


@pytest.fixture(scope="session")
def interrupted(begun: Deployment, before: set[str]) -> BrokenOff:
    """The first apply, interrupted as from a keyboard when it has made a part."""
    return broken_off(begun, ": Creation complete", ENOUGH, signal.SIGINT)


@pytest.fixture(scope="session")
def killed(begun: Deployment, interrupted: BrokenOff) -> BrokenOff:
    """The second apply, killed while it held the lock, before it made more."""
    return broken_off(begun, ": Refreshing state", 1, signal.SIGKILL)


@pytest.fixture(scope="session")
def refused(begun: Deployment, killed: BrokenOff) -> subprocess.CompletedProcess[str]:
    """A plan while the lock of the dead is there, which is taken away afterwards, as it says."""
    done = begun.terraform.run("plan", "-refresh=false", FILES[0], codes=(0, 1))
    if killed.lock:
        begun.terraform.run("force-unlock", "-force", killed.lock["ID"])
    return done


@pytest.fixture(scope="session")
def followed(begun: Deployment, refused: subprocess.CompletedProcess[str]) -> Followed:
    """The first deployment, gone on with by the page's blocks; images and keys are stand-ins."""
    printed = [begun.follow("first-deployment", 1)]
    begun.name_images()
    (begun.checkout / "keys.json").write_text('{"keys": []}', "utf-8")
    printed += [begun.follow("first-deployment", number) for number in (2, 3, 4)]
    return Followed(begun, printed)


@pytest.fixture(scope="session")
def deployed(followed: Followed) -> Deployment:
    """The environment with everything in it."""
    return followed.deployment


@pytest.fixture(scope="session")
def account(deployed: Deployment) -> Account:
    """The account that it stands in."""
    return deployed.account
