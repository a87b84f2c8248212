from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest

from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from service.scoring.validation import Validator
from tests.load.schema_records import records_of
from tests.processes import web
from training.use_cases import use_cases

NAMES = sorted(use_cases())


@pytest.mark.parametrize("use_case", NAMES)
def test_records_made_from_a_schema_are_taken_by_it(use_case: str) -> None:
    contract = use_cases()[use_case].contract
    schema = json_schema(contract)
    validator = jsonschema.Draft202012Validator(schema)
    made = records_of(schema, 200)
    assert made[0] == schema["examples"][0]
    for record in made:
        validator.validate(record)
        Validator(contract).check_record(record)
    assert len({json.dumps(record) for record in made}) > 190


@pytest.mark.parametrize("use_case", ["credit_risk", "german_credit"])
def test_records_made_from_a_schema_are_decided_in_more_than_one_way(
    quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    scorer = quick_scorer(use_case)
    made = records_of(json_schema(scorer.contract), 200)
    assert len({scorer.score(record).decision for record in made}) > 1


def test_the_published_schema_is_enough(served: Callable[[str], str]) -> None:
    schema = web.get(f"{served('credit_risk')}/schema").json()
    assert records_of(schema, 3) == records_of(json_schema(use_cases()["credit_risk"].contract), 3)
