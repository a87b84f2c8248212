"""The command of batch scoring, killed at random moments: the same command again ends with the same bytes.

AVAL_KILLS says how many kills are tried of each kind of output; the default is one.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision_log.entries import Kind
from service.decision_log.reading import Selection, entries, reading
from tests.moto import Moto, flaky_line
from tests.processes import PROGRAMS
from tests.service.batch import batch_commands
from tests.service.batch.batch_commands import Commands
from tests.service.batch.batch_scorers import GOOD, random_table, write_lines, write_records

# A fixture: the command, with a model store.
commands = batch_commands.commands
KILLS = int(os.environ.get("AVAL_KILLS") or 1)
ATTEMPTS = KILLS * 20
FILES, ROWS = 10, 1_500
FAILING = 0.02
# Every row is in it: the scored ones, and one refused in each of two files.
TOTAL = FILES * ROWS + 2 * 11


@dataclass
class Stage:
    """Where one run takes place: a working folder with a log of its own, and the same command every time.

    lock: what stands in the run's lock, which names the process that holds it. stored: the outputs.
    seconds: that a run is at work when nobody disturbs it.
    """

    environment: dict[str, str]
    folder: Path
    source: str
    target: str
    lock: Callable[[], bytes]
    stored: Callable[[], dict[str, bytes]]
    seconds: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(5))  # noqa: S311  # moments, no secrets

    def run(self) -> None:
        """Run the command to its end, and remember for how long it was at work."""
        with self._started() as process:
            began = self._await_begin(process)
            _, errors = process.communicate(timeout=600)
            self.seconds = time.monotonic() - began
        assert process.returncode == 0, errors

    def run_and_kill(self) -> int:
        """Run the command, kill it at a random moment unless it ends before, and return how it ended."""
        with self._started() as process:
            self._await_begin(process)
            try:
                process.wait(self.chance.uniform(0, self.seconds))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            _, errors = process.communicate(timeout=600)
        assert "Traceback" not in errors, errors
        return process.returncode

    def registered(self) -> list[str]:
        """Return the names of all decisions in the log, once for each time that they are registered."""
        with reading(f"sqlite:///{self.folder / 'aval' / 'decisions.db'}") as connection:
            return [item.row.about for item in entries(connection, Selection(kinds=(Kind.SEGMENT,)))]

    def expect_sound_log(self) -> None:
        command = [str(PROGRAMS / "aval"), "log", "verify"]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    @property
    def _environment(self) -> dict[str, str]:
        return {**self.environment, "AVAL_HOME": str(self.folder / "aval")}

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "service.batch", "small_loans", self.source, self.target]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            yield process

    def _await_begin(self, process: subprocess.Popen[str]) -> float:
        while process.poll() is None and f'"process": {process.pid},'.encode() not in self.lock():
            # A look into a bucket is work for a server that other tests wait for.
            time.sleep(0.02)
        return time.monotonic()


def write_inputs(folder: Path) -> None:
    """Many files of two kinds: each is a part, and with it a step that a kill can come before, in or after."""
    folder.mkdir(parents=True)
    bad = GOOD.replace("40", "12")
    for number in range(FILES):
        write_records(folder / f"{number:02d}.parquet", random_table(ROWS, seed=number))
    for name in ("03b.csv", "07b.csv"):
        write_lines(folder / name, *[GOOD] * 10, bad)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs") / "in"
    write_inputs(folder)
    return folder


def local_stage(commands: Commands, inputs: Path, folder: Path, target: str) -> Stage:
    shutil.copytree(inputs, folder / "in")
    lock = folder / (f"{target}.aval-run.lock" if target.endswith("/") else f".{target}.partial.lock")
    return Stage(
        commands.environment,
        folder,
        "in/",
        target,
        lock=lambda: _content(lock),
        stored=lambda: outputs(folder),
    )


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything but the inputs and the log's entries; of manifests, all but the times."""
    paths = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    kept = {name: path for name, path in paths.items() if not name.startswith(("in/", "aval/decisions"))}
    return timeless({name: path.read_bytes() for name, path in kept.items()})


