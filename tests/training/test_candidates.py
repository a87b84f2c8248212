from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from service.scoring.arithmetic import FloatArray, log_odds
from service.scoring.predictors import Predictor, predictor_from_files
from service.scoring.predictors.contributions import Explainer
from training.candidates import FOR_FEW, FOR_MANY, Candidate, candidates, quick_candidates
from training.candidates.candidate import THREADS, threads_for
from training.candidates.designs import design_for, rows_to_fit
from training.data import Cases, generate_cases
from training.quantiser import FEW_BORDERS, MANY_BORDERS, Quantiser
from training.use_cases import use_cases

CASES = {name: generate_cases(use_cases()[name], 1_200, seed=2) for name in ("credit_risk", "german_credit")}
CREDIT = CASES["credit_risk"]
KINDS = {
    "logistic_regression": "linear",
    "catboost_smooth": "symmetric_trees",
    "catboost_fine": "symmetric_trees",
    "lightgbm": "trees",
    "xgboost": "trees",
    "hist_gradient_boosting": "trees",
    "random_forest": "trees",
    "decision_tree": "trees",
    "mlp": "network",
}
COMPARED_ONLY = ("knn", "svm")
SERVABLE = [item for item in FOR_FEW if item.servable]
EACH_SERVABLE = pytest.mark.parametrize("candidate", SERVABLE, ids=lambda item: item.name)
BOTH = pytest.mark.parametrize("cases", CASES.values(), ids=CASES)
CHECKOUT = Path(__file__).resolve().parents[2]


def test_every_family_is_tried_whether_bad_cases_are_few_or_many() -> None:
    for few_or_many in (FOR_FEW, FOR_MANY):
        assert {item.name for item in few_or_many} == {*KINDS, *COMPARED_ONLY}


def test_fewer_bad_cases_get_simpler_trees() -> None:
    assert candidates(499) == FOR_FEW
    assert candidates(500) == FOR_MANY
    assert named("catboost_fine").parameters["iterations"] < FOR_MANY[2].parameters["iterations"]


@pytest.mark.parametrize("bad_cases", [100, 10_000])
def test_the_quick_candidates_are_a_linear_one_and_symmetric_trees(bad_cases: int) -> None:
    quick = quick_candidates(bad_cases)
    assert [item.name for item in quick] == ["logistic_regression", "catboost_smooth"]
    assert all(item.name in {each.name for each in candidates(bad_cases)} for item in quick)


@EACH_SERVABLE
@BOTH
def test_every_servable_candidate_ranks_and_gives_one_row_the_bits_of_many(
    candidate: Candidate, cases: Cases
) -> None:
    predictor = fitted(candidate, cases)
    many = predictor.score_many(cases.matrix)
    assert [predictor.score_one(row) for row in cases.matrix[:200].tolist()] == many[:200].tolist()
    assert predictor.kind == KINDS[candidate.name]
    assert area(cases, many) > 0.75


@EACH_SERVABLE
@BOTH
def test_every_servable_candidate_survives_its_files(candidate: Candidate, cases: Cases) -> None:
    predictor = fitted(candidate, cases)
    again = predictor_from_files(predictor.to_files(), cases.levels)
    assert again.to_files() == predictor.to_files()
    assert again.score_many(cases.matrix).tobytes() == predictor.score_many(cases.matrix).tobytes()


@EACH_SERVABLE
def test_every_servable_candidate_is_explained_to_the_whole_difference(candidate: Candidate) -> None:
    predictor = fitted(candidate, CREDIT)
    reference, *rows = CREDIT.matrix[:20].tolist()
    explainer = Explainer(predictor, reference)
    for row in rows:
        change = predictor.score_one(row) - predictor.score_one(reference)
        assert explainer.contributions(row).sum() == pytest.approx(change, abs=1e-9)


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    """What another process makes of the same cases, in which sets have other orders."""
    ask = "import json; from tests.training import test_candidates as t; print(json.dumps(t.digests()))"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@EACH_SERVABLE
