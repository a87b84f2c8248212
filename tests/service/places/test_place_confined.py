"""A process that is confined touches nothing outside its roots, whatever is changed under its hands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import AvalError, UnreadableInput
from service.places import Item, Place, confinement, find_inputs, place_of
from service.roots import Roots

SECRET = b"secret\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only root of this process, with a file, beside a folder that has a secret of the same name."""
    for name, content in (("root/deep", b"record\n"), ("elsewhere", SECRET)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "in.csv").write_bytes(content)
    monkeypatch.setattr(confinement, "_roots", None)
    confinement.confine(Roots.of([str(tmp_path / "root")]))
    return tmp_path / "root"


def swap(path: Path) -> None:
    """Put a link that leads out in the place of a file or folder."""
    elsewhere = next(folder for folder in path.parents if folder.name == "root").with_name("elsewhere")
    moved = path.rename(path.with_name("moved"))
    path.symlink_to(elsewhere if moved.is_dir() else elsewhere / path.name)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(AvalError) as refused:
        act()
    return str(refused.value)


def found(place: Place) -> Item:
    item = place.find("in.csv")
    assert item is not None
    return item


def read(place: Place, item: Item) -> bytes:
    with place.fetched(item) as path:
        return path.read_bytes()


def test_a_file_inside_is_read_and_written(root: Path) -> None:
    place = place_of(str(root / "deep"))
    assert read(place, found(place)) == b"record\n"
    place.write("new/out.csv", b"1")
    with place.scratch() as scratch:
        (scratch / "x").write_bytes(b"2")
        place.put("put.csv", scratch / "x")
    assert (place.read("new/out.csv"), place.read("put.csv")) == (b"1", b"2")


@pytest.mark.parametrize("changed", ["deep", "deep/in.csv"])
def test_a_link_that_came_after_the_file_was_found_is_not_followed(root: Path, changed: str) -> None:
    place = place_of(str(root / "deep"))
    item = found(place)
    swap(root / changed)
    assert "leads out of the folder" in refusal(lambda: read(place, item))


def test_a_link_that_comes_and_goes_while_a_file_is_read_changes_nothing(root: Path) -> None:
    place, folder = place_of(str(root / "deep")), root / "deep"
    with place.fetched(found(place)) as path:
        swap(folder)
        during = path.read_bytes()
        folder.unlink()
        folder.with_name("moved").rename(folder)
    assert during == b"record\n"


@pytest.mark.parametrize("leads_to", ["elsewhere", "elsewhere/in.csv", "elsewhere/missing.csv"])
def test_a_link_out_of_a_folder_is_not_followed_when_files_are_looked_for(root: Path, leads_to: str) -> None:
    (root / "link.csv").symlink_to(root.parent / leads_to)
    assert "link.csv leads out" in refusal(lambda: find_inputs(str(root), [".csv"]))


def test_a_folder_that_becomes_a_link_while_files_are_looked_for_is_not_entered(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_into, scandir = [], os.scandir

    @contextmanager
    def look_and_swap(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        looked_into.append(os.path.realpath(folder))
        with scandir(folder) as entries:
            yield entries
        if len(looked_into) == 1:
            swap(root / "deep")

    monkeypatch.setattr(os, "scandir", look_and_swap)
    assert "deep leads out" in refusal(lambda: find_inputs(str(root), [".csv"]))
    assert looked_into == [str(root)]


@pytest.mark.parametrize(
    "act",
    [
        lambda place: place.write("out.csv", b"1"),
        lambda place: place.read("in.csv"),
        lambda place: place.find("in.csv"),
        lambda place: list(place.list()),
        lambda place: place.remove("in.csv"),
        lambda place: place.move("in.csv", "out.csv"),
        lambda place: place.put("out.csv", Path("/dev/null")),
        lambda place: place.scratch().__enter__(),
        lambda place: place.held("run").__enter__(),
    ],
)
def test_nothing_is_done_in_a_folder_that_became_a_link(root: Path, act: Callable[[Place], object]) -> None:
    place = place_of(str(root / "deep"))
    swap(root / "deep")
    assert "leads out of the folder" in refusal(lambda: act(place))
    assert [path.name for path in (root.parent / "elsewhere").iterdir()] == ["in.csv"]


def test_a_folder_that_becomes_a_link_while_a_file_goes_to_the_disk_gets_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, finished, fsync = place_of(str(root / "deep")), root / "finished", os.fsync
    finished.write_bytes(b"1")

    def sync_and_swap(file: int) -> None:
        fsync(file)
        if not (root / "deep").is_symlink():
            swap(root / "deep")

    monkeypatch.setattr(os, "fsync", sync_and_swap)
    assert "leads out of the folder" in refusal(lambda: place.put("out.csv", finished))
    assert [path.name for path in (root.parent / "elsewhere").iterdir()] == ["in.csv"]


def test_a_folder_that_becomes_a_link_as_a_file_gets_its_name_keeps_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, finished, replace = place_of(str(root / "deep")), root / "finished", os.replace
    finished.write_bytes(b"1")

    def swap_and_replace(source: Path, path: str | Path, dst_dir_fd: int | None = None) -> None:
        swap(root / "deep")
        replace(source, path, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "replace", swap_and_replace)
    place.put("out.csv", finished)
    assert (root / "moved" / "out.csv").read_bytes() == b"1"
    assert [path.name for path in (root.parent / "elsewhere").iterdir()] == ["in.csv"]


def test_a_folder_that_is_named_by_the_output_is_no_way_out_either(root: Path) -> None:
    (root / "_quarantine").symlink_to(root.parent / "elsewhere")
    assert "leads out" in refusal(lambda: place_of(str(root)).write("_quarantine/x.csv", b"1"))


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(root: Path) -> None:
    place = place_of(str(root / "deep"))
    item = found(place)
    (root / "deep" / "in.csv").unlink()
    os.mkfifo(root / "deep" / "in.csv")
    with pytest.raises(UnreadableInput):
        read(place, item)


def test_who_is_not_confined_reads_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"1")
    (tmp_path / "link.csv").symlink_to(tmp_path / "in.csv")
    place = place_of(str(tmp_path))
    item = place.find("link.csv")
    assert item is not None
    with place.fetched(item) as path:
        assert path == tmp_path / "link.csv"
