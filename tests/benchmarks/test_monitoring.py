from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.claims import Line, table
from tests.benchmarks.monitoring import alarm_finds, any_alarm, maturity_matters
from tests.benchmarks.watched_advice import TELLS_ALL, advice_at_end
from tests.benchmarks.watched_worlds import Change, live, scorer_of
from training.performance import Action

PROGRAM = Path(__file__).with_name("monitoring.py")


def test_days_on_which_nothing_changes_raise_no_alarm_of_any_kind() -> None:
    assert not any_alarm(live(replace(TELLS_ALL, days=115, per_day=20), 0))


def test_days_on_which_records_change_raise_one() -> None:
    world = replace(TELLS_ALL, days=112, per_day=40, change=Change(100, drift=1.0))
    assert any_alarm(live(world, 0))


def test_a_shift_is_found_in_every_repetition() -> None:
    for line in alarm_finds(0.01):
        assert "inf" not in line.measured, line


def test_mature_estimates_are_right_where_naive_ones_are_not() -> None:
    mature, naive, weighted, alone = (float(line.measured.split()[0]) for line in maturity_matters(0.05))
    assert abs(mature) < 0.3 < naive
    assert abs(weighted) < 1.0 < abs(alone)


def test_advice_is_asked_for_at_the_end_of_a_world() -> None:
    assert advice_at_end(replace(TELLS_ALL, per_day=120), 0) is Action.WAIT


def test_the_model_of_the_worlds_is_right_about_them() -> None:
    lived = live(TELLS_ALL, 0)
    assert scorer_of().score_matrix(lived.observed.matrix) == pytest.approx(lived.observed.probabilities)


def test_figures_become_a_table() -> None:
    lines = table([Line("a claim", "1.0 %", 1_000)]).splitlines()
    assert lines[-1] == "| a claim | 1.0 % | 1,000 |"


def test_the_command_prints_one_part_as_json() -> None:
    command = [sys.executable, str(PROGRAM), "--json", "--share", "0.005", "maturity"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROGRAM.parents[2])
    found = json.loads(answer.stdout)
    assert [set(line) for line in found] == [{"claim", "measured", "repetitions"}] * 4