def timeless(files: dict[str, bytes]) -> dict[str, bytes]:
    for name, content in files.items():
        if name.endswith("manifest.json"):
            manifest = json.loads(content)
            for run in manifest["runs"]:
                del run["started"], run["finished"]
            files[name] = json.dumps(manifest).encode()
    return files


def expect_same_after_kills(calm: Stage, new_stage: Callable[[int], Stage]) -> None:
    """Kill runs until there were enough kills, and hold each that was ended at last against the calm one."""
    calm.run()
    expected, registered = calm.stored(), calm.registered()
    assert len(registered) == len(set(registered)) == FILES + 2
    expect_rows(expected, calm.target)
    kills = 0
    for number in range(ATTEMPTS):
        stage = new_stage(number)
        stage.seconds, stage.chance = calm.seconds, random.Random(number)  # noqa: S311  # moments, no secrets
        while (code := stage.run_and_kill()) != 0:
            kills += code == -signal.SIGKILL
            # What comes after the last part is done again each time: a machine that is slow today must get to its end.
            stage.seconds *= 1.5
            assert code in (-signal.SIGKILL, 2), f"exit code {code}"
        assert stage.stored() == expected, f"run {number}"
        assert stage.registered() == registered
        stage.expect_sound_log()
        shutil.rmtree(stage.folder)
        if kills >= KILLS:
            return
    pytest.fail(f"of {ATTEMPTS} runs only {kills} were at work when they were to be killed")


def expect_rows(files: dict[str, bytes], target: str) -> None:
    manifest = next(content for name, content in files.items() if name.endswith("manifest.json"))
    body = json.loads(manifest)
    assert (body["rows_in"], body["rows_quarantined"]) == (TOTAL, 2)
    if target.endswith(".parquet"):
        content = next(content for name, content in files.items() if name.endswith(target))
        table = pq.read_table(pa.BufferReader(content))
        ids = table.column("decision_id").to_pylist()
        assert len(ids) == len(set(ids)) == TOTAL - 2


@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out/"])
def test_a_killed_command_is_finished_by_the_same_one_with_the_same_bytes(
    commands: Commands, inputs: Path, tmp_path: Path, target: str
) -> None:
    calm = local_stage(commands, inputs, tmp_path / "calm", target)
    expect_same_after_kills(
        calm, lambda number: local_stage(commands, inputs, tmp_path / f"killed-{number}", target)
    )


@pytest.mark.parametrize("target", ["out.csv", "out/"])
def test_in_a_bucket_too_while_requests_fail_at_random(
    commands: Commands, inputs: Path, tmp_path: Path, moto_s3: Moto, bucket: str, target: str
) -> None:
    client = moto_s3.client()

    def clean(number: int) -> Stage:
        assert moto_s3.uploads(bucket) == []
        for key in moto_s3.contents(bucket):
            client.delete_object(Bucket=bucket, Key=key)
        for path in inputs.iterdir():
            client.upload_file(str(path), bucket, f"in/{path.name}")
        (tmp_path / str(number)).mkdir()
        return stage(tmp_path / str(number), line.url)

    def stage(folder: Path, url: str) -> Stage:
        key = f"{target}.aval-run.lock" if target.endswith("/") else f".{target}.partial.lock"
        environment = commands.environment | moto_s3.environment
        return Stage(
            environment | {"AWS_ENDPOINT_URL": url, "AVAL_SEGMENTS": f"s3://{bucket}/segments"},
            folder,
            f"s3://{bucket}/in/",
            f"s3://{bucket}/{target}",
            lock=lambda: _object(client, bucket, key),
            stored=lambda: timeless(moto_s3.contents(bucket)),
        )

    with flaky_line(moto_s3.url, FAILING) as line:
        calm = clean(-1)
        calm.environment["AWS_ENDPOINT_URL"] = moto_s3.url
        expect_same_after_kills(calm, clean)
        assert moto_s3.uploads(bucket) == []
        assert sum(line.counts.values()) - line.counts["passed"] > 0


def _object(client: Any, bucket: str, key: str) -> bytes:
    try:
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return b""
    return content


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
