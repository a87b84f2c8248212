"""What the load test says of services that behave, and of such that do not."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import threading
import time
from collections import Counter, namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.load.bad_servers import GOOD, STALL, Received, fine, serving, stalling
from tests.load.open_loop import taken
from tests.load.past_cases import past_cases
from tests.load.started import ALL, Ended, load_test, locust
from tests.processes import free_port

USUAL_USERS = Path(__file__).with_name("usual_users.py")
STALL_AFTER, HANGS = 3.0, 47


def test_the_real_service_answers_the_whole_mix_in_time(served: Callable[[str], str], tmp_path: Path) -> None:
    cases = past_cases("credit_risk")
    ended = load_test(served("credit_risk"), tmp_path, cases=cases, mix=ALL, rate=60, seconds=3)
    assert ended.code == 0, ended.printed
    assert ended.row("steady")["requests"] == 180
    for path in ("/predict", "/predict_bulk", "/explain", "/outcomes"):
        assert ended.row("steady", path)["requests"] > 5


def test_what_the_host_took_is_a_share_of_all_time_and_unknown_where_it_is_not_counted() -> None:
    counted = namedtuple("counted", ["user", "idle", "steal", "guest"])
    assert taken(counted(1.0, 1.0, 1.0, 1.0), counted(3.0, 6.0, 4.0, 3.0)) == pytest.approx(0.3)
    uncounted = namedtuple("uncounted", ["user", "idle"])
    assert taken(uncounted(1.0, 1.0), uncounted(3.0, 6.0)) is None


def test_records_are_made_from_the_schema_where_there_are_none(
    served: Callable[[str], str], tmp_path: Path
) -> None:
    ended = load_test(served("credit_risk"), tmp_path, "--cases", "", mix=ALL, rate=60)
    assert ended.code == 0, ended.printed
    assert {row["path"] for row in ended.result["rows"]} == {"", "/predict", "/predict_bulk", "/explain"}


def test_a_stall_that_usual_percentiles_hide_is_caught(tmp_path: Path) -> None:
    usually = ("-u", "1", "--csv", str(tmp_path / "usual"))
    respond = stalling(STALL_AFTER)
    with serving(respond) as one, serving(respond) as other, ThreadPoolExecutor() as pool:
        users = pool.submit(locust, USUAL_USERS, one.url, *usually)
        ours = load_test(other.url, tmp_path, rate=100, seconds=6, p99=200)
        assert users.result().returncode == 0
    with (tmp_path / "usual_stats.csv").open() as file:
        usual = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    side_by_side = f"usual: p99 {usual['99%']} ms, most {usual['100%']} ms\nours: {ours.printed}"
    # While nobody is answered, who waits for an answer asks nothing, and other people go on asking.
    assert _asked_while_stalled(one) <= 1
    assert _asked_while_stalled(other) > 20
    # Both met it: for the one it was one slow answer among hundreds, for the other all who came meanwhile.
    assert int(usual["100%"]) >= 400, side_by_side
    assert int(usual["99%"]) < 200, side_by_side
    assert ours.row("steady")["p99"] >= 350, side_by_side
    assert ours.code == 1
    assert "missed: steady /predict: p99_ms is" in ours.printed


def test_a_real_service_that_is_paused_is_caught(served: Callable[[str], str], tmp_path: Path) -> None:
    url = served("credit_risk")
    pause = threading.Thread(target=_pause, args=(int(url.rpartition(":")[2]),))
    pause.start()
    ended = load_test(url, tmp_path, cases=past_cases("credit_risk"), seconds=5, p99=300)
    pause.join()
    assert ended.code == 1, ended.printed
    assert ended.row("steady")["errors"] == 0
    assert ended.row("steady")["p99"] >= 300


def test_a_service_that_cannot_keep_up_falls_ever_further_behind(tmp_path: Path) -> None:
    turn = asyncio.Lock()

    async def one_at_a_time(received: Received) -> tuple[int, bytes] | None:
        async with turn:
            await asyncio.sleep(0.02)
        return await fine(received)

    with serving(one_at_a_time) as server:
        ended = load_test(server.url, tmp_path)
    assert ended.row("steady")["requests"] == 200
    assert ended.row("steady")["per_second"] < 60
    # A closed loop would have sent half as many, and have seen 20 ms each.
    assert ended.row("steady")["most"] > 1_000


@dataclass(frozen=True)
class Misbehaved:
    """A load test of a service that does everything wrong in turn, and what that has received."""

    ended: Ended
    received: int


@pytest.fixture(scope="module")
def misbehaved(tmp_path_factory: pytest.TempPathFactory) -> Misbehaved:
    answers = {
        1: (500, b'{"detail": "it fell over", "request_id": "a"}'),
        2: (422, b'{"detail": "loan_grade is wrong", "request_id": "b"}'),
        3: (200, b"<html>a gateway's page</html>"),
        4: (429, b"{}"),
        5: None,
    }

    async def bad(received: Received) -> tuple[int, bytes] | None:
        number = len(received.at)
        await asyncio.sleep(60 if number == HANGS else 0)
        return answers.get(number % 10, (200, GOOD))

    with serving(bad) as server:
        ended = load_test(server.url, tmp_path_factory.mktemp("bad"), "--timeout", "1", warm_up=1)
        return Misbehaved(ended, len(server.at))


def test_each_way_to_fail_is_counted_for_itself(misbehaved: Misbehaved) -> None:
    ways = Counter(
        {1: "failed", 2: "refused", 3: "answered wrongly", 4: "told to come back", 5: "no answer"}.get(
            number % 10, "answered" if number != HANGS else "timed out"
        )
        for number in range(1, misbehaved.received + 1)
    )
    assert misbehaved.ended.result["kinds"] == ways


def test_nothing_is_sent_twice(misbehaved: Misbehaved) -> None:
    sent = sum(misbehaved.ended.row(label)["requests"] for label in ("warm-up", "steady"))
    assert misbehaved.received == sent


def test_what_went_wrong_is_told_in_the_words_of_the_service(misbehaved: Misbehaved) -> None:
    for told in (
        "/predict 500: it fell over",
        "/predict 422: loan_grade is wrong",
        "/predict 200, but: <html>a gateway's page</html>",
        "/predict no answer: ",
    ):
        assert told in misbehaved.ended.printed


def test_errors_and_refusals_for_now_miss_objectives_of_their_own(misbehaved: Misbehaved) -> None:
    assert misbehaved.ended.code == 1
    assert "missed: steady: errors is 0.4" in misbehaved.ended.printed
    assert "missed: steady: limited is 0.1" in misbehaved.ended.printed


def test_a_connection_that_was_closed_while_idle_is_replaced_before_it_is_used(tmp_path: Path) -> None:
    with serving(fine, keep_alive=0.1) as server:
        ended = load_test(server.url, tmp_path, rate=4, seconds=2)
    assert ended.code == 0, ended.printed
    assert server.connections == len(server.at) == 8


def test_a_service_that_is_not_there_is_all_errors(tmp_path: Path) -> None:
    ended = load_test(f"http://127.0.0.1:{free_port()}", tmp_path, seconds=0.5)
    assert ended.code == 1
    assert ended.row("steady")["errors"] == ended.row("steady")["requests"] > 0
    assert "ConnectionRefusedError" in ended.printed


def test_a_generator_that_cannot_keep_its_schedule_knows_nothing(tmp_path: Path) -> None:
    with serving(fine) as server:
        ended = load_test(server.url, tmp_path, rate=20_000, seconds=0.1, warm_up=0.01, late=5)
    assert ended.code == 2
    assert "inconclusive: the generator could not keep its schedule" in ended.printed
    late = next(verdict for verdict in ended.result["verdicts"] if verdict["name"] == "late_p99_ms")
    assert late["observed"] > 5
    # Counted from the moment due, latencies have that time in them, whoever is to blame for it.
    assert ended.row("steady")["most"] >= late["observed"]


def test_of_a_run_that_was_stopped_half_way_nothing_is_known(tmp_path: Path) -> None:
    with serving(fine) as server:
        ended = load_test(server.url, tmp_path, "--run-time", "3s", seconds=60)
    assert ended.code == 2
    assert ended.result == {}


def test_a_stage_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    ended = load_test("http://127.0.0.1:1", tmp_path, "--stage", "nowhere")
    assert ended.code == 2
    assert "'nowhere' is not one of its stages: tested" in ended.printed


def test_several_processes_are_wrong_use(tmp_path: Path) -> None:
    ended = load_test("http://127.0.0.1:1", tmp_path, "--master")
    assert ended.code == 2
    assert "one process keeps the schedule" in ended.printed


def _pause(port: int) -> None:
    """Halt whoever listens on the port for as long as a stall lasts, once somebody has been asking for a while."""
    deadline = time.monotonic() + 60
    while not _linked(port, "ESTABLISHED") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(STALL_AFTER)
    pids = _linked(port, "LISTEN")
    for process in pids:
        os.kill(process, signal.SIGSTOP)
    time.sleep(STALL)
    for process in pids:
        os.kill(process, signal.SIGCONT)


def _asked_while_stalled(server: Received) -> int:
    begin = server.at[0] + STALL_AFTER
    return sum(begin <= at < begin + STALL for at in server.at)


def _linked(port: int, status: str) -> set[int]:
    links = psutil.net_connections("tcp")
    return {link.pid for link in links if link.pid and link.laddr.port == port and link.status == status}
