from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.image.content import RECIPE, Facts, code_hash, facts_of, files_of
from infra.image.stage import stage_serving, stage_training
from service.model_store import Release, release_of, set_champion
from service.scoring.bundle import CARD
from tests.conftest import CHECKOUT
from tests.processes import PROGRAMS, Home

USE_CASE = "loan_approval"
REVISION = "0123456789abcdef0123456789abcdef01234567"
EPOCH = 1_790_000_000


@pytest.fixture(scope="module")
def release(quick_home: Callable[[str], Home]) -> Release:
    return release_of(USE_CASE, quick_home(USE_CASE).bentoml_home)


@pytest.fixture(scope="module")
def home(
    quick_home: Callable[[str], Home], release: Release, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model store with this release and nothing else."""
    folder = tmp_path_factory.mktemp("home")
    model = Path("models") / release.champion.model.replace(":", "/")
    shutil.copytree(quick_home(USE_CASE).bentoml_home / model, folder / model)
    set_champion(USE_CASE, release.champion, folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout: the recipe, the locks and a module."""
    for path in (
        *(f"infra/image/{name}" for name in RECIPE),
        "requirements-image.lock",
        "requirements-train.lock",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / path, tmp_path / path)
    for folder in ("service", "training"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text('"""A door."""\n')
    return tmp_path


def facts(root: Path, release: Release, base: str = "python:3.11-slim") -> Facts:
    return facts_of(root, release, REVISION, EPOCH, base)


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The tag


def test_the_tag_is_the_bundles_version_and_a_hash_of_the_rest(release: Release) -> None:
    tag = facts(CHECKOUT, release).tag
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{12}", tag)
    assert release.champion.model == f"{USE_CASE}:{tag[:16]}"


def test_equal_content_has_an_equal_tag_wherever_it_stands(
    release: Release, checkout: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkout, tmp_path / "elsewhere")
    assert facts(checkout, release) == facts(tmp_path / "elsewhere", release)


def test_one_byte_of_code_makes_another_tag_for_the_same_bundle(release: Release, checkout: Path) -> None:
    before = facts(checkout, release)
    (checkout / "service/app.py").write_text('"""A doer."""\n')
    after = facts(checkout, release)
    assert after.tag != before.tag
    assert after.train_tag != before.train_tag
    assert after.bundle == before.bundle


def test_code_that_only_trains_leaves_the_serving_image_as_it_is(release: Release, checkout: Path) -> None:
    before = facts(checkout, release)
    (checkout / "training/app.py").write_text('"""Another."""\n')
    after = facts(checkout, release)
    assert after.tag == before.tag
    assert after.train_tag != before.train_tag


@pytest.mark.parametrize("name", RECIPE)
def test_every_part_of_the_recipe_is_in_the_tag(release: Release, checkout: Path, name: str) -> None:
    before = facts(checkout, release).tag
    with (checkout / "infra/image" / name).open("a") as file:
        file.write("#\n")
    assert facts(checkout, release).tag != before


def test_a_renamed_file_makes_another_tag(release: Release, checkout: Path) -> None:
    before = facts(checkout, release).tag
    (checkout / "service/app.py").rename(checkout / "service/door.py")
    assert facts(checkout, release).tag != before


def test_another_pointer_or_card_makes_another_tag_for_the_same_bundle(
    release: Release, checkout: Path
) -> None:
    promoted_later = replace(
        release, champion=replace(release.champion, promoted_at="2027-01-01T00:00:00+00:00")
    )
    with_card = replace(release, bundle={**release.bundle, CARD: b"<html></html>"})
    tags = {facts(checkout, item).tag for item in (release, promoted_later, with_card)}
    assert len(tags) == 3
    assert len({tag[:16] for tag in tags}) == 1


def test_another_base_makes_another_tag(release: Release, checkout: Path) -> None:
    pinned = f"python:3.11-slim@sha256:{'0' * 64}"
    assert facts(checkout, release).tag != facts(checkout, release, pinned).tag


def test_caches_and_pages_for_readers_of_the_code_are_no_content(checkout: Path) -> None:
    before = code_hash(checkout, "serve")
    (checkout / "service/__pycache__").mkdir()
    (checkout / "service/__pycache__/app.cpython-311.pyc").write_bytes(b"\0")
    (checkout / "service/.DS_Store").write_bytes(b"\0")
    (checkout / "service/README.md").write_text("# Service\n")
    assert code_hash(checkout, "serve") == before


# The labels


def test_labels_say_what_is_served_and_from_what_it_was_made(release: Release) -> None:
    known = facts(CHECKOUT, release)
    labels = known.labels
    assert labels["org.opencontainers.image.revision"] == REVISION
    assert labels["org.opencontainers.image.created"] == "2026-09-21T14:13:20Z"
    assert labels["org.opencontainers.image.version"] == known.tag
    assert labels["aval.bundle"] == known.bundle
    assert labels["aval.policy"] == release.champion.policy or known.policy
    assert labels["aval.contract"] == known.contract
    assert labels["aval.release"] == release.id


# What the builds see


def test_serving_gets_no_training_no_tests_and_no_other_model(
    release: Release, home: Path, tmp_path: Path
) -> None:
    stage_serving(CHECKOUT, release.champion, home, tmp_path / "none", tmp_path / "serve")
    staged = content_of(tmp_path / "serve")
    assert "service/app.py" in staged
    assert "service/pages/index.html" in staged
    assert {name.split("/")[0] for name in staged} == {
        "service", "infra", "store", "bentofile.yaml", "requirements-image.lock",
    }  # fmt: skip
    champions = [name for name in staged if name.startswith("store/champions/")]
    assert sorted(champions) == [
        f"store/champions/{USE_CASE}.history.jsonl",
        f"store/champions/{USE_CASE}.json",
    ]
    assert not [
        name for name in staged if name.endswith((".pyc", ".pkl", ".lock")) and not name.startswith("req")
    ]


def test_two_stagings_of_a_release_are_the_same_bytes(release: Release, home: Path, tmp_path: Path) -> None:
    model = home / "models" / release.champion.model.replace(":", "/") / "model.yaml"
    for number in (1, 2):
        text = re.sub(
            r"creation_time: .*", f"creation_time: '2026-11-21T00:00:0{number}+00:00'", model.read_text()
        )
        model.write_text(text)
        stage_serving(CHECKOUT, release.champion, home, tmp_path / "none", tmp_path / f"serve-{number}")
    assert content_of(tmp_path / "serve-1") == content_of(tmp_path / "serve-2")


def test_training_gets_the_training_too(tmp_path: Path) -> None:
    stage_training(CHECKOUT, tmp_path / "none", tmp_path / "train")
    staged = content_of(tmp_path / "train")
    assert {"src/training/cli/__init__.py", "src/service/app.py", "src/requirements-train.lock"} < set(staged)
    assert not [name for name in staged if "/tests/" in name or "/store/" in name]


def test_every_file_of_the_package_goes_in(checkout: Path) -> None:
    (checkout / "service/pages").mkdir()
    (checkout / "service/pages/mark.svg").write_text("<svg/>")
    assert Path("service/pages/mark.svg") in files_of(checkout, "serve")


def test_bentoml_builds_a_bento_of_what_is_staged_and_takes_the_recipe_as_it_is(
    release: Release, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "serve"
    stage_serving(CHECKOUT, release.champion, home, tmp_path / "none", folder)
    # Before BentoML imports it there, and Python leaves what it compiled.
    staged = content_of(folder / "service")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVAL_")}
    built = subprocess.run(
        [PROGRAMS / "bentoml", "build", "--version", facts(CHECKOUT, release).tag, "-o", "tag", str(folder)],
        env={**kept, "BENTOML_HOME": str(home), "AVAL_MODEL": USE_CASE},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert f"aval:{facts(CHECKOUT, release).tag}" in built.stdout
    bento = home / "bentos/aval" / facts(CHECKOUT, release).tag
    assert (bento / "env/docker/Dockerfile").read_text().strip() == (
        CHECKOUT / "infra/image/Dockerfile"
    ).read_text().strip()
    assert content_of(bento / "src/store") == content_of(folder / "store")
    assert content_of(bento / "src/service") == staged
