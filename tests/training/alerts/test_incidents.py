from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.training.alerts.incident_room import CALIBRATION, DAY, INCOME, START, WORSE, Notebook, Room
from training.alerts import Finding, Severity, settle_incidents
from training.alerts.finding import kind_of
from training.alerts.history import History, history
from training.alerts.looks import NumberedLook, looks_of

PRESENT = st.sampled_from([None, "warning", "critical"])


def test_a_finding_opens_an_incident_with_what_was_found(desk: Room) -> None:
    (incident,) = desk.look(0, [INCOME])
    assert (incident.key, incident.severity, incident.title) == (INCOME.key, "warning", INCOME.title)
    assert incident.figures == {"csi": 0.31, "p": 1e-9}
    assert (incident.opened_at, incident.recovered_at) == (START, None)


def test_a_finding_that_stays_keeps_its_incident_open_with_its_latest_figures(desk: Room) -> None:
    (first,) = desk.look(0, [INCOME])
    (second,) = desk.look(1, [replace(INCOME, figures={"csi": 0.5})])
    assert second.id == first.id
    assert (second.opened_at, second.seen_at, second.figures) == (START, START + DAY, {"csi": 0.5})


def test_two_looks_without_a_finding_end_its_incident_and_one_does_not(desk: Room) -> None:
    desk.look(0, [INCOME])
    (missed,) = desk.look(1, [])
    assert (missed.is_open, missed.missed) == (True, 1)
    (ended,) = desk.look(2, [])
    assert ended.recovered_at == START + 2 * DAY
    assert desk.look(3, []) == []
    assert desk.steps == ["opened", "recovered"]


def test_a_finding_between_looks_without_it_starts_the_count_anew(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [], [INCOME], []]):
        desk.look(day, findings)
    assert [incident.is_open for incident in desk.incidents] == [True]


def test_what_comes_back_is_a_new_incident(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [], [], [INCOME]]):
        desk.look(day, findings)
    first, second = desk.incidents
    assert (first.episode, second.episode) == (1, 2)
    assert first.id != second.id
    assert (first.is_open, second.is_open) == (False, True)


def test_an_incident_keeps_the_highest_severity_that_it_has_had(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [WORSE], [INCOME], [WORSE]]):
        desk.look(day, findings)
    (incident,) = desk.incidents
    assert incident.severity == "critical"
    assert desk.steps == ["opened", "raised"]


def test_of_two_findings_with_one_key_the_more_severe_counts(desk: Room) -> None:
    for day, findings in enumerate([[INCOME, WORSE], [WORSE, INCOME]]):
        (incident,) = desk.look(day, findings)
        assert (incident.severity, incident.title) == ("critical", WORSE.title)


def test_a_look_that_could_not_judge_something_does_not_end_its_incident(desk: Room) -> None:
    desk.look(0, [INCOME, CALIBRATION])
    for day in (1, 2, 3):
        desk.look(day, [], unjudged=["calibration"])
    calibration, income = sorted(desk.incidents, key=lambda incident: incident.key)
    assert (calibration.is_open, income.is_open) == (True, False)


def test_the_same_look_said_twice_counts_once(desk: Room) -> None:
    desk.look(0, [INCOME])
    desk.look(1, [])
    desk.look(1, [])
    assert [incident.missed for incident in desk.incidents] == [1]


def test_an_older_look_that_comes_late_opens_what_it_found_and_ends_nothing(desk: Room) -> None:
    desk.look(10, [INCOME])
    for day in (9.1, 9.3, 9.9):
        desk.look(day, [CALIBRATION])
    assert {incident.key: incident.is_open for incident in desk.incidents} == {
        INCOME.key: True,
        CALIBRATION.key: True,
    }
    assert next(item for item in desk.incidents if item.key == INCOME.key).missed == 0


