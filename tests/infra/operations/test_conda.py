"""The conda environment is the lock, in conda's words."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with BentoML, without its types
from packaging.requirements import Requirement

from infra.operations.conda import CHECKOUT, FILE, environment, pins, python_version

LOCK = (CHECKOUT / "requirements-train.lock").read_text("utf-8")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return dict(yaml.safe_load(FILE.read_text("utf-8")))


def test_the_file_is_what_make_conda_writes_now() -> None:
    assert FILE.read_text("utf-8") == environment(), "run: make conda"


def test_every_package_of_the_lock_has_its_pin_and_marker(written: dict[str, Any]) -> None:
    *packages, aval = written["dependencies"][-1]["pip"]
    assert aval == "-e .."
    # Names and versions as the lock has them, however it breaks its lines.
    locked = re.findall(r"^([\w.-]+==[^\s\\]+)(?: ; ([^\\\n]+))?", LOCK, re.MULTILINE)
    assert len(locked) > 100
    expected = {str(Requirement(f"{pin}; {marker}" if marker else pin)) for pin, marker in locked}
    assert {str(Requirement(line)) for line in packages} == expected
    assert len(packages) == len(locked)


def test_conda_brings_nothing_but_python_and_pip(written: dict[str, Any]) -> None:
    assert written["dependencies"][:-1] == [f"python={python_version()}", "pip"]
    assert written["channels"] == ["conda-forge", "nodefaults"]


def test_its_python_is_the_one_that_the_packages_are_locked_for() -> None:
    assert re.findall(r"--python-version (\S+)", (CHECKOUT / "Makefile").read_text("utf-8")) == [
        python_version()
    ]


def test_a_pin_keeps_its_marker_and_loses_its_hashes() -> None:
    hashes = " \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
    lock = f"a==1{hashes}b-c==2.0 ; sys_platform == 'linux'{hashes}"
    assert pins(lock) == ["a==1", "b-c==2.0 ; sys_platform == 'linux'"]
