from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.contract import Contract
from service.scoring.encoder import Encoder
from service.scoring.validation import RecordInvalid, Validator
from tests.scoring.strategies import USUAL, contracts, rows


@USUAL
@given(data=st.data())
def test_a_table_encodes_to_the_bits_of_its_records(data: st.DataObject) -> None:
    drawn = data.draw(rows(data.draw(contracts())))
    validator, encoder = Validator(drawn.contract), Encoder(drawn.contract)
    matrix = encoder.encode_table(validator.check_table(drawn.table).values)
    assert matrix.shape == (len(drawn.records), len(drawn.contract.inputs))
    for row, record in enumerate(drawn.records):
        try:
            encoded = encoder.encode_record(validator.check_record(record))
        except RecordInvalid:
            continue
        in_table = [(math.isnan(x), np.signbit(x) and not math.isnan(x), x) for x in matrix[row].tolist()]
        alone = [(math.isnan(x), np.signbit(x) and not math.isnan(x), x) for x in encoded]
        assert repr(in_table) == repr(alone), f"row {row}"


def encoded(contract: Contract, record: dict[str, Any]) -> dict[str, float]:
    row = Encoder(contract).encode_record(Validator(contract).check_record(record))
    return dict(zip(contract.inputs, row, strict=True))


def test_inputs_stand_in_the_order_of_the_contract(contract: Contract, record: dict[str, Any]) -> None:
    values = encoded(contract, record)
    assert list(values.values())[:7] == [40.0, 2500.5, 900.0, 0.0, 1.0, 1.0, 1.0]


def test_derived_columns_follow_from_others(contract: Contract, record: dict[str, Any]) -> None:
    values = encoded(contract, record | {"income": 2000, "amount": 500})
    assert values["amount to income"] == 0.25
    assert values["income left"] == 1500.0
    assert values["log of income"] == pytest.approx(math.log(2000), rel=1e-15)


@pytest.mark.parametrize(
    ("written", "hour", "weekday"),
    [
        ("2026-11-20T08:30:00", 8, 4),
        ("2026-11-22 23:59:59", 23, 6),
        ("2026-11-23", 0, 0),
        ("1970-01-01T00:00", 0, 3),
        ("1969-12-31T23:00", 23, 2),
        ("2026-11-20T08:30:00-05:00", 8, 4),
    ],
)
def test_hours_and_weekdays_count_as_written(
    contract: Contract, record: dict[str, Any], written: str, hour: int, weekday: int
) -> None:
    values = encoded(contract, record | {"applied at": written})
    assert (values["hour"], values["weekday"]) == (hour, weekday)


def test_what_derives_from_a_null_is_no_number(contract: Contract, record: dict[str, Any]) -> None:
    values = encoded(contract, record | {"amount": None, "applied at": None})
    assert all(math.isnan(values[name]) for name in ("amount to income", "income left", "hour", "weekday"))


def test_a_ratio_by_zero_and_the_logarithm_of_zero_are_no_numbers(
    contract: Contract, record: dict[str, Any]
) -> None:
    values = encoded(contract, record | {"income": 0})
    assert math.isnan(values["amount to income"])
    assert math.isnan(values["log of income"])


def test_a_ratio_beyond_all_floats_is_no_number_at_every_door(
    contract: Contract, record: dict[str, Any]
) -> None:
    extreme = record | {"amount": 1e308, "income": 1e-308}
    assert math.isnan(encoded(contract, extreme)["amount to income"])
    checked = Validator(contract).check_table(pa.Table.from_pylist([extreme]))
    assert math.isnan(Encoder(contract).encode_table(checked.values)[0, 7])


def test_protected_columns_do_not_reach_the_model(contract: Contract, record: dict[str, Any]) -> None:
    women, men = encoded(contract, record | {"sex": "female"}), encoded(contract, record | {"sex": "male"})
    assert women == men
    assert "sex" not in women


def test_a_contract_of_one_input_encodes(contract: Contract) -> None:
    alone = contract.model_copy(update={"columns": contract.columns[:1], "derived": ()})
    alone = Contract.model_validate(alone.model_dump())
    assert Encoder(alone).encode_record({"age": 40.0}) == [40.0]
    assert Encoder(alone).encode_table({"age": np.array([40.0, 41.0])}).tolist() == [[40.0], [41.0]]


def test_each_column_of_the_matrix_is_contiguous(contract: Contract, record: dict[str, Any]) -> None:
    checked = Validator(contract).check_table(pa.Table.from_pylist([record] * 3))
    assert Encoder(contract).encode_table(checked.values).flags.f_contiguous
