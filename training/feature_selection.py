"""Which inputs a model needs: how steadily each is found useful, and what leaving it out costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.data import Cases, Indices, Outcomes
from training.intervals import mean_with_interval
from training.losses import log_losses
from training.narrowed import on_inputs, widened
from training.quantiser import Quantiser
from training.splits import Fold

__all__ = ["Selection", "on_inputs", "select_inputs", "widened"]

# Stability selection: random halves of a sample, in complementary pairs.
PAIRS = 15
MOST_SAMPLED = 10_000
STEADY = 0.6
# Drop-column tests: for inputs that are not steadily useful, from the least useful on.
MOST_TESTS = 15
MOST_FITTED = 100_000
TREES_IN_A_HALF, TREES_IN_A_FOLD = 50, 80
QUICK_TREES: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "feature_fraction": 0.5,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
    # Small fits side by side use the cores better than cores that wait for one another within a fit.
    "num_threads": 1,
}


@dataclass(frozen=True)
class Selection:
    """The inputs to keep, in their order, and the evidence: one entry per input.

    table: `input`; `frequency`, the share of halves in which it was useful; `drop_loss` and `interval`, the log
    loss per case that leaving it out adds (None where it was not tried); `kept`. An input is left out together with
    those above it in the trial, which began with the least useful.
    """

    kept: tuple[str, ...]
    table: list[dict[str, Any]]
    sampled_rows: int

    def to_json(self) -> dict[str, Any]:
        """Return the selection as JSON data."""
        return {
            "kept": list(self.kept),
            "table": self.table,
            "halves": 2 * PAIRS,
            "rows_in_a_half": self.sampled_rows // 2,
            "steady_from": STEADY,
        }


def select_inputs(
    cases: Cases, folds: Sequence[Fold], seed: int, progress: Callable[[str], None] = lambda _: None
) -> Selection:
    """Return the inputs worth keeping; no row is looked at that no fold has.

    Frequencies are of stability selection (Meinshausen and Bühlmann, 2010) in complementary halves (Shah and
    Samworth, 2013): in each, an input is useful when quick boosted trees gain more by it than by the best of all
    inputs' shuffled copies (Kursa and Rudnicki, 2010). Those useful in less than 0.6 of the halves are left out one
    after the other, as long as cross-validated log loss is not significantly worse than with all inputs.
    """
    seen = np.unique(np.concatenate([part for fold in folds for part in (fold.fit, fold.score)]))
    table = _Binned(cases, seen)
    rows = _sample(seen, cases, seed)
    frequency = _frequencies(table, rows, seed)
    progress(f"found {int((frequency >= STEADY).sum())} of {len(frequency)} inputs steadily useful")
    tested = _tests(table, folds, frequency, seed, progress)
    names = cases.use_case.contract.inputs
    entries: list[dict[str, Any]] = []
    for position, name in enumerate(names):
        trial = tested.get(position)
        entries.append(
            {
                "input": name,
                "frequency": float(frequency[position]),
                "drop_loss": trial.loss if trial else None,
                "interval": list(trial.interval) if trial else None,
                "kept": trial is None or trial.kept,
            }
        )
    return Selection(tuple(item["input"] for item in entries if item["kept"]), entries, len(rows))


@dataclass(frozen=True)
class _Trial:
    loss: float
    interval: tuple[float, float]
    kept: bool


class _Binned:
    """The matrix as quick trees see it; a column per number and per level, and which input each is of."""

    def __init__(self, cases: Cases, seen: Indices) -> None:
        quantiser = Quantiser(cases.matrix[seen], cases.levels)
        self.columns = quantiser.transform(cases.matrix)
        self.input_of = np.array([question.input for question in quantiser.questions])
        self.outcomes, self.inputs = cases.outcomes, len(cases.levels)


def _sample(rows: Indices, cases: Cases, seed: int) -> Indices:
    """Return at most `MOST_SAMPLED` of the rows, half of them of the rarer outcome where there are so many."""
    random = np.random.default_rng(seed)
    bad, good = (random.permutation(rows[cases.outcomes[rows] == outcome]) for outcome in (1, 0))
    fewer = min(len(bad), max(MOST_SAMPLED // 2, MOST_SAMPLED - len(good)))
    return np.sort(np.concatenate([bad[:fewer], good[: MOST_SAMPLED - fewer]]))


def _frequencies(table: _Binned, rows: Indices, seed: int) -> FloatArray:
    """Return the share of halves (inputs,) in which each input is useful."""
    by_outcome = [rows[table.outcomes[rows] == outcome] for outcome in (0, 1)]

    def useful_in_both_halves(pair: int) -> np.ndarray:
        random = np.random.default_rng([seed, pair])
        dealt = np.concatenate([random.permutation(part) for part in by_outcome])
        first, second = (_useful(table, np.sort(half), random) for half in (dealt[::2], dealt[1::2]))
        both: np.ndarray = first.astype(np.intp) + second
        return both

    counts = sum(map(useful_in_both_halves, range(PAIRS)), start=np.zeros(table.inputs))
    return counts / (2 * PAIRS)


def _useful(table: _Binned, rows: Indices, random: np.random.Generator) -> np.ndarray:
    columns = table.columns[rows]
    shuffled = np.empty_like(columns)
    for position in range(table.inputs):
        own = table.input_of == position
        shuffled[:, own] = columns[random.permutation(len(rows))][:, own]
    model = _boosted(np.hstack([columns, shuffled]), table.outcomes[rows], TREES_IN_A_HALF, random)
    # The best of the copies is what chance can gain.
    gains = model.feature_importance("gain")
    places = np.concatenate([table.input_of, table.input_of + table.inputs])
    gain = np.bincount(places, weights=gains, minlength=2 * table.inputs)
    useful: np.ndarray = gain[: table.inputs] > gain[table.inputs :].max()
    return useful


def _tests(
    table: _Binned,
    folds: Sequence[Fold],
    frequency: FloatArray,
    seed: int,
    progress: Callable[[str], None],
) -> dict[int, _Trial]:
    """Leave the unsteady inputs out one after the other, against the loss with all of them."""
    order = np.argsort(frequency, kind="stable")
    doubtful = [int(position) for position in order if frequency[position] < STEADY][:MOST_TESTS]
    # One must stay.
    doubtful = doubtful[: table.inputs - 1]
    if not doubtful:
        return {}
    everything = _row_losses(table, folds, set(range(table.inputs)), seed)
    kept, tested = set(range(table.inputs)), {}
    for position in doubtful:
        added = _row_losses(table, folds, kept - {position}, seed) - everything
        loss, interval = mean_with_interval(added)
        tested[position] = _Trial(loss, interval, kept=interval[0] > 0)
        kept -= set() if tested[position].kept else {position}
        progress(f"tried to leave out {len(tested)} of {len(doubtful)} inputs")
    return tested


def _row_losses(table: _Binned, folds: Sequence[Fold], inputs: set[int], seed: int) -> FloatArray:
    """Return the log loss of each row that a fold scores (rows,), averaged over rounds, with these inputs."""
    own = np.isin(table.input_of, sorted(inputs))

    def losses_of(number: int) -> FloatArray:
        fold, random = folds[number], np.random.default_rng([seed, number])
        few = len(fold.fit) <= MOST_FITTED
        rows = fold.fit if few else np.sort(random.choice(fold.fit, MOST_FITTED, replace=False))
        model = _boosted(table.columns[np.ix_(rows, own)], table.outcomes[rows], TREES_IN_A_FOLD, random)
        probabilities = model.predict(table.columns[np.ix_(fold.score, own)])
        return log_losses(table.outcomes[fold.score], probabilities)

    # One after the other: LightGBM called from several threads at once has brought the process down.
    losses = np.concatenate(list(map(losses_of, range(len(folds)))))
    _, index = np.unique(np.concatenate([fold.score for fold in folds]), return_inverse=True)
    return np.bincount(index, weights=losses) / np.bincount(index)


def _boosted(columns: FloatArray, outcomes: Outcomes, trees: int, random: np.random.Generator) -> Any:
    import lightgbm

    parameters = {**QUICK_TREES, "seed": int(random.integers(2**31 - 1))}
    data = lightgbm.Dataset(columns, outcomes.astype(np.float32), params={"verbosity": -1})
    return lightgbm.train(parameters, data, num_boost_round=trees)
