from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.batch import Options, score_files
from service.batch import records as batch_records
from service.batch.recount import Recount
from service.batch.verifying import verify
from service.errors import UnreadableInput
from service.places import Place, place_of
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import GOOD, HEADER, random_table, write_lines, write_records

BAD = GOOD.replace("40", "12")
WORSE = BAD.replace("car", "boat")
Forge = Callable[[dict[str, Any]], Any]


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "s3":
        yield place_of(f"s3://{request.getfixturevalue('bucket')}/runs")
    else:
        yield place_of(str(tmp_path / "runs"))


def deliver(place: Place) -> None:
    place.write("in/a.csv", "\n".join([HEADER, GOOD, BAD, GOOD, WORSE, ""]).encode())
    place.write("in/b.csv", "\n".join([HEADER, BAD, GOOD, ""]).encode())


def scored(folder: Path, scorer: Scorer, target: str = "out.csv") -> Path:
    """Score two small files and return the path of the manifest."""
    (folder / "in").mkdir()
    write_lines(folder / "in" / "a.csv", GOOD, BAD, GOOD, WORSE)
    write_lines(folder / "in" / "b.csv", BAD, GOOD)
    score_files(scorer, folder / "in", f"{folder}/{target}")
    return folder / (f"{target}_manifest.json" if target.endswith("/") else f"{target}.manifest.json")


def forge(path: Path, change: Forge) -> None:
    body = json.loads(path.read_text("utf-8"))
    change(body)
    path.write_text(json.dumps(body), "utf-8")


def differences(path: Path) -> str:
    return "\n".join(verify(str(path)).differences)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("folder", [True, False])
def test_a_manifest_holds_for_what_a_run_wrote(
    place: Place, scorer: Scorer, ending: str, folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 2)
    deliver(place)
    target = f"{place.uri}/out/" if folder else f"{place.uri}/out{ending}"
    options = Options(ending=ending, keep_columns=True, reasons=True)
    score_files(scorer, f"{place.uri}/in/", target, options)
    address = f"{target}_manifest.json" if folder else f"{target}.manifest.json"
    done = verify(address, [f"{place.uri}/in/"])
    assert (done.differences, done.inputs, done.holds) == ((), 2, True)
    assert done.manifest.tally.rows_in == 6
    assert done.as_json()["rows_in"] == 6


def test_a_folder_stands_for_its_manifest(tmp_path: Path, scorer: Scorer) -> None:
    scored(tmp_path, scorer, "out/")
    assert verify(str(tmp_path / "out")).holds
    assert verify(f"{tmp_path}/out/").holds


@pytest.mark.parametrize("rows", [[], [BAD], [GOOD]])
def test_a_manifest_of_no_rows_or_of_refused_ones_alone_holds(
    tmp_path: Path, scorer: Scorer, rows: list[str]
) -> None:
    source = write_lines(tmp_path / "in.csv", *rows)
    for ending in (".csv", ".jsonl", ".parquet"):
        score_files(scorer, source, tmp_path / f"out{ending}")
        assert differences(tmp_path / f"out{ending}.manifest.json") == ""


def test_long_cells_with_quotes_and_line_ends_are_read_back(tmp_path: Path, scorer: Scorer) -> None:
    table = random_table(40).to_pylist()
    for number, row in enumerate(table):
        row["case"] = '"x\n,' * 3_000 + "\x01"
        row["age"] = 12 if number % 2 else row["age"]
    source = write_records(tmp_path / "in.parquet", pa.Table.from_pylist(table))
    for ending in (".csv", ".jsonl", ".parquet"):
        score_files(scorer, source, tmp_path / f"out{ending}")
        assert differences(tmp_path / f"out{ending}.manifest.json") == ""


