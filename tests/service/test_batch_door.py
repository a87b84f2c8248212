"""Files scored by a served Bento, over real HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pyarrow.parquet as pq
import pytest

from service.online.tasks.runner import MOST_WAITING
from tests.moto import Moto
from tests.processes import Home, post, web
from tests.service.file_tasks import (
    CASE,
    RECORD,
    ask,
    begun,
    ended,
    places_taken,
    status,
    submit,
    submitted,
    write_many,
    write_rows,
)
from tests.service.records import problem, refused_field
from tests.service.test_openapi_fuzz import LEFT_OUT, schemathesis
from tests.service.test_workers import workers_of

QuickHome = Callable[[str], Home]
PROCESS = "service.online.tasks.process"
MANY = 400_000


@dataclass(frozen=True)
class Door:
    """A service of two workers that scores files of `root` and below the prefix `batch` of `bucket`."""

    url: str
    root: Path
    home: Path
    s3: Moto
    bucket: str


@pytest.fixture(scope="module")
def door(quick_home: QuickHome, moto_s3: Moto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service that scores files."""
    folder, bucket = tmp_path_factory.mktemp("files"), moto_s3.new_bucket()
    root, home = folder / "root", folder / "aval"
    for place in (root, folder / "elsewhere", home):
        place.mkdir()
    settings = {
        "AVAL_BATCH_ROOTS": f"{root}, s3://{bucket}/batch",
        "AVAL_HOME": str(home),
        "AVAL_WORKERS": "2",
        **moto_s3.environment,
    }
    with quick_home(CASE).serve(CASE, **settings) as url:
        yield Door(url, root, home, moto_s3, bucket)


def processes(url: str) -> list[psutil.Process]:
    """Return the processes of tasks that run now."""
    started = [process for worker in workers_of(url) for process in worker.children()]
    return [process for process in started if PROCESS in process.cmdline()]


# What is taken


def test_a_file_is_scored_and_its_manifest_is_the_result(door: Door) -> None:
    source = write_rows(door.root / "in.csv", 1_000, refused=10)
    task_id = submitted(door.url, source, door.root / "out.parquet")
    body = ended(door.url, task_id)
    assert body["status"] == "completed", body
    assert body["progress"]["rows_quarantined"] == 10
    manifest = ask(door.url, "get", task_id).json()
    assert (manifest["rows_in"], manifest["rows_scored"], manifest["rows_quarantined"]) == (1_000, 990, 10)
    assert pq.read_table(door.root / "out.parquet").num_rows == 990
    assert json.loads((door.root / "out.parquet.manifest.json").read_text()).items() <= manifest.items()


def test_the_model_and_the_policy_are_those_that_are_served(door: Door) -> None:
    source = write_rows(door.root / "served.csv", 10)
    task_id = submitted(door.url, source, door.root / "served.parquet", reasons=True, keep_columns=True)
    body, online = ended(door.url, task_id), post(f"{door.url}/predict", RECORD).json()
    assert (body["model"], body["policy"]) == (online["model"], online["policy"])
    scored = pq.read_table(door.root / "served.parquet").to_pylist()[0]
    assert (scored["probability"], scored["decision"]) == (online["probability"], online["decision"])
    assert {"reasons", *RECORD} <= set(scored)


def test_a_folder_is_scored_into_another(door: Door) -> None:
    for name in ("a.csv", "deep/b.csv"):
        write_rows(door.root / "incoming" / name, 100)
    task_id = submitted(door.url, f"{door.root}/incoming/", f"{door.root}/scored/")
    assert ended(door.url, task_id)["status"] == "completed"
    assert ask(door.url, "get", task_id).json()["rows_in"] == 200
    assert (door.root / "scored" / "_manifest.json").is_file()


def test_a_prefix_of_s3_is_scored_into_another(door: Door, tmp_path: Path) -> None:
    client = door.s3.client()
    content = write_rows(tmp_path / "a.csv", 100).read_bytes()
    client.put_object(Bucket=door.bucket, Key="batch/in/a.csv", Body=content)
    client.put_object(Bucket=door.bucket, Key="other/a.csv", Body=content)
    task_id = submitted(door.url, f"s3://{door.bucket}/batch/in/*.csv", f"s3://{door.bucket}/batch/out/")
    body = ended(door.url, task_id)
    assert body["status"] == "completed", body
    assert "batch/out/_manifest.json" in door.s3.contents(door.bucket)


