"""A small neural network (multi-layer perceptron)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors.network import Layer, Network
from training.candidates.designs import design_for
from training.data import Outcomes

if TYPE_CHECKING:
    import optuna


def mlp_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest the widths of the two hidden layers, the penalty on weights and how long and fast to learn."""
    return {
        "hidden": trial.suggest_int("hidden", 8, 64, log=True),
        "second": trial.suggest_int("second", 4, 32, log=True),
        "alpha": trial.suggest_float("alpha", 1e-3, 30.0, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
        "epochs": trial.suggest_int("epochs", 5, 60, log=True),
    }


def fit_mlp(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> Network:
    """Fit with scikit-learn, for a given number of epochs (times through the rows, `batch` at a time)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    design = design_for(matrix, levels)
    columns = design.of_many(matrix)
    used = np.flatnonzero(columns.any(axis=0))
    model = MLPClassifier(
        (parameters["hidden"], parameters["second"]),
        alpha=parameters["alpha"],
        learning_rate_init=parameters["learning_rate"],
        max_iter=parameters["epochs"],
        n_iter_no_change=parameters["epochs"],
        batch_size=min(parameters["batch"], len(matrix)),
        random_state=seed,
    )
    # One thread: how many add up decides the last bits, and with them the bundle's name.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        # The epochs are a parameter that is tuned, so the end of them is no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.ascontiguousarray(columns[:, used]), outcomes)
    layers = [Layer(weights, bias) for weights, bias in zip(model.coefs_, model.intercepts_, strict=True)]
    return Network(design, [_spread(layers[0], used, design.width), *layers[1:]])


def _spread(first: Layer, used: npt.NDArray[np.intp], width: int) -> Layer:
    """Give the columns that were always 0 no weight: theirs never moved from where chance had put them."""
    weights = np.zeros((width, first.weights.shape[1]))
    weights[used] = first.weights
    return Layer(weights, first.bias)