def test_an_output_that_was_changed_cut_or_removed_is_named(tmp_path: Path, scorer: Scorer) -> None:
    manifest = scored(tmp_path, scorer)
    output = tmp_path / "out.csv"
    content = output.read_bytes()
    output.write_bytes(content.replace(b"small_loans", b"other_loans", 1))
    assert differences(manifest) == "out.csv has another content than in the manifest: its SHA-256 differs"
    output.write_bytes(content[:-10])
    assert differences(manifest) == (
        f"out.csv has {len(content) - 10:,} bytes, and {len(content):,} in the manifest"
    )
    output.unlink()
    (tmp_path / "out.csv.quarantine.csv").unlink()
    assert differences(manifest).splitlines() == ["out.csv.quarantine.csv is missing", "out.csv is missing"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(rows_in=7), "rows in in the outputs: 6; in the manifest: 7"),
        (lambda body: body.update(rows_scored=4), "rows scored in the outputs: 3; in the manifest: 4"),
        (lambda body: body["decisions"].update(approve=9), "decisions in the outputs: {"),
        (
            lambda body: body["findings"].clear(),
            'findings in the outputs: {"age: range": 3, "purpose: level": 1}',
        ),
        (lambda body: body["score"]["counts"].reverse(), "scores in the outputs: ["),
        (lambda body: body["score"].update(psi=0.0), "PSI of the outputs: "),
        (lambda body: body["score"]["reference"].reverse(), "PSI of the outputs: "),
        (
            lambda body: body["score"]["borders"].pop(),
            "the borders between scores are not those of a profile",
        ),
        (
            lambda body: body["inputs"][0].update(rows_in=5, rows_scored=3),
            "a.csv: 2 rows are scored and 2 quarantined, up to row 4; the manifest says 3 and 2 of 5",
        ),
        (
            lambda body: body["inputs"][0].update(name="c.csv"),
            "the inputs of the runs are not the inputs of the",
        ),
        (lambda body: body["inputs"].pop(), "the inputs of the runs are not the inputs of the manifest"),
        (lambda body: body["outputs"].pop(), "the outputs of the runs are not the outputs of the manifest"),
        (lambda body: body["outputs"][0].update(rows=9), "out.csv has 3 rows, and 9 in the manifest"),
        (lambda body: body["outputs"][0].update(sha256="0" * 64), "its SHA-256 differs"),
        (lambda body: body["outputs"][0].update(kind="secret"), "an output is of the kind 'secret'"),
        (lambda body: body["runs"][0].update(model="other:1"), "out.csv: model is 'small_loans:"),
        (lambda body: body["runs"][0].update(policy="other"), "out.csv: policy is 'test-"),
        (
            lambda body: (
                body["outputs"][0].update(name="../in/a.csv"),
                body["runs"][0].update(outputs=["../in/a.csv", "out.csv.quarantine.csv"]),
            ),
            "'../in/a.csv' in ",
        ),
    ],
)
def test_a_forged_manifest_is_found_out(tmp_path: Path, scorer: Scorer, change: Forge, message: str) -> None:
    manifest = scored(tmp_path, scorer)
    forge(manifest, change)
    assert message in differences(manifest)


def _both(folder: Path, old: bytes, new: bytes, name: str = "out.csv") -> None:
    """Change an output and its hash in the manifest, so that only its rows can tell."""
    path = folder / name
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))

    def change(body: dict[str, Any]) -> None:
        for item in body["outputs"]:
            if item["name"] == name:
                changed = path.read_bytes()
                item.update(size=len(changed), sha256=hashlib.sha256(changed).hexdigest())

    forge(folder / "out.csv.manifest.json", change)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"a.csv,3,", b"a.csv,1,", "out.csv: rows of a.csv are there twice or out of order"),
        (b"a.csv,3,", b"a.csv,4,", "out.csv: rows of a.csv are scored and quarantined"),
        (
            b"a.csv,3,",
            b"a.csv,9,",
            "a.csv: 2 rows are scored and 2 quarantined, up to row 9; the manifest says",
        ),
        (b"b.csv,2,", b"c.csv,2,", "rows of c.csv, which is no input"),
        (b",small_loans:", b",other_loans:", "out.csv: model is 'other_loans:"),
        (
            b",0.",
            b",2.",
            "out.csv cannot be read as the output of a run: an answer has no decision, or no prob",
        ),
        (b",0.", b",x.", "out.csv cannot be read as the output of a run: "),
        (
            b"file,row",
            b"name,row",
            "out.csv cannot be read as the output of a run: a row does not say which file",
        ),
    ],
)
def test_rows_that_no_run_wrote_are_found_out_although_the_hash_is_right(
    tmp_path: Path, scorer: Scorer, old: bytes, new: bytes, message: str
) -> None:
    manifest = scored(tmp_path, scorer)
    _both(tmp_path, old, new)
    assert message in differences(manifest)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'""age""', b'""pay""', "findings in the outputs: "),
        (b"[{", b"{", "out.csv.quarantine.csv cannot be read as the output of a run: "),
        (b'"a.csv",4', b'"a.csv",2', "out.csv.quarantine.csv: rows of a.csv are there twice or out of order"),
    ],
)
def test_a_quarantine_file_that_no_run_wrote_is_found_out_although_the_hash_is_right(
    tmp_path: Path, scorer: Scorer, old: bytes, new: bytes, message: str
) -> None:
    manifest = scored(tmp_path, scorer)
    _both(tmp_path, old, new, "out.csv.quarantine.csv")
    assert message in differences(manifest)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no JSON; was it copied or downloaded whole?"),
        (b"[]", "it is no object"),
        (b"{}", "it has no rows_in"),
        (b"\xff\xfe", "it is no JSON; was it copied or downloaded whole?"),
        (b"[" * 100_000, "it is no JSON; was it copied or downloaded whole?"),
    ],
)
def test_what_is_no_manifest_is_one_clear_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.manifest.json").write_bytes(content)
    with pytest.raises(UnreadableInput) as refused:
        verify(f"{tmp_path}/x.manifest.json")
    assert str(refused.value) == f"{tmp_path}/x.manifest.json is no manifest of aval: {message}"


