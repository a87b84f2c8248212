"""Commands that change what is served: promote."""

from __future__ import annotations

from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName, Version
from training.console import say, say_json
from training.use_cases import name_of


def promote(use_case: UseCaseName, version: Version = None, as_json: AsJson = False) -> None:
    """Make a trained model the champion: verify it, import it into the BentoML store, switch over."""
    from training.registry import Registry

    use_case = name_of(use_case)
    promoted, changed = Registry(Settings.from_environment()).promote(use_case, version)
    if as_json:
        say_json({"model": promoted.tag, "version": promoted.number, "changed": changed})
        return
    done = "is now the champion of" if changed else "already is the champion of"
    say(f"{promoted.tag} (version {promoted.number}) {done} {use_case}")
    say(f"next: AVAL_MODEL={use_case} bentoml serve")
