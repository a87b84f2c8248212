"""Variants of a use case: the same cases seen earlier, before somebody has decided."""

from __future__ import annotations

from dataclasses import replace

from service.scoring.language import Language
from training.use_case import About, Column, Contract, Requirements, UseCase

PRE_APPROVAL = "pre_approval"
# What the English texts say of a variant, in the languages that a contract can have besides.
_BEFORE: dict[Language, str] = {"es": ", antes de la aprobación", "pt": ", antes da aprovação"}
_LEFT_OUT: dict[Language, str] = {
    "es": " Esta variante no sabe más que una solicitud: acepta y no mira",
    "pt": " Esta variante não sabe mais do que um pedido: aceita e não considera",
}


def variants(use_case: UseCase) -> dict[str, UseCase]:
    """Return by name the variants that the use case's declaration implies; most have none."""
    if not use_case.known_after_decision:
        return {}
    variant = pre_approval(use_case)
    return {variant.name: variant}


def pre_approval(use_case: UseCase) -> UseCase:
    """Return the use case without what is known only after the decision, named `<name>_pre_approval`.

    The columns left out are ignored, so that the same files are read; inputs derived from them go too. What the
    original must reach (AUC, Brier, cost, precision, recall) was declared for a model that sees more, and is not
    asked. Raises `ValueError` where the use case declares no such column.
    """
    left_out = use_case.known_after_decision
    if not left_out:
        raise ValueError(
            f"{use_case.name} declares nothing as known_after_decision, so it has no pre-approval"
        )
    contract = _contract(use_case.contract, left_out)
    return replace(
        use_case,
        contract=contract,
        reasons={name: use_case.reasons[name] for name in contract.inputs},
        about=_about(use_case.about, left_out),
        requirements=_requirements(use_case.requirements),
        known_after_decision=(),
    )


def _contract(contract: Contract, left_out: tuple[str, ...]) -> Contract:
    names = ", ".join(left_out)
    return Contract(
        use_case=f"{contract.use_case}_{PRE_APPROVAL}",
        language=contract.language,
        title=f"{contract.title}, before approval",
        local_title=_in_language(contract, contract.local_title, _BEFORE, ""),
        description=f"{contract.description} This variant knows no more than an application does: "
        f"it takes {names} where they are sent, and does not look at them.".lstrip(),
        local_description=_in_language(contract, contract.local_description, _LEFT_OUT, f" {names}."),
        columns=tuple(_alone(column, left_out) for column in contract.columns if column.name not in left_out),
        derived=tuple(item for item in contract.derived if not set(item.of) & set(left_out)),
        ignored=(*contract.ignored, *left_out),
        outcome=contract.outcome,
    )


def _alone(column: Column, left_out: tuple[str, ...]) -> Column:
    """Return the column, following no other if one that it follows is left out."""
    return column.model_copy(update={"follows": ()}) if set(column.follows) & set(left_out) else column


def _in_language(contract: Contract, text: str, added: dict[Language, str], end: str) -> str:
    return "" if contract.language == "en" else f"{text}{added[contract.language]}{end}".lstrip()


def _about(about: About, left_out: tuple[str, ...]) -> About:
    limit = f"Knows nothing of {', '.join(left_out)}, which exist only once somebody has decided."
    return replace(about, limits=(*about.limits, limit))


def _requirements(requirements: Requirements) -> Requirements:
    return replace(
        requirements,
        least_roc_auc=None,
        least_pr_auc=None,
        most_brier=None,
        most_cost_per_case=None,
        least_precision=None,
        least_recall=None,
    )
