from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from service.decision_log.segments.store import SegmentStore
from service.errors import NoSuchModel, WrongUse
from service.monitoring.events import Event, event_store
from service.scoring.scorer import Scorer
from tests.processes import Home
from tests.training.monitoring.monitored import DAY, append, cases, decide, store_in
from training.cli.drift import drift

CASE = "credit_risk"


@dataclass(frozen=True)
class Done:
    """How the command ended and what it printed."""

    code: int
    out: str
    said: str

    @property
    def body(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Place:
    """A home with a champion, and its log; `now` is when the test began."""

    folder: Path
    store: SegmentStore
    scorer: Scorer
    now: int

    def drift(self, *arguments: str | Path, track: bool = False) -> Done:
        """Run the command as `aval` does."""
        app = typer.Typer()
        app.command()(drift)
        given = [CASE, *map(str, arguments), *(() if track else ("--no-track",))]
        done = CliRunner().invoke(app, given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def decide(self, rows: Sequence[Mapping[str, Any]], days: tuple[float, float]) -> list[str]:
        """Decide on records, evenly over a stretch of days before now."""
        return decide(self.store, self.scorer, rows, days, self.now)

    def events(self, *kinds: str) -> list[Event]:
        """What monitoring has been told."""
        with event_store(f"sqlite:///{self.folder / 'monitoring.db'}") as events:
            return events.events(CASE, kinds)


@pytest.fixture
def place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_home: Callable[[str], Home],
    quick_scorer: Callable[..., Scorer],
) -> Place:
    """A home with a champion, whose log has nothing in it."""
    store = store_in(tmp_path)
    monkeypatch.setenv("AVAL_HOME", str(tmp_path))
    monkeypatch.setenv("AVAL_DECISION_LOG", store.address)
    monkeypatch.setenv("AVAL_SEGMENTS", str(tmp_path / "segments"))
    monkeypatch.setenv("BENTOML_HOME", str(quick_home(CASE).bentoml_home))
    append(store, [])
    return Place(tmp_path, store, quick_scorer(CASE), time.time_ns() // 1000)


def dearer(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records with twice the income."""
    return [{**row, "person_income": row["person_income"] * 2} for row in rows]


def test_where_nothing_has_changed_there_is_nothing_to_do(place: Place) -> None:
    place.decide(cases(CASE, 1_500, seed=1), (96.9, 7))
    place.decide(cases(CASE, 300, seed=2), (6.9, 0))
    done = place.drift()
    assert done.code == 0, done.out
    assert "300 records" in done.out
    assert "1,500 records" in done.out
    assert "advice: wait" in done.out


def test_drift_is_told_with_its_column_and_ends_with_one(place: Place) -> None:
    place.decide(cases(CASE, 1_500, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    done = place.drift("--json")
    assert done.code == 1
    report = done.body
    assert report["status"] == "found"
    (column,) = [item for item in report["columns"] if item["name"] == "person_income"]
    assert column["status"] == "alarm"
    assert "drift:person_income" in {item["key"] for item in report["findings"]}


def test_the_table_for_a_person_has_every_column_and_what_else_was_found(place: Place) -> None:
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    done = place.drift()
    for name in place.scorer.contract.inputs:
        assert name in done.out
    for words in (
        "score: PSI",
        "bad rate:",
        "told from earlier ones: AUC",
        "refused: 0.00%",
        "matured outcomes",
    ):
        assert words in done.out
    assert "incident open, critical: person_income has drifted" in done.out


@pytest.mark.parametrize(("rows", "code"), [(119, 3), (120, 0)])
def test_decisions_are_counted_and_not_the_lines_of_the_answer(place: Place, rows: int, code: int) -> None:
    # The old system counted one row, that of its COUNT(*), and never had enough.
    place.decide(cases(CASE, 400, seed=1), (96.9, 7))
    place.decide(cases(CASE, rows, seed=2), (6.9, 0))
    done = place.drift()
    assert done.code == code, done.out
    said = f"not enough records: there are {rows} in the analysis, and 120 are needed"
    assert (said in done.out) == (code == 3)


def test_an_empty_window_is_not_enough(place: Place) -> None:
    done = place.drift("--json")
    assert (done.code, done.body["status"], done.body["analysis"]["records"]) == (3, "not enough", 0)
    assert "columns" not in done.body


def test_without_history_the_profile_of_the_model_is_the_reference(place: Place) -> None:
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    done = place.drift()
    assert done.code == 1
    assert f"reference: the model's profile of {place.scorer.profile.rows:,} cases" in done.out
    assert "the profile of a bundle holds no records to compare with" in done.out


def test_a_reversed_window_is_refused_and_not_empty(place: Place) -> None:
    with pytest.raises(WrongUse, match="is not before --until"):
        place.drift("--from", "2026-11-10", "--until", "2026-11-03")


def test_every_look_is_kept_and_opens_an_incident_once(place: Place) -> None:
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    place.drift()
    place.drift()
    reports = place.events("report")
    assert len(reports) == 2
    assert reports[-1].body["model"] == place.scorer.tag
    opened = [event.body["key"] for event in place.events("incident") if event.body["step"] == "opened"]
    assert sorted(opened) == sorted(set(opened))
    assert "drift:person_income" in opened


@pytest.mark.parametrize(
    "asked", [("--from", "WEEK_AGO"), ("--days", "6"), ("--reference-days", "80"), ("--until", "TOMORROW")]
)
def test_a_look_that_is_not_the_usual_one_changes_no_incident(place: Place, asked: tuple[str, str]) -> None:
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    days = {"WEEK_AGO": -7, "TOMORROW": 1}
    option, given = asked
    if given in days:
        given = (datetime.now(UTC) + timedelta(days=days[given])).date().isoformat()
    assert place.drift(option, given).code == 1
    assert place.events() == []


def test_too_few_records_end_no_incident(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 1))
    place.drift()
    for day in range(8, 12):
        moment = (place.now + day * DAY) * 1000
        clock = SimpleNamespace(time_ns=lambda moment=moment: moment)
        monkeypatch.setattr(sys.modules[drift.__module__], "time", clock)
        assert place.drift().code == 3
    steps = {event.body["step"] for event in place.events("incident")}
    assert "opened" in steps
    assert "recovered" not in steps


def test_a_page_or_figures_that_fail_take_no_incident_from_anybody(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class HTTPError(OSError):
        """As MLflow lets it through, where its store of artifacts answers with an error."""

    def fail(*_: object) -> None:
        raise HTTPError("500 Server Error")

    monkeypatch.setattr("training.monitoring.tracking.track", fail)
    monkeypatch.setattr("training.monitoring.evidently_report.write_page", fail)
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    done = place.drift("--evidently", place.folder / "page.html", track=True)
    assert done.code == 1
    assert "the figures are not in MLflow: HTTPError: 500 Server Error" in done.said
    assert "page.html was not written: 500 Server Error" in done.said
    assert "opened" in {event.body["step"] for event in place.events("incident")}


def test_a_folder_for_the_page_that_is_none_takes_no_incident_from_anybody(place: Place) -> None:
    place.decide(cases(CASE, 1_000, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 300, seed=2)), (6.9, 0))
    done = place.drift("--evidently", place.folder / "nowhere" / "page.html")
    assert done.code == 1
    assert "page.html was not written" in done.said
    assert len(place.events("report")) == 1


def test_looks_say_which_model_they_are_of(place: Place) -> None:
    place.decide(cases(CASE, 300, seed=2), (6.9, 0))
    place.drift()
    (look,) = [event for event in place.events("incident") if event.body["step"] == "look"]
    assert look.body["model"] == place.scorer.tag


def test_no_share_of_right_answers_is_told(place: Place) -> None:
    # Where 93 % are good, saying so of all of them is right in 93 %.
    place.decide(cases(CASE, 300, seed=2), (6.9, 0))
    assert "accuracy" not in place.drift("--json").out


def test_evidently_writes_its_page_beside_it(place: Place) -> None:
    place.decide(cases(CASE, 400, seed=1), (96.9, 7))
    place.decide(dearer(cases(CASE, 200, seed=2)), (6.9, 0))
    page = place.folder / "page.html"
    place.drift("--evidently", page)
    text = page.read_text()
    for name in (*place.scorer.contract.inputs, "P(bad)"):
        assert name in text, name
    assert "<html" in text[:2_000].lower()


def test_evidently_has_nothing_to_compare_without_history(place: Place) -> None:
    place.decide(cases(CASE, 200, seed=2), (6.9, 0))
    page = place.folder / "page.html"
    done = place.drift("--evidently", page)
    assert "page.html was not written" in done.said
    assert not page.exists()


def test_a_page_that_is_none_is_refused(place: Place) -> None:
    with pytest.raises(WrongUse, match=r"it must end in \.html"):
        place.drift("--evidently", "page.pdf")


def test_a_use_case_without_a_champion_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(place.folder / "elsewhere"))
    with pytest.raises(NoSuchModel, match=CASE):
        place.drift()


def test_a_tracking_server_that_is_down_takes_nothing_from_the_look(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    place.decide(cases(CASE, 200, seed=2), (6.9, 0))
    done = place.drift(track=True)
    assert done.code == 0
    assert "the figures are not in MLflow" in done.said
    assert len(place.events("report")) == 1
