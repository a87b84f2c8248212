"""Commands that change what is served, and show what changed it: promote, rollback, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias

import typer

from service.errors import NoSuchModel
from service.model_store import Override
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName, Version
from training.console import complain, say, say_json
from training.console_promotion import say_gates, say_history
from training.use_cases import find_use_case, name_of

if TYPE_CHECKING:
    from training.registry import MakeCard, Registry
    from training.registry import Version as Registered

Gate: TypeAlias = dict[str, Any]

SAID_NO = 1


def promote(
    use_case: UseCaseName,
    version: Version = None,
    why: Annotated[str, typer.Option(help="why; it is recorded")] = "",
    override_by: Annotated[
        str, typer.Option(metavar="NAME", help="second person, who stands for it in spite of a failed gate")
    ] = "",
    override_because: Annotated[
        str,
        typer.Option(metavar="TEXT", help="that person's reason; it is recorded, and printed on the card"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a trained model the champion, gates first: verify it, import it into the BentoML store, switch over."""
    from training.gatekeeper import judge_gates
    from training.registry import Registry, check_override

    case, registry = find_use_case(use_case), Registry(Settings.from_environment())
    override = Override(override_by, override_because) if override_by or override_because else None
    check_override(override)
    # By number from here on: the challenger may be another one before the gates are done.
    found = registry.find(case.name, version)
    gates = judge_gates(found.scorer, case, registry.settings, None)
    if not as_json:
        say_gates(gates)
    failed = [gate["code"] for gate in gates if gate["severity"] == "blocks" and gate["status"] == "fail"]
    if failed and override is None:
        _refuse(found, failed, gates, as_json=as_json)
    needed = override if failed else None
    promoted, changed = registry.promote(
        found.use_case, found.number, why=why, override=needed, gates=gates, card=_card(registry)
    )
    if as_json:
        say_json(_answer(promoted, changed, gates, promoted=True, overridden=failed))
        return
    if override and not failed:
        say("no gate said no: the override was not needed and is not recorded")
    _say_promoted(promoted, changed)


def rollback(
    use_case: UseCaseName,
    why: Annotated[str, typer.Option(help="why; it is recorded")],
    as_json: AsJson = False,
) -> None:
    """Go back to the champion before, model and policy in one step; once more goes one further back."""
    from training.registry import Registry

    use_case = name_of(use_case)
    registry = Registry(Settings.from_environment())
    found, changed = registry.rollback(use_case, why, card=_card(registry))
    policy = found.scorer.policy.version
    if as_json:
        say_json(
            {"model": found.tag, "version": found.number, "policy": policy, "changed": changed, "why": why}
        )
        return
    say(f"{found.tag} (version {found.number}) is the champion of {use_case} again, with policy {policy}")
    say(f"see: aval history {use_case}")


def history(use_case: UseCaseName, as_json: AsJson = False) -> None:
    """Every champion that there was: who made it one, when and why; the present one last."""
    from training.registry import Registry

    use_case = name_of(use_case)
    champions = Registry(Settings.from_environment()).history(use_case)
    if as_json:
        say_json([champion.to_json() for champion in champions])
        return
    if not champions:
        raise NoSuchModel(f"{use_case} has had no champion; run: aval promote {use_case}")
    say_history(champions)


def _card(registry: Registry) -> MakeCard:
    from training.model_card import card_files

    return lambda found, record: card_files(found.tag, record, registry.settings.bentoml_home)


def _say_promoted(promoted: Registered, changed: bool) -> None:
    done = "is now the champion of" if changed else "already is the champion of"
    say(f"{promoted.tag} (version {promoted.number}) {done} {promoted.use_case}")
    say(f"next: AVAL_MODEL={promoted.use_case} bentoml serve")


def _refuse(found: Registered, failed: list[str], gates: list[Gate], *, as_json: bool) -> NoReturn:
    """Say which gates said no, and end the command with exit code 1."""
    if as_json:
        say_json(_answer(found, False, gates, promoted=False, overridden=[]))
    complain(
        f"{found.tag} (version {found.number}) was not promoted, because of {', '.join(failed)}; train a better one, "
        "or let a second person stand for it: --override-by NAME --override-because TEXT"
    )
    raise typer.Exit(SAID_NO)


def _answer(
    found: Registered, changed: bool, gates: list[Gate], *, promoted: bool, overridden: list[str]
) -> dict[str, Any]:
    return {
        "model": found.tag,
        "version": found.number,
        "changed": changed,
        "promoted": promoted,
        "overridden": overridden,
        "gates": gates,
    }
