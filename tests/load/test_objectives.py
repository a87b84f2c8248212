from __future__ import annotations

import math
from array import array
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from tests.load.objectives import (
    INCONCLUSIVE,
    MET,
    MISSED,
    ObjectivesUnreadable,
    Stage,
    exit_code,
    judge,
    read_stage,
)
from tests.load.samples import Kind, Samples, quantile
from tests.load.shapes import arrivals, even, shape_of

ASKED = """
[here]
rate = 100
seconds = { steady = 10 }
mix = { "/predict" = 1 }
[here.every]
errors = 0.01
limited = 0.02
achieved = 0.95
late_p99_ms = 10
"/predict" = { p50_ms = 20, p99_ms = 50 }
[here.burst]
"/predict" = { p99_ms = 400 }
[here.soak]
growth = 1.5
"""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    file = tmp_path / "objectives.toml"
    file.write_text(ASKED)
    return read_stage("here", file)


def samples(
    took: list[float], late: float = 0.001, label: str = "steady", bad: Kind = Kind.FAILED, bad_count: int = 0
) -> Samples:
    """Return requests due evenly within ten seconds, with the given latencies, and some that ended badly."""
    found = Samples()
    found.lasted(label, 0.0, 10.0)
    for number, seconds in enumerate(took):
        kind = bad if number < bad_count else Kind.ANSWERED
        found.add(label, "/predict", 9.5 * number / len(took), seconds, kind)
        found.began_late(label, late)
    return found


def with_a_stall(stage: Stage, seconds: float) -> Samples:
    """Return a stage's steady requests, where all that were due within one stall waited for its end."""
    shape = shape_of("steady", stage.rate, stage.seconds["steady"])
    paths = cycle([path for path, weight in stage.mix.items() for _ in range(weight)])
    found, begin = Samples(), shape.seconds / 2
    found.lasted("steady", 0.0, shape.seconds)
    for arrival in arrivals(shape, even()):
        waits = begin + seconds - arrival.at if begin <= arrival.at < begin + seconds else 0.0
        found.add("steady", next(paths), arrival.at, 0.01 + waits, Kind.ANSWERED)
        found.began_late("steady", 0.001)
    return found


def missed(stage: Stage, found: Samples) -> list[str]:
    return [str(verdict) for verdict in judge(stage, found) if not verdict.met]


def test_percentiles_are_exact() -> None:
    values = np.random.default_rng(0).lognormal(size=1_237)
    for share in (0.5, 0.99, 0.999, 1.0):
        assert quantile(array("d", values), share) == np.quantile(values, share, method="inverted_cdf")
    assert math.isnan(quantile(array("d"), 0.5))


def test_a_service_that_answers_all_in_time_meets_its_objectives(stage: Stage) -> None:
    found = samples([0.01] * 995 + [0.2] * 5)
    assert missed(stage, found) == []
    assert exit_code(judge(stage, found)) == MET


def test_a_slow_percentile_is_missed_and_told_with_what_is_allowed(stage: Stage) -> None:
    found = samples([0.01] * 980 + [0.2] * 20)
    assert missed(stage, found) == ["steady /predict: p99_ms is 200, at most 50 is allowed"]
    assert exit_code(judge(stage, found)) == MISSED


def test_a_shapes_own_objective_takes_the_place_of_everyones(stage: Stage) -> None:
    assert missed(stage, samples([0.01] * 980 + [0.2] * 20, label="burst")) == []


def test_errors_beyond_their_share_are_missed(stage: Stage) -> None:
    assert missed(stage, samples([0.01] * 1000, bad_count=9)) == []
    assert "steady: errors is 0.02, at most 0.01 is allowed" in missed(
        stage, samples([0.01] * 1000, bad_count=20)
    )


def test_failing_fast_is_not_being_fast(stage: Stage) -> None:
    found = samples([0.001] * 1000, bad_count=20)
    assert "steady /predict: p99_ms is inf, at most 50 is allowed" in missed(stage, found)


