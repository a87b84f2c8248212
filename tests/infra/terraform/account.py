"""An AWS account for tests: moto in a process of its own, which outlives any Terraform that a test kills."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tests.moto import KEYS
from tests.processes import free_port

CHECKOUT = Path(__file__).resolve().parents[3]
REGION = "eu-west-1"
NUMBER = "123456789012"
# Terraform's state, as environments/staging.backend.hcl has it.
STATE_BUCKET = "aval-state-staging"
START_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """A running account at `url`."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use it."""
        return {**KEYS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        """Return a client of one of its services, such as `ecs`."""
        return _client(self.url, service)

    def everything(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """Return all that an operation lists, page after page."""
        client = self.client(service)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**arguments)
            return [item for page in pages for item in page.get(key) or ()]
        return list(getattr(client, operation)(**arguments).get(key) or ())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take nothing up while this lasts, but for what asks for Terraform's state; begin once all is done."""
        self._ask("hold")
        try:
            yield
        finally:
            self._ask("release")

    def _ask(self, what: str) -> None:
        with urlopen(f"{self.url}/{what}", timeout=60):  # noqa: S310  # our own address
            pass


@contextmanager
def running_account(folder: Path) -> Iterator[Account]:
    """Start an empty account, and end it afterwards; `folder` gets its log."""
    port = free_port()
    account = Account(f"http://127.0.0.1:{port}")
    with (folder / f"account-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.infra.terraform.account_server", str(port), STATE_BUCKET],
            cwd=CHECKOUT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(account.url, process)
        yield account
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"moto ended with {process.returncode}"
        try:
            with urlopen(f"{url}/moto-api/data.json", timeout=5):  # noqa: S310  # our own address
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"moto was not ready within {START_SECONDS} s")


@cache
def _client(url: str, service: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="tests",
        aws_secret_access_key="tests",
        # Prefixes of hosts such as those of Scheduler's control plane do not exist here.
        config=Config(inject_host_prefix=False, retries={"max_attempts": 1}),
    )
