"""Changes of champion that meet one another, and that are killed at every step."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from service.errors import NoSuchModel
from service.model_store import champion, find_champion, load_scorer, read_beside
from service.policy_store import PolicyOrigin, save_policy
from service.scoring.bundle import PROMOTION
from service.scoring.policy import Policy
from tests.training.registries import (
    KINDS,
    PASSED_GATE,
    USE_CASE,
    aliases,
    registry_at,
    registry_of_two,
    version_tags,
)
from training.registry import CHAMPION, PREVIOUS, Registry
from training.train import Trained

Quick = Callable[..., Trained]
FORK = multiprocessing.get_context("fork")
# What changes files, as Python's audit hooks name it.
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copyfile"}


@dataclass(frozen=True)
class Place:
    """Where a registry is, so that a process of its own can open it; this one has not, and forks safely."""

    home: Path
    store: Path

    @property
    def registry(self) -> Registry:
        return registry_at(self.home, f"sqlite:///{self.home / 'mlflow.db'}", self.store)


@pytest.fixture
def place(tmp_path: Path, quick: Quick) -> Place:
    return Place(tmp_path, registry_of_two(tmp_path, quick).settings.bentoml_home)


@pytest.fixture
def tags(quick: Quick) -> dict[str, str]:
    """Tags by version."""
    return {str(number): quick(USE_CASE, kind).scorer.tag for number, kind in enumerate(KINDS, 1)}


def in_process(task: Callable[..., None], *arguments: object) -> BaseProcess:
    process = FORK.Process(target=task, args=arguments)
    process.start()
    return process


def promote(place: Place, *numbers: str) -> None:
    for number in numbers:
        place.registry.promote(USE_CASE, number, why=f"version {number}", gates=[PASSED_GATE])


def roll_back(place: Place, times: int) -> None:
    for _ in range(times):
        with suppress(NoSuchModel):
            place.registry.rollback(USE_CASE, "complaints")


def expect_consistent(place: Place, tags: dict[str, str]) -> None:
    """Check that store, history and (after one more command) MLflow say the same."""
    pointer = champion(USE_CASE, place.store)
    expect_whole(place, tags)
    registry = place.registry
    assert registry.history(USE_CASE)[-1] == pointer
    changes = [said.change for said in registry.history(USE_CASE)]
    assert changes == list(range(1, len(changes) + 1))
    registry.find(USE_CASE)
    said = aliases(registry)
    assert said[CHAMPION] == pointer.registry_version
    assert said.get(PREVIOUS) == (pointer.previous and pointer.previous.registry_version)
    assert version_tags(registry, pointer.registry_version)["promotion.why"] == pointer.why


def expect_whole(place: Place, tags: dict[str, str]) -> None:
    """Check that what is served loads and that its record is that of the promotion which the pointer names."""
    pointer = champion(USE_CASE, place.store)
    assert load_scorer(USE_CASE, place.store).tag == tags[pointer.registry_version]
    record = json.loads(read_beside(pointer.model)[PROMOTION])
    assert (record["why"], record["promoted_at"]) == (pointer.why, pointer.promoted_at)


def test_promotions_and_rollbacks_at_once_come_one_after_the_other(
    place: Place, tags: dict[str, str]
) -> None:
    processes = [
        in_process(promote, place, "1", "2", "1"),
        in_process(promote, place, "2", "1", "2"),
        in_process(roll_back, place, 3),
    ]
    for process in processes:
        process.join()
    # A rollback before the first promotion has no champion to say so of.
    assert [process.exitcode for process in processes] == [0, 0, 0]
    expect_consistent(place, tags)


def test_the_same_promotion_twice_at_once_is_one_change(place: Place, tags: dict[str, str]) -> None:
    processes = [in_process(promote, place, "2") for _ in range(3)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(place.registry.history(USE_CASE)) == 1
    expect_consistent(place, tags)


def die_before_mlflow_follows(place: Place) -> None:
    Registry._follow = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    promote(place, "2")


def test_what_a_kill_between_pointer_and_aliases_leaves_undone_the_next_command_does(
    place: Place, tags: dict[str, str]
) -> None:
    in_process(promote, place, "1").join()
    process = in_process(die_before_mlflow_follows, place)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert load_scorer(USE_CASE, place.store).tag == tags["2"]
    assert aliases(place.registry)[CHAMPION] == "1"
    place.registry.find(USE_CASE)
    assert aliases(place.registry)[CHAMPION] == "2"
    assert aliases(place.registry)[PREVIOUS] == "1"


def die_before_the_pointer_changes(place: Place, policy: str) -> None:
    from training.registry import registry

    vars(registry)["set_champion"] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    place.registry.use_policy(USE_CASE, policy, "never happened")


def test_the_record_of_a_change_that_never_happened_does_not_reach_mlflow(place: Place) -> None:
    in_process(promote, place, "1").join()
    origin = PolicyOrigin("2026-11-21T00:00:00+00:00", "ada", "fewer losses", None, {}, f"{USE_CASE}:1")
    policy = save_policy(USE_CASE, Policy("strict", 0.01, 0.02), origin, place.store)
    process = in_process(die_before_the_pointer_changes, place, policy)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    registry = place.registry
    run_id = registry.find(USE_CASE, "1").run_id
    logged = registry._client.download_artifacts(run_id, "promotion/promotion.json", str(place.home))
    assert json.loads(Path(logged).read_text())["why"] == "version 1"


def die_at(step: int, task: Callable[..., None], *arguments: object) -> None:
    """Run a task, and kill this process before the n-th step that changes a file or asks MLflow for something."""
    left = [step]

    def count(event: str, details: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+")
        if writes or event in CHANGES or event == "aval.mlflow":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    from training.registry import client

    patiently = client.patiently

    def audited(ask: Callable[[], Any], uri: str) -> Any:
        sys.audit("aval.mlflow")
        return patiently(ask, uri)

    client.patiently = audited
    sys.addaudithook(count)
    task(*arguments)


@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_killed_at_any_step_a_change_is_done_or_not_and_everything_agrees(
    place: Place, tags: dict[str, str], action: str
) -> None:
    in_process(promote, place, "1", "2", "1").join()
    task: tuple[Any, ...] = (promote, place, "2") if action == "promote" else (roll_back, place, 1)
    outcomes: list[bool] = []
    for step in range(2, 200, 7):
        before = champion(USE_CASE, place.store)
        process = in_process(die_at, step, *task)
        process.join()
        after = champion(USE_CASE, place.store)
        expect_whole(place, tags)
        outcomes.append(after != before)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        if outcomes[-1]:
            in_process(promote, place, "1").join()
    assert process.exitcode == 0, "no step was the last"
    assert {True, False} == set(outcomes)
    expect_consistent(place, tags)


def test_killed_at_any_step_the_first_promotion_leaves_no_champion_or_a_whole_one(
    place: Place, tags: dict[str, str]
) -> None:
    for step in range(1, 200, 6):
        process = in_process(die_at, step, promote, place, "1")
        process.join()
        if find_champion(USE_CASE, place.store) is not None:
            expect_whole(place, tags)
        if process.exitcode == 0:
            break
    assert process.exitcode == 0
    expect_consistent(place, tags)
