"""Whatever the shadow does, or fails to do, whoever offers it a decision goes on at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.decision_log import Entry, Kind, Record, open_log
from service.online import shadow as shadow_module
from service.online.metrics import Metrics
from service.online.shadow import Shadow
from service.scoring.schema import example_record
from service.scoring.scorer import ScoredRecord, Scorer
from training.use_cases import use_cases

USE_CASE = "loan_approval"
RECORD = example_record(use_cases()[USE_CASE].contract)
DECIDED = Entry(Kind.DECISION, 7, USE_CASE, "d-1", 0.25, "refer", record=Record(inputs=RECORD))


class Faulty(Scorer):
    def score(self, *_: Any, **__: Any) -> ScoredRecord:
        raise RuntimeError("the shadow's own fault")


class Slow(Scorer):
    def score(self, *_: Any, **__: Any) -> ScoredRecord:
        time.sleep(0.2)
        raise RuntimeError("too late to matter")


def results_of(scorer: Scorer, folder: Path, offers: int) -> tuple[str, float]:
    """Offer a decision so many times; returns the metrics afterwards and the seconds that offering took."""
    metrics = Metrics((), {"model": "m"}, None)

    async def run() -> float:
        log = open_log(f"sqlite:///{folder / 'log.db'}", spool=folder, when_down="closed", about={})
        log.start()
        shadow = Shadow(scorer, log, metrics)
        shadow.start()
        began = time.perf_counter()
        for _ in range(offers):
            shadow.offer(DECIDED)
        took = time.perf_counter() - began
        await asyncio.sleep(1)
        shadow.close()
        await asyncio.to_thread(log.close)
        return took

    took = asyncio.run(run())
    return metrics.text().decode(), took


def test_a_shadow_that_fails_is_counted_and_goes_on(
    quick_scorer: Callable[..., Scorer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = Faulty(**vars(replace(quick_scorer(USE_CASE))))
    text, _ = results_of(faulty, tmp_path, 3)
    assert 'aval_shadow_total{result="failed"} 3.0' in text
    assert "the shadow failed on d-1" in caplog.text


def test_what_a_slow_shadow_cannot_keep_up_with_is_counted_and_not_waited_for(
    quick_scorer: Callable[..., Scorer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "MOST_WAITING", 5)
    text, took = results_of(Slow(**vars(replace(quick_scorer(USE_CASE)))), tmp_path, 50)
    # To wait for each would take ten seconds.
    assert took < 5
    missed = next(line for line in text.splitlines() if line.startswith('aval_shadow_total{result="missed"}'))
    assert float(missed.split()[-1]) >= 44


def test_a_record_that_the_shadows_contract_refuses_is_counted(
    quick_scorer: Callable[..., Scorer], tmp_path: Path
) -> None:
    text, _ = results_of(quick_scorer("credit_risk"), tmp_path, 2)
    assert 'aval_shadow_total{result="refused"} 2.0' in text
