"""Seven weeks of card payments in order: what watching found, when, and what retraining gained.

    python tests/benchmarks/fraud_weeks.py [--data FOLDER] [--when weekly|advised] [--thorough]

The first three weeks of the file are what the first champion is trained on. It goes live a week later, when their
labels are known, and decides week after week; labels arrive seven days late, of declined payments too, whose holders
are asked. At the end of each week `aval drift` looks at it, and `aval retrain` retrains, or with --when advised only
where the evidence says so; it promotes what it can show to be better. Each command is run as a user would run it, as of
that week. Beside it stand the first champion, never retrained, and a model that is trained anew each week on
everything whose label is known, and put to use without asking whether it is better. --thorough searches, as `aval
train` does by default; without it two candidates are compared (about five minutes in all).
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.decision_log import Kind
from service.decision_log.reading import Selection, entries, reading
from service.model_store import champion, read_folder
from service.scoring.arithmetic import FloatArray
from service.scoring.bundle import scorer_from_files
from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from tests.processes import Home
from training.candidates import quick_candidates
from training.data import Cases, cases_of_table, read_cases
from training.ranking import Order
from training.train import Options, train
from training.tune import Budget
from training.use_cases import find_use_case

CASE = "fraud_transactions"
FILE = "fraud_transactions.csv.gz"
LEARNT_UNTIL, LIVE, WEEKS, LATE = date(2018, 6, 5), date(2018, 6, 12), 7, 7
DRAWS = 400
FIGURES = ("roc_auc", "pr_auc", "cost")

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Arm:
    """What one way of going on decided on all payments (rows,): P(bad), and positions in `DECISIONS`."""

    name: str
    probabilities: FloatArray
    decisions: Codes


def main() -> None:
    """Run the weeks and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--when", choices=("advised", "weekly"), default="weekly")
    parser.add_argument("--thorough", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        first, live = _divide(arguments.data / FILE, home.folder)
        effort = () if arguments.thorough else ("--quick",)
        _run(home, "train", CASE, "--data", first, *effort)
        _run(
            home,
            "promote",
            CASE,
            "--why",
            "first",
            "--override-by",
            "N.N.",
            "--override-because",
            "three weeks",
        )
        _say_head()
        for number in range(WEEKS):
            _say_week(_week(home, number, live, arguments.when, effort))
        _say_arms(*_arms(home, read_cases(find_use_case(CASE), first), read_cases(find_use_case(CASE), live)))


def _divide(file: Path, folder: Path) -> tuple[Path, Path]:
    """Write the payments that are learnt from, and those of the live weeks, as files of their own."""
    with gzip.open(file, "rt") as lines:
        head, *rows = lines
    first, live = folder / "first.csv", folder / "live.csv"
    first.write_text(head + "".join(row for row in rows if _day(row) < LEARNT_UNTIL.isoformat()))
    live.write_text(head + "".join(row for row in rows if LIVE.isoformat() <= _day(row) < _end(WEEKS - 1)))
    return first, live


def _day(row: str) -> str:
    return row.split(",", 2)[1][:10]


def _end(week: int) -> str:
    return (LIVE + timedelta(days=7 * (week + 1))).isoformat()


def _week(home: Home, number: int, live: Path, when: str, effort: Sequence[str]) -> dict[str, Any]:
    """Live through a week, look at it, and retrain if there is a reason; returns what was said."""
    simulated = _told(
        _aval(
            home, "simulate", CASE, "--data", live, "--truth", "data", "--weeks", "1",
            "--delay", str(LATE), "--declines-told",
        )
    )  # fmt: skip
    inside, as_of = _inside(home), _end(number)
    looked = _told(_aval(inside, "drift", CASE, "--until", as_of), (0, 1, 3))
    because = ("--because", "schedule") if when == "weekly" else ("--every-days", "3650")
    at = ("--as-of", f"{as_of}T00:00:00Z")
    retrained = _told(_aval(inside, "retrain", CASE, *because, *at, *effort), (0, 1, 3))
    return {"week": simulated["weeks"][0], "drift": looked, "retrain": retrained}


def _inside(home: Home) -> Home:
    """Return the simulation's own home, which the commands are pointed at as its exports say."""
    return Simulated(home.folder / "aval" / "simulations" / CASE)


class Simulated(Home):
    """A simulation's home: its AVAL_HOME is the folder itself."""

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(AVAL_HOME=str(self.folder), **more)


def _aval(home: Home, *arguments: str | Path) -> Any:
    return home.aval(*arguments, "--json")


def _run(home: Home, *arguments: str | Path) -> None:
    done = home.aval(*arguments)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}: {done.stdout}\n{done.stderr}")


