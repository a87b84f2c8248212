"""Locks of runs: one holder at a time, whoever it is and however it ends."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.errors import WrongUse
from service.places import Busy, Place, S3Options, place_of
from service.places.file_lock import lock_file
from service.places.holder import Holder
from service.places.s3_lock import S3Lock
from tests.moto import Moto, flaky_line

CHECKOUT = Path(__file__).resolve().parents[3]
# The store's clock shows seconds: less than two of them cannot be told apart.
QUICK = S3Options(heartbeat=0.2, stale_after=3.0)
HOLD = """
import sys
from contextlib import ExitStack
from service.places import S3Options, place_of
with ExitStack() as stack:
    for uri in sys.argv[1:]:
        place = place_of(uri, S3Options(heartbeat=0.2, stale_after=3.0))
        stack.enter_context(place.held("run"))
        print(stack.enter_context(place.scratch()), flush=True)
    sys.stdin.read()
"""


# A process of this machine that has ended: no process number is as high.
DEAD = replace(Holder.this(), process=2**30)


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        str(tmp_path / "out") if request.param == "local" else f"s3://{request.getfixturevalue('bucket')}/out"
    )


@contextmanager
def holder_of(*uris: str) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    """Another process that holds the locks of these places; with the scratch folders that it uses."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", HOLD, *uris]
    started = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    try:
        yield started, [Path(started.stdout.readline().strip()) for _ in uris]
    finally:
        started.kill()
        started.communicate()


def busy(place: Place, name: str = "run") -> str:
    with pytest.raises(Busy) as refused, place.held(name):
        pass
    return str(refused.value)


def lock_content(place: Place) -> bytes:
    content = place.read(".run.lock")
    assert content is not None
    return content


def test_a_lock_that_is_held_is_refused_with_its_holder_and_free_afterwards(uri: str) -> None:
    place = place_of(uri, QUICK)
    with place.held("run"):
        text = busy(place_of(uri, QUICK))
        assert f"{uri}: another run is writing here (process {os.getpid()} on " in text
        assert "since 20" in text
        with place.held("another"):
            pass
    with place.held("run"):
        pass
    assert place.read(".run.lock") is None
    assert list(place.list()) == []


def test_a_lock_is_free_after_an_error(uri: str) -> None:
    place = place_of(uri, QUICK)
    with pytest.raises(ZeroDivisionError), place.held("run"):
        raise ZeroDivisionError
    with place.held("run"):
        pass


def test_a_holder_that_is_killed_on_this_machine_is_followed_at_once(tmp_path: Path, bucket: str) -> None:
    uris = (str(tmp_path), f"s3://{bucket}/out")
    places = [place_of(uri) for uri in uris]
    with holder_of(*uris) as (holder, scratches):
        for place in places:
            assert f"process {holder.pid} on" in busy(place)
        holder.kill()
        # It has ended, and whoever started it has not asked about it yet.
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        for scratch in scratches:
            (scratch / "unfinished").touch()
        for place, scratch in zip(places, scratches, strict=True):
            begun = time.monotonic()
            with place.held("run"):
                assert time.monotonic() - begun < 15
                assert not scratch.exists()


