"""Makes, runs and checks the images of a release: `make image [USE_CASE=...] [RELEASE=folder or s3://...]`.

    python -m infra.image.make [USE_CASE] [--release PLACE] [--expect ID]

Without a release it makes one of generated records, quickly, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.image import check, wheels
from infra.image.content import BASE, LOCKS, Facts, facts_of
from infra.image.stage import stage_serving, stage_training
from service.errors import AvalError, WrongUse
from service.model_store import Release, find_release
from service.places import place_of
from service.scoring.contract import Contract
from service.scoring.schema import example_record

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "infra/image"
OUT = ROOT / "dist/image"
ENGINE = ROOT / "dist/engine"
LOCAL = "local"
# What LightGBM's wheel expects of a system.
SYSTEM = "libgomp1"
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


def main(arguments: list[str]) -> int:
    """Make both images, run and check them, and write down what they are; 1 if a check said no."""
    options = _options(arguments)
    _find_engine()
    with tempfile.TemporaryDirectory(prefix="aval-image-") as scratch:
        os.environ |= {"BENTOML_HOME": f"{scratch}/home", "BENTOML_DO_NOT_TRACK": "True"}
        release = _release(options, Path(scratch))
        facts = facts_of(ROOT, release, _revision(), _epoch(), options.base)
        _build(facts, release, Path(scratch), options.base)
    return _report(facts, example_record(_contract(release)))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("use_case", nargs="?", default="credit_risk")
    parser.add_argument(
        "--release", help="where `aval export` put it; without one it is made of generated records"
    )
    parser.add_argument("--expect", help="id of the release to take")
    parser.add_argument("--base", default=BASE, help="Python's image; pin it as python:3.11-slim@sha256:...")
    return parser.parse_args(arguments)


def _find_engine() -> None:
    """Have an engine and the base images, whatever it takes; both say what they did."""
    # A client of version 23 and later cannot build without a plug-in; Debian's own does.
    if _fails("docker", "buildx", "version"):
        os.environ["PATH"] = f"/usr/bin:{os.environ['PATH']}"
    os.environ["DOCKER_BUILDKIT"] = "1"
    known = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = _run(HERE / "engine.sh", "start", ENGINE, read=True)
    if ENGINE.exists():
        say(f"A container engine was started: export DOCKER_HOST={os.environ['DOCKER_HOST']}")
        say(f"It goes on until you end it: infra/image/engine.sh stop {ENGINE.relative_to(ROOT)}")
    elif known != os.environ["DOCKER_HOST"]:
        say(f"The container engine at {os.environ['DOCKER_HOST']}")
    _run(HERE / "stand-in-base.sh")


def _release(options: argparse.Namespace, scratch: Path) -> Release:
    place = options.release
    if place is None:
        say(
            f"== no RELEASE given: {options.use_case} is trained quickly, on GENERATED records: an image to try out"
        )
        place = str(scratch / "release")
        _train(options.use_case, place, scratch)
    found = find_release(place_of(place), options.expect)
    if found.use_case != options.use_case:
        raise WrongUse(f"{place} has a release of {found.use_case}; say USE_CASE={found.use_case}")
    # In a process of its own: this one's BentoML has found its home before.
    _run(_tool("aval"), "import", place, "--expect", found.id, read=True)
    return found


def _contract(release: Release) -> Contract:
    return Contract.model_validate_json(release.bundle["contract.json"])


def _train(use_case: str, place: str, scratch: Path) -> None:
    home = {"AVAL_HOME": str(scratch / "aval"), "BENTOML_HOME": str(scratch / "trained")}
    for command in (
        ("train", use_case, "--rows", "5000", "--quick"),
        ("promote", use_case, "--why", "an image to try out, of generated records"),
        ("export", use_case, place),
    ):
        _run(_tool("aval"), *command, read=True, more=home)


def _build(facts: Facts, release: Release, scratch: Path, base: str) -> None:
    server = _run("docker", "version", "--format", "{{.Server.Arch}}", read=True)
    stored = ROOT / "dist/wheels" / ARCHITECTURES[server]
    say("== wheels")
    wheels.download(ROOT / LOCKS["train"], stored, ARCHITECTURES[server])
    stage_serving(ROOT, release.champion, Path(os.environ["BENTOML_HOME"]), stored, scratch / "serve")
    stage_training(ROOT, stored, scratch / "train")
    say(f"== {facts.image}")
    _build_serving(facts, scratch / "serve", base)
    say(f"== {facts.train_image}")
    _build_training(facts, scratch / "train", base)


def _build_serving(facts: Facts, folder: Path, base: str) -> None:
    bento = f"aval:{facts.tag}"
    environment = {"AVAL_MODEL": facts.use_case}
    _run(_tool("bentoml"), "build", "--version", facts.tag, "-o", "tag", folder, more=environment, cwd=folder)
    tags = [f"--image-tag={facts.image}", f"--image-tag=aval/{facts.use_case}:{LOCAL}"]
    arguments = [f"--opt=build-arg=USE_CASE={facts.use_case}", f"--opt=build-arg=BASE={base}"]
    labels = [f"--opt=label={name}={value}" for name, value in facts.labels.items()]
    # BentoML reads the template from its temporary files, and no file outside of the folder that it is run in.
    within = {**environment, "TMPDIR": str(folder)}
    _run(_tool("bentoml"), "containerize", bento, *tags, *arguments, *labels, more=within, cwd=folder)


def _build_training(facts: Facts, folder: Path, base: str) -> None:
    labels = [f"--label={name}={value}" for name, value in facts.train_labels.items()]
    arguments = [
        f"--build-arg=BASE={base}",
        f"--build-arg=LOCK={LOCKS['train']}",
        f"--build-arg=SYSTEM={SYSTEM}",
    ]
    tags = [f"--tag={facts.train_image}", f"--tag=aval/train:{LOCAL}"]
    recipe = folder / "src/infra/image/Dockerfile"
    _run(
        "docker", "build", "--quiet", "--target=train", f"--file={recipe}", *arguments, *labels, *tags, folder
    )


def _report(facts: Facts, record: dict[str, Any]) -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    say("== checks")
    results, measured = check.check(facts, record, OUT / f"{facts.use_case}.sbom.json")
    for result in results:
        say(f"{result.status:<6}{result.name}: {result.seen}")
    (OUT / f"{facts.use_case}.json").write_text(json.dumps(_written(facts, measured), indent=1) + "\n")
    say(f"written: {(OUT / facts.use_case).relative_to(ROOT)}.json and .sbom.json")
    return int(any(result.status == check.FAIL for result in results))


def _written(facts: Facts, measured: dict[str, Any]) -> dict[str, Any]:
    return {"image": facts.image, "train_image": facts.train_image, **asdict(facts), **measured}


def _revision() -> str:
    """Return the commit of this checkout, `unknown` outside of git, marked where it was changed since."""
    if _fails("git", "-C", ROOT, "rev-parse", "HEAD"):
        return "unknown"
    head = _run("git", "-C", ROOT, "rev-parse", "HEAD", read=True)
    clean = not _run(
        "git", "-C", ROOT, "status", "--porcelain", "--", "service", "training", "infra/image", read=True
    )
    return head if clean else f"{head}-modified"


def _epoch() -> int:
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if _fails("git", "-C", ROOT, "rev-parse", "HEAD"):
        return 0
    return int(_run("git", "-C", ROOT, "log", "-1", "--format=%ct", read=True))


def _tool(name: str) -> Path:
    return Path(sys.executable).parent / name


def _fails(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode != 0  # noqa: S603
    except FileNotFoundError:
        return True


def _run(
    *command: str | Path, read: bool = False, more: dict[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a command, and return its output where that is wanted; its failure ends all of this."""
    output = subprocess.PIPE if read else None
    done = subprocess.run(  # noqa: S603
        command, stdout=output, text=True, env={**os.environ, **(more or {})}, cwd=cwd or ROOT, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"make image: {Path(command[0]).name} {command[1]} ended with {done.returncode}")
    return (done.stdout or "").strip()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AvalError as error:
        sys.exit(f"make image: {error}")
