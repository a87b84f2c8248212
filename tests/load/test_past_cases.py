from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import UnreadableInput
from service.scoring.validation import Validator
from tests.load.past_cases import ROWS, past_cases
from training.use_cases import use_cases


@pytest.mark.parametrize("use_case", sorted(use_cases()))
def test_generated_cases_are_records_that_the_service_takes(use_case: str) -> None:
    contract = use_cases()[use_case].contract
    cases = past_cases(use_case)
    for case in cases[:200]:
        Validator(contract).check_record(dict(case.record))
    assert len(cases) > 0.9 * ROWS
    assert {case.outcome for case in cases} == {contract.outcome.good[0], contract.outcome.bad[0]}


def test_real_cases_are_records_that_the_service_takes(real_data: Path) -> None:
    contract = use_cases()["german_credit"].contract
    cases = past_cases("german_credit", real_data / "german_credit_data.csv")
    for case in cases:
        Validator(contract).check_record(dict(case.record))
    assert sum(case.outcome == "bad" for case in cases) == 240
    assert len(cases) == 800


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput) as refused:
        past_cases("german_credit", tmp_path / "none.csv")
    assert "none.csv is not a file" in str(refused.value)
