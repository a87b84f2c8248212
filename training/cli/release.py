"""Commands that carry a champion from training to delivery: export, import."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.model_store import Release, find_release, put_release, release_of, store_release
from service.places import S3Options, place_of
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.console import say, say_json
from training.use_cases import name_of


def export_release(
    use_case: UseCaseName,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="a folder, or s3://bucket/prefix")],
    as_json: AsJson = False,
) -> None:
    """Put the champion, its policy and its pointer into TARGET, as its newest release; earlier ones stay there."""
    settings = Settings.from_environment()
    release = release_of(name_of(use_case), settings.bentoml_home)
    changed = put_release(release, place_of(target, S3Options(kms_key=settings.s3_kms_key)))
    if as_json:
        say_json(_answer(release, changed, target))
        return
    done = "is now" if changed else "already is"
    say(f"release {release.id} ({release.champion.model}) {done} the newest of {target}")
    say(f"next: make image USE_CASE={release.use_case} RELEASE={target}")


def import_release(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="where `aval export` put it")],
    expect: Annotated[
        str | None, typer.Option(metavar="ID", help="release to take; default: the newest")
    ] = None,
    replace: Annotated[bool, typer.Option(help="put it in the place of another champion")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a release and make it the champion of this model store. It runs no code of the release."""
    settings = Settings.from_environment()
    release = find_release(place_of(source), expect)
    changed = store_release(release, settings.bentoml_home, replace_champion=replace)
    if as_json:
        say_json(_answer(release, changed, source))
        return
    done = "is now" if changed else "already is"
    say(f"{release.champion.model} {done} the champion of {release.use_case} (release {release.id})")
    say(f"next: AVAL_MODEL={release.use_case} bentoml serve")


def _answer(release: Release, changed: bool, place: str) -> dict[str, Any]:
    return {
        "release": release.id,
        "use_case": release.use_case,
        "model": release.champion.model,
        "policy": release.champion.policy,
        "place": place,
        "changed": changed,
    }