def test_the_same_cases_and_seed_give_the_same_files_in_every_process(
    candidate: Candidate, elsewhere: dict[str, str]
) -> None:
    assert digest(fitted(candidate, CREDIT)) == elsewhere[candidate.name]


@pytest.mark.parametrize("name", COMPARED_ONLY)
@BOTH
def test_what_is_only_compared_ranks_and_repeats_its_scores(name: str, cases: Cases) -> None:
    arguments = (cases.matrix, cases.outcomes, cases.levels, 0)
    first, second = (named(name).fitted(*arguments).score_many(cases.matrix) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert np.isfinite(first).all()
    assert area(cases, first) > 0.7


@pytest.mark.parametrize("name", COMPARED_ONLY)
def test_what_carries_rows_is_never_bundled(name: str) -> None:
    candidate = named(name)
    arguments = (CREDIT.matrix, CREDIT.outcomes, CREDIT.levels, 0)
    assert not hasattr(candidate.fitted(*arguments), "to_files")
    with pytest.raises(ValueError, match=r"compared only") as refusal:
        candidate.predictor(*arguments)
    assert str(refusal.value) == f"{name} is compared only: it would carry the rows that it learnt from"


@pytest.mark.parametrize("name", COMPARED_ONLY)
def test_no_more_rows_than_declared_are_carried(name: str) -> None:
    candidate = named(name).with_parameters({"most_rows": 100})
    scores = candidate.fitted(CREDIT.matrix, CREDIT.outcomes, CREDIT.levels, 0).score_many(CREDIT.matrix)
    everything = named(name).fitted(CREDIT.matrix, CREDIT.outcomes, CREDIT.levels, 0)
    assert not np.array_equal(scores, everything.score_many(CREDIT.matrix))


def test_drawn_rows_are_as_many_as_asked_with_the_same_share_of_bad_and_repeat() -> None:
    outcomes = np.array([1, 0, 0, 0] * 500, dtype=np.int8)
    rows = rows_to_fit(outcomes, 200, seed=1)
    assert len(np.unique(rows)) == 200
    assert outcomes[rows].sum() == 50
    assert rows.tolist() == rows_to_fit(outcomes, 200, seed=1).tolist()
    assert rows.tolist() != rows_to_fit(outcomes, 200, seed=2).tolist()
    assert rows_to_fit(outcomes, 2_000, seed=1).tolist() == list(range(2_000))


@pytest.mark.parametrize("candidate", [*FOR_FEW, *FOR_MANY], ids=lambda item: item.name)
def test_the_starting_parameters_lie_within_the_space(candidate: Candidate) -> None:
    # A value that is out of its range is a warning here, and so an error.
    suggested = candidate.space(optuna.trial.FixedTrial(dict(candidate.parameters)))  # type: ignore[arg-type]  # looks the same
    assert suggested
    assert suggested == {name: candidate.parameters[name] for name in suggested}


@pytest.mark.parametrize("corner", ["low", "high"])
@EACH_SERVABLE
def test_the_ends_of_the_space_can_be_fitted_and_stored(candidate: Candidate, corner: str) -> None:
    corners = candidate.space(Corner(corner))  # type: ignore[arg-type]  # looks the same
    slow = {"iterations": 200, "n_estimators": 60, "max_iter": 60, "epochs": 6}
    parameters = {name: min(value, slow.get(name, value)) for name, value in corners.items()}
    predictor = _fit(candidate.with_parameters(parameters), CREDIT)
    scores = predictor.score_many(CREDIT.matrix[:50])
    assert np.isfinite(scores).all()
    again = predictor_from_files(predictor.to_files(), CREDIT.levels)
    assert again.score_many(CREDIT.matrix[:50]).tobytes() == scores.tobytes()


def test_few_rows_are_fitted_by_one_thread_and_many_by_no_more_than_there_are() -> None:
    assert threads_for(10) == threads_for(24_000) == 1
    assert threads_for(10**9) == THREADS


def test_other_parameters_leave_the_rest_of_a_candidate_as_it_was() -> None:
    start = named("lightgbm")
    changed = start.with_parameters({"num_leaves": 9})
    assert changed.parameters == {**start.parameters, "num_leaves": 9}
    assert start.parameters["num_leaves"] == 7
    assert (changed.name, changed.fit, changed.space) == (start.name, start.fit, start.space)


def test_lightgbm_scores_as_its_library_does() -> None:
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(
        random_state=0,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
        max_bin=5_000,
        min_data_in_bin=1,
        **library_parameters("lightgbm"),
    )
    bins = binned(CREDIT, MANY_BORDERS)
    theirs = model.fit(bins, CREDIT.outcomes).booster_.predict(bins, raw_score=True)
    assert np.abs(ours("lightgbm") - theirs).max() < 1e-9


def test_xgboost_scores_as_its_library_does_up_to_its_single_precision() -> None:
    from xgboost import XGBClassifier

    model = XGBClassifier(
        random_state=0, n_jobs=1, tree_method="hist", max_bin=5_000, **library_parameters("xgboost")
    )
    bins = binned(CREDIT, MANY_BORDERS)
    theirs = model.fit(bins, CREDIT.outcomes).predict(bins, output_margin=True)
    assert np.abs(ours("xgboost") - theirs).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "borders"), [("catboost_smooth", FEW_BORDERS), ("catboost_fine", MANY_BORDERS)]
)
def test_catboost_scores_as_its_library_does(name: str, borders: int) -> None:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
        border_count=5_000,
        **library_parameters(name),
    )
    bins = binned(CREDIT, borders)
    theirs = model.fit(bins, CREDIT.outcomes).predict(bins, prediction_type="RawFormulaVal")
    assert np.abs(ours(name) - theirs).max() < 1e-9


