"""`up.sh` and `replace.sh` wait for what answers, and no longer than there is something to wait for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.test_compose_files import COMPOSE, REPLICAS

WAITED_FOR = (*REPLICAS, "lb")


@pytest.mark.parametrize(
    "asked", [{"USE_CASE": "german_credit"}, {"COMPOSE_FILE": "compose.yaml:tls.yaml"}], ids=str
)
def test_what_env_has_said_since_the_first_time_is_not_changed_in_passing(
    asked: dict[str, str], tmp_path: Path
) -> None:
    done = _up(tmp_path, **asked)
    (value,) = asked.values()
    assert done.returncode == 2
    assert f"{value} is asked for" in done.stderr


@pytest.mark.parametrize(
    "asked",
    [{}, {"USE_CASE": "", "COMPOSE_FILE": ""}, {"USE_CASE": "credit_risk", "COMPOSE_FILE": "compose.yaml"}],
    ids=str,
)
def test_up_goes_on_where_nothing_else_is_asked_for(asked: dict[str, str], tmp_path: Path) -> None:
    done = _up(tmp_path, **asked)
    assert done.returncode == 1
    assert "no container engine answers" in done.stderr


def test_up_ends_once_both_replicas_and_the_load_balancer_answer(tmp_path: Path) -> None:
    done = _up(_with_an_engine(tmp_path, answer=True))
    assert done.returncode == 0, done.stderr
    assert "credit_risk is served on http://127.0.0.1:8080" in done.stdout
    asked = _asked(tmp_path)
    assert set(asked) == set(WAITED_FOR)
    assert all(asked.count(service) >= 2 for service in WAITED_FOR)


def test_up_gives_up_at_once_on_what_is_started_again_and_shows_what_it_wrote(tmp_path: Path) -> None:
    done = _up(_with_an_engine(tmp_path, answer=False, restarting=True), AVAL_UP_SECONDS="20")
    assert done.returncode == 1
    assert "ended and was started again" in done.stderr
    assert "logs --tail=30" in (tmp_path / "calls").read_text()


def test_up_gives_up_after_a_while_on_what_never_answers(tmp_path: Path) -> None:
    done = _up(_with_an_engine(tmp_path, answer=False), AVAL_UP_SECONDS="1")
    assert done.returncode == 1
    assert "not ready within 1 s" in done.stderr
    assert "logs --tail=30" in (tmp_path / "calls").read_text()


def test_a_replica_is_replaced_once_the_one_before_answers(tmp_path: Path) -> None:
    _with_an_engine(tmp_path, answer=True)
    shutil.copy(COMPOSE / "replace.sh", tmp_path)
    subprocess.run(["bash", f"{tmp_path}/replace.sh"], check=True, capture_output=True)
    assert _asked(tmp_path, "up", "exec") == ["online-1"] * 3 + ["online-2"] * 3


def _up(folder: Path, **asked: str) -> subprocess.CompletedProcess[str]:
    """Run up.sh where it was run before for credit_risk, and where no engine is."""
    shutil.copy(COMPOSE / "up.sh", folder)
    (folder / ".env").write_text("COMPOSE_FILE=compose.yaml\nAVAL_USE_CASE=credit_risk\n")
    path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "DOCKER_HOST": f"unix://{folder}/none.sock", **asked}
    command = ["bash", f"{folder}/up.sh"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _with_an_engine(folder: Path, answer: bool, restarting: bool = False) -> Path:
    """Put beside up.sh what stands for engine, Compose and secrets: services answer at the second time, or never."""
    asked_before = f'grep -q "^exec -T $3 " {folder}/calls' if answer else "false"
    counted = f"wc -l <{folder}/calls" if restarting else "echo 0"
    programs = {
        "bin/docker": f'[ "$1" != inspect ] || {counted}',
        "compose.sh": f'said=0; [ "$1" != exec ] || {asked_before} || said=1\necho "$*" >>{folder}/calls; exit $said',
        "secrets.sh": "",
    }
    (folder / "bin").mkdir()
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def _asked(folder: Path, *kinds: str) -> list[str]:
    """Return the services that Compose was called for, in order."""
    calls = [line.split() for line in (folder / "calls").read_text().splitlines()]
    return [
        next(word for word in call if word in WAITED_FOR) for call in calls if call[0] in (kinds or ("exec",))
    ]
