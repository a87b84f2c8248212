"""The scorer: a trained model that knows its contract and says what to do with a record. Every door goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.encoder import Encoder
from service.scoring.language import Language
from service.scoring.policy import DECISIONS, Decision, Policy
from service.scoring.predictors import Predictor
from service.scoring.predictors.contributions import Explainer
from service.scoring.profile import Profile
from service.scoring.reasons import Reason, ReasonText, nulls_of, of_known, possible_reasons, reasons_for
from service.scoring.validation import CheckedTable, Validator

ROWS_PER_BLOCK = 131_072
UNDECIDED = -1


@dataclass(frozen=True, slots=True)
class ScoredRecord:
    """The answer for one record; `reasons` is empty when it is approved."""

    probability: float
    decision: Decision
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class ScoredTable:
    """The answer for a table, in its order.

    probabilities: float64 (rows,), NaN for a refused row. decisions: int8 (rows,), positions in `DECISIONS`,
    -1 for a refused row.
    """

    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]
    checked: tuple[CheckedTable, ...]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which rows (rows,) were scored."""
        return np.not_equal(self.decisions, UNDECIDED)

    def decision_names(self) -> pa.Array:
        """Return the decisions of all rows as text, null for a refused row."""
        codes = pa.array(self.decisions, mask=~self.valid)
        names = pa.array([str(decision) for decision in DECISIONS])
        return pa.DictionaryArray.from_arrays(codes, names).cast(pa.string())


@dataclass(frozen=True)
class Scorer:
    """Contract, predictor, calibrator, policy, reasons and profile of one bundle. Immutable; threads may share it.

    `version` is the first 16 hex digits of the hash of the bundle's manifest, and its version in every store.
    """

    version: str
    contract: Contract
    predictor: Predictor
    calibrator: Calibrator
    policy: Policy
    reason_texts: Mapping[str, ReasonText]
    profile: Profile
    evidence: Mapping[str, Any]

    @property
    def tag(self) -> str:
        """`use_case:version`, the bundle's tag in the model store."""
        return f"{self.contract.use_case}:{self.version}"

    @cached_property
    def validator(self) -> Validator:
        """The contract, ready to check records."""
        return Validator(self.contract)

    @cached_property
    def encoder(self) -> Encoder:
        """The contract, ready to encode checked values."""
        return Encoder(self.contract)

    @cached_property
    def explainer(self) -> Explainer:
        """The predictor, ready to explain records against the typical approved one."""
        return Explainer(self.predictor, self.profile.reference())

    @cached_property
    def reference_score(self) -> float:
        """The raw score of the typical approved record."""
        return self.predictor.score_one(self.profile.reference())

    @cached_property
    def nulls(self) -> tuple[float, ...]:
        """The encoded value of each input that means null."""
        return nulls_of(self.contract)

    def score(
        self, record: Mapping[str, Any], policy: Policy | None = None, language: Language = "en"
    ) -> ScoredRecord:
        """Score one record; raises `RecordInvalid` with one finding per refused field.

        Without a policy the scorer's own decides. Reasons are in English, or in the contract's language if it is asked.
        """
        row = self.encoder.encode_record(self.validator.check_record(record))
        probability = self.calibrator.probability(self.predictor.score_one(row))
        decision = (policy or self.policy).decide(probability)
        reasons = () if decision is Decision.APPROVE else self.reasons_of(row, language)
        return ScoredRecord(probability, decision, reasons)

    def contributions(self, record: Mapping[str, Any]) -> dict[str, float]:
        """Return what each input adds to the calibrated log-odds, against the typical approved record.

        They add up to the difference between the record's log-odds and the typical record's.
        """
        row = self.encoder.encode_record(self.validator.check_record(record))
        raw = self.predictor.score_one(row)
        values = self.calibrator.explained(self.explainer.contributions(row), raw, self.reference_score)
        return dict(zip(self.encoder.inputs, values.tolist(), strict=True))

    def reasons_of(self, row: Sequence[float], language: Language = "en") -> tuple[Reason, ...]:
        """Return the reasons against an encoded record, the strongest first; whether to give them is the caller's."""
        return self.reasons_among(row, self.explainer.contributions(row), language)

    def reasons_among(
        self, row: Sequence[float], contributions: FloatArray, language: Language = "en"
    ) -> tuple[Reason, ...]:
        """Return the reasons that the contributions (inputs,) of an encoded record to its raw score make."""
        local = language != "en" and language == self.contract.language
        known = of_known(row, contributions.tolist(), self.nulls)
        return reasons_for(self._possible_reasons[local], known)

    def score_table(self, table: pa.Table, *, text: bool = False, threads: int = 1) -> ScoredTable:
        """Score a table of records; refused rows are left undecided and described in `checked`, block by block.

        `text` says that cells are text, as in a CSV file. Raises `TableInvalid` for wrong columns.
        """
        # A slice of a table of no columns is as long as it is asked to be.
        blocks = [
            table.slice(start, min(ROWS_PER_BLOCK, table.num_rows - start))
            for start in range(0, max(table.num_rows, 1), ROWS_PER_BLOCK)
        ]
        if threads == 1 or len(blocks) == 1:
            scored = [self._score_block(block, text) for block in blocks]
        else:
            with ThreadPoolExecutor(threads) as pool:
                scored = list(pool.map(lambda block: self._score_block(block, text), blocks))
        return ScoredTable(
            np.concatenate([probabilities for probabilities, _, _ in scored]),
            np.concatenate([decisions for _, decisions, _ in scored]),
            tuple(checked for _, _, checked in scored),
        )

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """Return P(bad) (rows,) of an encoded matrix (rows, inputs)."""
        return self.calibrator.probability(self.predictor.score_many(matrix))

    @cached_property
    def _possible_reasons(self) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        """In English, and in the contract's language."""
        english, local = (
            possible_reasons(self.encoder.inputs, self.reason_texts, local=local) for local in (False, True)
        )
        return english, local

    def _score_block(
        self, block: pa.Table, text: bool
    ) -> tuple[FloatArray, npt.NDArray[np.int8], CheckedTable]:
        checked = self.validator.check_table(block, text=text)
        probabilities = self.score_matrix(self.encoder.encode_table(checked.values))
        decisions = self.policy.decide_all(probabilities)
        if checked.refused:
            probabilities[~checked.valid] = np.nan
            decisions[~checked.valid] = UNDECIDED
        return probabilities, decisions, checked
