"""Commands that train and compare: train, leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName, Version
from training.console import complain, progress_bar, say, say_candidates, say_json, say_training
from training.console_promotion import say_gates
from training.use_cases import find_use_case, name_of

if TYPE_CHECKING:
    from training.data import Cases
    from training.registry import Registry
    from training.registry import Version as Registered
    from training.train import Options, Trained

GENERATED_ROWS = 20_000

Data = Annotated[Path | None, typer.Option(help="CSV, CSV.gz or Parquet file of past cases")]
Rows = Annotated[int, typer.Option(min=100, help="how many to generate without --data")]
Seed = Annotated[int, typer.Option(min=0, max=2**31)]
Trials = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="how many parameters to try beyond the declared ones; default: 8, with fewer than 200 cases as --quick",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.0, help="stop searching after so long; results then depend on the machine"),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="two candidates, no search: a look in well under a minute")
]
SelectInputs = Annotated[bool, typer.Option("--select-inputs", help="try the best with fewer inputs too")]


def train(  # noqa: PLR0913, PLR0917  # one argument per option
    use_case: UseCaseName,
    data: Data = None,
    rows: Rows = GENERATED_ROWS,
    seed: Seed = 0,
    trials: Trials = None,
    minutes: Minutes = None,
    quick: Quick = False,
    select_inputs: SelectInputs = False,
    as_json: AsJson = False,
) -> None:
    """Search, train, calibrate and judge the candidates, and register the chosen one as challenger.

    Ctrl-C during the search ends it and keeps what was found.
    """
    from training.data import generate_cases, keep_snapshot, read_cases
    from training.registry import Registry

    case, settings = find_use_case(use_case), Settings.from_environment()
    registry = Registry(settings)
    # Minutes of work are not begun for a server that does not answer.
    registry.reach()
    cases = read_cases(case, data) if data else generate_cases(case, rows, seed)
    keep_snapshot(cases, settings.home / "data")
    options = options_of(cases, trials, minutes, quick, select_inputs)
    version, trained = _train(cases, seed, options, registry)
    if as_json:
        said = {"model": version.tag, "version": version.number, "measured": trained.measured}
        say_json({**said, **version.evidence, "gates": trained.gates})
    else:
        _say_trained(use_case, version, trained)


def _say_trained(use_case: str, version: Registered, trained: Trained) -> None:
    say_training(version.evidence, trained.measured)
    say_gates(trained.gates)
    say(f"registered {version.tag} as version {version.number}, alias challenger")
    say(f"next: aval card {use_case}; aval promote {use_case}")


def _train(cases: Cases, seed: int, options: Options, registry: Registry) -> tuple[Registered, Trained]:
    """Train, ask the gates, and record it all; returns the registered version and the training with its gates."""
    from training.gatekeeper import judge_gates
    from training.lineage import lineage
    from training.train import train as train_cases

    with progress_bar(f"training {cases.use_case.name}") as step:
        trained = train_cases(cases, seed, options, step)
        step("judging gates", 1.0)
        gates = judge_gates(trained.scorer, cases.use_case, registry.settings, cases)
        step("recording in MLflow", 1.0)
        where = lineage()
        trained = replace(trained, gates=gates, card=_card(trained, where))
        return registry.record(trained, where), trained


def _card(trained: Trained, where: Mapping[str, Any]) -> dict[str, bytes]:
    from service.scoring.bundle import CARD, CARD_TEXT
    from training.model_card import render_card

    name, version = trained.cases.use_case.name, trained.scorer.version
    run = {**where, "measured": trained.measured}
    card = render_card(trained.files, use_case=name, version=version, run=run)
    return {CARD: card.html.encode(), CARD_TEXT: card.markdown.encode()}


def options_of(
    cases: Cases, trials: int | None, minutes: float | None, quick: bool, select_inputs: bool
) -> Options:
    """Return how much to do, as asked or as the number of cases allows; raises `WrongUse` for what contradicts."""
    from training.candidates import quick_candidates
    from training.evidence import TOO_FEW_TO_PROVE
    from training.train import Options
    from training.tune import TRIALS, Budget

    if quick and (trials or minutes):
        raise WrongUse("--quick does not search: leave out --trials and --minutes, or --quick")
    # A search among candidates that differ by noise would find noise.
    too_few = cases.rows < TOO_FEW_TO_PROVE and trials is None and minutes is None
    if too_few and not quick:
        complain(
            f"{cases.rows} cases, fewer than {TOO_FEW_TO_PROVE}: as with --quick; --trials 8 searches all the same"
        )
    if quick or too_few:
        return Options(Budget(0), quick_candidates(int(cases.outcomes.sum())), select_inputs, thorough=False)
    return Options(Budget(TRIALS if trials is None else trials, minutes), select_inputs=select_inputs)


def leaderboard(use_case: UseCaseName, version: Version = None, as_json: AsJson = False) -> None:
    """The candidates of a training side by side, with intervals."""
    from training.registry import Registry

    found = Registry(Settings.from_environment()).find(name_of(use_case), version)
    if as_json:
        say_json(found.evidence["candidates"])
        return
    say(f"{found.tag}, version {found.number}")
    evidence = found.evidence
    measured = found.run.get("measured", {})
    say_candidates(evidence["candidates"], evidence["objective"], measured.get("record_microseconds", {}))
