from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.training.alerts.incident_room import INCOME, START, WORSE, Room
from training.alerts.history import history
from training.alerts.looks import KIND, looks_of
from training.alerts.message import Message, message_of, trial_message
from training.alerts.one_line import one_line


def test_a_person_reads_what_is_wrong_since_when_by_how_much_and_where_to_look(desk: Room) -> None:
    desk.look(0, [INCOME])
    (message,) = messages(desk)
    assert message.subject == "Aval: warning: credit_risk: person_income has drifted"
    assert message.text == (
        "credit_risk: person_income has drifted\n"
        "\n"
        "  Severity   warning\n"
        "  Since      2026-11-18 11:06 UTC\n"
        "  csi        0.31\n"
        "  p          1e-09\n"
        f"  Reference  {message.first_id[:16]}\n"
        "\n"
        "One more message follows when it is over, and one if it becomes more severe.\n"
        "\n"
        "What the looks found:  aval drift credit_risk\n"
        "All incidents:         aval incidents credit_risk\n"
    )


def test_each_step_says_what_has_changed(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [WORSE], [], []]):
        desk.look(day, findings)
    opened, raised, recovered = messages(desk)
    assert [message.subject.split(": ")[1] for message in (opened, raised, recovered)] == [
        "warning",
        "now critical",
        "recovered",
    ]
    assert "  Over since  2026-11-21 11:06 UTC\n" in recovered.text
    assert "  Seen last   2026-11-19 11:06 UTC\n" in recovered.text
    assert "nothing needs to be done" in recovered.text
    assert opened.id.endswith(".opened")
    assert {message.first_id for message in (opened, raised, recovered)} == {opened.id}


def test_a_program_reads_the_same(desk: Room) -> None:
    for day, findings in enumerate([[INCOME], [], []]):
        desk.look(day, findings)
    _, recovered = messages(desk)
    assert recovered.body == {
        "id": recovered.id,
        "step": "recovered",
        "incident": recovered.id.partition(".")[0],
        "use_case": "credit_risk",
        "key": "drift:person_income",
        "severity": "warning",
        "title": "person_income has drifted",
        "figures": {"csi": 0.31, "p": 1e-9},
        "opened_at": "2026-11-18T11:06:40+00:00",
        "seen_at": "2026-11-18T11:06:40+00:00",
        "recovered_at": "2026-11-20T11:06:40+00:00",
        "text": recovered.text,
    }


def test_a_test_says_that_it_is_one() -> None:
    message = trial_message(START)
    assert message.step == "test"
    assert "This is a test" in message.text
    assert message.id == message.first_id == f"test.{START}"


@given(st.text(max_size=300), st.integers(1, 60))
def test_one_line_is_one_printable_line_of_at_most_so_many_characters(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()
    assert line == line.strip()
    line.encode()


@given(st.text("abc XYZ", max_size=30))
def test_text_that_can_be_shown_stays_as_it_is_but_for_its_spaces(text: str) -> None:
    assert one_line(text, 100).split() == text.split()


def messages(desk: Room) -> list[Message]:
    past = history("credit_risk", looks_of(desk.store.events("credit_risk", [KIND])))
    return [message_of(change) for change in past.changes]
