from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from service.errors import ModelRefused
from service.scoring.policy import Policy
from service.spark import packed, packed_from
from service.spark.packing import unpacked
from tests.service.batch.batch_scorers import linear_predictor, make_bundle, make_scorer, random_table

FILES = make_bundle(linear_predictor())


def test_equal_bundles_are_packed_into_equal_bytes() -> None:
    assert packed(dict(reversed(FILES.items()))) == packed(
        {**FILES, "run.json": b"times", "model.yaml": b"x"}
    )


def test_what_is_unpacked_scores_as_the_bundle_does() -> None:
    table = random_table(500)
    probabilities = unpacked(packed(FILES)).score_table(table).probabilities
    assert probabilities.tolist() == make_scorer(linear_predictor()).score_table(table).probabilities.tolist()


def test_the_policy_in_use_travels_with_the_bundle() -> None:
    stricter = Policy("stricter", refer_from=0.1, decline_from=0.2)
    scorer = unpacked(packed(FILES, stricter))
    assert scorer.policy == stricter
    assert scorer.tag == make_scorer(linear_predictor()).tag


def test_a_folder_is_packed_as_its_files_are(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    assert packed_from(tmp_path) == packed(FILES)


def test_a_packed_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(packed(FILES))
    assert packed_from(tmp_path / "bundle.zip") == packed(FILES)


def test_no_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused) as refused:
        packed_from(tmp_path / "none")
    assert (
        str(refused.value) == f"{tmp_path}/none holds no bundle that can be read: No such file or directory"
    )


@pytest.mark.parametrize("name", sorted(set(FILES) - {"manifest.json"}))
def test_no_changed_file_is_used(name: str) -> None:
    with pytest.raises(ModelRefused, match=r"^the packed bundle was not loaded: .*; pack it again$"):
        unpacked(packed({**FILES, name: FILES[name] + b" "}))


def test_a_bundle_under_another_manifest_has_another_tag() -> None:
    other = unpacked(packed({**FILES, "manifest.json": FILES["manifest.json"] + b" "}))
    assert other.tag != unpacked(packed(FILES)).tag


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is no zip file (File is not a zip file)"),
        (packed(FILES)[:-40], "it is no zip file (File is not a zip file)"),
        (packed({}), "manifest.json is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        (packed({"manifest.json": b"[]"}), "manifest.json names no use case"),
    ],
)
def test_what_is_no_packed_bundle_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        unpacked(content)
    assert str(refused.value) == f"the packed bundle was not loaded: {complaint}; pack it again"


def test_a_damaged_member_is_refused() -> None:
    content = packed(FILES)
    at = content.index(FILES["contract.json"]) + 5
    with pytest.raises(ModelRefused, match="it is no zip file"):
        unpacked(content[:at] + b"#" + content[at + 1 :])


def test_a_policy_that_is_none_is_refused() -> None:
    buffer = io.BytesIO(packed(FILES))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("policy_in_use.json", "{}")
    with pytest.raises(ModelRefused, match="policy: expected exactly"):
        unpacked(buffer.getvalue())


def test_an_executor_needs_no_server_no_database_and_no_pandas() -> None:
    heavy = ("bentoml", "boto3", "pandas", "pyspark", "sqlalchemy")
    code = f"import sys, service.spark.frames; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
