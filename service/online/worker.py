"""One process of the service: what it is made of, how it starts and how it ends."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service import __version__
from service.access.addresses import check_address
from service.access.guard import Guard
from service.access.headers import SecurityHeaders
from service.access.key_file import KeyRing
from service.access.mount import Mount
from service.access.origins import OtherOrigins, Preflights, ReadableElsewhere
from service.access.overload import Overload, Stopping
from service.access.rates import Rates
from service.access.stopping import Grace, begin_serving
from service.decision_log import DecisionLog, open_log
from service.decision_log.anchors import Anchor
from service.decision_log.segments.store import SegmentStore
from service.errors import WrongUse
from service.model_store import load_scorer
from service.monitoring.watch import Watch
from service.online.answers import Asked, decide, now
from service.online.desk import Desk
from service.online.metrics import Metrics
from service.online.observer import Observer
from service.online.paths import required_scope
from service.online.request_log import RequestLog
from service.online.runtime import folder_of_siblings, settle
from service.online.shadow import Shadow
from service.online.tasks.door import TaskDoor
from service.online.tasks.folder import TaskFolder
from service.online.tasks.runner import Runner
from service.online.whole_body import WholeBody
from service.places import S3Options, place_of
from service.problems import ProblemMiddleware
from service.roots import Roots
from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from service.settings import Settings

WARM_UP = 50
RUNS, RATES, TASKS = "run", "rates", "tasks"
STATE_SECONDS = 1.0
CLOSE_SECONDS = 10.0


@dataclass
class Worker:
    """All that answers: made when the service is imported, at work once the process has started.

    `shadow` is a second bundle's scorer, None without one; `log` is None where it is off. `shared` is the folder of
    this master's workers, None in the master itself.
    """

    settings: Settings
    scorer: Scorer
    shadow: Scorer | None
    log: DecisionLog | None
    metrics: Metrics
    lines: RequestLog | None
    keys: KeyRing | None
    paths: frozenset[str]
    shared: Path | None = None
    stopping: Stopping = field(default_factory=Stopping)
    tasks: TaskDoor = field(init=False, repr=False)
    watch: Watch | None = field(init=False, repr=False)
    _desk: Desk | None = None
    _watch: asyncio.Task[None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Open the door of tasks; raises `WrongUse` for roots that are none, or that hold what is ours."""
        roots, folder = Roots.of(self.settings.batch_roots), TaskFolder(self.settings.home / TASKS)
        roots.expect_apart(_own_places(self.settings))
        self.watch = _watch_of(self.settings, self.scorer, self.metrics)
        self.tasks = TaskDoor(roots, self.scorer, folder, Runner(folder, self.stopping))

    @classmethod
    def of(cls, settings: Settings, paths: tuple[str, ...]) -> Worker:
        """Load what the settings name; raises an `AvalError` with what to do next.

        paths: those of the service, whatever the contract adds to them.
        """
        keys = KeyRing(settings.api_keys) if settings.api_keys else None
        check_address(settings.host, keys is not None, settings.without_keys)
        scorer = load_scorer(settings.model, settings.bentoml_home)
        shadow = _shadow_of(settings, scorer)
        serves = {
            "version": __version__,
            "use_case": scorer.contract.use_case,
            "model": scorer.tag,
            "policy": scorer.policy.version,
            "contract": scorer.contract.version,
            "shadow": shadow.tag if shadow else "",
        }
        routes = frozenset((*paths, *scorer.contract.also_at))
        shared = folder_of_siblings(settings.home / RUNS) if settings.in_worker else None
        metrics = Metrics(routes, serves, shared)
        lines = RequestLog() if settings.request_log else None
        log = _log_of(settings, scorer, metrics)
        return cls(settings, scorer, shadow, log, metrics, lines, keys, routes, shared)

    @property
    def desk(self) -> Desk:
        """The desk; there is none before the worker has started, so that nothing is decided unlogged."""
        if self._desk is None:
            raise RuntimeError("the worker has not started")
        return self._desk

    @property
    def is_ready(self) -> bool:
        """Whether a decision would be answered now."""
        return self._desk is not None and (self._desk.log is None or self._desk.log.is_up)

    def middlewares(self) -> list[tuple[type, dict[str, Any]]]:
        """Return what stands between the server and the routes, the outermost first, each with its arguments."""
        settings = self.settings
        rates = Rates(self.shared / RATES if self.shared else None)
        origins = settings.cors_origins
        return [
            *([(Mount, {"path": settings.path})] if settings.path else []),
            (Observer, {"metrics": self.metrics, "lines": self.lines, "routes": self.paths}),
            (SecurityHeaders, {}),
            *([(ReadableElsewhere, {"origins": origins})] if origins else []),
            (ProblemMiddleware, {}),
            *([(Preflights, {"origins": origins})] if origins else []),
            (OtherOrigins, {"allowed": origins}),
            (Guard, {"keys": self.keys, "required_scope": required_scope, "rates": rates}),
            (Overload, {"most": settings.concurrency, "stopping": self.stopping}),
            (WholeBody, {"largest_body": settings.largest_body}),
        ]

    async def start(self) -> None:
        """Start the log, warm up, settle the memory; the worker is ready afterwards."""
        begin_serving(self.stopping, Grace(drain=self.settings.drain_seconds))
        self.metrics.forget_dead_workers()
        if self.lines is not None:
            self.lines.start()
        self._warm_up()
        log = self.log
        if log is not None:
            log.start()
        shadow = Shadow(self.shadow, log, self.metrics) if self.shadow and log else None
        if shadow is not None:
            shadow.start()
        settle()
        self._desk = Desk(self.scorer, log, self.metrics, shadow)
        self._watch = asyncio.create_task(self._tell_state())

    async def stop(self) -> None:
        """Have everything that was decided written down, and say where the chain ends."""
        if self._watch is not None:
            self._watch.cancel()
        await self.tasks.runner.stop()
        if self.watch is not None:
            await asyncio.to_thread(self.watch.close, CLOSE_SECONDS)
        desk, self._desk = self._desk, None
        if desk is not None and desk.shadow is not None:
            desk.shadow.close()
        if desk is not None and desk.log is not None:
            await asyncio.to_thread(desk.log.close, CLOSE_SECONDS)
            print_head(desk.log)
        self.metrics.share()
        if self.lines is not None:
            self.lines.close()

    def _warm_up(self) -> None:
        body = json.dumps(example_record(self.scorer.contract)).encode()
        for _ in range(WARM_UP):
            decide(self.scorer, body, Asked("warm-up", "", "en", now()))
        self.scorer.reasons_of(self.scorer.profile.reference())

    async def _tell_state(self) -> None:
        while self._desk is not None:
            if (log := self._desk.log) is not None:
                self.metrics.log_state(log.waiting, log.spooled, log.is_up)
            self.metrics.share()
            await asyncio.sleep(STATE_SECONDS)


