"""Files scored by a served Bento, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.processes import Home
from tests.service.file_tasks import CASE, ask, ended, submitted, write_rows

QuickHome = Callable[[str], Home]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files may be scored."""
    return tmp_path_factory.mktemp("files") / "root"


@pytest.fixture(scope="module")
def url(quick_home: QuickHome, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of two workers that scores files of the root."""
    root.mkdir()
    home = str(tmp_path_factory.mktemp("aval"))
    with quick_home(CASE).serve(CASE, AVAL_BATCH_ROOTS=str(root), AVAL_WORKERS="2", AVAL_HOME=home) as served:
        yield served


def test_a_file_is_scored_and_its_manifest_is_the_result(url: str, root: Path) -> None:
    source = write_rows(root / "in.csv", 1_000, refused=10)
    task_id = submitted(url, source, root / "out.parquet")
    body = ended(url, task_id)
    assert body["status"] == "completed", body
    assert body["progress"]["rows_quarantined"] == 10
    manifest = ask(url, "get", task_id).json()
    assert (manifest["rows_in"], manifest["rows_scored"], manifest["rows_quarantined"]) == (1_000, 990, 10)
    assert pq.read_table(root / "out.parquet").num_rows == 990
    assert json.loads((root / "out.parquet.manifest.json").read_text()).items() <= manifest.items()
