"""The environment's settings; no other module reads the environment."""

from __future__ import annotations

import os
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

    model: use case or `use_case:version` to serve, None for the store's only champion (AVAL_MODEL).
    home: local state such as the MLflow database (AVAL_HOME, `./.aval`).
    bentoml_home: BentoML's own folder, which holds the model store (BENTOML_HOME, `~/bentoml`).
    tracking_uri: MLflow tracking server (MLFLOW_TRACKING_URI, SQLite in `home`).
    largest_body: bytes that a request may have (AVAL_MAX_BODY, 1 MiB).
    decision_log: SQLAlchemy URL of the decision log (AVAL_DECISION_LOG, SQLite in `home`), None for `off`.
    log_down: what happens while it is down: `closed` answers 503, `open` keeps decisions in `spool` until it is back
    (AVAL_DECISION_LOG_DOWN, `closed`).
    spool: folder for such decisions (AVAL_SPOOL, `spool` in `home`).
    segments: folder, also in S3, where the log keeps the decisions of batch runs (AVAL_SEGMENTS, `segments` in `home`).
    monitoring: SQLAlchemy URL of the database of monitoring (AVAL_MONITORING; `monitoring.db` beside a log in SQLite,
    the same database as a log in PostgreSQL, and in `home` where the log is off).
    s3_kms_key: what batch runs encrypt their outputs in S3 with (AVAL_S3_KMS_KEY), None for the bucket's own key.
    time_zone: where batch runs have their yesterday (AVAL_TIME_ZONE, UTC).
    batch_roots: folders and s3:// prefixes whose files may be scored over HTTP (AVAL_BATCH_ROOTS, separated by commas);
    none switches that off.
    api_keys: file of hashed keys (AVAL_API_KEYS), None for no keys.
    host: address to listen on where `bentoml serve` is given none (AVAL_HOST, this machine alone).
    without_keys: whether other addresses are served without keys too (AVAL_WITHOUT_KEYS, `no`).
    workers: processes that answer (AVAL_WORKERS, 1).
    concurrency: requests that a worker holds at once; more are told to come back (AVAL_CONCURRENCY, 128).
    drain_seconds: between "not ready" and no more connections, when a worker is to stop: what a load balancer needs
    to notice (AVAL_DRAIN_SECONDS, 0).
    shadow: a second bundle that scores the same records unseen (AVAL_SHADOW), None for no shadow.
    cors_origins: origins whose pages may ask (AVAL_CORS_ORIGINS, separated by commas; none).
    request_log: whether every request has a line of JSON on standard output (AVAL_REQUEST_LOG, `yes`).
    spans_to: where spans go (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT; needs the extra `tracing`), None for no spans.
    in_worker: whether this process is one of BentoML's workers (PROMETHEUS_MULTIPROC_DIR, which it sets for them).
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