def _told(done: Any, codes: Sequence[int] = (0,)) -> Any:
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(map(str, done.args))}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return {**json.loads(done.stdout), "exit_code": done.returncode}


def _arms(home: Home, first: Cases, live: Cases) -> tuple[list[Arm], Cases]:
    """Return what was decided, what the first champion would have, and what weekly trainings would have."""
    store = home.bentoml_home
    tag = champion(CASE, store).model
    scorer = scorer_from_files(
        read_folder(store / "models" / CASE / tag.partition(":")[2]),
        use_case=CASE,
        version=tag.partition(":")[2],
    )
    p = scorer.score_matrix(live.matrix)
    never = Arm("never retrained", p, scorer.policy.decide_all(p))
    return [never, _as_decided(_inside(home), live), _every_week(first, live, scorer)], live


def _as_decided(inside: Home, live: Cases) -> Arm:
    """Return what the log says was decided, in the order of the file."""
    ids = live.table.column("transaction_id").to_pylist()
    codes = {str(decision): code for code, decision in enumerate(DECISIONS)}
    found: dict[str, tuple[float, int]] = {}
    with reading(f"sqlite:///{inside.folder / 'decisions.db'}") as connection:
        for item in entries(connection, Selection((Kind.DECISION,))):
            named = str((item.personal or {})["transaction_id"])
            found[named] = float(item.row.probability or 0.0), codes[str(item.row.decision)]
    decided = [found[str(name)] for name in ids]
    return Arm(
        "aval drift and aval retrain",
        np.array([p for p, _ in decided]),
        np.array([code for _, code in decided], np.int8),
    )


def _every_week(first: Cases, live: Cases, champion_first: Scorer) -> Arm:
    """Return what models trained each week on everything known by then would have decided, put to use unasked."""
    use_case = find_use_case(CASE)
    weeks = _week_of(live)
    probabilities, decisions = np.empty(live.rows), np.empty(live.rows, np.int8)
    scorer = champion_first
    for week in range(WEEKS):
        if week >= 2:
            # Labels of the week before are not known yet when this one begins.
            known = live.table.filter(pa.array(weeks < week - 1))
            table = pa.concat_tables([first.table, known.select(first.table.column_names)])
            cases = cases_of_table(use_case, table, text=False, source="known labels")
            options = Options(Budget(0), quick_candidates(int(cases.outcomes.sum())), thorough=False)
            scorer = train(cases, 0, options).scorer
        rows = np.flatnonzero(weeks == week)
        p = scorer.score_matrix(live.matrix[rows])
        probabilities[rows], decisions[rows] = p, scorer.policy.decide_all(p)
    return Arm("retrained each week, unasked", probabilities, decisions)


