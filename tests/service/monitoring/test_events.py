from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from service.errors import WrongUse
from service.monitoring.database import MonitoringDown, open_database
from service.monitoring.events import Event, EventStore, event_store


def an_event(
    key: str, at: int = 1, kind: str = "report", use_case: str = "credit_risk", **body: object
) -> Event:
    return Event(use_case, kind, key, at, body)


@pytest.fixture
def store(monitoring: str) -> Iterator[EventStore]:
    with event_store(monitoring) as opened:
        yield opened


def test_events_come_back_in_the_order_of_time_whatever_order_they_were_added_in(store: EventStore) -> None:
    events = [an_event("c", 30, n=1.5), an_event("a", 10, ñ="é\x00"), an_event("b", 10)]
    assert [store.add(event) for event in events] == [True] * 3
    assert store.events("credit_risk") == [events[1], events[2], events[0]]


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    def opened(file: Path) -> None:
        at_once.wait()
        open_database(f"sqlite:///{file}")

    at_once = Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            list(pool.map(opened, [tmp_path / f"{number}.db"] * 4))


def test_of_two_events_with_one_key_the_first_stays(store: EventStore) -> None:
    first = an_event("same", body=1)
    assert store.add(first)
    assert not store.add(an_event("same", 2, body=2))
    assert store.events("credit_risk") == [first]


def test_the_same_key_of_another_kind_or_use_case_is_another_event(store: EventStore) -> None:
    events = [an_event("k"), an_event("k", kind="incident"), an_event("k", use_case="loan_approval")]
    assert all(store.add(event) for event in events)
    assert store.events("credit_risk") == events[:2]


def test_events_are_chosen_by_kind_and_time(store: EventStore) -> None:
    for at, kind in ((1, "report"), (2, "incident"), (3, "report"), (3, "retraining")):
        store.add(an_event(f"{kind}-{at}", at, kind))
    assert [event.key for event in store.events("credit_risk", ("report",), since=2)] == ["report-3"]
    assert [event.key for event in store.events("credit_risk", ("incident", "retraining"))] == [
        "incident-2",
        "retraining-3",
    ]
    latest = store.latest("credit_risk", "report")
    assert latest is not None
    assert latest.key == "report-3"
    assert store.latest("loan_approval", "report") is None


def test_of_many_who_add_one_event_at_once_one_is_told_that_it_was_new(monitoring: str) -> None:
    def add(number: int) -> bool:
        with event_store(monitoring) as store:
            return store.add(an_event("one", n=number))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(add, range(12))) == 1


def test_a_body_that_is_not_json_is_refused(store: EventStore) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.add(an_event("nan", psi=math.nan))
    assert store.events("credit_risk") == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("no address", "cannot be read; write sqlite:////folder/monitoring.db or postgresql://"),
        ("mysql://u:hidden@h/d", "cannot be kept at this mysql address; write sqlite:////"),
        ("sqlite://", "cannot be kept at this sqlite address"),
        ("sqlite:///:memory:", "cannot be kept at this sqlite address"),
        ("postgresql://u:hidden@h:port/d", "cannot be read"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str, told: str) -> None:
    with pytest.raises(WrongUse) as refused, event_store(address):
        pass
    assert told in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_database_that_cannot_be_reached_is_said_without_its_password() -> None:
    with pytest.raises(MonitoringDown) as down, event_store("postgresql://aval:hidden@127.0.0.1:9/x"):
        pass
    assert "AVAL_MONITORING" in str(down.value)
    assert "hidden" not in str(down.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "monitoring.db").write_bytes(b"not a database, and long enough to be looked at" * 50)
    told = r"monitoring\.db cannot be used: file is not a database"
    with pytest.raises(MonitoringDown, match=told), event_store(f"sqlite:///{tmp_path / 'monitoring.db'}"):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(MonitoringDown, match="cannot be made"),
        event_store(f"sqlite:///{tmp_path}/file/m.db"),
    ):
        pass


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    with event_store(f"sqlite:///{tmp_path / 'new' / 'monitoring.db'}") as store:
        store.add(an_event("k"))
    assert stat.S_IMODE((tmp_path / "new" / "monitoring.db").stat().st_mode) == 0o600
