from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import inputs
from training.monitoring.evidently_report import MOST_ROWS, SCORE, frame, write_page


def test_the_page_speaks_of_every_input_and_of_the_score(
    tmp_path: Path, quick_scorer: Callable[..., Scorer]
) -> None:
    scorer = quick_scorer("german_credit")
    before, after = inputs(scorer, 300, seed=1), inputs(scorer, 200, seed=2)
    after[::4, 0] = np.nan
    file = tmp_path / "page.html"
    old, new = ((matrix, scorer.score_matrix(matrix)) for matrix in (before, after))
    write_page(scorer.contract, old, new, file)
    text = file.read_text()
    for name in (*scorer.contract.inputs, SCORE):
        assert name in text, name


def test_levels_have_their_names_and_more_rows_than_it_draws_are_drawn(
    quick_scorer: Callable[..., Scorer],
) -> None:
    scorer = quick_scorer("credit_risk")
    matrix = np.tile(inputs(scorer, 1_000), (25, 1))
    found = frame(scorer.contract, matrix, np.zeros(len(matrix)))
    assert len(found) == MOST_ROWS
    levels = scorer.contract.by_name["loan_intent"].levels
    assert set(found["loan_intent"]) <= set(map(str, levels))
