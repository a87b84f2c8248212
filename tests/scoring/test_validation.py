"""One definition of the rules: a record and a row of a table are judged alike."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.contract import ColumnType, Contract
from service.scoring.findings import Code
from service.scoring.validation import RecordInvalid, TableInvalid, Validator
from tests.scoring.agreement import assert_same_judgement, judge
from tests.scoring.strategies import THOROUGH, USUAL, contracts, good_records, json_records, rows, text_rows
from tests.scoring.values import ODD_TEXTS, ODD_TIMES, meaning


@THOROUGH
@given(data=st.data())
def test_a_table_is_judged_like_its_records(data: st.DataObject) -> None:
    drawn = data.draw(rows(data.draw(contracts())))
    assert_same_judgement(Validator(drawn.contract), drawn.records, drawn.table)


@THOROUGH
@given(data=st.data())
def test_a_table_of_text_is_judged_like_the_records_it_stands_for(data: st.DataObject) -> None:
    drawn = data.draw(text_rows(data.draw(contracts())))
    assert_same_judgement(Validator(drawn.contract), drawn.records, drawn.table, text=True)


@pytest.mark.parametrize("kind", ColumnType)
@pytest.mark.parametrize("text", [False, True])
def test_every_odd_text_is_judged_alike(kind: ColumnType, text: bool) -> None:
    levels = {"levels": ["1", "nan"] if text else [0, 1]} if kind is ColumnType.CATEGORY else {}
    role = {ColumnType.TIME: "time", ColumnType.ID: "id"}.get(kind, "feature")
    columns = [
        {"name": "x", "type": kind, "role": role, **levels},
        {"name": "y", "type": "boolean", "required": False},
    ]
    outcome = {"name": "bad", "bad": [1], "good": [0]}
    contract = Contract.model_validate(
        {"use_case": "x", "title": "X", "columns": columns, "outcome": outcome}
    )
    days = [
        f"{year}-{month:02d}-{day:02d}"
        for year in (1900, 2023, 2024)
        for month in range(14)
        for day in range(33)
    ]
    cells = [*ODD_TEXTS, *ODD_TIMES, *days]
    column = contract.by_name["x"]
    # One row at a time too: a column without a cell that is odd takes another way through the reader.
    for part in (cells, *([cell] for cell in [*ODD_TEXTS, *ODD_TIMES])):
        records = [{"x": meaning(column, cell) if text else cell} for cell in part]
        assert_same_judgement(Validator(contract), records, pa.table({"x": part}), text=text)


@USUAL
@given(data=st.data())
def test_a_table_lacks_the_columns_that_its_records_lack(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    drawn = data.draw(rows(contract))
    dropped = data.draw(st.lists(st.sampled_from(drawn.table.column_names), unique=True))
    table = drawn.table.drop_columns(dropped)
    missing = [
        column.name for column in contract.columns if column.name in dropped and column.must_be_present
    ]
    if not missing:
        return
    with pytest.raises(TableInvalid) as refusal:
        Validator(contract).check_table(table)
    for record in drawn.records:
        with pytest.raises(RecordInvalid) as of_record:
            Validator(contract).check_record({name: record[name] for name in table.column_names})
        found = [item for item in of_record.value.findings if item.code is Code.MISSING]
        assert found == list(refusal.value.findings)


@USUAL
@given(data=st.data())
def test_the_order_of_fields_does_not_matter(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    record = data.draw(json_records(contract))
    turned = {name: record[name] for name in data.draw(st.permutations(list(record)))}
    validator = Validator(contract)
    values, findings = judge(validator, record)
    values_of_turned, findings_of_turned = judge(validator, turned)
    assert repr(values_of_turned) == repr(values)
    assert set(findings_of_turned) == set(findings)


@USUAL
@given(data=st.data())
def test_the_order_of_columns_does_not_matter(data: st.DataObject) -> None:
    drawn = data.draw(rows(data.draw(contracts())))
    turned = drawn.table.select(data.draw(st.permutations(drawn.table.column_names)))
    assert_same_judgement(Validator(drawn.contract), drawn.records, turned)


@USUAL
@given(data=st.data())
def test_a_record_is_left_as_it_came(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    record = data.draw(good_records(contract))
    before = repr(record)
    with suppress(RecordInvalid):
        Validator(contract).check_record(record)
    assert repr(record) == before


def test_an_empty_record_lists_every_required_field(contract: Contract) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        Validator(contract).check_record({})
    required = ["age", "income", "amount", "purpose", "Saving accounts", "pay.status"]
    assert [(item.field, item.code) for item in refusal.value.findings] == [
        (name, "missing") for name in required
    ]


def test_every_wrong_field_is_listed_at_once(contract: Contract, record: dict[str, Any]) -> None:
    wrong = record | {"age": 144, "income": "22", "purpose": "boat", "salary": 1}
    with pytest.raises(RecordInvalid) as refusal:
        Validator(contract).check_record(wrong)
    assert str(refusal.value) == (
        "age=144 years is out of range; it must be an integer from 18 to 120 years; "
        "income='22' is not a number; it must be a number of at least 0 EUR; "
        "purpose='boat' is not one of: car, radio/TV, education; "
        "salary is not a field of lending"
    )


def test_a_column_that_is_not_required_is_null_when_absent(
    contract: Contract, record: dict[str, Any]
) -> None:
    for name in ("employed", "sex", "applied at", "application_id"):
        del record[name]
    values = Validator(contract).check_record(record)
    assert all(math.isnan(values[name]) for name in ("employed", "sex", "applied at", "application_id"))


def test_an_absent_column_with_a_null_level_reads_as_that_level() -> None:
    saving = {
        "name": "saving",
        "type": "category",
        "levels": ["a", "NA"],
        "null_level": "NA",
        "required": False,
    }
    outcome = {"name": "bad", "bad": [1], "good": [0]}
    contract = Contract.model_validate(
        {"use_case": "x", "title": "X", "columns": [saving], "ignored": ["row"], "outcome": outcome}
    )
    assert Validator(contract).check_record({}) == {"saving": 1.0}
    assert Validator(contract).check_table(pa.table({"row": [1, 2]})).values["saving"].tolist() == [1.0, 1.0]


def test_integer_columns_take_whole_floats(contract: Contract, record: dict[str, Any]) -> None:
    assert Validator(contract).check_record(record | {"age": 41.0})["age"] == 41.0


def test_ignored_columns_are_not_looked_at(contract: Contract, record: dict[str, Any]) -> None:
    values = Validator(contract).check_record(record | {"row": [{"any": "thing"}]})
    assert "row" not in values


def test_the_outcome_is_refused_in_a_record(contract: Contract, record: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        Validator(contract).check_record(record | {"bad": 1})
    assert (
        str(refusal.value) == "bad is the outcome, which nobody knows at the time of a decision; leave it out"
    )


def test_the_outcome_is_allowed_in_a_table_and_not_looked_at(
    contract: Contract, record: dict[str, Any]
) -> None:
    checked = Validator(contract).check_table(pa.Table.from_pylist([record | {"bad": "anything"}]))
    assert checked.valid.tolist() == [True]
    assert "bad" not in checked.values


def test_a_table_with_an_unknown_column_is_refused_whole(contract: Contract, record: dict[str, Any]) -> None:
    with pytest.raises(TableInvalid) as refusal:
        Validator(contract).check_table(pa.Table.from_pylist([record | {"salary": 1}]))
    assert str(refusal.value) == "salary is not a field of lending"


def test_a_table_with_a_column_twice_is_refused_whole(contract: Contract, record: dict[str, Any]) -> None:
    table = pa.Table.from_pylist([record])
    with pytest.raises(TableInvalid) as refusal:
        Validator(contract).check_table(table.append_column("age", pa.array([1])))
    assert str(refusal.value) == "'age' stands twice"


def test_a_table_of_no_columns_lacks_the_required_ones(contract: Contract) -> None:
    with pytest.raises(TableInvalid) as refusal:
        Validator(contract).check_table(pa.table({}))
    assert [item.field for item in refusal.value.findings][:2] == ["age", "income"]


def test_findings_of_a_table_come_by_row_in_the_order_of_the_contract(
    contract: Contract, record: dict[str, Any]
) -> None:
    rows_of_two = [record | {"purpose": "boat", "age": 1}, record, record | {"age": 144}]
    checked = Validator(contract).check_table(pa.Table.from_pylist(rows_of_two))
    found = {row: [item.field for item in items] for row, items in checked.findings().items()}
    assert found == {0: ["age", "purpose"], 2: ["age"]}
    assert checked.valid.tolist() == [False, True, False]
