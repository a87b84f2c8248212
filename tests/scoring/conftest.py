"""A bundle of the lending contract, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from service.scoring.bundle import bundle_files, scorer_from_files, version_of
from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor
from service.scoring.profile import level_counts, make_profile
from service.scoring.reasons import ReasonText
from service.scoring.scorer import Scorer
from tests.scoring.ensembles import random_matrix, random_predictor
from tests.scoring.lending import LENDING, RECORD

Files = dict[str, bytes]


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.model_validate(LENDING)


@pytest.fixture
def record() -> dict[str, Any]:
    """A record of which every column has a value; a test may change it."""
    return dict(RECORD)


@pytest.fixture(scope="session")
def make_files(contract: Contract) -> Callable[[Predictor], Files]:
    """Return a function that makes the bundle of a predictor."""

    def make(predictor: Predictor) -> Files:
        matrix = random_matrix(np.random.default_rng(1), level_counts(contract), 400)
        calibrator = Calibrator("platt", 1.25, -0.5)
        policy = Policy("test", 0.3, 0.6)
        return bundle_files(
            contract,
            predictor,
            calibrator,
            policy,
            {name: ReasonText(f"R{i:02d}", f"About {name}") for i, name in enumerate(contract.inputs)},
            make_profile(
                contract, matrix, calibrator.probability(predictor.score_many(matrix)), policy.refer_from
            ),
            {"gini": 0.5},
        )

    return make


@pytest.fixture(scope="session")
def make_scorer(make_files: Callable[[Predictor], Files]) -> Callable[[Predictor], Scorer]:
    """Return a function that makes the scorer of a predictor, by way of its bundle."""

    def make(predictor: Predictor) -> Scorer:
        files = make_files(predictor)
        return scorer_from_files(files, use_case="lending", version=version_of(files))

    return make


@pytest.fixture(scope="session")
def files(contract: Contract, make_files: Callable[[Predictor], Files]) -> Files:
    """A bundle of trees."""
    return make_files(random_predictor("trees", np.random.default_rng(2), level_counts(contract)))


@pytest.fixture(scope="session", params=["linear", "symmetric_trees", "trees"])
def scorer(
    request: pytest.FixtureRequest, contract: Contract, make_scorer: Callable[[Predictor], Scorer]
) -> Scorer:
    """A scorer of each kind of predictor."""
    return make_scorer(random_predictor(request.param, np.random.default_rng(3), level_counts(contract)))
