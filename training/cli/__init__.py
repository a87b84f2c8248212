"""The `aval` command."""

from __future__ import annotations

import logging
import signal
import sys
import traceback

import typer

from service.errors import AvalError, WrongUse
from training.cli.alerts import alerts_app, incidents
from training.cli.data import list_use_cases, sample
from training.cli.drift import drift
from training.cli.keys import keys_app
from training.cli.log import log_app
from training.cli.outcomes import outcomes, reviews
from training.cli.policy import policy_app
from training.cli.profile import profile
from training.cli.promotion import history, promote, rollback
from training.cli.release import export_release, import_release
from training.cli.replay import replay
from training.cli.report import card
from training.cli.retrain import retrain
from training.cli.scoring import score
from training.cli.simulate import simulate
from training.cli.training import leaderboard, train
from training.cli.verify import verify
from training.console import complain

# EX_SOFTWARE of sysexits.h. Python's own 1 would be read as "a check said no", and a broken job as an answer.
OUR_FAULT = 70

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a table of past cases to calibrated decisions in production.",
)
app.command("use-cases")(list_use_cases)
app.command()(sample)
app.command()(profile)
app.command()(train)
app.command()(leaderboard)
app.command()(card)
app.command()(promote)
app.command()(rollback)
app.command()(history)
app.command("export")(export_release)
app.command("import")(import_release)
app.add_typer(policy_app, name="policy")
app.command()(score)
app.command()(verify)
app.command()(outcomes)
app.command()(reviews)
app.add_typer(log_app, name="log")
app.command()(replay)
app.command()(drift)
app.command()(retrain)
app.command()(simulate)
app.add_typer(keys_app, name="keys")
app.command()(incidents)
app.add_typer(alerts_app, name="alerts")


def main() -> None:
    """Run the command; a user's error becomes one line and an exit code, a fault of ours its traceback and 70."""
    for noisy in ("alembic", "bentoml"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A polite request to end removes what was begun, as any error does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except AvalError as error:
        complain(f"aval: error: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        complain(f"aval: error: {error}")
        sys.exit(WrongUse.exit_code)
    except Exception:
        traceback.print_exc()
        sys.exit(OUR_FAULT)
