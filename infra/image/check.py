"""Checks of a pair of images, in the engine: what they hold, and what they do when they are run as in production."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.image.content import Facts
from infra.image.engine_calls import (
    Container,
    docker,
    facts_of_image,
    run,
    seconds_until_ready,
    served,
    unpacked_bytes,
)
from infra.image.s3_for_checks import s3_bucket, why_not

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "n/a"
LARGEST_MB = 450
SLOWEST_START = 5.0
USER = "10001:10001"
SBOM = Path(__file__).with_name("sbom.py")
TOOLS = "cc gcc g++ clang make cmake git pip pip3 uv conda curl wget"
SECRETS = re.compile(r"(?i)(password|secret|token|api_?key)\s*=\s*\S|AKIA[0-9A-Z]{16}|PRIVATE KEY")
# They import more than they name: what is left out of the image may be missing here only.
LIBRARIES = (
    "catboost, lightgbm, matplotlib.pyplot, mlflow.sklearn, optuna, scipy.stats, sklearn.ensemble, xgboost"
)
WITHOUT_KEYS = "--env=AVAL_WITHOUT_KEYS=yes"
# What a model may never be kept as, and caches of what installed the image.
UNWANTED = r"find / -xdev \( -name '*.pkl' -o -name '*.pickle' -o -name '*.joblib' -o -path '*/.cache/*' \) 2>/dev/null"
UNCOMPILED = (
    "import glob, importlib.util as u, os; print(sum(not os.path.exists(u.cache_from_source(p)) "
    "for p in glob.glob('/opt/aval/code/**/*.py', recursive=True)))"
)
# Whatever is ours in an image: equal content, equal line.
CONTENT = (
    "import hashlib, os, sys\ntotal = hashlib.sha256()\n"
    "for root, folders, files in os.walk('/opt/aval'):\n"
    "    folders.sort()\n"
    "    for name in sorted(files):\n"
    "        path = os.path.join(root, name)\n"
    "        total.update(f'{path} {os.lstat(path).st_mode:o} '.encode())\n"
    "        total.update(os.readlink(path).encode() if os.path.islink(path) else open(path, 'rb').read())\n"
    "print(total.hexdigest())\n"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What one check saw."""

    name: str
    status: str
    seen: str


def check(facts: Facts, record: dict[str, Any], sbom: Path) -> tuple[list[Result], dict[str, Any]]:
    """Return the results, and sizes and seconds for the record; the bill of materials is written to `sbom`."""
    measured: dict[str, Any] = {}
    results = [*_content(facts, measured), *_training(facts, measured)]
    results.append(_bill(facts, sbom))
    results.append(_refuses_without_keys(facts))
    results += _service(facts, record, measured)
    results += [_batch(facts, record), _nightly(facts, record)]
    return results, measured


def in_time(ready: float, cpu: float) -> Result:
    """Judge a start by when it was ready, on a machine that had more to do by the processor time it took."""
    seen = f"after {ready:.1f} s, {cpu:.1f} s of them its own work; at most {SLOWEST_START:.0f}"
    if ready > SLOWEST_START and os.getloadavg()[0] > (os.cpu_count() or 1):
        return _result("ready", 0 < cpu <= SLOWEST_START, f"{seen}, on a machine that has more to do")
    return _result("ready", ready <= SLOWEST_START, seen)


def _content(facts: Facts, measured: dict[str, Any]) -> Iterator[Result]:
    known = facts_of_image(facts.image)
    size = measured["size_mb"] = round(unpacked_bytes(facts.image) / 1e6, 1)
    yield _result("size", size <= LARGEST_MB, f"{size} MB uncompressed, at most {LARGEST_MB}")
    yield _result("user", known["Config"]["User"] == USER, known["Config"]["User"])
    labels = {name: known["Config"]["Labels"].get(name) for name in facts.labels}
    yield _result(
        "labels", labels == facts.labels, f"{len(labels)}, such as aval.bundle={labels['aval.bundle']}"
    )
    told = docker("history", "--no-trunc", "--format={{.CreatedBy}}", facts.image).output
    found = SECRETS.findall("\n".join([told, *known["Config"]["Env"]]))
    yield _result("no secret in its history", not found, f"{len(found)} suspicious")
    tools = run(facts.image, "sh", "-c", f"command -v {TOOLS} || true").output.split()
    yield _result("no compiler, no installer", not tools, " ".join(tools) or "none found")
    unwanted = run(facts.image, "sh", "-c", UNWANTED).output.split()
    yield _result("no pickle, no cache", not unwanted, " ".join(unwanted[:3]) or "none found")
    missing = run(facts.image, "python", "-c", UNCOMPILED).output.strip()
    yield _result("compiled", missing == "0", f"{missing} modules without bytecode")
    measured["content"] = run(facts.image, "python", "-c", CONTENT).output.strip()
    yield _result("content", len(measured["content"]) == 64, f"SHA-256 {measured['content'][:16]}…")


