"""Why a case was not approved: contributions of its inputs to the log-odds, and their declared texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.scoring.errors import BundleInvalid, expect_keys

MOST_REASONS = 4
# Contributions are sums that are rounded on the way: what cancels out exactly can come out as 1e-17.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ReasonText:
    """The code and the sentence that name an input, or several inputs that share a code."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a decision: the input that raised the risk most under this code."""

    code: str
    feature: str
    text: str


def reasons_for(
    inputs: Sequence[str], contributions: Sequence[float], texts: Mapping[str, ReasonText]
) -> tuple[Reason, ...]:
    """Return at most four reasons that raised the log-odds of bad, the strongest first.

    Inputs of one code count together; the input named is the strongest of them. Ties keep the inputs' order.
    """
    total: dict[str, float] = {}
    strongest: dict[str, tuple[float, str]] = {}
    for name, value in zip(inputs, contributions, strict=True):
        code = texts[name].code
        total[code] = total.get(code, 0.0) + value
        if code not in strongest or value > strongest[code][0]:
            strongest[code] = (value, name)
    raising = sorted((code for code in total if total[code] > ROUNDING), key=lambda code: -total[code])
    named = [strongest[code][1] for code in raising[:MOST_REASONS]]
    return tuple(Reason(texts[name].code, name, texts[name].text) for name in named)


def texts_to_json(texts: Mapping[str, ReasonText]) -> dict[str, Any]:
    """Return the texts as JSON data, by input."""
    return {name: asdict(text) for name, text in texts.items()}


def texts_from_json(body: Any, inputs: Sequence[str]) -> dict[str, ReasonText]:
    """Read one text per input; raises `BundleInvalid` otherwise."""
    expect_keys(body, set(inputs), "reasons")
    texts = {}
    for name in inputs:
        item = expect_keys(body[name], {"code", "text"}, f"reason of {name}")
        if not all(isinstance(value, str) and value for value in item.values()):
            raise BundleInvalid(f"reason of {name}: code and text must be text")
        texts[name] = ReasonText(**item)
    return texts
