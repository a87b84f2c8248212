"""Taking everything away again: the last tests of this folder, for nothing stands after them."""

from __future__ import annotations

import pytest

from tests.infra.terraform.account import Account
from tests.infra.terraform.deployment import Deployment
from tests.infra.terraform.standing import standing


@pytest.fixture(scope="module")
def destroyed(deployed: Deployment) -> Deployment:
    """The account after the page's teardown, for which protection is given up first."""
    deployed.edit(protected=False, database={"final_snapshot": False})
    deployed.follow("teardown")
    return deployed


def test_after_a_destroy_the_state_is_empty(destroyed: Deployment) -> None:
    assert destroyed.terraform.addresses() == []


def test_after_a_destroy_nothing_is_left_in_the_account(
    destroyed: Deployment, account: Account, before: set[str]
) -> None:
    assert standing(account) - before == set()