def test_what_was_told_to_come_back_is_no_error_but_has_a_share_of_its_own(stage: Stage) -> None:
    found = samples([0.01] * 1000, bad=Kind.LIMITED, bad_count=30)
    assert missed(stage, found)[0] == "steady: limited is 0.03, at most 0.02 is allowed"
    assert not [line for line in missed(stage, found) if "errors" in line or "p99_ms" in line]


def test_what_is_answered_only_after_the_end_was_not_achieved(stage: Stage) -> None:
    found = samples([0.01] * 100 + [5.0] * 10)
    found.groups["steady", "/predict"].due[-10:] = array("d", [9.0] * 10)
    assert "steady: achieved is 0.9091, at least 0.95 is allowed" in missed(stage, found)


def test_a_soak_that_becomes_slower_is_missed(stage: Stage) -> None:
    assert missed(stage, samples([0.01] * 300 + [0.02] * 100, label="soak")) == [
        "soak: growth is 2, at most 1.5 is allowed"
    ]


def test_of_a_late_generator_nothing_is_concluded(stage: Stage) -> None:
    found = samples([0.2] * 1000, late=0.05)
    assert "steady: late_p99_ms is 50, at most 10 is allowed" in missed(stage, found)
    assert exit_code(judge(stage, found)) == INCONCLUSIVE


def test_errors_are_errors_also_where_the_generator_was_late(stage: Stage) -> None:
    assert exit_code(judge(stage, samples([0.2] * 1000, late=0.05, bad_count=100))) == MISSED


def test_latencies_of_the_warm_up_are_not_judged_but_its_errors_are(stage: Stage) -> None:
    assert missed(stage, samples([9.0] * 100, label="warm-up")) == []
    assert len(missed(stage, samples([0.01] * 100, label="warm-up", bad_count=50))) == 1


def test_where_nothing_was_sent_nothing_was_met(stage: Stage) -> None:
    found = Samples()
    found.lasted("steady", 0.0, 10.0)
    assert exit_code(judge(stage, found)) == MISSED


@pytest.mark.parametrize("name", ["local", "compose", "staging"])
def test_our_own_objectives_can_be_read(name: str) -> None:
    stage = read_stage(name)
    assert stage.asked("steady")["/predict"]["p99_ms"] > 0
    assert stage.asked("steady")["errors"] == 0


@pytest.mark.parametrize("name", ["local", "compose", "staging"])
def test_one_stall_of_half_a_second_is_missed_by_every_stage(name: str) -> None:
    stage = read_stage(name)
    assert missed(stage, with_a_stall(stage, 0.0)) == []
    assert exit_code(judge(stage, with_a_stall(stage, 0.5))) == MISSED


def test_behind_nginx_two_hundred_requests_a_second_are_asked_for_within_50_ms() -> None:
    stage = read_stage("compose")
    assert stage.rate == 200
    assert stage.asked("steady")["/predict"]["p99_ms"] == 50


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[here.burst]", "[here.brust]", "[here.brust] is no shape; there are: warm-up, steady"),
        ("p50_ms", "p55_ms", "is no objective; there are: errors, limited"),
        ("rate = 100", "", "needs 'rate'"),
        ('mix = { "/predict" = 1 }', 'mix = { "/predcit" = 1 }', "its paths may be: /predict, /predict_bulk"),
        ("limited = 0.02", "", "[here.every] needs limited"),
        ("[here.every]", "[here.every", "cannot be read as TOML"),
        ("[here", "[there", "'here' is not one of its stages: there"),
    ],
    ids=["shape", "objective", "rate", "mix", "share", "toml", "stage"],
)
def test_objectives_with_a_mistake_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = tmp_path / "objectives.toml"
    file.write_text(ASKED.replace(old, new))
    with pytest.raises(ObjectivesUnreadable) as refused:
        read_stage("here", file)
    assert told in str(refused.value)