@BOTH
def test_hist_gradient_boosting_scores_as_its_library_does(cases: Cases) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    candidate = named("hist_gradient_boosting")
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **candidate.parameters)
    theirs = model.fit(binned(cases), cases.outcomes).decision_function(binned(cases))
    assert np.abs(fitted(candidate, cases).score_many(cases.matrix) - theirs).max() < 1e-9


@EACH_SERVABLE
def test_a_column_without_a_value_is_no_obstacle_and_no_tree_asks_about_it(candidate: Candidate) -> None:
    number = next(i for i, count in enumerate(CREDIT.levels) if not count)
    empty, later = CREDIT.matrix[:600].copy(), CREDIT.matrix[600:].copy()
    empty[:, number] = np.nan
    predictor = candidate.predictor(empty, CREDIT.outcomes[:600], CREDIT.levels, 0)
    with_values = predictor.score_many(later)
    later[:, number] = np.nan
    without = predictor.score_many(later)
    assert np.isfinite([with_values, without]).all()
    if "trees" in KINDS[candidate.name]:
        assert with_values.tobytes() == without.tobytes()


def test_random_forest_scores_as_its_library_does_with_one_more_tree_of_the_overall_rate() -> None:
    from sklearn.ensemble import RandomForestClassifier

    parameters = {**named("random_forest").parameters, "max_samples": CREDIT.rows}
    model = RandomForestClassifier(random_state=0, **parameters).fit(binned(CREDIT), CREDIT.outcomes)
    trees = parameters["n_estimators"]
    theirs = (trees * model.predict_proba(binned(CREDIT))[:, 1] + CREDIT.outcomes.mean()) / (trees + 1)
    assert np.abs(ours("random_forest") - log_odds(theirs)).max() < 1e-6


@BOTH
def test_a_decision_tree_scores_as_its_library_does_with_one_more_case_of_the_overall_rate(
    cases: Cases,
) -> None:
    from sklearn.tree import DecisionTreeClassifier

    candidate = named("decision_tree")
    model = DecisionTreeClassifier(random_state=0, **candidate.parameters).fit(binned(cases), cases.outcomes)
    count = model.tree_.n_node_samples[model.apply(binned(cases))]
    theirs = (count * model.predict_proba(binned(cases))[:, 1] + cases.outcomes.mean()) / (count + 1)
    assert np.abs(fitted(candidate, cases).score_many(cases.matrix) - log_odds(theirs)).max() < 1e-6


