from __future__ import annotations

import pytest

from service.errors import WrongUse
from training.cli.training import options_of
from training.data import generate_cases
from training.tune import TRIALS
from training.use_cases import use_cases

GERMAN = use_cases()["german_credit"]


@pytest.mark.parametrize(
    ("rows", "trials", "minutes", "expected"),
    [(199, None, None, 0), (200, None, None, TRIALS), (199, 3, None, 3), (199, None, 1.0, TRIALS)],
)
def test_few_cases_are_searched_only_where_that_is_asked_for(
    rows: int,
    trials: int | None,
    minutes: float | None,
    expected: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = options_of(
        generate_cases(GERMAN, rows, seed=1), trials, minutes, quick=False, select_inputs=False
    )
    assert options.budget.trials == expected
    assert options.thorough is (expected > 0)
    assert ("199 cases, fewer than 200: as with --quick" in capsys.readouterr().err) is (expected == 0)


def test_quick_and_a_search_contradict_each_other() -> None:
    with pytest.raises(WrongUse, match="--quick does not search"):
        options_of(generate_cases(GERMAN, 300, seed=1), 3, None, quick=True, select_inputs=False)