def test_looks_that_follow_on_one_another_at_once_are_one_look_without_a_finding(desk: Room) -> None:
    desk.look(0, [INCOME])
    for hour in (1, 2, 11.9, 12, 13, 23.9):
        desk.look(hour / 24, [])
    assert [(incident.is_open, incident.missed) for incident in desk.incidents] == [(True, 1)]
    desk.look(1, [])
    assert [incident.is_open for incident in desk.incidents] == [False]


def test_a_clock_that_was_years_ahead_once_does_not_make_all_later_looks_late(desk: Room) -> None:
    desk.look(2_000, [INCOME])
    desk.look(0, [CALIBRATION])
    for day in (1, 2):
        desk.look(day, [])
    assert [incident.is_open for incident in desk.incidents] == [False, False]
    (again,) = desk.look(3, [replace(INCOME, figures={"csi": 0.5})])
    assert (again.key, again.figures) == (INCOME.key, {"csi": 0.5})


def test_what_comes_back_after_an_incident_that_ended_years_ahead_is_found(desk: Room) -> None:
    for day, findings in ((2_000, [INCOME]), (2_001, []), (2_002, []), (0, [INCOME])):
        desk.look(day, findings)
    assert sorted(incident.is_open for incident in desk.incidents) == [False, True]


def test_a_finding_after_a_look_years_ahead_keeps_its_incident_with_what_is_found_now(desk: Room) -> None:
    desk.look(2_000, [INCOME])
    (incident,) = desk.look(0, [replace(INCOME, figures={"csi": 0.5})])
    assert (incident.seen_at, incident.figures) == (START, {"csi": 0.5})


def test_what_was_found_about_a_model_ends_with_the_first_look_at_another_one(desk: Room) -> None:
    desk.look(0, [CALIBRATION, INCOME], model="loans:old")
    for day in (1, 2):
        desk.look(day, [INCOME], unjudged=["calibration", "ranking"], model="loans:new")
    calibration, income = sorted(desk.incidents, key=lambda incident: incident.key)
    assert calibration.recovered_at == START + DAY
    assert income.is_open, "records have drifted whatever decides on them"


def test_what_is_wrong_with_the_next_model_is_an_incident_of_its_own(desk: Room) -> None:
    notebook = Notebook()
    other = replace(CALIBRATION, title="probabilities are too high")
    desk.look(0, [CALIBRATION], notebook, model="loans:old")
    found = desk.look(1, [other], notebook, model="loans:new")
    assert [(item.title, item.is_open) for item in found] == [
        (CALIBRATION.title, False),
        ("probabilities are too high", True),
    ]
    assert notebook.told == ["opened critical", "recovered critical", "opened critical"]
    desk.look(2, [other], notebook, model="loans:new")
    assert len(notebook.told) == 3


def test_a_late_look_at_the_model_before_does_not_end_what_was_found_about_this_one(desk: Room) -> None:
    desk.look(1, [CALIBRATION], model="loans:new")
    desk.look(0.9, [], model="loans:old")
    assert [incident.is_open for incident in desk.incidents] == [True]


def test_an_older_look_from_within_an_ended_incident_tells_nothing_new(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [], []]):
        desk.look(day, findings)
    desk.look(1.5, [INCOME])
    assert [incident.is_open for incident in desk.incidents] == [False]


def test_incidents_of_one_use_case_are_none_of_another(desk: Room) -> None:
    desk.look(0, [INCOME])
    desk.use_case = "card_default"
    assert desk.incidents == []
    (other,) = desk.look(0, [INCOME])
    desk.use_case = "credit_risk"
    (own,) = desk.incidents
    assert own.id != other.id


def test_readers_of_events_see_every_step_with_the_incidents_state(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [WORSE], [], []]):
        desk.look(day, findings)
    bodies = {event.body["step"]: event.body for event in desk.store.events("credit_risk", ["incident"])}
    (incident,) = desk.incidents
    assert bodies["opened"] == {
        "step": "opened",
        "incident": incident.id,
        "key": INCOME.key,
        "severity": "warning",
        "title": INCOME.title,
        "figures": {"csi": 0.31, "p": 1e-9},
        "opened_at": START,
        "recovered_at": None,
    }
    assert (bodies["raised"]["severity"], bodies["raised"]["figures"]["csi"]) == ("critical", 0.8)
    assert bodies["recovered"]["recovered_at"] == START + 3 * DAY