def test_a_manifest_that_is_cut_short_anywhere_is_one_clear_error(tmp_path: Path, scorer: Scorer) -> None:
    manifest = scored(tmp_path, scorer)
    content = manifest.read_bytes().rstrip()
    for length in range(0, len(content), 37):
        manifest.write_bytes(content[:length])
        with pytest.raises(UnreadableInput, match="is no manifest of aval: it is no JSON"):
            verify(str(manifest))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(rows_in="6"), "rows_in='6' of it is not what it must be"),
        (lambda body: body.update(rows_in=True), "rows_in=True of it is not what it must be"),
        (lambda body: body.update(rows_in=-1), "rows_in=-1 of it is not what it must be"),
        (lambda body: body.update(rows_in=10**40), "of it is not what it must be"),
        (lambda body: body.update(decisions={"approve": 1.5}), "decisions={'approve': 1.5} of it is not"),
        (lambda body: body.update(decisions={"grant": 1}), "is no manifest of aval: KeyError"),
        (lambda body: body.pop("score"), "score is no object"),
        (lambda body: body["score"].update(counts=[1]), "scores in the outputs: ["),
        (lambda body: body.update(runs=[]), "it has no list of runs"),
        (lambda body: body["outputs"][1].update(name=5), "name=5 of outputs[1] is not what it must be"),
        (lambda body: body["outputs"][0].pop("size"), "outputs[0] has no size"),
        (lambda body: body["inputs"].append(3), "inputs[2] is no object"),
        (lambda body: body["runs"][0].update(outputs="out.csv"), "outputs='out.csv' of runs[0] is not"),
        (lambda body: body.update(manifest=9), "is a manifest of version 9; this version of aval reads"),
    ],
)
def test_a_manifest_of_another_shape_is_one_clear_error(
    tmp_path: Path, scorer: Scorer, change: Forge, message: str
) -> None:
    manifest = scored(tmp_path, scorer)
    forge(manifest, change)
    try:
        said = differences(manifest)
    except UnreadableInput as error:
        said = str(error)
    assert message in said
    assert "\n" not in said


def test_a_manifest_that_is_not_there_is_an_error_that_names_it(place: Place) -> None:
    place.write("x.csv", b"1")
    with pytest.raises(UnreadableInput) as refused:
        verify(f"{place.uri}/out.csv.manifest.json")
    assert str(refused.value) == (
        f"{place.uri}/out.csv.manifest.json does not exist; name the manifest that stands beside the output"
    )


def test_files_that_pass_for_outputs_are_named(tmp_path: Path, scorer: Scorer) -> None:
    manifest = scored(tmp_path, scorer, "out/")
    (tmp_path / "out" / "c.csv-00000.parquet").write_bytes(b"")
    (tmp_path / "out" / "_quarantine" / "c.csv-00000.csv").write_bytes(b"")
    assert differences(manifest).splitlines() == [
        "c.csv-00000.parquet is there, and not in the manifest",
        "_quarantine/c.csv-00000.csv is there, and not in the manifest",
    ]


def test_a_quarantine_file_of_another_run_is_named(tmp_path: Path, scorer: Scorer) -> None:
    score_files(scorer, write_lines(tmp_path / "in.csv", GOOD), tmp_path / "out.csv")
    (tmp_path / "out.csv.quarantine.csv").write_text("row,errors,record\n")
    assert differences(tmp_path / "out.csv.manifest.json") == (
        "out.csv.quarantine.csv is there, and not in the manifest"
    )


def test_inputs_are_compared_where_they_are_named(tmp_path: Path, scorer: Scorer) -> None:
    manifest = str(scored(tmp_path, scorer))
    assert verify(manifest).inputs == 0
    assert verify(manifest, [str(tmp_path / "in" / "b.csv")]).inputs == 1
    assert verify(manifest, [f"{tmp_path}/in/*.csv"]).inputs == 2
    write_lines(tmp_path / "in" / "c.csv", GOOD)
    assert verify(manifest, [str(tmp_path / "in")]).holds
    write_lines(tmp_path / "in" / "b.csv", BAD, BAD)
    assert verify(manifest, [str(tmp_path / "in")]).differences == (
        f"{tmp_path}/in/b.csv is not what was scored: its size or SHA-256 is another",
    )
    assert verify(manifest, [str(tmp_path / "in" / "c.csv")]).differences == (
        f"no input of the manifest is in {tmp_path}/in/c.csv",
    )


def test_a_duplicate_or_missing_row_anywhere_is_found(tmp_path: Path, scorer: Scorer) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(500))
    score_files(scorer, source, tmp_path / "out.parquet")
    manifest = verify(str(tmp_path / "out.parquet.manifest.json")).manifest
    [output], [run] = manifest.outputs, manifest.runs
    table = pq.read_table(tmp_path / "out.parquet")
    for position in (0, 1, 250, 499):
        rows = list(range(500))
        rows[position] = rows[position - 1]
        recount = Recount()
        assert list(recount.take_answers(output, run, table.take(rows))) == [
            "out.parquet: rows of in.parquet are there twice or out of order"
        ]
