from __future__ import annotations

import pytest

from service.scoring.scorer import Scorer
from tests.service.batch.batch_commands import commands, typed  # noqa: F401  # fixtures
from tests.service.batch.batch_scorers import linear_predictor, make_scorer, symmetric_trees


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """A scorer with a linear predictor: quick to make."""
    return make_scorer(linear_predictor())


@pytest.fixture(scope="session")
def tree_scorer() -> Scorer:
    return make_scorer(symmetric_trees(40, 5))