def test_figures_that_are_no_numbers_are_null_and_hostile_texts_stand_on_one_line(desk: Room) -> None:
    figures = {"psi": float("nan"), "low": float("-inf"), "by": ("a\r\nBcc: x@y", True, None), "n": 3}
    (incident,) = desk.look(
        0, [Finding("drift:a\x00b", "warning", "one\r\ntwo\x1b[31m\u202e\ud800", figures)]
    )
    assert incident.key == "drift:a b"
    assert incident.title == "one two [31m"
    assert incident.figures == {"psi": None, "low": None, "by": ["a Bcc: x@y", True, None], "n": 3}


def test_the_agreed_call_does_the_same_with_two_looks_to_recover(desk: Room) -> None:
    notebook = Notebook()
    for day, findings in enumerate([[INCOME], [INCOME], [], []]):
        settle_incidents(desk.store, [notebook], "credit_risk", findings, START + day * DAY)
    assert notebook.told == ["opened warning", "recovered warning"]


@given(st.lists(st.tuples(PRESENT, st.booleans()), max_size=30), st.integers(1, 4))
def test_incidents_are_what_a_person_would_say_who_reads_the_looks(
    days: list[tuple[Severity | None, bool]], patience: int
) -> None:
    past = _history(days, patience)
    expected: list[list[int | None]] = []
    missed = 0
    for day, (severity, judged) in enumerate(days):
        lasts = bool(expected) and expected[-1][1] is None
        if severity is not None:
            missed = 0
            if not lasts:
                expected.append([day, None])
        elif lasts and judged:
            missed += 1
            if missed == patience:
                expected[-1][1] = day
    assert [[_day(item.opened_at), _day(item.recovered_at)] for item in past.incidents] == expected


@given(st.lists(st.tuples(PRESENT, st.booleans()), max_size=30), st.integers(1, 4))
def test_every_incident_opens_once_grows_worse_at_most_once_and_ends_at_most_once(
    days: list[tuple[Severity | None, bool]], patience: int
) -> None:
    past = _history(days, patience)
    for incident in past.incidents:
        steps = [change.step for change in past.changes if change.incident.id == incident.id]
        assert steps[0] == "opened"
        assert sorted(set(steps), key=["opened", "raised", "recovered"].index) == steps
        assert ("recovered" in steps) == (not incident.is_open)


@given(st.lists(st.tuples(PRESENT, st.booleans()), max_size=20), st.integers(1, 4))
def test_what_has_happened_is_never_altered_by_later_looks(
    days: list[tuple[Severity | None, bool]], patience: int
) -> None:
    parts = [_history(days[:end], patience).changes for end in range(len(days) + 1)]
    for shorter, longer in pairwise(parts):
        assert longer[: len(shorter)] == shorter


def test_looks_keep_their_order_whatever_their_moments(desk: Room) -> None:
    for day in (3, 1, 2):
        desk.look(day, [])
    looks = looks_of(desk.store.events("credit_risk", ["incident"]))
    assert [(look.number, _day(look.at)) for look in looks] == [(1, 3), (2, 1), (3, 2)]


def test_the_kind_of_a_finding_is_what_stands_before_the_colon() -> None:
    assert [kind_of(key) for key in ("drift:a:b", "score_psi")] == ["drift", "score_psi"]


def _history(days: list[tuple[Severity | None, bool]], patience: int) -> History:
    looks = []
    for day, (severity, judged) in enumerate(days):
        found = {} if severity is None else {INCOME.key: replace(INCOME, severity=severity)}
        unjudged = frozenset[str]() if judged else frozenset({"drift"})
        looks.append(NumberedLook(day + 1, START + day * DAY, found, unjudged, patience))
    return history("credit_risk", looks)


def _day(at: int | None) -> int | None:
    return None if at is None else (at - START) // DAY
