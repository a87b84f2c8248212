"""Lays out what the builds see: a folder for BentoML with the release in it, and a context for the training image."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from infra.image.content import LOCKS, files_of
from infra.image.wheels import wheels_of
from service.model_store import Champion

# Of a store, what serving reads. BentoML makes the others, and locks are of a moment.
KEPT = ("champions", "models", "policies")


def stage_serving(root: Path, champion: Champion, home: Path, wheels: Path, target: Path) -> None:
    """Lay out what `bentoml build` is run in: the code, the wheels, and as `store` the model store in `home`."""
    _copy_code(root, "serve", target)
    shutil.copy(root / "bentofile.yaml", target)
    _link_wheels(root / LOCKS["serve"], wheels, target / "wheels")
    for name in KEPT:
        if (home / name).is_dir():
            shutil.copytree(home / name, target / "store" / name, ignore=shutil.ignore_patterns(".*"))
    _settle_times(target / "store", champion.promoted_at)


def stage_training(root: Path, wheels: Path, target: Path) -> None:
    """Lay out the context of the training image's build, as BentoML lays out its own."""
    _copy_code(root, "train", target / "src")
    _link_wheels(root / LOCKS["train"], wheels, target / "src" / "wheels")


def _copy_code(root: Path, kind: str, target: Path) -> None:
    for path in files_of(root, kind):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, target / path)


def _link_wheels(lock: Path, wheels: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for wheel in wheels_of(lock.read_text(), wheels):
        # Hundreds of megabytes that nobody writes to.
        try:
            (target / wheel.name).hardlink_to(wheel)
        except OSError:
            shutil.copy(wheel, target)


def _settle_times(store: Path, moment: str) -> None:
    """Write into BentoML's descriptions nothing of this machine: two images of one release are to be the same."""
    for file in store.glob("models/*/*/model.yaml"):
        text = re.sub(r"(?m)^creation_time: .*$", f"creation_time: '{moment}'", file.read_text("utf-8"))
        file.write_text(re.sub(r"(?m)^  python_version: .*$", "  python_version: '3.11'", text), "utf-8")
