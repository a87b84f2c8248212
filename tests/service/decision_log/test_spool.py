from __future__ import annotations

import logging
from pathlib import Path

import pytest

from service.decision_log import Head, LogRefused
from service.decision_log.address import read_address
from service.decision_log.group import Group
from service.decision_log.orders import prepare
from service.decision_log.replaying import replay, replay_left
from service.decision_log.spool import Spool, make_spool
from service.decision_log.store import Store, WriterFacts, connect
from tests.service.decision_log.logs import an_entry, broken_links, ids_of

FACTS = WriterFacts("0123456789abcdef", 1, "{}")


def groups(*sizes: int) -> list[Group]:
    """Groups of so many entries, chained one behind the other."""
    found: list[Group] = []
    head = Head(FACTS.id)
    for size in sizes:
        group = Group(head)
        group.add([prepare(an_entry()) for _ in range(size)])
        head = group.head
        found.append(group)
    return found


def ids(*some: Group) -> list[str]:
    return sorted(row.about for group in some for row in group.rows)


def spooled(folder: Path, *some: Group) -> Spool:
    spool = make_spool(folder, FACTS)
    for group in some:
        spool.append(group)
    return spool


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}"


def store_at(url: str) -> Store:
    return connect(read_address(url), FACTS, 1)


def replay_folder(folder: Path, url: str) -> None:
    replay_left(folder, lambda: store_at(url))


def test_what_was_spooled_is_read_as_it_was(tmp_path: Path) -> None:
    some = groups(1, 3, 2)
    spool = spooled(tmp_path, *some)
    found = list(spool.read(100))
    assert [group.rows for group in found] == [group.rows for group in some]
    assert [group.parts for group in found] == [group.parts for group in some]
    spool.close(keep=False)


def test_reading_goes_on_behind_what_was_dropped_and_new_groups_come_last(tmp_path: Path) -> None:
    some = groups(1, 1, 1)
    spool = spooled(tmp_path, *some[:2])
    first = list(spool.read(1))
    spool.append(some[2])
    spool.drop(first)
    assert spool.waiting == 2
    assert [group.rows for group in spool.read(100)] == [group.rows for group in some[1:]]
    spool.close(keep=False)


def test_the_file_shrinks_once_nothing_waits(tmp_path: Path) -> None:
    spool = spooled(tmp_path)
    empty = spool.path.stat().st_size
    spool.append(groups(5)[0])
    assert spool.path.stat().st_size > empty
    spool.drop(list(spool.read(100)))
    assert (spool.waiting, spool.path.stat().st_size) == (0, empty)
    spool.close(keep=False)


def test_only_its_user_may_read_a_spool(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool")
    assert (spool.path.stat().st_mode & 0o777, spool.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    spool.close(keep=False)


def test_a_spool_of_a_dead_process_is_brought_into_the_log_and_deleted(tmp_path: Path, url: str) -> None:
    some = groups(2, 2)
    spooled(tmp_path, *some).close(keep=True)
    replay_folder(tmp_path, url)
    assert ids_of(url) == ids(*some)
    assert broken_links(url) == []
    assert list(tmp_path.glob("*.spool")) == []


def test_a_spool_of_a_living_process_is_left_alone(tmp_path: Path, url: str) -> None:
    spool = spooled(tmp_path, *groups(2))
    store_at(url).close()
    replay_folder(tmp_path, url)
    assert ids_of(url) == []
    assert spool.path.exists()
    spool.close(keep=False)


def test_replaying_again_what_is_there_changes_nothing(tmp_path: Path, url: str) -> None:
    some = groups(2, 2)
    spool = spooled(tmp_path, *some)
    for seen in (1, 2, 2):
        store = store_at(url)
        replay(store, FACTS, list(spool.read(100))[:seen], 1)
        store.close()
    spool.close(keep=False)
    assert ids_of(url) == ids(*some)
    assert broken_links(url) == []


@pytest.mark.parametrize("cut", [1, 10, 500])
def test_a_last_line_that_a_crash_cut_short_is_nobodys(tmp_path: Path, url: str, cut: int) -> None:
    some = groups(2, 2)
    spool = spooled(tmp_path, *some)
    spool.close(keep=True)
    spool.path.write_bytes(spool.path.read_bytes()[:-cut])
    replay_folder(tmp_path, url)
    assert ids_of(url) == ids(some[0])
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.parametrize("content", [b"", b'["0123'])
def test_a_spool_whose_first_line_a_crash_cut_short_holds_nothing(
    tmp_path: Path, url: str, content: bytes
) -> None:
    (tmp_path / "f00.spool").write_bytes(content)
    replay_folder(tmp_path, url)
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.parametrize("line", [0, 2])
def test_a_spool_with_a_damaged_line_is_replayed_up_to_there_and_set_aside(
    tmp_path: Path, url: str, line: int, caplog: pytest.LogCaptureFixture
) -> None:
    some = groups(1, 1, 1)
    spool = spooled(tmp_path, *some)
    spool.close(keep=True)
    lines = spool.path.read_bytes().splitlines(keepends=True)
    lines[line] = b"\xff[nonsense\n"
    spool.path.write_bytes(b"".join(lines))
    store_at(url).close()
    with caplog.at_level(logging.ERROR):
        replay_folder(tmp_path, url)
    assert ids_of(url) == ids(*some[: max(0, line - 1)])
    assert [path.name for path in tmp_path.glob("0123*")] == ["0123456789abcdef.refused"]
    assert "is damaged" in caplog.text


def test_a_spool_that_contradicts_the_log_is_set_aside(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    there, other = groups(1), groups(1)
    store = store_at(url)
    store.begin()
    store.insert(there[0].rows, there[0].parts)
    store.commit()
    store.close()
    spooled(tmp_path, *other).close(keep=True)
    with caplog.at_level(logging.ERROR):
        replay_folder(tmp_path, url)
    assert ids_of(url) == ids(*there)
    assert [path.name for path in tmp_path.glob("0123*")] == ["0123456789abcdef.refused"]
    assert "the decision log holds other entries of writer 0123456789abcdef than its spool" in caplog.text


def test_a_group_that_cannot_be_kept_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = groups(1, 1)
    spool = spooled(tmp_path, some[0])
    size = spool.path.stat().st_size

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("service.decision_log.spool.os.fsync", fails)
    with pytest.raises(OSError, match="Input/output error"):
        spool.append(some[1])
    assert (spool.path.stat().st_size, spool.waiting) == (size, 1)
    monkeypatch.undo()
    spool.append(some[1])
    assert [group.rows for group in spool.read(9)] == [group.rows for group in some]
    spool.close(keep=False)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        LogRefused, match="Not a directory; set AVAL_SPOOL to a folder that this user may write"
    ):
        make_spool(tmp_path / "file" / "spool", FACTS)
