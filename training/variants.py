"""Variants of a use case: the same cases seen earlier, before somebody has decided."""

from __future__ import annotations

from dataclasses import replace

from training.use_case import About, Contract, Requirements, UseCase

PRE_APPROVAL = "pre_approval"


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
        title=f"{contract.title}, before approval",
        description=f"{contract.description} This variant knows no more than an application does: "
        f"it takes {names} where they are sent, and does not look at them.".lstrip(),
        columns=tuple(column for column in contract.columns if column.name not in left_out),
        derived=tuple(item for item in contract.derived if not set(item.of) & set(left_out)),
        ignored=(*contract.ignored, *left_out),
        outcome=contract.outcome,
    )


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
