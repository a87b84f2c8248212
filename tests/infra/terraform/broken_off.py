"""Applies that are broken off: by a person at the keyboard, or with the machine that they run on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.infra.terraform.account import STATE_BUCKET, Account
from tests.infra.terraform.deployment import FILES, STATE_KEY, Deployment

# One thing at a time: what is half made is made again, and the fewer the better.
APPLY = ("apply", "-auto-approve", "-parallelism=1", FILES[0])
ENOUGH = 15
SECONDS = 300
# For what was answered to be written down before the interruption.
WRITTEN_DOWN = 2.0


@dataclass(frozen=True)
class BrokenOff:
    """How an apply ended that was broken off: what it printed, what the state then held, and whose lock was left."""

    code: int
    output: str
    addresses: list[str]
    lock: dict[str, Any] | None


def broken_off(begun: Deployment, line: str, times: int, how: signal.Signals) -> BrokenOff:
    """Start an apply, and send it a signal once it has printed a line that often.

    Meanwhile the account takes nothing up: what is asked for when an interruption comes is made and not written down.
    """
    with begun.terraform.start(*APPLY) as process:
        try:
            output = _read_until(process, line, times)
            with begun.account.held():
                time.sleep(WRITTEN_DOWN)
                _send(process, how)
                output += process.communicate(timeout=SECONDS)[0]
        except BaseException:
            _send(process, signal.SIGKILL)
            raise
    return BrokenOff(process.returncode, output, begun.terraform.addresses(), _lock(begun.account))


def _read_until(process: subprocess.Popen[str], line: str, times: int) -> str:
    assert process.stdout is not None
    read = ""
    while read.count(line) < times:
        text = process.stdout.readline()
        assert text, f"the apply ended by itself: {read[-6000:]}"
        read += text
    return read


def _send(process: subprocess.Popen[str], how: signal.Signals) -> None:
    if how == signal.SIGKILL:
        # Its provider too: a machine that is gone is gone as a whole.
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)


def _lock(account: Account) -> dict[str, Any] | None:
    """Return what stands in the lock of the state, None where nobody holds it."""
    try:
        found = account.client("s3").get_object(Bucket=STATE_BUCKET, Key=f"{STATE_KEY}.tflock")
    except ClientError:
        return None
    return dict(json.loads(found["Body"].read()))