def test_what_was_scored_before_is_not_scored_again(door: Door) -> None:
    source = write_rows(door.root / "twice.csv", 10)
    first = submitted(door.url, source, door.root / "twice.parquet")
    assert ended(door.url, first)["status"] == "completed"
    again = web.post(f"{door.url}/score_file/retry", params={"task_id": first}).json()["task_id"]
    assert again != first
    assert ended(door.url, again)["status"] == "completed"
    assert [ask(door.url, "get", task_id).json()["new"] for task_id in (first, again)] == [True, False]


def test_whoever_waits_gets_the_manifest_at_once(door: Door) -> None:
    source = write_rows(door.root / "waited.csv", 10)
    answer = post(
        f"{door.url}/score_file", {"input": str(source), "output": f"{door.root}/waited.csv.parquet"}
    )
    assert (answer.status_code, answer.json()["rows_in"]) == (200, 10)


BENTOMLS_CLIENT = """
import asyncio, sys
import bentoml

async def main(url, source, target):
    async with bentoml.AsyncHTTPClient(url) as client:
        task = await client.score_file.submit({"input": source, "output": target})
        while (await task.get_status()).value in ("pending", "in_progress"):
            await asyncio.sleep(0.1)
        print((await task.get_status()).value, (await task.get())["rows_in"])

asyncio.run(main(*sys.argv[1:]))
"""


