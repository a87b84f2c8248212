"""What it means that two doors agree: the same rows refused for the same reasons, and the same bits."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from service.scoring.findings import Finding
from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid, Validator


def bits(value: float) -> bytes:
    """Return the eight bytes of a float, so that -0.0 is not 0.0 and a NaN equals itself."""
    return struct.pack("<d", value)


def judge(validator: Validator, record: Mapping[str, Any]) -> tuple[dict[str, float], list[Finding]]:
    """Return the values of a record, or what is wrong with it; one of the two is empty."""
    try:
        return validator.check_record(record), []
    except RecordInvalid as error:
        return {}, list(error.findings)


def assert_same_judgement(
    validator: Validator, records: Sequence[Mapping[str, Any]], table: pa.Table, *, text: bool = False
) -> None:
    """Fail unless `check_table` judges every row as `check_record` judges the record."""
    checked = validator.check_table(table, text=text)
    found = checked.findings()
    for row, record in enumerate(records):
        values, findings = judge(validator, record)
        assert found.get(row, []) == findings, f"row {row}"
        assert checked.valid[row] == (not findings), f"row {row}"
        if not findings:
            in_table = {name: bits(column[row]) for name, column in checked.values.items()}
            assert in_table == {name: bits(value) for name, value in values.items()}


def assert_same_scores(scorer: Scorer, records: Sequence[Mapping[str, Any]], table: pa.Table) -> None:
    """Fail unless `score_table` gives every row the bits and the decision that `score` gives the record."""
    scored = scorer.score_table(table)
    for row, record in enumerate(records):
        try:
            alone = scorer.score(record)
        except RecordInvalid:
            assert not scored.valid[row], f"row {row} was scored"
        else:
            assert bits(scored.probabilities[row]) == bits(alone.probability), f"row {row}"
            assert DECISIONS[scored.decisions[row]] is alone.decision, f"row {row}"
