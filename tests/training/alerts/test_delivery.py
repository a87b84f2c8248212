from __future__ import annotations

import time

import pytest

from tests.training.alerts.incident_room import (
    CALIBRATION,
    DAY,
    INCOME,
    START,
    WORSE,
    Notebook,
    Room,
    down,
)
from training.alerts.channels import NotSent
from training.alerts.delivery import Pace, Post, deliver, send_within
from training.alerts.history import history
from training.alerts.ledger import Slot, claim, read_attempts
from training.alerts.looks import KIND, looks_of
from training.alerts.message import Message, trial_message


def test_a_channel_is_told_once_when_an_incident_begins_and_once_when_it_is_over(desk: Room) -> None:
    notebook = Notebook()
    for day, findings in enumerate([[INCOME], [INCOME], [INCOME], [], [], []]):
        desk.look(day, findings, notebook)
    assert notebook.told == ["opened warning", "recovered warning"]
    assert desk.complaints == []


def test_a_severity_that_rises_is_told_once_more(desk: Room) -> None:
    notebook = Notebook()
    for day, findings in enumerate([[INCOME], [WORSE], [INCOME], [WORSE], [], []]):
        desk.look(day, findings, notebook)
    assert notebook.told == ["opened warning", "raised critical", "recovered critical"]


def test_a_channel_for_critical_incidents_is_told_of_no_other(desk: Room) -> None:
    notebook = Notebook(lowest="critical")
    for day, findings in enumerate([[INCOME], [], [], [INCOME], [WORSE], [], []]):
        desk.look(day, findings, notebook)
    assert notebook.told == ["raised critical", "recovered critical"]


def test_every_channel_is_told_whatever_another_one_runs_into(desk: Room) -> None:
    broken, fine = Notebook("broken", faults=[down(), ValueError("a bug")]), Notebook("fine")
    desk.look(0, [INCOME], broken, fine)
    desk.look(1, [INCOME], broken, fine)
    assert fine.told == ["opened warning"]
    assert [complaint.partition(": ")[0] for complaint in desk.complaints] == ["channel broken"] * 2
    assert "ValueError: a bug" in desk.complaints[1]


def test_a_channel_that_was_down_is_told_at_the_next_look_and_the_look_says_so(desk: Room) -> None:
    notebook = Notebook(faults=[down()])
    desk.look(0, [INCOME], notebook)
    assert notebook.told == []
    assert desk.complaints == [
        "channel notebook: not sent (opened, Aval: warning: credit_risk: person_income has drifted): "
        "nobody answers; the next look tries again"
    ]
    desk.look(1, [INCOME], notebook)
    assert notebook.told == ["opened warning"]


def test_what_a_channel_ran_into_is_told_on_one_line(desk: Room) -> None:
    faults: list[Exception] = [NotSent("no\r\nroute\x1b[2J", down=False), ValueError("a\nbug")]
    desk.look(0, [INCOME, CALIBRATION], Notebook(faults=faults))
    assert all(complaint.isprintable() for complaint in desk.complaints)
    assert [": no route [2J;" in desk.complaints[0], "ValueError: a bug;" in desk.complaints[1]] == [
        True,
        True,
    ]


def test_a_channel_that_is_down_is_tried_once_a_look(desk: Room) -> None:
    notebook = Notebook(faults=[down(), down()])
    desk.look(0, [INCOME, CALIBRATION], notebook)
    assert notebook.tried == 1
    assert "; 1 more wait for it;" in desk.complaints[0]


def test_a_message_that_is_refused_holds_up_no_other(desk: Room) -> None:
    notebook = Notebook(faults=[NotSent("too long", down=False)])
    desk.look(0, [INCOME, CALIBRATION], notebook)
    assert notebook.told == ["opened warning"]
    assert notebook.tried == 2


def test_who_missed_the_beginning_is_told_the_latest_state_alone(desk: Room) -> None:
    notebook = Notebook(faults=[down()])
    desk.look(0, [INCOME], notebook)
    desk.look(1, [WORSE], notebook)
    assert notebook.told == ["raised critical"]