def _own_places(settings: Settings) -> dict[str, str]:
    return {
        "AVAL_HOME": str(settings.home),
        "AVAL_SEGMENTS": settings.segments,
        "AVAL_SPOOL": str(settings.spool),
        "BENTOML_HOME": str(settings.bentoml_home),
    }


def _log_of(settings: Settings, scorer: Scorer, metrics: Metrics) -> DecisionLog | None:
    if settings.decision_log is None:
        return None
    return open_log(
        settings.decision_log,
        spool=settings.spool,
        when_down=settings.log_down,
        about={"version": __version__, "model": scorer.tag, "policy": scorer.policy.version},
        observe=metrics.committed,
    )


def _watch_of(settings: Settings, scorer: Scorer, metrics: Metrics) -> Watch | None:
    if settings.decision_log is None:
        return None
    place = place_of(settings.segments, S3Options(kms_key=settings.s3_kms_key))
    return Watch(settings.monitoring, SegmentStore(settings.decision_log, place), scorer, metrics.watched)


def print_head(log: DecisionLog) -> None:
    """Print the head of this writer's chain: kept with the process's output, it shows if the chain is cut later."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    sys.stdout.write(Anchor(log.head, at).to_line() + "\n")
    sys.stdout.flush()


def _shadow_of(settings: Settings, scorer: Scorer) -> Scorer | None:
    if settings.shadow is None:
        return None
    if settings.decision_log is None:
        raise WrongUse(
            "AVAL_SHADOW needs the decision log, where its answers are kept; AVAL_DECISION_LOG is off"
        )
    shadow = load_scorer(settings.shadow, settings.bentoml_home)
    if shadow.contract.use_case != scorer.contract.use_case:
        raise WrongUse(f"AVAL_SHADOW={settings.shadow} is no model of {scorer.contract.use_case}")
    return shadow