def _training(facts: Facts, measured: dict[str, Any]) -> Iterator[Result]:
    known = facts_of_image(facts.train_image)
    measured["train_size_mb"] = round(unpacked_bytes(facts.train_image) / 1e6, 1)
    right = known["Config"]["User"] == USER and known["Config"]["Labels"].get("aval.code") == facts.train_tag
    yield _result("training image", right, f"{measured['train_size_mb']} MB, user {known['Config']['User']}")
    # As any user, whose home is nowhere.
    ended = run(facts.train_image, "aval", "use-cases", "--json", options=["--user=1234:1234"])
    names = [case["use_case"] for case in json.loads(ended.output)] if ended.code == 0 else []
    yield _result("aval in it", facts.use_case in names, ", ".join(names) or ended.errors[-300:])
    ended = run(facts.train_image, "python", "-c", f"import {LIBRARIES}")
    yield _result("its libraries", ended.code == 0, ended.errors[-300:] if ended.code else LIBRARIES)


def _bill(facts: Facts, sbom: Path) -> Result:
    name, _, version = facts.image.partition(":")
    ended = run(facts.image, "python", "-", name, version, given=SBOM.read_bytes())
    sbom.write_text(ended.output)
    parts = json.loads(ended.output)["components"] if ended.code == 0 else []
    python = sum(part["purl"].startswith("pkg:pypi/") for part in parts)
    return _result("bill of materials", python > 0, f"{python} Python packages, {len(parts) - python} others")


def _refuses_without_keys(facts: Facts) -> Result:
    ended = run(facts.image)
    said = (ended.output + ended.errors).strip().splitlines()
    refused = ended.code != 0 and "AVAL_API_KEYS" in (ended.output + ended.errors)
    return _result("refuses to serve without keys", refused, said[-1] if said else f"exit code {ended.code}")


def _service(facts: Facts, record: dict[str, Any], measured: dict[str, Any]) -> Iterator[Result]:
    with served(facts.image, WITHOUT_KEYS) as container:
        ready = seconds_until_ready(container)
        measured["ready_seconds"] = None if ready is None else round(ready, 2)
        if ready is None:
            yield Result("ready", FAIL, f"never; {_last_words(container)}")
            return
        measured["ready_cpu_seconds"] = container.cpu_seconds()
        yield in_time(ready, measured["ready_cpu_seconds"])
        status, answer = container.get("/predict", record)
        right = status == 200 and answer["model"].endswith(facts.bundle) and answer["policy"] == facts.policy
        yield _result(
            "/predict", right, f"{status}: {answer and answer['decision']}, by {answer and answer['policy']}"
        )
        yield _healthy(container)
        written = docker("exec", container.id, "sh", "-c", "touch /opt/aval/x /etc/x /x")
        yield _result("read-only", written.code != 0, "nothing of the image can be written")
        yield _stops(container)


def _last_words(container: Container) -> str:
    told = docker("logs", container.id)
    state = container.facts()["State"]
    return f"{state['Status']} with exit code {state['ExitCode']}: {(told.output + told.errors)[-500:]}"


def _healthy(container: Container) -> Result:
    for _ in range(40):
        status = container.facts()["State"]["Health"]["Status"]
        if status != "starting":
            break
        time.sleep(0.5)
    return _result("health", status == "healthy", status)


def _stops(container: Container) -> Result:
    begin = time.monotonic()
    docker("stop", "--time=60", container.id)
    code, taken = container.facts()["State"]["ExitCode"], time.monotonic() - begin
    return _result("stops when asked to", code == 0 and taken < 30, f"exit code {code} after {taken:.1f} s")


def _batch(facts: Facts, record: dict[str, Any]) -> Result:
    with tempfile.TemporaryDirectory(prefix="aval-image-") as folder:
        # The container's user is nobody here.
        Path(folder).chmod(0o777)
        (Path(folder) / "in.jsonl").write_text(f"{json.dumps(record)}\n" * 1000)
        command = ("python", "-m", "service.batch", facts.use_case, "/data/in.jsonl", "/data/out.jsonl")
        ended = run(facts.image, *command, options=[f"--volume={folder}:/data"])
        if ended.code:
            return Result("batch", FAIL, f"exit code {ended.code}: {ended.errors[-300:]}")
        rows = (Path(folder) / "out.jsonl").read_text().splitlines()
        policies = {json.loads(row)["policy"] for row in rows}
        # Its folders are of the container's user.
        run(facts.image, "sh", "-c", "rm -rf /data/*", options=[f"--volume={folder}:/data"])
    right = len(rows) == 1000 and policies == {facts.policy}
    return _result(
        "batch in the same image", right, f"{len(rows)} of 1000 records scored, by {', '.join(policies)}"
    )


def _nightly(facts: Facts, record: dict[str, Any]) -> Result:
    """Score yesterday's records from a bucket into it, by the command of the nightly job."""
    if reason := why_not():
        return Result("batch in S3", NOT_APPLICABLE, reason)
    day = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    with s3_bucket("nightly") as bucket:
        bucket.put(f"in/{day}/cases.jsonl", f"{json.dumps(record)}\n".encode() * 1000)
        command = (
            "python",
            "-m",
            "service.batch",
            facts.use_case,
            "s3://nightly/in/{date}/",
            "s3://nightly/out/{date}/",
        )
        ended = run(facts.image, *command, options=bucket.options)
        if ended.code:
            return Result("batch in S3", FAIL, f"exit code {ended.code}: {ended.errors[-300:]}")
        scored = bucket.manifest(f"out/{day}/").get("rows_scored")
    return _result("batch in S3", scored == 1000, f"{scored} of 1000 records of yesterday scored")


def _result(name: str, right: bool, seen: str) -> Result:
    return Result(name, PASS if right else FAIL, seen)
