"""What an image is made of, and the tag that follows from it: equal content, equal tag."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.model_store import Release
from service.model_store.release import own_policy

BASE = "python:3.11-slim"
RECIPE = ("Dockerfile", "install.sh", "place.sh", "strip.sh", "entrypoint.sh", "healthy.sh", "left-out.txt")
LOCKS = {"serve": "requirements-image.lock", "train": "requirements-train.lock"}
FOLDERS = {"serve": ("service",), "train": ("service", "training")}
# Caches, what desktops leave behind, and pages for readers of the code.
LEFT_OUT = re.compile(r"(^|/)(__pycache__/|\.DS_Store$)|\.md$")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a pair of images before they are made, and written on them.

    tag, train_tag: of the serving and the training image. code: hash of all that the serving image has besides the
    release. epoch: seconds since 1970 that count as the moment of making.
    """

    use_case: str
    tag: str
    train_tag: str
    bundle: str
    policy: str
    contract: str
    release: str
    code: str
    revision: str
    epoch: int

    @property
    def image(self) -> str:
        """Name of the serving image."""
        return f"aval/{self.use_case}:{self.tag}"

    @property
    def train_image(self) -> str:
        """Name of the training image."""
        return f"aval/train:{self.train_tag}"

    @property
    def labels(self) -> dict[str, str]:
        """What is written on the serving image."""
        own = {f"aval.{name}": str(value) for name, value in asdict(self).items() if name in _OWN}
        return {**_standard(self.image, self.tag, self), **own}

    @property
    def train_labels(self) -> dict[str, str]:
        """What is written on the training image."""
        return {**_standard(self.train_image, self.train_tag, self), "aval.code": self.train_tag}


_OWN = ("use_case", "bundle", "policy", "contract", "release", "code")


def facts_of(root: Path, release: Release, revision: str, epoch: int, base: str = BASE) -> Facts:
    """Return the facts of the images that are made of this checkout and release, on this base."""
    code = code_hash(root, "serve", base)
    bundle = release.champion.model.partition(":")[2]
    # Policy, pointer and card change without the bundle, and are in the image too.
    rest = hashlib.sha256(f"{code}\n{release.id}".encode()).hexdigest()
    return Facts(
        use_case=release.use_case,
        tag=f"{bundle}-{rest[:12]}",
        train_tag=code_hash(root, "train", base)[:12],
        bundle=bundle,
        policy=release.champion.policy or own_policy(release.bundle, release.champion.model),
        contract=hashlib.sha256(release.bundle["contract.json"]).hexdigest()[:16],
        release=release.id,
        code=code[:12],
        revision=revision,
        epoch=epoch,
    )


def files_of(root: Path, kind: str) -> list[Path]:
    """Return the files of this checkout that go into an image of this kind, relative and sorted."""
    found = [root / LOCKS[kind], *(root / "infra/image" / name for name in RECIPE)]
    for folder in FOLDERS[kind]:
        found += (path for path in (root / folder).rglob("*") if path.is_file() and not _is_left_out(path))
    return sorted(path.relative_to(root) for path in found)


def code_hash(root: Path, kind: str, base: str = BASE) -> str:
    """Return the SHA-256 over names and contents of those files, and over the base's name."""
    return _hash_of(root, files_of(root, kind), f"{kind} on {base}")


def _hash_of(root: Path, files: Iterable[Path], title: str) -> str:
    total = hashlib.sha256(f"{title}\n".encode())
    for path in files:
        digest = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{digest}  {path.as_posix()}\n".encode())
    return total.hexdigest()


def _is_left_out(path: Path) -> bool:
    return LEFT_OUT.search(path.as_posix()) is not None


def _standard(image: str, version: str, facts: Facts) -> dict[str, str]:
    made = datetime.fromtimestamp(facts.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "org.opencontainers.image.title": image.partition(":")[0],
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": facts.revision,
        "org.opencontainers.image.created": made,
    }