def test_trees_read_nulls_that_fitting_never_saw_as_their_library_does() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.tree import DecisionTreeClassifier

    # German credit's ages have no null; a few are made where the model asks.
    german = CASES["german_credit"]
    holes = german.matrix[:300].copy()
    numbers = [i for i, count in enumerate(german.levels) if not count]
    holes[np.ix_(range(0, 300, 2), numbers)] = np.nan
    questions = Quantiser(german.matrix, german.levels).transform(holes)
    boosting, tree = named("hist_gradient_boosting"), named("decision_tree")
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **boosting.parameters)
    theirs = model.fit(binned(german), german.outcomes).decision_function(questions)
    assert np.abs(fitted(boosting, german).score_many(holes) - theirs).max() < 1e-9
    grown = DecisionTreeClassifier(random_state=0, **tree.parameters).fit(binned(german), german.outcomes)
    ranks = fitted(tree, german).score_many(holes)
    leaves = grown.apply(questions)
    assert all(len(np.unique(ranks[leaves == leaf])) == 1 for leaf in np.unique(leaves))


def test_a_network_scores_as_its_library_does() -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    parameters = named("mlp").parameters
    columns = design_for(CREDIT.matrix, CREDIT.levels).of_many(CREDIT.matrix)
    columns = columns[:, columns.any(axis=0)]
    model = MLPClassifier(
        (parameters["hidden"], parameters["second"]),
        alpha=parameters["alpha"],
        learning_rate_init=parameters["learning_rate"],
        max_iter=parameters["epochs"],
        n_iter_no_change=parameters["epochs"],
        batch_size=parameters["batch"],
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = model.fit(columns, CREDIT.outcomes).predict_proba(columns)[:, 1]
    assert np.abs(ours("mlp") - log_odds(theirs)).max() < 1e-6


def test_a_null_that_a_network_never_saw_counts_as_the_mean() -> None:
    german = CASES["german_credit"]
    number = next(i for i, count in enumerate(german.levels) if not count)
    network = fitted(named("mlp"), german)
    row = german.matrix[0].tolist()
    row[number] = np.nan
    at_null = network.score_one(row)
    row[number] = design_for(german.matrix, german.levels).scales[number].center  # type: ignore[union-attr]  # a number
    assert at_null == network.score_one(row)


class Corner:
    """A trial whose every suggestion is one end of the range."""

    def __init__(self, end: str) -> None:
        self.place = 0 if end == "low" else 1

    def suggest_float(self, _: str, low: float, high: float, *, log: bool = False) -> float:
        return (low, high)[self.place]

    def suggest_int(self, _: str, low: int, high: int, *, log: bool = False) -> int:
        return (low, high)[self.place]


_FITTED: dict[tuple[str, int], Predictor] = {}


def fitted(candidate: Candidate, cases: Cases) -> Predictor:
    """Fit a starting candidate once for all tests."""
    key = (candidate.name, id(cases))
    if key not in _FITTED:
        _FITTED[key] = _fit(candidate, cases)
    return _FITTED[key]


def _fit(candidate: Candidate, cases: Cases) -> Predictor:
    return candidate.predictor(cases.matrix, cases.outcomes, cases.levels, seed=0)


def digests() -> dict[str, str]:
    """Fit every servable candidate as it starts, and return what tells its files from others."""
    return {candidate.name: digest(fitted(candidate, CREDIT)) for candidate in SERVABLE}


def digest(predictor: Predictor) -> str:
    return hashlib.sha256(repr(sorted(predictor.to_files().items())).encode()).hexdigest()


def named(name: str) -> Candidate:
    return next(item for item in FOR_FEW if item.name == name)


def library_parameters(name: str) -> dict[str, Any]:
    """Return a candidate's parameters without the one that is the quantiser's."""
    return {key: value for key, value in named(name).parameters.items() if key != "borders"}


def binned(cases: Cases, borders: int = FEW_BORDERS) -> FloatArray:
    return Quantiser(cases.matrix, cases.levels, borders).transform(cases.matrix)


def ours(name: str) -> FloatArray:
    return fitted(named(name), CREDIT).score_many(CREDIT.matrix)


def area(cases: Cases, scores: FloatArray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(cases.outcomes, scores))
