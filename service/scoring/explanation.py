"""Why a record has its probability: what every input contributes against the typical approved record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Scalar
from service.scoring.language import Language
from service.scoring.policy import Decision, Policy
from service.scoring.predictors.contributions import Rule
from service.scoring.reasons import Reason
from service.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one input adds to the log-odds of bad: its value in the record instead of the typical value.

    Values are as a person writes them (levels, true or false), None for null. `code` is its reason's.
    """

    feature: str
    value: Scalar
    typical: Scalar
    contribution: float
    code: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with all contributions, the largest first, which add up to `log_odds - typical_log_odds`.

    `typical_log_odds` are those of the typical approved record, `reasons` what the decision is answered with, and
    `rule` says in words how the contributions were made.
    """

    probability: float
    decision: Decision
    log_odds: float
    typical_log_odds: float
    contributions: tuple[Contribution, ...]
    reasons: tuple[Reason, ...]
    rule: str

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON data."""
        return {
            "probability": self.probability,
            "decision": str(self.decision),
            "log_odds": self.log_odds,
            "typical_log_odds": self.typical_log_odds,
            "contributions": [asdict(item) for item in self.contributions],
            "reasons": [asdict(item) for item in self.reasons],
            "rule": self.rule,
        }


def explain(
    scorer: Scorer, record: Mapping[str, Any], policy: Policy | None = None, language: Language = "en"
) -> Explanation:
    """Explain one record; probability, decision and reasons are those of `scorer.score`.

    Raises `RecordInvalid` with one finding per refused field. The rule is told in any language, reasons in English
    or the contract's.
    """
    row = scorer.encoder.encode_record(scorer.validator.check_record(record))
    raw, typical = scorer.predictor.score_one(row), scorer.reference_score
    values, errors = scorer.explainer.with_errors(row)
    probability = scorer.calibrator.probability(raw)
    decision = (policy or scorer.policy).decide(probability)
    return Explanation(
        probability=probability,
        decision=decision,
        log_odds=scorer.calibrator.log_odds(raw),
        typical_log_odds=scorer.calibrator.log_odds(typical),
        contributions=_contributions(scorer, row, scorer.calibrator.explained(values, raw, typical)),
        reasons=() if decision is Decision.APPROVE else scorer.reasons_among(row, values, language),
        rule=_rule(scorer, float(scorer.calibrator.explained(errors, raw, typical).max()), language),
    )


def _contributions(scorer: Scorer, row: list[float], values: FloatArray) -> tuple[Contribution, ...]:
    contract = scorer.contract
    columns = [*contract.features, *[None] * len(contract.derived)]
    cells = zip(contract.inputs, columns, row, scorer.profile.reference(), values.tolist(), strict=True)
    found = [
        Contribution(
            name, written(column, x), written(column, typical), value, scorer.reason_texts[name].code
        )
        for name, column, x, typical, value in cells
    ]
    return tuple(sorted(found, key=lambda item: -abs(item.contribution)))


def written(column: Column | None, x: float) -> Scalar:
    """Return an encoded value as a person writes it; what is derived has no column and is a number."""
    if math.isnan(x):
        return None
    if column is not None and column.type is ColumnType.CATEGORY:
        return column.levels[int(x)]
    # The median of as many true as false is neither.
    if column is not None and column.type is ColumnType.BOOLEAN and x in (0.0, 1.0):
        return bool(x)
    return int(x) if column is not None and column.type is ColumnType.INTEGER and x.is_integer() else x


def _rule(scorer: Scorer, largest_error: float, language: Language) -> str:
    rule, texts = scorer.explainer.rule, _RULES[language]
    # Few inputs that differ are explained exactly whatever the predictor.
    exact = rule is Rule.SAMPLED and not largest_error
    of_predictor = texts[Rule.EXACT if exact else rule].format(error=f"{largest_error:.2g}")
    return f"{of_predictor} {texts['curve' if scorer.calibrator.curve else 'line']}"


_RULES: dict[Language, dict[str, str]] = {
    "en": {
        Rule.EXACT: "Exact Shapley values of the log-odds against the typical approved record.",
        Rule.SHARES: "Exact Shapley values of the model's sum of probabilities against the typical approved record, "
        "scaled to the difference in log-odds.",
        Rule.SAMPLED: "Shapley values of the log-odds against the typical approved record, estimated from paired "
        "permutations with a standard error of at most {error}.",
        "line": "The calibration is a straight line in the log-odds and multiplies all of them by its slope.",
        "curve": "The calibration is no straight line: all of them are scaled by one factor, the calibrated "
        "difference over the raw one, so that shares and signs stay.",
    },
    "es": {
        Rule.EXACT: "Valores de Shapley exactos del logaritmo de la razón de probabilidades (log-odds) frente al "
        "caso aprobado típico.",
        Rule.SHARES: "Valores de Shapley exactos de la suma de probabilidades del modelo frente al caso aprobado "
        "típico, ajustados a la escala de la diferencia en el logaritmo de la razón de probabilidades (log-odds).",
        Rule.SAMPLED: "Valores de Shapley del logaritmo de la razón de probabilidades (log-odds) frente al caso "
        "aprobado típico, estimados con pares de permutaciones y un error estándar de {error} como máximo.",
        "line": "La calibración es una recta en esa escala y multiplica todos por su pendiente.",
        "curve": "La calibración no es una recta: todos se multiplican por un mismo factor, la diferencia calibrada "
        "dividida por la original, de modo que las proporciones y los signos se mantienen.",
    },
    "pt": {
        Rule.EXACT: "Valores de Shapley exatos do logaritmo da razão de probabilidades (log-odds) em relação ao "
        "caso aprovado típico.",
        Rule.SHARES: "Valores de Shapley exatos da soma de probabilidades do modelo em relação ao caso aprovado "
        "típico, ajustados à escala da diferença no logaritmo da razão de probabilidades (log-odds).",
        Rule.SAMPLED: "Valores de Shapley do logaritmo da razão de probabilidades (log-odds) em relação ao caso "
        "aprovado típico, estimados com pares de permutações e um erro padrão de no máximo {error}.",
        "line": "A calibração é uma reta nessa escala e multiplica todos pela sua inclinação.",
        "curve": "A calibração não é uma reta: todos são multiplicados por um mesmo fator, a diferença calibrada "
        "dividida pela original, de modo que as proporções e os sinais se mantêm.",
    },
}
