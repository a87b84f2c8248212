"""A load test with all that it needs; exit code 0 for objectives met, 1 for one missed, 2 for nothing known.

    python -m tests.load [--host http://127.0.0.1:3000] [--use-case credit_risk] [--data FILE] [--key-file FILE]
        [options of locustfile.py]

Without --host a model is quickly trained on generated cases, and served with two workers. Records are those of --data
or of the use case's generator. First an echo is put under the same load, to see what the generator can do alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from service.errors import AvalError, WrongUse
from tests.load.mix import write_cases
from tests.load.objectives import INCONCLUSIVE
from tests.load.past_cases import past_cases
from tests.load.quickly_served import quickly_served
from tests.processes import PROGRAMS, free_port
from training.use_cases import use_cases

HERE = Path(__file__).resolve().parent
# More than the generator can do, so that it does what it can; and for how long, as a share of a usual shape.
FLOOD, SHORTLY = 2_500.0, 0.1
STARTS_WITHIN = 10.0


def main() -> int:
    options, rest = _options()
    try:
        with ExitStack() as stack:
            return _test(options, rest, stack)
    except AvalError as error:
        sys.stderr.write(f"{error}\n")
        return INCONCLUSIVE


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--host")
    parser.add_argument("--use-case", choices=sorted(use_cases()))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--key-file", type=Path)
    return parser.parse_known_args()


def _test(options: argparse.Namespace, rest: Sequence[str], stack: ExitStack) -> int:
    work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aval-load-")))
    host, key, use_case = options.host, options.key_file, options.use_case
    if key and not key.is_file():
        raise WrongUse(f"--key-file {key} is not a file; where `make up` serves, it is made there")
    if not host:
        use_case = use_case or "credit_risk"
        _say(f"training {use_case} on generated cases, and serving it with two workers")
        host, key = stack.enter_context(quickly_served(use_case, work))
    use_case = use_case or _served_use_case(host, key)
    cases = write_cases(past_cases(use_case, options.data), work / "cases.jsonl")
    _say(f"records of {use_case}: {options.data or 'generated'}", _told_alone(cases, rest, work))
    keys = ["--key-file", str(key)] if key else []
    return _locust(host, cases, [*keys, *rest])


def _locust(host: str, cases: Path, more: Sequence[str], **settings: Any) -> int:
    file = HERE / "locustfile.py"
    command: list[str | Path] = [
        PROGRAMS / "locust",
        "-f",
        file,
        "--headless",
        "--loglevel",
        "WARNING",
        "--host",
        host,
    ]
    return subprocess.run([*command, "--cases", cases, *more], check=False, **settings).returncode


def _told_alone(cases: Path, rest: Sequence[str], work: Path) -> str:
    """Say what the generator can do against an echo, as much as possible and at the rate that is wanted."""
    with _echo() as host:
        flood, usual = (
            _alone(host, cases, [*rest, "--shapes", "steady", "--scale", str(SHORTLY), *rate], work)
            for rate in (["--rate", str(FLOOD)], [])
        )
    return (
        f"the generator alone, against an echo: up to {flood['per_second']:,.0f} requests/s; "
        f"at {usual['per_second']:,.0f} requests/s p50 {usual['p50']:.1f} ms, p99 {usual['p99']:.1f} ms"
    )


def _alone(host: str, cases: Path, more: Sequence[str], work: Path) -> dict[str, Any]:
    # What is said of an echo belongs in nobody's summary.
    quiet = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
    report = work / "echo"
    _locust(host, cases, [*more, "--report", str(report)], env=quiet, stdout=subprocess.DEVNULL)
    try:
        rows: list[dict[str, Any]] = json.loads((report / "result.json").read_text())["rows"]
    except OSError as error:
        raise WrongUse("the load test did not run: what is wrong stands above") from error
    return next(row for row in rows if row["label"] == "steady" and not row["path"])


@contextmanager
def _echo() -> Iterator[str]:
    host = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen([sys.executable, HERE / "echo.py", str(port)])
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while _get(host, {}) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait()


def _served_use_case(host: str, key: Path | None) -> str:
    headers = {"x-api-key": key.read_text().strip()} if key else {}
    told = _get(f"{host}/model_metadata", headers)
    if told is None:
        raise WrongUse(f"{host}/model_metadata gave no answer: is it served there, and is --key-file right?")
    name = str(told["use_case"])
    if name not in use_cases():
        raise WrongUse(f"{host} serves {name!r}, which is none of ours: {', '.join(sorted(use_cases()))}")
    return name


def _get(url: str, headers: dict[str, str]) -> Any:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:  # noqa: S310
            return json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return None


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
