"""What holds for every place, on a disk as in a bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import UnreadableInput, WrongUse
from service.places import Item, Place, place_of

NAMES = ("a b.csv", "ö%20+&.csv", "deep/er/x.csv", "deep/a.csv", "deep.csv", "'quoted' #1?.csv")


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "local":
        yield place_of(str(tmp_path / "place"))
    else:
        yield place_of(f"s3://{request.getfixturevalue('bucket')}/some/pläce")


def names(place: Place, under: str = "") -> list[str]:
    return [item.name for item in place.list(under)]


def item_of(place: Place, name: str) -> Item:
    found = place.find(name)
    assert found is not None
    return found


def test_what_is_written_is_read_and_listed_by_name(place: Place) -> None:
    for name in NAMES:
        place.write(name, name.encode())
    assert {name: place.read(name) for name in NAMES} == {name: name.encode() for name in NAMES}
    assert names(place) == sorted(NAMES)
    assert [item.size for item in place.list()] == [len(name.encode()) for name in sorted(NAMES)]


def test_an_address_of_an_item_is_that_of_its_place_and_its_name(place: Place) -> None:
    place.write("deep/a b%.csv", b"1")
    assert [item.uri for item in place.list()] == [f"{place.uri}/deep/a b%.csv"]


def test_a_place_that_is_not_there_holds_nothing(place: Place) -> None:
    assert names(place) == []
    assert place.read("x") is None
    assert place.find("x") is None
    place.remove("x")


def test_hidden_names_are_listed_only_below_a_hidden_folder(place: Place) -> None:
    for name in (
        "x.csv",
        ".x.csv",
        "_x.csv",
        "_deep/x.csv",
        ".run/x.csv",
        ".run/_deep/x",
        ".run/.y",
        "a/_b/c",
    ):
        place.write(name, b"1")
    assert names(place) == ["x.csv"]
    assert names(place, ".run") == [".run/_deep/x", ".run/x.csv"]
    assert names(place, "_deep") == ["_deep/x.csv"]


def test_only_what_is_in_a_folder_is_listed_under_it(place: Place) -> None:
    for name in ("a/x", "ab/x", "a.csv", "b/a/x"):
        place.write(name, b"1")
    assert names(place, "a") == ["a/x"]


def test_what_is_put_replaces_what_was_there_and_is_gone_from_where_it_was(
    place: Place, tmp_path: Path
) -> None:
    place.write("deep/x.csv", b"old")
    (tmp_path / "new").write_bytes(b"new")
    place.put("deep/x.csv", tmp_path / "new")
    assert place.read("deep/x.csv") == b"new"
    assert not (tmp_path / "new").exists()


def test_moving_is_done_once_and_may_be_asked_for_again(place: Place) -> None:
    place.write(".run/x.csv", b"1")
    for _ in range(2):
        place.move(".run/x.csv", "deep/x.csv")
        assert place.read(".run/x.csv") is None
        assert place.read("deep/x.csv") == b"1"


def test_moving_what_is_nowhere_is_an_error(place: Place) -> None:
    with pytest.raises(WrongUse, match=r"y\.csv"):
        place.move("x.csv", "y.csv")


def test_a_folder_is_removed_with_all_that_is_in_it_and_nothing_beside(place: Place) -> None:
    for name in (".run/x", ".run/deep/.y", ".runs", ".run2/x", "x.csv"):
        place.write(name, b"1")
    place.remove(".run")
    place.remove(".run")
    assert [name for name in (".run/x", ".run/deep/.y", ".runs", ".run2/x", "x.csv") if place.read(name)] == [
        ".runs",
        ".run2/x",
        "x.csv",
    ]


def test_a_file_is_removed(place: Place) -> None:
    place.write("x.csv", b"1")
    place.remove("x.csv")
    assert place.find("x.csv") is None


def test_a_folder_is_no_file(place: Place) -> None:
    place.write("x.csv/y.csv", b"1")
    assert place.find("x.csv") is None
    assert place.read("x.csv/y.csv/z") is None


@pytest.mark.parametrize("name", ["../x", "a/../x", "/x", "x/", "a//x", ".", "", "a/./x", "x\0", "x\udcff"])
def test_names_that_lead_elsewhere_are_refused(place: Place, name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    attempts = (
        lambda: place.read(name),
        lambda: place.find(name),
        lambda: place.write(name, b""),
        lambda: place.put(name, file),
        lambda: place.move(name, "y"),
        lambda: place.move("y", name),
        lambda: place.remove(name),
        lambda: place.held(name).__enter__(),
        lambda: place.fetched(Item(name, "", 0)).__enter__(),
    )
    for attempt in attempts:
        with pytest.raises(WrongUse) as refused:
            attempt()
        assert f"{name!a} in {place.uri}" in str(refused.value)
    assert file.exists()


def test_a_fetched_file_holds_what_was_found(place: Place) -> None:
    content = bytes(range(256)) * 50_000
    place.write("x.csv", content)
    with place.fetched(item_of(place, "x.csv")) as path:
        assert path.read_bytes() == content


def test_a_file_that_is_changed_between_finding_and_reading_is_refused(place: Place) -> None:
    place.write("x.csv", b"1")
    item = item_of(place, "x.csv")
    place.write("x.csv", b"22")
    with pytest.raises(UnreadableInput, match=r"x\.csv.* was changed .*score it again"):
        place.fetched(item).__enter__()


def test_a_file_that_is_gone_between_finding_and_reading_is_an_error(place: Place) -> None:
    place.write("x.csv", b"1")
    item = item_of(place, "x.csv")
    place.remove("x.csv")
    with pytest.raises(UnreadableInput, match=r"x\.csv cannot be read"):
        place.fetched(item).__enter__()


def test_scratch_is_there_while_it_is_used_and_leaves_nothing(place: Place) -> None:
    place.write("x.csv", b"1")
    with place.scratch() as folder:
        (folder / "unfinished").write_bytes(b"1")
        place.put("y.csv", folder / "unfinished")
        assert names(place) == ["x.csv", "y.csv"]
    assert not folder.exists()


def test_files_from_scratch_can_be_read_by_whoever_reads_others(tmp_path: Path) -> None:
    place = place_of(str(tmp_path))
    place.write("x.csv", b"1")
    with place.scratch() as folder:
        (folder / "y").write_bytes(b"1")
        place.put("y.csv", folder / "y")
    (tmp_path / "plain").touch()
    modes = {path.stat().st_mode for path in (tmp_path / "x.csv", tmp_path / "y.csv", tmp_path / "plain")}
    assert len(modes) == 1


def test_many_threads_may_use_a_place_at_once(place: Place) -> None:
    def write(number: int) -> None:
        for again in range(5):
            place.write(f"deep/{number}/{again}", str(number).encode())

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(place)) == 30


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("gs://bucket/x", "gs:// is not one of: a path, s3://"),
        ("https://bucket.s3.amazonaws.com/x", "https:// is not one of"),
        ("file:///data", "file:// is not one of"),
        ("s3://", "'' is no name of a bucket"),
        ("s3:///x", "'' is no name of a bucket"),
        ("s3://Bad_Bucket/x", "'Bad_Bucket' is no name of a bucket"),
        ("s3://bucket/a/../b", "has '.' or '..'"),
        ("s3://bucket//x", "two in a row"),
        ("", "'' names no folder"),
        ("a\0b", "names no folder"),
    ],
)
def test_an_address_that_can_be_none_is_refused(uri: str, complaint: str) -> None:
    with pytest.raises(WrongUse) as refused:
        place_of(uri)
    assert complaint in str(refused.value)