def test_who_missed_the_whole_incident_is_told_once_that_it_was(desk: Room) -> None:
    notebook = Notebook(faults=[down(), down(), down()])
    for day, findings in enumerate([[INCOME], [], [], [], []]):
        desk.look(day, findings, notebook)
    assert notebook.told == ["recovered warning"]


def test_an_incident_for_which_a_channel_was_never_tried_is_told_all_the_same(desk: Room) -> None:
    notebook = Notebook(faults=[down(), down(), down()])
    for day, findings in enumerate([[INCOME, CALIBRATION], [INCOME], [INCOME], [INCOME]]):
        desk.look(day, findings, notebook)
    assert notebook.tried == 5
    assert notebook.told == ["recovered critical", "opened warning"]


def test_a_new_channel_is_told_of_what_lasts_and_of_nothing_past(desk: Room) -> None:
    for day, findings in enumerate([[INCOME, CALIBRATION], [CALIBRATION], [CALIBRATION]]):
        desk.look(day, findings)
    notebook = Notebook()
    desk.look(3, [CALIBRATION], notebook)
    assert [message.subject for message in notebook.messages] == [
        "Aval: critical: credit_risk: probabilities are too low"
    ]


def test_a_message_sent_again_is_the_same_to_the_letter(desk: Room) -> None:
    class Forgetful(Notebook):
        def send(self, message: Message) -> str:
            super().send(message)
            raise down()

    forgetful = Forgetful()
    desk.look(0, [INCOME], forgetful)
    desk.look(1, [INCOME], forgetful)
    first, second = forgetful.messages
    assert first == second


def test_a_claim_whose_process_died_is_taken_over_once_it_has_lapsed(desk: Room) -> None:
    notebook = Notebook()
    desk.look(0, [INCOME])
    (incident,) = desk.incidents
    slot = Slot("credit_risk", f"{incident.id}.opened", "notebook", START)
    assert claim(desk.store, slot, 1, time.time_ns() // 1000)
    began = time.monotonic()
    _deliver(desk, notebook, Pace(lease=0.4, poll=0.02))
    assert notebook.told == ["opened warning"]
    assert 0.3 < time.monotonic() - began < 5
    assert read_attempts(desk.store, "credit_risk")[slot.message, "notebook"].claimed == 2


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_claim_of_another_time_is_not_waited_for(desk: Room, hours: int) -> None:
    notebook = Notebook()
    desk.look(0, [INCOME])
    (incident,) = desk.incidents
    clock = time.time_ns() // 1000 + hours * 3_600_000_000
    claim(desk.store, Slot("credit_risk", f"{incident.id}.opened", "notebook", START), 1, clock)
    began = time.monotonic()
    _deliver(desk, notebook, Pace())
    assert notebook.told == ["opened warning"]
    assert time.monotonic() - began < 5


def test_a_number_is_claimed_by_one(desk: Room) -> None:
    slot = Slot("credit_risk", "a.opened", "notebook", START)
    assert [claim(desk.store, slot, 1, 5), claim(desk.store, slot, 1, 6), claim(desk.store, slot, 2, 7)] == [
        True,
        False,
        True,
    ]


def test_a_channel_that_never_ends_is_left_behind() -> None:
    class Endless(Notebook):
        def send(self, message: Message) -> str:
            time.sleep(3)
            return "at last"

    began = time.monotonic()
    with pytest.raises(NotSent) as left:
        send_within(Endless(), trial_message(START), 0.1)
    assert str(left.value) == "no end after 0.1 seconds"
    assert left.value.down
    assert time.monotonic() - began < 2


def test_a_claim_lasts_longer_than_a_channel_may_take() -> None:
    assert Pace().lease > Pace().longest


def _deliver(desk: Room, notebook: Notebook, pace: Pace) -> None:
    past = history("credit_risk", looks_of(desk.store.events("credit_risk", [KIND])))
    post = Post(desk.store, desk.complaints.append, pace)
    deliver(post, [notebook], "credit_risk", past.changes, START + DAY)
