from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.monitoring.events import Event, EventStore
from tests.training.alerts.incident_room import CALIBRATION, INCOME, WORSE, Notebook, Room, down, room
from training.alerts import Finding
from training.alerts.delivery import Pace

# Where fsync costs nothing, if there is such a place.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
LOOKS: Sequence[Sequence[Finding]] = ([INCOME, CALIBRATION], [WORSE], [], [])
# What they add: four looks, five steps, and five messages, each claimed and sent.
WRITES = 4 + 5 + 2 * 5


class Killed(BaseException):
    """The end of a process, as far as one can be had within this one."""


class MortalStore:
    """The events of a store; the process ends before, or after, the write with this number."""

    def __init__(self, store: EventStore, write: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, write, after

    def add(self, event: Event) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        added = self._store.add(event)
        if self._left == 0:
            raise Killed
        return added

    def events(self, use_case: str, kinds: Sequence[str] = (), since: int = 0) -> list[Event]:
        return self._store.events(use_case, kinds, since)


@contextmanager
def quick_room() -> Iterator[Room]:
    """Open a room in which a claim that nobody ends has lapsed at once."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, room(Path(folder)) as desk:
        desk.pace = Pace(lease=0.0)
        yield desk


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_a_look_dies_the_next_one_makes_it_good(after: bool) -> None:
    deaths = 0
    for write in range(1, WRITES + 1):
        with quick_room() as desk:
            notebook = Notebook()
            deaths += _look_and_die(desk, notebook, write, after=after)
            told = Counter(message.id for message in notebook.messages)
            assert {item.key: item.is_open for item in desk.incidents} == {
                INCOME.key: False,
                CALIBRATION.key: False,
            }
            assert Counter(message.partition(".")[2] for message in told) == {
                "opened": 2,
                "raised": 1,
                "recovered": 2,
            }
            assert sum(told.values()) - len(told) <= 1, f"more than one message came again: {told}"
            assert desk.complaints == []
    assert deaths == WRITES


def _look_and_die(desk: Room, notebook: Notebook, write: int, *, after: bool) -> bool:
    """Look day by day; the look of one write dies, and is said again as are later ones by another process."""
    mortal = Room(MortalStore(desk.store, write, after=after), pace=desk.pace)  # type: ignore[arg-type]
    died = False
    for day, findings in enumerate(LOOKS):
        try:
            (desk if died else mortal).look(day, findings, notebook)
        except Killed:
            died = True
            desk.look(day, findings, notebook)
    return died


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([(), (INCOME,), (WORSE,), (INCOME, CALIBRATION)]), st.booleans()),
        max_size=6,
    )
)
def test_a_channel_that_comes_and_goes_gets_each_message_once_and_in_order(
    days: list[tuple[Sequence[Finding], bool]],
) -> None:
    with quick_room() as desk:
        notebook = Notebook()
        for day, (findings, up) in enumerate(days):
            notebook.faults = [] if up else [down()]
            desk.look(day, findings, notebook)
        notebook.faults = []
        desk.look(len(days), days[-1][0] if days else [], notebook)
        told: dict[str, list[str]] = {}
        for message in notebook.messages:
            told.setdefault(message.first_id.partition(".")[0], []).append(message.step)
        order = ["opened", "raised", "recovered"]
        for incident in desk.incidents:
            steps = told[incident.id]
            assert steps == sorted(set(steps), key=order.index)
            assert (steps[-1] == "recovered") == (not incident.is_open)
