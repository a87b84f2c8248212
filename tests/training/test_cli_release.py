from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.moto import Moto
from tests.processes import Home

USE_CASE = "loan_approval"


def test_a_champion_is_exported_and_imported_where_nothing_was_trained(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    target, delivery = tmp_path / "releases", Home(tmp_path / "delivery")
    put = json.loads(quick_home(USE_CASE).aval("export", USE_CASE, target, "--json").stdout)
    assert put["changed"]
    taken = json.loads(delivery.aval("import", target, "--expect", put["release"], "--json").stdout)
    assert taken == {**put, "place": str(target)}
    assert (delivery.bentoml_home / "models" / USE_CASE / put["model"].partition(":")[2]).is_dir()
    again = delivery.aval("import", target)
    assert again.stdout.splitlines()[0].startswith(f"{put['model']} already is the champion of {USE_CASE}")


def test_a_bucket_serves_as_well_as_a_folder(
    quick_home: Callable[[str], Home], tmp_path: Path, moto_s3: Moto
) -> None:
    target = f"s3://{moto_s3.new_bucket()}/releases/{USE_CASE}"
    done = quick_home(USE_CASE).aval("export", USE_CASE, target, **moto_s3.environment)
    assert f"next: make image USE_CASE={USE_CASE} RELEASE={target}" in done.stdout
    taken = Home(tmp_path).aval("import", target, "--json", **moto_s3.environment)
    assert json.loads(taken.stdout)["changed"]


def test_a_release_that_is_refused_is_one_line_and_nothing_is_served(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    target, delivery = tmp_path / "releases", Home(tmp_path / "delivery")
    quick_home(USE_CASE).aval("export", USE_CASE, target)
    (target / "release.json").write_text("{}")
    refused = delivery.aval("import", target)
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        f"aval: error: {target}/release.json was refused: the manifest: expected exactly"
    )
    assert not (delivery.bentoml_home / "champions").exists()