def _week_of(live: Cases) -> npt.NDArray[np.int64]:
    """Return the number of the live week of each payment (rows,)."""
    assert live.times is not None
    day = (live.times // 86_400).astype(np.int64)
    return np.asarray((day - np.datetime64(LIVE, "D").astype(np.int64)) // 7)


def _say_head() -> None:
    _say("| week of | payments | frauds told | found | score PSI | advice | retraining |")
    _say("|---|---|---|---|---|---|---|")


def _say_week(said: dict[str, Any]) -> None:
    week = said["week"]
    told = f"{week['told_bad']} of {week['told']:,}"
    cells = (week["from"], f"{week['decisions']:,}", told, *_found(said["drift"]), _ended(said["retrain"]))
    _say(f"| {' | '.join(cells)} |")


def _found(look: dict[str, Any]) -> tuple[str, str, str]:
    """Return what a look found: by name, the score's PSI, and the advice with the AUC of matured outcomes."""
    found = ", ".join(item["key"] for item in look["findings"]) or "nothing"
    psi = look.get("score", {}).get("psi")
    auc = look["performance"]["mature"].get("auc")
    known = "" if auc is None else f"; AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
    return found, "-" if psi is None else f"{psi:.3f}", look["advice"]["action"] + known


def _ended(retrained: dict[str, Any]) -> str:
    """Return how a retraining ended, and where a challenger was judged, by how much it was better."""
    verdict = retrained.get("steps", {}).get("judged", {}).get("verdict")
    if verdict is None:
        return str(retrained["end"])
    test = verdict["log_loss"]
    return (
        f"{retrained['end']}: log loss {test['difference']:+.5f} ({test['low']:+.5f} to {test['high']:+.5f})"
    )


def _say_arms(arms: Sequence[Arm], live: Cases) -> None:
    _say("")
    weeks = _week_of(live)
    _say("| week of | " + " | ".join(f"{arm.name}: AUC, PR AUC, cost" for arm in arms) + " |")
    _say("|---" * (len(arms) + 1) + "|")
    for week in [*range(WEEKS), None]:
        rows = np.arange(live.rows) if week is None else np.flatnonzero(weeks == week)
        name = "all" if week is None else (LIVE + timedelta(days=7 * week)).isoformat()
        _say(f"| {name} | " + " | ".join(_in_words(_figures(arm, live, rows)) for arm in arms) + " |")
    _say("")
    for arm in arms[1:]:
        _say(f"{arm.name}, against never retrained: {_gains(arm, arms[0], live)}")


def _in_words(figures: dict[str, float]) -> str:
    return f"{figures['roc_auc']:.4f}, {figures['pr_auc']:.4f}, {figures['cost']:.3f}"


def _figures(
    arm: Arm, live: Cases, rows: npt.NDArray[np.intp], counts: FloatArray | None = None
) -> dict[str, float]:
    """Return AUC, PR AUC and cost per payment of some rows, each counted so often."""
    weights = np.ones(len(rows)) if counts is None else counts
    bad = live.outcomes[rows]
    ranking = Order(arm.probabilities[rows]).ranking(bad, weights)
    costs = _costs(live)[arm.decisions[rows], bad]
    return {
        "roc_auc": ranking.roc_auc,
        "pr_auc": ranking.pr_auc,
        "cost": float(costs @ weights / weights.sum()),
    }


def _costs(live: Cases) -> FloatArray:
    """Return what each decision costs, by its code and the outcome."""
    costs = live.use_case.costs
    return np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])


def _gains(arm: Arm, other: Arm, live: Cases) -> str:
    """Return the differences over all weeks with 95 % intervals: resampled by customer."""
    rng, rows = np.random.default_rng(0), np.arange(live.rows)
    _, customer = np.unique(
        live.table.column("customer_id").to_numpy(zero_copy_only=False), return_inverse=True
    )
    drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(DRAWS):
        counts = rng.poisson(1.0, int(customer.max()) + 1)[customer].astype(np.float64)
        one, two = (_figures(side, live, rows, counts) for side in (arm, other))
        for name in FIGURES:
            drawn[name].append(one[name] - two[name])
    one, two = (_figures(side, live, rows) for side in (arm, other))
    said = []
    for name in FIGURES:
        low, high = np.percentile(drawn[name], (2.5, 97.5))
        said.append(f"{name} {one[name] - two[name]:+.4f} ({low:+.4f} to {high:+.4f})")
    return ", ".join(said)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
