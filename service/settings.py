"""The environment's settings; no other module reads the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from service.errors import WrongUse

WhenDown = Literal["closed", "open"]
LOOPBACK = "127.0.0.1"
# Fewer would refuse what a load balancer with ordinary connection pools sends.
LEAST_CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, what to serve, and who may ask.

    `make settings` writes service/SETTINGS.md from these lines: field: variable | default | allowed | meaning.

    Everywhere
    model: AVAL_MODEL | the store's only champion | a use case, or `use_case:version` | what is served
    home: AVAL_HOME | `.aval` in the working folder | a folder | local state: decisions, tasks, MLflow's database and
        artifacts, snapshots of training data, `alerts.toml`
    bentoml_home: BENTOML_HOME | `~/bentoml` | a folder | BentoML's own: the model store, champions and policies
    time_zone: AVAL_TIME_ZONE | `UTC` | a time zone such as `Europe/Madrid` | where the nightly job has its yesterday
        (`{date}`), and `aval drift` its days

    The online service
    host: AVAL_HOST | `127.0.0.1` | an address of this machine | where to listen if `bentoml serve` is given no
        `--host`; what other machines reach needs keys, or `AVAL_WITHOUT_KEYS=yes`
    api_keys: AVAL_API_KEYS | none: everybody on this machine may ask | a file | hashed API keys, made by `aval keys`
    without_keys: AVAL_WITHOUT_KEYS | `no` | `yes`, `no` | serve other machines without keys: something in front asks
    path: AVAL_PATH | none: all of its address | a path such as `/credit_risk` | under which a load balancer sends
        requests on as they come, where it has several services by path; health checks come without it
    cors_origins: AVAL_CORS_ORIGINS | its own pages alone | origins, separated by commas | whose pages may ask
    workers: AVAL_WORKERS | `1` | a whole number from 1 up | processes that answer
    concurrency: AVAL_CONCURRENCY | `128` | a whole number from 64 up | requests that a worker holds at once; the next
        is answered 429 with `Retry-After`
    largest_body: AVAL_MAX_BODY | `1048576` | a whole number from 1 up | bytes that a request may have; more is a 413
    drain_seconds: AVAL_DRAIN_SECONDS | `0` | a whole number from 0 up | from "not ready" to no more connections, when a
        worker is to stop: what a load balancer needs to notice
    shadow: AVAL_SHADOW | none | a use case, or `use_case:version` | a second bundle that scores the same records unseen
    request_log: AVAL_REQUEST_LOG | `yes` | `yes`, `no` | a line of JSON for every request, with nothing of its record
    spans_to: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT | none are made | a URL | where spans go; needs the extra `tracing`

    The decision log and monitoring
    decision_log: AVAL_DECISION_LOG | `decisions.db` in `AVAL_HOME` | a SQLAlchemy URL of SQLite or PostgreSQL, or `off`
        | where every decision is kept; `?password_secret=ARN` has PostgreSQL's password fetched from AWS Secrets
        Manager, and again after it was renewed
    log_down: AVAL_DECISION_LOG_DOWN | `closed` | `closed`, `open` | while the log is down: answer 503, or decide and
        keep decisions in `AVAL_SPOOL` until it is back
    spool: AVAL_SPOOL | `spool` in `AVAL_HOME` | a folder | for such decisions; of this machine alone, on a disk that
        outlives the container
    segments: AVAL_SEGMENTS | `segments` in `AVAL_HOME` | a folder, or `s3://bucket/prefix` | where the log keeps the
        decisions of batch runs; of one log alone
    monitoring: AVAL_MONITORING | `monitoring.db` beside a log in SQLite, the same database as a log in PostgreSQL; in
        `AVAL_HOME` without a log | a SQLAlchemy URL of SQLite or PostgreSQL | counts, looks, incidents, and the stories
        of retrainings

    Files and S3
    batch_roots: AVAL_BATCH_ROOTS | none, which switches it off | absolute folders and `s3://bucket/prefix`, separated
        by commas | whose files may be scored over HTTP (`/score_file`)
    s3_kms_key: AVAL_S3_KMS_KEY | the bucket's own | a KMS key's id, ARN or alias | what is written to S3 is encrypted
        with it

    Training
    tracking_uri: MLFLOW_TRACKING_URI | `mlflow.db` in `AVAL_HOME` | a URL, or `sqlite:///FILE` | MLflow's tracking
        server and registry

    Set by BentoML itself
    in_worker: PROMETHEUS_MULTIPROC_DIR | not set | a folder | says that this process is one of its workers
    """

    model: str | None
    home: Path
    bentoml_home: Path
    tracking_uri: str = field(repr=False)
    # Their passwords belong in no log and no message.
    decision_log: str | None = field(repr=False)
    spool: Path
    segments: str = ".aval/segments"
    monitoring: str = field(default="sqlite:///.aval/monitoring.db", repr=False)
    s3_kms_key: str | None = None
    time_zone: str = "UTC"
    batch_roots: tuple[str, ...] = ()
    largest_body: int = 2**20
    log_down: WhenDown = "closed"
    api_keys: Path | None = None
    host: str = LOOPBACK
    without_keys: bool = False
    workers: int = 1
    concurrency: int = 128
    drain_seconds: int = 0
    shadow: str | None = None
    path: str = ""
    cors_origins: tuple[str, ...] = ()
    request_log: bool = True
    spans_to: str | None = None
    in_worker: bool = False

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings; every one has a default. Raises `WrongUse` for one that cannot be read."""
        home = Path(os.environ.get("AVAL_HOME") or ".aval").expanduser().absolute()
        bentoml_home = os.environ.get("BENTOML_HOME") or Path.home() / "bentoml"
        log = os.environ.get("AVAL_DECISION_LOG") or f"sqlite:///{home / 'decisions.db'}"
        keys = os.environ.get("AVAL_API_KEYS")
        return cls(
            model=os.environ.get("AVAL_MODEL") or None,
            home=home,
            bentoml_home=Path(bentoml_home).absolute(),
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
            decision_log=None if log == "off" else log,
            spool=Path(os.environ.get("AVAL_SPOOL") or home / "spool").expanduser().absolute(),
            monitoring=os.environ.get("AVAL_MONITORING") or _beside(log, home),
            segments=_place(os.environ.get("AVAL_SEGMENTS") or str(home / "segments")),
            s3_kms_key=os.environ.get("AVAL_S3_KMS_KEY") or None,
            time_zone=os.environ.get("AVAL_TIME_ZONE") or "UTC",
            batch_roots=_listed("AVAL_BATCH_ROOTS"),
            largest_body=_count("AVAL_MAX_BODY", 2**20, "number of bytes"),
            log_down=_log_down(),
            api_keys=Path(keys).expanduser().absolute() if keys else None,
            host=os.environ.get("AVAL_HOST") or LOOPBACK,
            without_keys=_switch("AVAL_WITHOUT_KEYS", "no"),
            workers=_count("AVAL_WORKERS", 1, "number of processes"),
            concurrency=_count("AVAL_CONCURRENCY", 128, "number of requests", LEAST_CONCURRENCY),
            drain_seconds=_count("AVAL_DRAIN_SECONDS", 0, "number of seconds", 0),
            shadow=os.environ.get("AVAL_SHADOW") or None,
            path=_path(),
            cors_origins=tuple(os.environ.get("AVAL_CORS_ORIGINS", "").replace(",", " ").split()),
            request_log=_switch("AVAL_REQUEST_LOG", "yes"),
            spans_to=os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or None,
            in_worker="PROMETHEUS_MULTIPROC_DIR" in os.environ,
        )


def _beside(log: str, home: Path) -> str:
    """Return where monitoring is kept with a log at this address; whether that is one, the log itself will say."""
    kind, _, file = log.partition(":///")
    if log == "off":
        return f"sqlite:///{home / 'monitoring.db'}"
    return f"sqlite:///{Path(file).parent / 'monitoring.db'}" if kind == "sqlite" else log


def _place(text: str) -> str:
    return text if "://" in text else str(Path(text).expanduser().absolute())


def environment_of_child(code: Path) -> dict[str, str]:
    """Return the environment for a process that this one starts, and that finds our modules in the folder `code`."""
    searched = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{searched}" if searched else str(code)}


def _listed(name: str) -> tuple[str, ...]:
    return tuple(text for item in os.environ.get(name, "").split(",") if (text := item.strip()))


def _path() -> str:
    text = os.environ.get("AVAL_PATH", "")
    if text and not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", text):
        raise WrongUse(
            f"AVAL_PATH={text!r} is no path such as /credit_risk: letters, digits, _ and - after each /"
        )
    return text


def _log_down() -> WhenDown:
    text = os.environ.get("AVAL_DECISION_LOG_DOWN") or "closed"
    for allowed in get_args(WhenDown):
        if text == allowed:
            found: WhenDown = allowed
            return found
    raise WrongUse(f"AVAL_DECISION_LOG_DOWN={text!r} is not one of: closed, open")


def _switch(name: str, default: str) -> bool:
    text = os.environ.get(name) or default
    if text not in ("yes", "no"):
        raise WrongUse(f"{name}={text!r} is not one of: yes, no")
    return text == "yes"


def _count(name: str, default: int, unit: str, least: int = 1) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 12 and int(text) >= least):
        raise WrongUse(f"{name}={text!r} is not a {unit}; it must be a whole number from {least} up")
    return int(text)