def test_bentomls_own_client_submits_and_waits(door: Door) -> None:
    source = write_rows(door.root / "client.csv", 10)
    program = [sys.executable, "-c", BENTOMLS_CLIENT, door.url, str(source), f"{door.root}/client.parquet"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "completed 10\n", done.stderr[-2_000:]


def test_whatever_is_asked_is_answered_as_documented(door: Door, tmp_path: Path) -> None:
    only = ["--include-path-regex", "^/score_file", "--exclude-checks", LEFT_OUT, "--max-examples", "15"]
    assert "Tested: 6" in schemathesis(door.url, tmp_path, *only)


# What is refused


@pytest.mark.parametrize("field", ["input", "output"])
@pytest.mark.parametrize(
    "address",
    [
        "/etc/passwd",
        "{root}/../elsewhere/in.csv",
        "{root}-2/in.csv",
        "{root}/link/in.csv",
        "in.csv",
        "-",
        "",
        "{root}/in.csv\0",
        "file://{root}/in.csv",
        "http://127.0.0.1/in.csv",
        "ftp://127.0.0.1/in.csv",
        "gs://bucket/in.csv",
        "s3://{bucket}/other/in.csv",
        "s3://{bucket}/batches/in.csv",
        "s3://other/batch/in.csv",
        "s3://{bucket}/batch/../other/in.csv",
        "{root}/../*/in.csv",
        "/*",
        17,
        None,
        ["{root}/in.csv"],
    ],
)
def test_an_address_outside_the_roots_is_refused_by_the_name_of_its_field(
    door: Door, field: str, address: object
) -> None:
    link = door.root / "link"
    if not link.is_symlink():
        link.symlink_to(door.root.parent / "elsewhere")
    if isinstance(address, str):
        address = address.replace("{root}", str(door.root)).replace("{bucket}", door.bucket)
    order = {"input": f"{door.root}/in.csv", "output": f"{door.root}/out.csv", field: address}
    error = refused_field(post(f"{door.url}/score_file/submit", order))
    assert error["field"] == field
    assert not list((door.root.parent / "elsewhere").iterdir())


def test_a_folder_that_becomes_a_link_after_it_was_let_in_is_not_read(door: Door) -> None:
    write_rows(door.root / "swapped" / "in.csv", 10)
    write_rows(door.root.parent / "secrets" / "in.csv", 10)
    with places_taken(door.home):
        task_id = submitted(door.url, f"{door.root}/swapped/", f"{door.root}/of-swapped/")
        (door.root / "swapped").rename(door.root / "was-swapped")
        (door.root / "swapped").symlink_to(door.root.parent / "secrets")
    body = ended(door.url, task_id)
    assert body["status"] == "failed"
    assert "leads out of the folder" in body["detail"]
    assert problem(ask(door.url, "get", task_id), 422)["detail"] == body["detail"]


def test_an_output_that_becomes_a_link_after_it_was_let_in_is_not_written(door: Door) -> None:
    source = write_rows(door.root / "for-link.csv", 10)
    outside = door.root.parent / "outside"
    outside.mkdir()
    with places_taken(door.home):
        task_id = submitted(door.url, source, f"{door.root}/results/out.parquet")
        (door.root / "results").symlink_to(outside)
    assert "leads out of the folder" in ended(door.url, task_id)["detail"]
    assert not list(outside.iterdir())


def test_links_in_a_folder_that_lead_out_are_not_read(door: Door) -> None:
    write_rows(door.root.parent / "private" / "in.csv", 10)
    folder = write_rows(door.root / "linked" / "in.csv", 10).parent
    (folder / "z.csv").symlink_to(door.root.parent / "private" / "in.csv")
    body = ended(door.url, submitted(door.url, f"{folder}/", f"{door.root}/of-linked/"))
    assert "leads out of the folder" in body["detail"]


@pytest.mark.parametrize(
    ("name", "status_code", "words"),
    [("missing.csv", 422, "does not exist"), ("nothing-yet/", 409, "no file to score is there yet")],
)
def test_what_cannot_be_scored_is_a_problem_of_the_result(
    door: Door, name: str, status_code: int, words: str
) -> None:
    (door.root / "nothing-yet").mkdir(exist_ok=True)
    task_id = submitted(door.url, f"{door.root}/{name}", f"{door.root}/of-nothing/")
    body = ended(door.url, task_id)
    assert (body["status"], words in body["detail"]) == ("failed", True), body
    assert problem(ask(door.url, "get", task_id), status_code)["detail"] == body["detail"]


def test_too_many_refused_rows_fail_the_task_and_nothing_is_written(door: Door) -> None:
    source = write_rows(door.root / "bad.csv", 100, refused=50)
    task_id = submitted(door.url, source, door.root / "bad.parquet", max_quarantine="1%")
    assert "50 of 100 rows would be quarantined" in ended(door.url, task_id)["detail"]
    assert not (door.root / "bad.parquet").exists()


@pytest.mark.parametrize("step", ["status", "get"])
@pytest.mark.parametrize("task_id", ["0" * 32, "../slot-0", "", "slot-0", "%2e%2e", "x\0"])
def test_an_id_that_is_none_finds_nothing(door: Door, step: str, task_id: str) -> None:
    assert "there is no task of this id" in problem(ask(door.url, step, task_id), 404)["detail"]


def test_an_id_must_be_given(door: Door) -> None:
    assert refused_field(web.get(f"{door.url}/score_file/status"))["field"] == "task_id"


# What waits


def test_tasks_wait_for_their_turn_and_too_many_are_told_to_come_back(door: Door) -> None:
    source = write_rows(door.root / "many.csv", 10)
    with places_taken(door.home):
        waiting = [submitted(door.url, source, f"{door.root}/m{n}.parquet") for n in range(MOST_WAITING)]
        assert {status(door.url, task_id)["status"] for task_id in waiting} == {"pending"}
        assert problem(ask(door.url, "get", waiting[0]), 409)["detail"].startswith("the task is pending")
        full = submit(door.url, source, f"{door.root}/full.parquet")
        assert f"{MOST_WAITING} tasks wait" in problem(full, 429)["detail"]
        assert int(full.headers["retry-after"]) > 0
        for task_id in waiting:
            web.put(f"{door.url}/score_file/cancel", params={"task_id": task_id}, timeout=30)
        assert {status(door.url, task_id)["status"] for task_id in waiting} == {"canceled"}


def test_a_client_that_goes_away_leaves_its_task_and_finds_it_again(door: Door) -> None:
    source = write_rows(door.root / "left.csv", 10)
    order = {"input": str(source), "output": f"{door.root}/left.parquet"}
    with places_taken(door.home):
        with pytest.raises(httpx.ReadTimeout):
            web.post(f"{door.url}/score_file", json=order, timeout=1)
        task_id = submitted(door.url, order["input"], order["output"])
        assert submitted(door.url, order["input"], order["output"]) == task_id
    assert ended(door.url, task_id)["status"] == "completed"
    assert ask(door.url, "get", task_id).json()["new"]


def test_a_waiting_task_can_be_canceled(door: Door) -> None:
    source = write_rows(door.root / "canceled.csv", 10)
    with places_taken(door.home):
        task_id = submitted(door.url, source, door.root / "canceled.parquet")
        answer = web.put(f"{door.url}/score_file/cancel", params={"task_id": task_id}, timeout=30)
        assert answer.json()["status"] == "canceled"
    assert "submit the same again" in problem(ask(door.url, "get", task_id), 409)["detail"]
    assert not (door.root / "canceled.parquet").exists()


# What ends early


def test_two_at_once_are_scored_side_by_side_and_a_canceled_one_goes_on_later(door: Door) -> None:
    source = write_many(door.root / "long.csv", 2 * MANY)
    first, second = (submitted(door.url, source, f"{door.root}/long{n}.parquet") for n in (1, 2))
    begun(door.url, first)
    begun(door.url, second)
    assert len(processes(door.url)) == 2
    answer = web.put(f"{door.url}/score_file/cancel", params={"task_id": first}, timeout=30)
    assert answer.json()["status"] == "canceled"
    again = submitted(door.url, source, f"{door.root}/long1.parquet")
    assert again != first
    assert [ended(door.url, task_id)["status"] for task_id in (second, again)] == ["completed"] * 2
    # The ids of decisions follow from the output's name.
    scored = [pq.read_table(door.root / f"long{n}.parquet").drop_columns("decision_id") for n in (1, 2)]
    assert scored[0].num_rows == 2 * MANY
    assert scored[0].equals(scored[1])


def test_a_worker_that_is_killed_takes_its_tasks_along_and_the_same_order_goes_on(door: Door) -> None:
    source = write_many(door.root / "killed.csv", MANY)
    task_id = submitted(door.url, source, door.root / "killed.parquet")
    begun(door.url, task_id)
    [process] = processes(door.url)
    worker = process.parent()
    assert worker in workers_of(door.url)
    worker.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=30)
    assert not process.is_running()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            body = ended(door.url, task_id)
            break
        except httpx.TransportError:
            time.sleep(0.2)
    assert (body["status"], body["ended_at"]) == ("failed", None)
    assert "interrupted" in body["detail"]
    assert "goes on where it was" in problem(ask(door.url, "get", task_id), 409)["detail"]
    again = submitted(door.url, source, door.root / "killed.parquet")
    assert ended(door.url, again)["status"] == "completed"
    assert ask(door.url, "get", again).json()["rows_in"] == MANY


