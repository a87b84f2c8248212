"""Why a case was not approved: contributions of its inputs to the log-odds, and their declared texts.

A reason is a fact about the applicant that raised the risk. Protected columns are no inputs, so they are none; and an
input that the record leaves null (absent, not known, not to be derived) is none either, however much that raised the
risk: a creditor must state the specific principal reasons (12 CFR 1002.9(b)(2)), and what is not known is answered
by asking for it (1002.9(c)), not by a refusal because of it. A level that stands for null counts as null, because the
record does not tell the two apart. `/explain` shows what such inputs contributed all the same; a record that only
its nulls speak against is refused without a reason, and should be asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid, expect_keys

MOST_REASONS = 4
# Contributions are sums that are rounded on the way: what cancels out exactly can come out as 1e-17.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ReasonText:
    """The code and the sentence that name an input, or several inputs that share a code.

    `local` says the same in the contract's language, where that is not English. Inputs that go up and down together
    share a code, lest one fact be given as two reasons.
    """

    code: str
    text: str
    local: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a decision: the input that raised the risk most under this code."""

    code: str
    feature: str
    text: str


def possible_reasons(
    inputs: Sequence[str], texts: Mapping[str, ReasonText], *, local: bool = False
) -> tuple[Reason, ...]:
    """Return the reason that each input would be, in English or `local`; made once, they are chosen from quickly."""
    declared = [(name, texts[name]) for name in inputs]
    return tuple(Reason(text.code, name, (local and text.local) or text.text) for name, text in declared)


def reasons_for(possible: Sequence[Reason], contributions: Sequence[float]) -> tuple[Reason, ...]:
    """Return at most four reasons that raised the log-odds of bad, the strongest first; both have one item per input.

    Inputs of one code count together; the input named is the strongest of them. Ties keep the inputs' order.
    """
    total: dict[str, float] = {}
    largest: dict[str, float] = {}
    strongest: dict[str, Reason] = {}
    for reason, value in zip(possible, contributions, strict=True):
        code = reason.code
        total[code] = total.get(code, 0.0) + value
        if code not in largest or value > largest[code]:
            largest[code], strongest[code] = value, reason
    raising = [code for code, value in total.items() if value > ROUNDING]
    raising.sort(key=total.__getitem__, reverse=True)
    return tuple([strongest[code] for code in raising[:MOST_REASONS]])


def nulls_of(contract: Contract) -> tuple[float, ...]:
    """Return per input the encoded value that means null: the null level's position, NaN elsewhere."""
    levels = [
        float("nan") if column.null_level is None else float(column.levels.index(column.null_level))
        for column in contract.features
    ]
    return (*levels, *[float("nan")] * len(contract.derived))


def of_known(row: Sequence[float], contributions: Sequence[float], nulls: Sequence[float]) -> list[float]:
    """Return the contributions with 0 for every input that is null in the encoded row."""
    return [
        0.0 if x != x or x == null else value  # noqa: PLR0124  # the fastest test for NaN
        for x, value, null in zip(row, contributions, nulls, strict=True)
    ]


def texts_to_json(texts: Mapping[str, ReasonText]) -> dict[str, Any]:
    """Return the texts as JSON data, by input."""
    return {name: asdict(text) for name, text in texts.items()}


def texts_from_json(body: Any, inputs: Sequence[str]) -> dict[str, ReasonText]:
    """Read one text per input; raises `BundleInvalid` otherwise.

    Bundles made before there was a second language have no local texts: they are empty.
    """
    expect_keys(body, set(inputs), "reasons")
    texts = {}
    for name in inputs:
        item = {"local": "", **body[name]} if isinstance(body[name], dict) else body[name]
        expect_keys(item, {"code", "text", "local"}, f"reason of {name}")
        if not (all(isinstance(value, str) for value in item.values()) and item["code"] and item["text"]):
            raise BundleInvalid(
                f"reason of {name}: code, text and local must be text, only local may be empty"
            )
        texts[name] = ReasonText(**item)
    return texts
