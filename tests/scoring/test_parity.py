"""A record and a row of a table get the same bits, and a skew between the two would be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.arithmetic import FloatArray
from service.scoring.encoder import Encoder
from service.scoring.scorer import Scorer
from tests.scoring.agreement import assert_same_scores
from tests.scoring.ensembles import scorer_of
from tests.scoring.lending import RECORDS, TABLE
from tests.scoring.strategies import USUAL, contracts, rows

KINDS = ("linear", "symmetric_trees", "trees")


@USUAL
@given(data=st.data(), kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32))
def test_a_table_of_any_contract_scores_the_bits_of_its_records(
    data: st.DataObject, kind: str, seed: int
) -> None:
    drawn = data.draw(rows(data.draw(contracts())))
    assert_same_scores(scorer_of(drawn.contract, kind, seed), drawn.records, drawn.table)


def test_a_table_scores_the_bits_of_its_records(scorer: Scorer) -> None:
    assert_same_scores(scorer, RECORDS, TABLE)
    assert len({scorer.score(record).decision for record in RECORDS}) > 1


def test_a_table_of_text_scores_the_bits_of_its_records(scorer: Scorer) -> None:
    cells = {
        name: pa.array(
            [None if value is None else str(value) for value in TABLE.column(name).to_pylist()], pa.string()
        )
        for name in TABLE.column_names
    }
    scored, of_text = scorer.score_table(TABLE), scorer.score_table(pa.table(cells), text=True)
    assert of_text.valid.all()
    assert of_text.probabilities.tobytes() == scored.probabilities.tobytes()


def test_the_order_of_rows_and_their_neighbours_do_not_matter(scorer: Scorer) -> None:
    order = np.random.default_rng(1).permutation(len(RECORDS))
    turned = scorer.score_table(TABLE.take(pa.array(order)))
    assert turned.probabilities.tobytes() == scorer.score_table(TABLE).probabilities[order].tobytes()


def swap_two_columns(matrix: FloatArray) -> FloatArray:
    matrix[:, [0, 10]] = matrix[:, [10, 0]]
    return matrix


def fill_nulls_with_zero(matrix: FloatArray) -> FloatArray:
    return np.nan_to_num(matrix, nan=0.0)


def shift_the_levels(matrix: FloatArray) -> FloatArray:
    matrix[:, 3] = (matrix[:, 3] + 1) % 3
    return matrix


@pytest.mark.parametrize("skew", [swap_two_columns, fill_nulls_with_zero, shift_the_levels])
def test_a_skew_between_record_and_table_turns_the_check_red(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch, skew: Callable[[FloatArray], FloatArray]
) -> None:
    honest = Encoder.encode_table

    def skewed(encoder: Encoder, values: Mapping[str, FloatArray]) -> FloatArray:
        return skew(honest(encoder, values))

    monkeypatch.setattr(Encoder, "encode_table", skewed)
    with pytest.raises(AssertionError, match="row "):
        assert_same_scores(scorer, RECORDS, TABLE)


def test_a_skew_of_a_single_bit_turns_the_check_red(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Scorer.score_matrix

    def skewed(itself: Scorer, matrix: FloatArray) -> FloatArray:
        probabilities = honest(itself, matrix)
        probabilities[17] = np.nextafter(probabilities[17], 0.5)
        return probabilities

    monkeypatch.setattr(Scorer, "score_matrix", skewed)
    with pytest.raises(AssertionError, match="row 17"):
        assert_same_scores(scorer, RECORDS, TABLE)


def test_a_skew_in_the_refusals_turns_the_check_red(scorer: Scorer) -> None:
    milder = [RECORDS[0] | {"age": 17}, *RECORDS[1:]]
    with pytest.raises(AssertionError, match="row 0 was scored"):
        assert_same_scores(scorer, milder, TABLE)
