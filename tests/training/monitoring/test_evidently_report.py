from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import inputs
from training.monitoring.evidently_report import MOST_ROWS, SCORE, frame, write_page


def test_what_evidently_sees_has_nulls_where_they_are_and_the_score(
    quick_scorer: Callable[..., Scorer],
) -> None:
    scorer = quick_scorer("credit_risk")
    matrix = inputs(scorer, 200)
    matrix[::4] = np.nan
    found = frame(scorer.contract, matrix, scorer.score_matrix(matrix))
    assert list(found.columns) == [*scorer.contract.inputs, SCORE]
    assert found["loan_intent"].isna().sum() == found["person_income"].isna().sum() == 50
    assert found[SCORE].tolist() == scorer.score_matrix(matrix).tolist()


def test_a_column_that_nobody_has_is_left_out_of_the_page(
    tmp_path: Path, quick_scorer: Callable[..., Scorer]
) -> None:
    scorer, file = quick_scorer("credit_risk"), tmp_path / "page.html"
    before, after = inputs(scorer, 120, seed=1), inputs(scorer, 120, seed=2)
    after[:, scorer.contract.inputs.index("loan_amnt")] = np.nan
    old, new = ((matrix, scorer.score_matrix(matrix)) for matrix in (before, after))
    write_page(scorer.contract, old, new, file)
    text = file.read_text()
    assert "person_income" in text
    assert "loan_amnt" not in text


def test_levels_have_their_names_and_more_rows_than_it_draws_are_drawn(
    quick_scorer: Callable[..., Scorer],
) -> None:
    scorer = quick_scorer("credit_risk")
    matrix = np.tile(inputs(scorer, 1_000), (25, 1))
    found = frame(scorer.contract, matrix, np.zeros(len(matrix)))
    assert len(found) == MOST_ROWS
    levels = scorer.contract.by_name["loan_intent"].levels
    assert set(found["loan_intent"]) <= set(map(str, levels))
