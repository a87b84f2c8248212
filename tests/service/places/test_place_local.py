"""Folders on a disk: links, what changes while it is read, and disks that are full or may not be written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import UnreadableInput, WrongUse
from service.places import Item, find_inputs, place_of
from service.places.scratch import PREFIX, remove_stale

ENDINGS = (".csv",)
SMALL_DISK = 256 * 1024


def found(source: Path | str) -> list[str]:
    return [item.name for item in find_inputs(str(source), ENDINGS).items]


def needed(command: list[str], reason: str) -> None:
    """Run a command of the system; without the right to, the test is skipped: no machine of users grants it."""
    if (
        shutil.which(command[0]) is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip(reason)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    needed(["mount", *options], "only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "x.csv").write_bytes(b"1")
    if os.geteuid() == 0:
        needed(["mount", "--bind", "-o", "ro", str(folder), str(folder)], "no right to mount")
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_loop_of_links_ends_and_each_file_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/x.csv").touch()
    (tmp_path / "a/b/y.csv").touch()
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/latest").symlink_to("b")
    (tmp_path / "a/last.csv").symlink_to("b/y.csv")
    assert found(tmp_path) == ["a/b/y.csv", "a/x.csv"]


def test_a_link_that_is_named_or_matched_is_followed(tmp_path: Path) -> None:
    (tmp_path / "2026-11-20").mkdir()
    (tmp_path / "2026-11-20/x.csv").touch()
    (tmp_path / "latest").symlink_to("2026-11-20")
    (tmp_path / "last.csv").symlink_to("2026-11-20/x.csv")
    assert found(tmp_path / "latest") == ["x.csv"]
    assert found(tmp_path / "l*/x.csv") == ["latest/x.csv"]
    assert found(tmp_path / "last.csv") == found(tmp_path / "l*.csv") == ["last.csv"]


def test_links_to_what_is_elsewhere_count(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x.csv").touch()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/y.csv").symlink_to(tmp_path / "elsewhere/x.csv")
    # Two names of one file outside: the first is kept, its rows are not scored twice.
    assert found(tmp_path / "in") == ["folder/x.csv"]


@pytest.mark.parametrize("target", ["nowhere", "x.csv"])
def test_a_link_that_leads_to_nothing_is_an_error(tmp_path: Path, target: str) -> None:
    (tmp_path / "x.csv").symlink_to(target)
    for source in (tmp_path, tmp_path / "*.csv"):
        with pytest.raises(UnreadableInput, match=r"x\.csv is a link that leads to nothing"):
            find_inputs(str(source), ENDINGS)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    for source in (tmp_path, tmp_path / "x.csv"):
        with pytest.raises(UnreadableInput, match=r"x\.csv is no regular file"):
            find_inputs(str(source), ENDINGS)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"x\xff.csv")).touch()
    with pytest.raises(UnreadableInput, match="is no text in UTF-8"):
        find_inputs(str(tmp_path), ENDINGS)


def test_a_folder_below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreadableInput, match="Not a directory"):
        list(place_of(f"{tmp_path}/file").list())
    with pytest.raises(WrongUse, match=r"file/x\.csv cannot be written"):
        place_of(f"{tmp_path}/file").write("x.csv", b"1")


@pytest.mark.parametrize("change", ["longer", "in place", "replaced", "gone"])
def test_a_file_that_is_changed_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"1")
    os.utime(path, (1, 1))
    item = find_inputs(str(path), ENDINGS).items[0]

    def read() -> None:
        with place_of(str(tmp_path)).fetched(item) as same:
            assert same == path
            if change == "longer":
                path.write_bytes(b"22")
            elif change == "in place":
                path.write_bytes(b"2")
            elif change == "gone":
                path.unlink()
            else:
                (tmp_path / "new").write_bytes(b"1")
                os.utime(tmp_path / "new", (1, 1))
                (tmp_path / "new").replace(path)

    with pytest.raises(UnreadableInput, match=r"x\.csv (was changed while it was read|cannot be read)"):
        read()


def test_a_change_is_told_before_what_it_broke(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"1")
    item = find_inputs(str(path), ENDINGS).items[0]

    def read() -> None:
        with place_of(str(tmp_path)).fetched(item):
            path.write_bytes(b"22")
            raise UnreadableInput("the footer is corrupt")

    with pytest.raises(UnreadableInput, match="was changed while it was read"):
        read()


def test_a_folder_that_may_not_be_written_is_said_so(read_only: Path, tmp_path: Path) -> None:
    place = place_of(str(read_only))
    (tmp_path / "new").write_bytes(b"1")

    def use_scratch() -> None:
        with place.scratch():
            pass

    attempts: tuple[Callable[[], object], ...] = (
        lambda: place.write("y.csv", b"1"),
        lambda: place.write("deep/y.csv", b"1"),
        lambda: place.put("y.csv", tmp_path / "new"),
        lambda: place.move("x.csv", "y.csv"),
        lambda: place.remove("x.csv"),
        use_scratch,
        lambda: place.held("run").__enter__(),
    )
    for attempt in attempts:
        with pytest.raises(
            WrongUse, match=r"cannot be (written|removed): (Read-only|Permission denied)"
        ) as refused:
            attempt()
        assert str(read_only) in str(refused.value)
    assert (tmp_path / "new").exists()
    assert found(read_only) == ["x.csv"]


def test_a_full_disk_is_said_so_and_leaves_what_was_there(small_disk: Path, tmp_path: Path) -> None:
    place = place_of(str(small_disk))
    place.write("x.csv", b"old")
    (tmp_path / "new").write_bytes(bytes(2 * SMALL_DISK))

    def fill_scratch() -> None:
        with place.scratch() as folder:
            (folder / "unfinished").write_bytes(bytes(2 * SMALL_DISK))

    attempts: tuple[Callable[[], object], ...] = (
        lambda: place.write("x.csv", bytes(2 * SMALL_DISK)),
        lambda: place.put("x.csv", tmp_path / "new"),
        fill_scratch,
    )
    for attempt in attempts:
        with pytest.raises(WrongUse, match="cannot be written: No space left on device; make room"):
            attempt()
        assert place.read("x.csv") == b"old"
        assert os.listdir(small_disk) == ["x.csv"]
    assert (tmp_path / "new").exists()


def test_a_file_comes_whole_from_another_file_system(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    place = place_of(str(small_disk / "made/on/demand"))
    place.put("x.csv", tmp_path / "new")
    assert place.read("x.csv") == b"new"
    assert not (tmp_path / "new").exists()
    assert os.listdir(place.uri) == ["x.csv"]


def test_a_broken_pipe_is_not_taken_for_the_disk(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), place_of(str(tmp_path)).scratch():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_name_that_is_too_long_is_said_so(tmp_path: Path) -> None:
    place = place_of(str(tmp_path))
    with pytest.raises(WrongUse, match="File name too long"):
        place.write("x" * 300, b"1")
    with pytest.raises(UnreadableInput, match="File name too long"):
        place.fetched(Item("x" * 300, "", 1)).__enter__()


def test_only_scratch_folders_without_an_owner_are_removed(tmp_path: Path) -> None:
    place = place_of(str(tmp_path))
    abandoned = tmp_path / f"{PREFIX}abandoned"
    half_removed = tmp_path / f"{PREFIX}half"
    abandoned.mkdir()
    half_removed.mkdir()
    (abandoned / ".lock").touch()
    (abandoned / "unfinished").touch()
    with place.scratch() as folder:
        remove_stale(tmp_path)
        assert folder.exists()
        assert not abandoned.exists()
        assert not half_removed.exists()
