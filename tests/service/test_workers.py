"""Processes of one service, and of two services side by side."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from service.scoring.schema import example_record
from tests.processes import Home, post, web
from training.use_cases import use_cases

CREDIT = example_record(use_cases()["credit_risk"].contract)


def workers_of(url: str) -> list[psutil.Process]:
    """Return the workers of the server that listens there."""
    port = url.rpartition(":")[2]
    masters = [
        process
        for process in psutil.Process(os.getpid()).children()
        if "serve" in process.cmdline() and port in process.cmdline()
    ]
    return masters[0].children() if masters else []


def requests_counted(url: str) -> dict[str, float]:
    text = web.get(f"{url}/metrics").text
    found = re.findall(r'aval_requests_total\{method="POST",route="(\S+)",status="200"\} (\S+)', text)
    return {route: float(value) for route, value in found}


def test_a_worker_that_died_in_a_container_is_started_again(quick_home: Callable[[str], Home]) -> None:
    with quick_home("credit_risk").serve("credit_risk", BENTOML_CONTAINERIZED="true") as url:
        [worker] = workers_of(url)
        worker.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, "no worker came back"
            try:
                assert post(f"{url}/predict", CREDIT).status_code == 200
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert [process.pid for process in workers_of(url)] != [worker.pid]


def test_a_service_that_starts_beside_another_leaves_its_figures_alone(
    quick_home: Callable[[str], Home],
) -> None:
    with quick_home("credit_risk").serve("credit_risk", AVAL_WORKERS="2") as first:
        for _ in range(3):
            post(f"{first}/predict", CREDIT)
        with quick_home("card_default").serve("card_default") as second:
            assert requests_counted(second) == {}
            assert requests_counted(first) == {"/predict": 3}


def test_what_workers_shared_goes_with_them(quick_home: Callable[[str], Home], tmp_path: Path) -> None:
    for _ in range(2):
        with quick_home("credit_risk").serve("credit_risk", AVAL_HOME=str(tmp_path)):
            assert len(list((tmp_path / "run").iterdir())) == 1
