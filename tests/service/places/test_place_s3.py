"""Folders in a bucket: large files, what killed runs leave, encryption, and everything that goes wrong on the way."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import AvalError
from service.places import Item, Place, S3Options, find_inputs, place_of, s3_client
from service.places.s3_client import MEBIBYTE
from tests.moto import FAULTS, Moto, flaky_line

# As small as parts may be.
SMALL = S3Options(part_bytes=5 * MEBIBYTE, copy_bytes=5 * MEBIBYTE)
LARGE = bytes(range(256)) * (44 * MEBIBYTE // 1024)
LONG_FOR_NO_NETWORK = 25.0


def new_file(folder: Path, content: bytes) -> Path:
    path = folder / "new"
    path.write_bytes(content)
    return path


def complaint(act: Callable[[], object]) -> str:
    with pytest.raises(AvalError) as refused:
        act()
    assert refused.value.exit_code == 2
    return str(refused.value)


def item_of(place: Place, name: str) -> Item:
    found = place.find(name)
    assert found is not None
    return found


def test_large_files_go_there_about_and_back_in_parts(bucket: str, moto_s3: Moto, tmp_path: Path) -> None:
    place = place_of(f"s3://{bucket}/out", SMALL)
    place.put(".run/x", new_file(tmp_path, LARGE))
    # The store's tag of what came in parts ends in their number.
    assert item_of(place, ".run/x").etag.endswith('-3"')  # type: ignore[union-attr]
    place.move(".run/x", "x")
    assert item_of(place, "x").etag.endswith('-3"')  # type: ignore[union-attr]
    with place.fetched(item_of(place, "x")) as path:
        assert path.read_bytes() == LARGE
    assert list(moto_s3.contents(bucket)) == ["out/x"]
    assert moto_s3.uploads(bucket) == []


def test_a_large_file_that_is_replaced_while_it_is_fetched_is_refused(bucket: str, tmp_path: Path) -> None:
    place = place_of(f"s3://{bucket}/out", SMALL)
    place.put("x", new_file(tmp_path, LARGE))
    item = item_of(place, "x")
    place.put("x", new_file(tmp_path, LARGE[::-1]))
    text = complaint(lambda: place.fetched(item).__enter__())
    assert text == f"s3://{bucket}/out/x cannot be read: it was changed while it was read; score it again"


def test_nothing_of_what_is_fetched_stays_on_this_machine(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = place_of(f"s3://{bucket}/out")
    place.write("x", b"1")
    item = item_of(place, "x")
    with place.fetched(item) as path:
        assert path.is_relative_to(tmp_path)
    place.write("x", b"2")
    complaint(lambda: place.fetched(item).__enter__())
    assert os.listdir(tmp_path) == []


def test_an_empty_file_is_fetched_and_put(bucket: str, tmp_path: Path) -> None:
    place = place_of(f"s3://{bucket}/out")
    place.put("x", new_file(tmp_path, b""))
    item = item_of(place, "x")
    with place.fetched(item) as path:
        assert path.read_bytes() == b""
    place.write("x", b"1")
    assert "it was changed" in complaint(lambda: place.fetched(item).__enter__())


def test_what_a_killed_run_was_sending_is_given_up_when_its_folder_is_removed(
    bucket: str, moto_s3: Moto
) -> None:
    client = moto_s3.client()
    place = place_of(f"s3://{bucket}/out")
    for key in ("out/.run/x", "out/.run", "out/.run2/x", "elsewhere/.run/x"):
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"part")
    place.remove(".run")
    assert sorted(moto_s3.uploads(bucket)) == ["elsewhere/.run/x", "out/.run2/x"]


def test_what_a_killed_run_was_copying_is_given_up_when_it_is_copied_again(
    bucket: str, moto_s3: Moto, tmp_path: Path
) -> None:
    place = place_of(f"s3://{bucket}/out", SMALL)
    place.put(".run/x", new_file(tmp_path, LARGE))
    moto_s3.client().create_multipart_upload(Bucket=bucket, Key="out/x")
    place.move(".run/x", "x")
    assert moto_s3.uploads(bucket) == []
    assert place.find("x") is not None


def test_more_files_than_one_answer_holds_are_listed_and_removed(
    bucket: str, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thousand otherwise.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    monkeypatch.setattr("service.places.s3_listing._KEYS_PER_REQUEST", 3)
    place = place_of(f"s3://{bucket}/out")
    for number in range(10):
        place.write(f"in/{number}.csv", b"")
    assert [item.name for item in place.list()] == [f"in/{number}.csv" for number in range(10)]
    place.remove("in")
    assert moto_s3.contents(bucket) == {}


def test_what_stands_for_an_empty_folder_is_no_file(bucket: str, moto_s3: Moto) -> None:
    for key in ("in/", "in/day=1/", "in/day=1/x.csv"):
        moto_s3.client().put_object(Bucket=bucket, Key=key, Body=b"")
    assert [item.name for item in find_inputs(f"s3://{bucket}/in/", [".csv"]).items] == ["day=1/x.csv"]


@pytest.mark.parametrize("key", ["in/../x.csv", "in/./x.csv", "in//x.csv"])
def test_a_key_that_can_be_no_name_is_refused(bucket: str, moto_s3: Moto, key: str) -> None:
    moto_s3.client().put_object(Bucket=bucket, Key=key, Body=b"")
    text = complaint(lambda: find_inputs(f"s3://{bucket}/in", [".csv"]))
    assert f"{key.removeprefix('in/')!r} in s3://{bucket}/in" in text


def test_only_what_a_glob_or_partition_may_match_is_asked_for(
    bucket: str, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(f"s3://{bucket}/in")
    for day in range(10, 20):
        place.write(f"day={day}/x.csv", b"")
    with flaky_line(moto_s3.url, 0.0) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        find_inputs(f"s3://{bucket}/in", [".csv"], {"day": "12"})
        # A greeting, the folder, and the one partition.
        assert way.counts["passed"] == 3


def test_every_object_is_encrypted_with_the_key_of_the_settings(
    bucket: str, moto_s3: Moto, tmp_path: Path
) -> None:
    options = S3Options(kms_key="alias/scores", part_bytes=5 * MEBIBYTE, copy_bytes=5 * MEBIBYTE)
    place = place_of(f"s3://{bucket}/out", options)
    place.write("small", b"1")
    place.put("large", new_file(tmp_path, LARGE))
    place.put("to move", new_file(tmp_path, b"1"))
    place.move("to move", "moved")
    with place.held("run"):
        keys = moto_s3.contents(bucket)
        heads = [moto_s3.client().head_object(Bucket=bucket, Key=key) for key in keys]
    assert sorted(keys) == ["out/.run.lock", "out/large", "out/moved", "out/small"]
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {
        ("aws:kms", "alias/scores")
    }


def test_a_bucket_that_is_not_there_is_said_so(bucket: str) -> None:
    place = place_of("s3://no-such-bucket-of-tests/out")
    for act in (
        lambda: list(place.list()),
        lambda: place.write("x", b""),
        lambda: place.held("run").__enter__(),
    ):
        wanted = "s3://no-such-bucket-of-tests cannot be reached: there is no such bucket; make it, or mend the name"
        assert complaint(act) == wanted


def test_no_credentials_are_said_so_within_seconds(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    begun = time.monotonic()
    text = complaint(lambda: place_of(f"s3://{bucket}/out").find("x"))
    assert text.startswith(
        f"s3://{bucket} cannot be reached: there are no credentials; set AWS_ACCESS_KEY_ID"
    )
    assert time.monotonic() - begun < LONG_FOR_NO_NETWORK


def test_a_profile_that_is_not_there_is_said_so(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "(nobody) could not be found" in complaint(lambda: place_of(f"s3://{bucket}/out").find("x"))


def test_an_endpoint_that_is_no_address_is_said_so(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    text = complaint(lambda: place_of(f"s3://{bucket}/out").find("x"))
    assert "nonsense" in text
    assert "AWS_ENDPOINT_URL" in text


def test_a_store_that_cannot_be_reached_is_said_so_within_seconds(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    begun = time.monotonic()
    text = complaint(lambda: place_of(f"s3://{bucket}/out").find("x"))
    assert "look to the network, and to AWS_ENDPOINT_URL" in text
    assert time.monotonic() - begun < LONG_FOR_NO_NETWORK


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_store_that_never_answers_is_said_so(
    bucket: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setitem(s3_client._CONTACT, "read_timeout", 0.2)
    text = complaint(lambda: place_of(f"s3://{bucket}/out").find("x"))
    assert "Read timeout" in text
    assert "look to the network, and to AWS_ENDPOINT_URL" in text


def test_a_store_that_refuses_is_told_with_its_reason(
    bucket: str, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flaky_line(moto_s3.url, 0.0) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        place = place_of(f"s3://{bucket}/out")
        place.write("x", b"1")
        way.refusal = (403, "AccessDenied")
        denied = "access is denied; give these credentials the right to it"
        assert complaint(lambda: place.write("x", b"1")) == f"s3://{bucket}/out/x cannot be written: {denied}"
        assert complaint(lambda: place.read("x")) == f"s3://{bucket}/out/x cannot be read: {denied}"
        assert complaint(lambda: place.find("x")) == f"s3://{bucket}/out/x cannot be read: {denied}"
        assert complaint(lambda: list(place.list())) == f"s3://{bucket}/out cannot be listed: {denied}"
        assert complaint(lambda: place.remove("x")) == f"s3://{bucket}/out/x cannot be removed: {denied}"
        assert (
            complaint(lambda: place.held("x").__enter__()) == f"s3://{bucket}/out cannot be locked: {denied}"
        )
        way.refusal = (400, "KMS.DisabledException")
        assert "KMS.DisabledException: a fault of tests" in complaint(lambda: place.write("x", b"1"))


def test_a_full_disk_on_the_way_from_a_bucket_is_said_so(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(f"s3://{bucket}/out")
    place.write("x", b"1")
    item = item_of(place, "x")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    wanted = (
        f"{tmp_path / 'none'} cannot be written: No such file or directory; set TMPDIR to a folder with room"
    )
    assert complaint(lambda: place.fetched(item).__enter__()) == wanted


def work(place: Place, folder: Path) -> None:
    """Do everything that a run does with a place, several times."""
    for number in range(6):
        with place.held("run"):
            place.write(f".run/{number}.json", b"record" * 100)
            place.put(f".run/{number}.csv", new_file(folder, LARGE if number == 0 else b"answers" * 1_000))
            assert place.read(f".run/{number}.json") == b"record" * 100
            for item in list(place.list(".run")):
                with place.fetched(item) as path:
                    assert path.stat().st_size == item.size
            place.move(f".run/{number}.csv", f"{number}.csv")
            place.remove(".run")


@pytest.mark.parametrize("seed", [1])
def test_requests_that_fail_at_random_change_nothing(
    bucket: str, moto_s3: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with flaky_line(moto_s3.url, 0.15, seed) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        work(place_of(f"s3://{bucket}/out", SMALL), tmp_path)
        assert sum(way.counts[fault] for fault in FAULTS) > 10
    rest = {f"out/{number}.csv": b"answers" * 1_000 for number in range(1, 6)}
    assert moto_s3.contents(bucket) == {"out/0.csv": LARGE, **rest}
    assert moto_s3.uploads(bucket) == []
