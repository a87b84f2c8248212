from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.decision_log import Kind, LogRefused
from service.decision_log.reading import Selection, entries, find, reading
from service.decision_log.subjects import find_abouts, id_text
from tests.postgres import Postgres
from tests.service.decision_log.written_log import BEGIN, MINUTE, decision, record, write


@pytest.fixture
def log(url: str) -> str:
    """The address of a log of two writers and two use cases, written out of the order of time."""
    write(url, map(decision, (4, 5, 6)))
    write(url, [*map(decision, (1, 2)), decision(3, use_case="other_loans"), decision(7, kind=Kind.SHADOW)])
    return url


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [1, 2, 3, 4, 5, 6, 7]),
        (Selection(kinds=(Kind.DECISION,)), [1, 2, 3, 4, 5, 6]),
        (Selection(kinds=(Kind.SHADOW, Kind.OUTCOME)), [7]),
        (Selection(use_case="other_loans"), [3]),
        (Selection(since=BEGIN + 5 * MINUTE), [5, 6, 7]),
        (Selection(until=BEGIN + 5 * MINUTE), [1, 2, 3, 4]),
        (Selection(about="d4"), [4]),
        (Selection(about="nobody"), []),
    ],
    ids=str,
)
def test_entries_are_selected_and_come_in_the_order_of_time(
    log: str, selection: Selection, expected: list[int]
) -> None:
    with reading(log) as connection:
        found = [item.row.about for item in entries(connection, selection)]
    assert found == [f"d{number}" for number in expected]


def test_an_entry_comes_with_its_record_and_every_bit_of_its_probability(log: str) -> None:
    with reading(log) as connection:
        (found,) = entries(connection, Selection(about="d4"))
    assert found.row.probability == 1 / 7
    assert found.inputs == {"income": 1004.5}
    assert found.personal == {"customer": "c4", "case": 4, "birthday": "1970-01-01"}
    assert found.details == {"reasons": [["INCOME", "income"]]}
    assert found.erased == ()


def test_a_decision_is_found_with_all_that_was_said_of_it(url: str) -> None:
    said = [
        decision(1, kind=Kind.OUTCOME, details={"correction": 1}),
        decision(1, kind=Kind.OUTCOME, details={"correction": 0}),
        decision(1, kind=Kind.REVIEW, details={"review": 1}),
        decision(1, kind=Kind.SHADOW),
    ]
    write(url, [decision(1), *said, decision(2)])
    with reading(url) as connection:
        found = find(connection, "d1")
        assert find(connection, "d9") is None
    assert found is not None
    assert found.decision.row.kind == Kind.DECISION
    assert [item.details["correction"] for item in found.outcomes] == [0, 1]
    assert [len(found.reviews), [item.row.kind for item in found.others]] == [1, [Kind.SHADOW]]


@pytest.mark.parametrize("given", ["7", 7, 7.0])
@pytest.mark.parametrize("wanted", ["7", 7, 7.0])
@pytest.mark.parametrize("id_columns", [("customer",), ("customer", "case")])
def test_an_id_is_the_same_as_text_and_as_a_number(
    tmp_path: Path, given: Any, wanted: Any, id_columns: tuple[str, ...]
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    write(url, [decision(1, record=record({}, {"customer": given})), decision(2)])
    with reading(url) as connection:
        ids = {"customer": id_text(wanted)}
        assert find_abouts(connection, [ids], id_columns=id_columns) == [{"d1"}]


@pytest.mark.parametrize("given", ["007", "7 ", "-0", "1e3", "9" * 30, 'c"4', "ñ\\"])
@pytest.mark.parametrize("id_columns", [("customer",), ("customer", "case")])
def test_an_id_that_looks_like_a_number_or_like_json_is_itself(
    tmp_path: Path, given: str, id_columns: tuple[str, ...]
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    write(url, [decision(1, record=record({}, {"customer": given})), decision(2)])
    wanted = [{"customer": given}, {"customer": "7"}, {"customer": "1000"}]
    with reading(url) as connection:
        assert find_abouts(connection, wanted, id_columns=id_columns) == [{"d1"}, set(), set()]


@pytest.mark.parametrize("text", ["7", "-12", "9007199254740993", "10000000000000000", "9" * 200])
@pytest.mark.parametrize("form", [str, int, "{}.0".format, float])
def test_an_id_of_any_length_is_found_by_index_as_it_is_without(
    tmp_path: Path, text: str, form: Callable[[str], Any]
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    write(url, [decision(1, record=record({}, {"customer": form(text)})), decision(2)])
    wanted = [{"customer": id_text(text)}, {"customer": id_text(f"{text}.0")}]
    # What has gone through a float is another id where the float could not hold it.
    expected = set() if form is float and int(float(text)) != int(text) else {"d1"}
    with reading(url) as connection:
        assert find_abouts(connection, wanted, id_columns=("customer",)) == [expected] * 2
        assert find_abouts(connection, wanted) == [expected] * 2


@pytest.mark.parametrize(
    ("ids", "use_case", "expected"),
    [
        ({"customer": "c4"}, None, {"d4"}),
        ({"customer": "c4", "case": "5"}, None, set()),
        ({"customer": "c3"}, "other_loans", {"d3"}),
        ({"customer": "c3"}, "small_loans", set()),
        ({"customer": "c7"}, None, set()),
    ],
)
def test_a_person_is_found_by_ids_among_the_decisions_of_a_use_case(
    log: str, ids: dict[str, str], use_case: str | None, expected: set[str]
) -> None:
    with reading(log) as connection:
        assert find_abouts(connection, [ids], use_case=use_case) == [expected]


def test_ids_that_are_wanted_of_nobody_find_nothing(log: str) -> None:
    with reading(log) as connection:
        assert find_abouts(connection, [{}, {"customer": "c4"}]) == [set(), {"d4"}]


def test_a_log_of_any_length_is_read_in_the_same_memory(url: str) -> None:
    write(url, map(decision, range(7_500)), at_once=500)
    peaks = []
    for until in (BEGIN + 2_500 * MINUTE, None):
        with reading(url) as connection:
            tracemalloc.start()
            assert sum(1 for _ in entries(connection, Selection(until=until))) in (2_500, 7_500)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_postgresql_hands_out_entries_little_by_little(postgres: Postgres) -> None:
    url = postgres.new_url()
    write(url, map(decision, range(4)))
    with reading(url) as connection:
        found = entries(connection, Selection())
        next(found)
        assert connection.scalar(text("SELECT count(*) FROM pg_cursors WHERE is_holdable = false")) == 1
        assert len(list(found)) == 3


def test_a_log_is_read_as_it_was_when_the_reading_began(log: str) -> None:
    with reading(log) as connection:
        write(log, [decision(8)])
        assert len(list(entries(connection, Selection()))) == 7
    with reading(log) as connection:
        assert len(list(entries(connection, Selection()))) == 8


def test_reading_can_change_nothing(log: str) -> None:
    with pytest.raises(LogRefused) as refused, reading(log) as connection:
        connection.execute(text("DELETE FROM entries"))
    assert "cannot be read" in str(refused.value)


def test_a_password_is_in_no_message(postgres: Postgres) -> None:
    with pytest.raises(LogRefused) as refused, reading(postgres.url(password="hunter2")):
        pass
    assert "hunter2" not in str(refused.value)
    assert "password authentication failed" in str(refused.value)