@pytest.mark.parametrize("left", [None, DEAD.to_bytes()], ids=["free", "left behind"])
def test_of_many_threads_one_gets_the_lock_at_a_time(uri: str, left: bytes | None) -> None:
    inside, most, got = 0, 0, 0
    if left is not None:
        place_of(uri).write(".run.lock", left)
    count = threading.Lock()
    start = threading.Barrier(6)

    def contend() -> None:
        nonlocal inside, most, got
        place = place_of(uri, QUICK)
        # Connected: all of them ask for the lock at once.
        place.find("x")
        start.wait()
        for _ in range(2):
            try:
                with place.held("run"):
                    with count:
                        inside, got = inside + 1, got + 1
                        most = max(most, inside)
                    time.sleep(0.2)
                    with count:
                        inside -= 1
            except Busy:
                time.sleep(0.01)

    threads = [threading.Thread(target=contend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert got >= 1


def elsewhere(monkeypatch: pytest.MonkeyPatch, machine: str = "another") -> None:
    """Make this process look like one that runs on another machine."""
    monkeypatch.setattr("service.places.holder._machine", lambda: machine)


def test_a_holder_elsewhere_that_shows_no_sign_of_life_is_followed_after_its_time(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"s3://{bucket}/out"
    with holder_of(uri) as (holder, _):
        elsewhere(monkeypatch)
        place = place_of(uri, QUICK)
        assert f"process {holder.pid} on" in busy(place)
        holder.kill()
        holder.wait()
        begun = time.monotonic()
        with place.held("run"):
            assert 0.5 < time.monotonic() - begun < 20


def test_a_holder_of_another_user_is_not_taken_for_dead(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of(f"s3://{bucket}/out", QUICK)

    def refuse(process: int, signal: int) -> None:
        raise PermissionError

    with place.held("run"):
        # As where processes of other users are hidden.
        monkeypatch.setattr(os, "kill", refuse)
        monkeypatch.setattr("service.places.holder._started", lambda _: "")
        assert f"process {os.getpid()} on" in busy(place)


def test_a_lock_left_by_something_else_is_followed_after_its_time(bucket: str) -> None:
    place = place_of(f"s3://{bucket}/out", QUICK)
    place.write(".run.lock", b"no holder")
    with place.held("run"):
        assert Holder.read(lock_content(place)) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"null",
        b"{}",
        DEAD.to_bytes().replace(b'"process": 1', b'"process": 1e9, "x": 1'),
        DEAD.to_bytes().replace(b'"process": 1', b'"process": -1'),
        DEAD.to_bytes().replace(b'"since": "', b'"since": 1, "x": "'),
    ],
)
def test_a_lock_that_was_written_by_something_else_has_no_holder(content: bytes) -> None:
    assert Holder.read(DEAD.to_bytes()) == DEAD
    assert Holder.read(content) is None


def test_a_lock_shows_signs_of_life(bucket: str) -> None:
    place = place_of(f"s3://{bucket}/out", QUICK)
    with place.held("run"):
        first = lock_content(place)
        time.sleep(0.7)
        assert lock_content(place) != first


@pytest.mark.parametrize(
    "write",
    [
        lambda place, _: place.write("x.csv", b"1"),
        lambda place, path: place.put("x.csv", path),
        lambda place, _: place.move("x.csv", "y.csv"),
        lambda place, _: place.remove("x.csv"),
    ],
)
def test_a_run_that_has_lost_its_lock_writes_nothing_more(
    bucket: str, moto_s3: Moto, tmp_path: Path, write: Callable[[Place, Path], None]
) -> None:
    place = place_of(f"s3://{bucket}/out", QUICK)
    place.write("x.csv", b"kept")
    (tmp_path / "new").write_bytes(b"new")

    def lose_and_write() -> None:
        with place.held("run"):
            moto_s3.client().put_object(Bucket=bucket, Key="out/.run.lock", Body=b"somebody else's")
            time.sleep(0.6)
            write(place, tmp_path / "new")

    with pytest.raises(Busy, match="another one has taken over; let that one finish"):
        lose_and_write()
    assert moto_s3.contents(bucket) == {"out/x.csv": b"kept", "out/.run.lock": b"somebody else's"}


def test_a_run_that_slept_asks_before_it_writes(
    bucket: str, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No sign of life of its own before the write.
    place = place_of(f"s3://{bucket}/out", S3Options(heartbeat=60.0, stale_after=1.0))

    def lose_and_write() -> None:
        with place.held("run"):
            moto_s3.client().put_object(Bucket=bucket, Key="out/.run.lock", Body=b"somebody else's")
            time.sleep(0.6)
            place.write("x.csv", b"1")

    with pytest.raises(Busy, match="another one has taken over"):
        lose_and_write()
    assert "out/x.csv" not in moto_s3.contents(bucket)


def test_a_run_that_ends_leaves_the_lock_of_whoever_took_over(bucket: str, moto_s3: Moto) -> None:
    place = place_of(f"s3://{bucket}/out", S3Options(heartbeat=60.0))
    with place.held("run"):
        moto_s3.client().put_object(Bucket=bucket, Key="out/.run.lock", Body=b"somebody else's")
    assert lock_content(place) == b"somebody else's"


def test_a_lock_file_that_is_removed_while_it_is_waited_for_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock = tmp_path / "lock", fcntl.flock

    def late(file: int, how: int) -> None:
        path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    assert lock_file(path) is None


def test_a_lock_is_not_lost_by_answers_that_are(
    bucket: str, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flaky_line(moto_s3.url, 0.25, seed=3) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", way.url)
        place = place_of(f"s3://{bucket}/out", QUICK)
        with place.held("run"):
            for number in range(8):
                place.write(f"{number}", b"1")
                time.sleep(0.2)
    assert way.counts["reset after"] > 0
    assert len(moto_s3.contents(bucket)) >= 8


def test_a_store_that_ignores_conditions_is_refused(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put = S3Lock._put

    def ignoring(lock: S3Lock, client: Any, **condition: Mapping[str, str]) -> str | None:
        return put(lock, client)

    monkeypatch.setattr(S3Lock, "_put", ignoring)
    with (
        pytest.raises(WrongUse, match="this store ignores If-None-Match"),
        place_of(f"s3://{bucket}/out").held("run"),
    ):
        pass
