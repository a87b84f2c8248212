"""Commands about decision policies: policy list, make, use, swap-set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import WrongUse
from service.scoring.policy import Costs
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.console import progress, say, say_json
from training.use_case import PolicyAims, UseCase
from training.use_cases import find_use_case, name_of

if TYPE_CHECKING:
    from training.past_scores import PastScores
    from training.policy_book import PolicyBook

policy_app = typer.Typer(
    no_args_is_help=True, help="Decision policies: they change without a new model, and old ones stay."
)

Data = Annotated[
    Path | None,
    typer.Option(help="CSV, CSV.gz or Parquet file of past cases; default: those the champion was fitted on"),
]


@policy_app.command("list")
def list_policies(use_case: UseCaseName, as_json: AsJson = False) -> None:
    """The policies of a use case: cut-offs, who made them when and why, and which one is in use."""
    from training.console_policy import say_policies
    from training.policy_book import open_book

    rows = open_book(name_of(use_case), Settings.from_environment().bentoml_home).to_json()
    if as_json:
        say_json(rows)
    else:
        say_policies(rows)


@policy_app.command()
def make(  # noqa: PLR0913, PLR0917  # each option is one thing that a policy may be asked
    use_case: UseCaseName,
    false_approve: Annotated[float | None, typer.Option(help="cost of approving a bad case")] = None,
    false_decline: Annotated[float | None, typer.Option(help="cost of declining a good case")] = None,
    review: Annotated[float | None, typer.Option(help="cost of a review")] = None,
    no_review: Annotated[bool, typer.Option("--no-review", help="approve or decline, refer nothing")] = False,
    capacity: Annotated[float | None, typer.Option(help="share of cases to refer at most")] = None,
    approval_rate: Annotated[float | None, typer.Option(help="share of cases to approve")] = None,
    cut_offs: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="refer from LOW, decline from HIGH, instead of least cost"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="first part of its version")] = None,
    because: Annotated[str, typer.Option(help="why it is made, for whoever reads the list")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a policy for the champion's scores and store it; `aval policy use` puts it in use.

    What is not given is as the use case declares it.
    """
    from training.console_policy import say_made
    from training.new_policy import Wish, new_policy, store

    case = find_use_case(use_case)
    costs = _costs(case.costs, (false_approve, false_decline, review), no_review=no_review)
    if cut_offs and (capacity is not None or approval_rate is not None):
        raise WrongUse("--cut-offs settles every decision; --capacity and --approval-rate exclude it")
    wish = Wish(costs, _aims(case.aims, capacity, approval_rate, costs), cut_offs, name, because)
    book = _open(case)
    made = new_policy(book, _score(case, book, data), wish, case.costs)
    body = {"new": store(book, made), **made.to_json(book.in_use)}
    if as_json:
        say_json(body)
        return
    say_made(body)
    say(f"next: aval policy use {use_case} {made.policy.version} --because TEXT")


@policy_app.command()
def use(
    use_case: UseCaseName,
    version: Annotated[
        str, typer.Argument(metavar="POLICY_VERSION", help="a version that `aval policy list` shows")
    ],
    because: Annotated[str, typer.Option(help="why it is put in use; it is recorded")],
    as_json: AsJson = False,
) -> None:
    """Decide by another policy from now on: the model stays, and who did it, when and why is recorded."""
    from training.model_card import card_files
    from training.registry import Registry

    settings = Settings.from_environment()
    found, changed = Registry(settings).use_policy(
        name_of(use_case),
        version,
        because,
        card=lambda found, record: card_files(found.tag, record, settings.bentoml_home),
    )
    if as_json:
        say_json({"policy": found.scorer.policy.version, "model": found.tag, "changed": changed})
        return
    done = "is now" if changed else "already is"
    say(f"{found.scorer.policy.version} {done} the policy in use of {found.use_case}, with {found.tag}")


@policy_app.command("swap-set")
def compare(
    use_case: UseCaseName,
    old: Annotated[str, typer.Argument(metavar="OLD", help="version of the policy before")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="version of the policy after")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Who gets another decision under another policy of the champion, at what cost, and in which groups."""
    from training.console_policy import say_swap_set

    case = find_use_case(use_case)
    book = _open(case)
    before, after = book.find(old), book.find(new)
    past = _score(case, book, data)
    report = past.swap_set(before, after, case.costs)
    if as_json:
        say_json({"model": book.scorer.tag, "cases": past.to_json(), **report})
    else:
        say_swap_set(report, case.costs.currency, past.notes)


def _open(case: UseCase) -> PolicyBook:
    from training.policy_book import open_book

    return open_book(case.name, Settings.from_environment().bentoml_home)


def _score(case: UseCase, book: PolicyBook, data: Path | None) -> PastScores:
    from training.past_scores import score_past

    with progress(f"scoring past cases of {case.name}"):
        return score_past(case, book.scorer, data, Settings.from_environment().home)


def _costs(
    declared: Costs, given: tuple[float | None, float | None, float | None], *, no_review: bool
) -> Costs:
    false_approve, false_decline, review = given
    if no_review and review is not None:
        raise WrongUse(f"--review {review:g} and --no-review exclude each other; give one of them")
    try:
        return Costs(
            declared.false_approve if false_approve is None else false_approve,
            declared.false_decline if false_decline is None else false_decline,
            None if no_review else declared.review if review is None else review,
            declared.currency,
        )
    except ValueError as error:
        raise WrongUse(str(error)) from None


def _aims(
    declared: PolicyAims, capacity: float | None, approval_rate: float | None, costs: Costs
) -> PolicyAims:
    if capacity and costs.review is None:
        raise WrongUse(f"--capacity {capacity:g} is for reviews, and they have no cost; give --review too")
    return PolicyAims(
        declared.review_capacity if capacity is None else capacity,
        declared.approval_rate if approval_rate is None else approval_rate,
    )