def test_a_service_that_stops_ends_its_tasks_and_knows_them_when_it_starts_again(
    quick_home: QuickHome, tmp_path: Path
) -> None:
    source = write_many(tmp_path / "root" / "in.csv", MANY)
    settings = {"AVAL_BATCH_ROOTS": str(tmp_path / "root"), "AVAL_HOME": str(tmp_path / "aval")}
    with quick_home(CASE).serve(CASE, **settings) as url:
        task_id = submitted(url, source, tmp_path / "root" / "out.parquet")
        begun(url, task_id)
        [process] = processes(url)
    assert not process.is_running()
    with quick_home(CASE).serve(CASE, **settings) as url:
        body = status(url, task_id)
        assert (body["status"], "interrupted" in body["detail"]) == ("failed", True)
        again = web.post(f"{url}/score_file/retry", params={"task_id": task_id}).json()["task_id"]
        assert ended(url, again)["status"] == "completed"
        assert ask(url, "get", again).json()["rows_in"] == MANY


def test_where_no_roots_are_named_the_task_is_off_and_says_how_it_is_switched_on(
    served: Callable[[str], str],
) -> None:
    refused = problem(submit(served(CASE), "/etc/passwd", "/etc/out.csv"), 403)
    assert "AVAL_BATCH_ROOTS" in refused["detail"]
    assert problem(ask(served(CASE), "status", "0" * 32), 403)["detail"] == refused["detail"]
