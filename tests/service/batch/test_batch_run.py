from __future__ import annotations

import gzip
import hashlib
import json
import math
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.batch import Step, csv_file, engine
from service.batch import records as batch_records
from service.errors import AvalError, UnreadableInput, WrongUse
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import (
    GOOD,
    HEADER,
    random_table,
    read_quarantine,
    read_rows,
    score,
    write_lines,
    write_records,
)


def test_rows_are_numbered_over_blocks_line_breaks_and_blank_lines(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 300)
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 2)
    lines = []
    for i in range(1, 41):
        lines.append(GOOD.replace("c1", f'"case\n{i}"') if i % 7 else GOOD.replace("40", f"{i + 1000}"))
        lines += [""] * (i % 3 == 0)
    manifest = score(scorer, write_lines(tmp_path / "in.csv", *lines), tmp_path / "out.csv", threads=3)
    answers, refused = read_rows(tmp_path / "out.csv"), read_quarantine(tmp_path / "out.csv.quarantine.csv")
    assert [(row["row"], row["case"]) for row in answers] == [
        (str(i), f"case\n{i}") for i in range(1, 41) if i % 7
    ]
    assert [(row["row"], row["record"]["age"]) for row in refused] == [
        (i, str(i + 1000)) for i in range(7, 41, 7)
    ]
    assert (manifest.tally.rows_in, manifest.tally.rows_scored, manifest.tally.rows_quarantined) == (
        40,
        35,
        5,
    )


def test_a_refused_row_is_quarantined_with_its_findings_and_itself(scorer: Scorer, tmp_path: Path) -> None:
    bad = 'c2,5,2026-11-20 08:30,male,12,lots,?,"boat, ""big""",,1,true'
    score(scorer, write_lines(tmp_path / "in.csv", GOOD, bad, GOOD), tmp_path / "out.csv")
    (refused,) = read_quarantine(tmp_path / "out.csv.quarantine.csv")
    assert refused["row"] == 2
    assert [(item["field"], item["code"], item["value"]) for item in refused["errors"]] == [
        ("age", "range", "12"),
        ("income", "type", "'lots'"),
        ("purpose", "level", "'boat, \"big\"'"),
    ]
    assert refused["errors"][0]["allowed"] == "an integer from 18 to 120 years"
    assert (
        refused["errors"][0]["message"]
        == "age=12 years is out of range; it must be an integer from 18 to 120 years"
    )
    cells = ["c2", "5", "2026-11-20 08:30", "male", "12", "lots", "?", 'boat, "big"', None, "1", "true"]
    assert refused["record"] == dict(zip(HEADER.split(","), cells, strict=True))
    assert [row["row"] for row in read_rows(tmp_path / "out.csv")] == ["1", "3"]


def test_a_quarantined_parquet_row_is_json_whatever_its_types(scorer: Scorer, tmp_path: Path) -> None:
    table = random_table(2).set_column(5, "income", pa.array([float("nan"), float("inf")]))
    table = table.append_column("", pa.array([b"\xff", None])).append_column(
        "Unnamed: 0", pa.array([[1.5], None])
    )
    table = table.append_column("late", pa.array([2**60, 0], pa.timestamp("ms")))
    score(scorer, write_records(tmp_path / "in.parquet", table), tmp_path / "out.parquet")
    first, second = read_quarantine(tmp_path / "out.parquet.quarantine.csv")
    assert [first["record"][name] for name in ("income", "", "Unnamed: 0")] == ["NaN", "b'\\xff'", "[1.5]"]
    assert [second["record"][name] for name in ("income", "", "late")] == [
        "Infinity",
        None,
        "1970-01-01 00:00:00.000",
    ]


def test_the_manifest_accounts_for_every_row_and_file(scorer: Scorer, tmp_path: Path) -> None:
    lines = [GOOD, GOOD.replace("40", "12"), *[GOOD.replace("20.5", str(income)) for income in range(1, 90)]]
    source = write_lines(tmp_path / "in.csv", *lines)
    before = datetime.now(UTC)
    manifest = score(scorer, source, tmp_path / "out.csv")
    stored = json.loads((tmp_path / "out.csv.manifest.json").read_text("utf-8"))
    answers = read_rows(tmp_path / "out.csv")
    assert stored == json.loads(json.dumps(manifest.as_json()))
    assert (stored["rows_in"], stored["rows_scored"], stored["rows_quarantined"]) == (91, 90, 1)
    assert stored["decisions"] == {
        name: [row["decision"] for row in answers].count(name) for name in ("approve", "refer", "decline")
    }
    assert stored["findings"] == {"age: range": 1}
    rows = {"rows_in": 91, "rows_scored": 90, "rows_quarantined": 1}
    assert stored["inputs"] == [facts(source) | rows | {"etag": None, "partitions": {}, "read_as": ""}]
    about = {"input": "in.csv"}
    assert stored["outputs"] == [
        facts(tmp_path / "out.csv") | about | {"kind": "scores", "rows": 90},
        facts(tmp_path / "out.csv.quarantine.csv") | about | {"kind": "quarantine", "rows": 1},
    ]
    (run,) = stored["runs"]
    assert (run["model"], run["policy"]) == (scorer.tag, scorer.policy.version)
    assert (run["contract"], run["reasons"]) == (scorer.contract.version, False)
    assert datetime.fromisoformat(run["started"]).utcoffset() == datetime.now(UTC).utcoffset()
    assert datetime.fromisoformat(run["started"]) <= datetime.fromisoformat(run["finished"])
    assert (datetime.fromisoformat(run["finished"]) - before).total_seconds() < 60


def test_the_manifest_counts_scores_as_the_profile_does(scorer: Scorer, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(400))
    score(scorer, source, tmp_path / "out.parquet")
    found = json.loads((tmp_path / "out.parquet.manifest.json").read_text("utf-8"))["score"]
    probabilities = pq.read_table(tmp_path / "out.parquet")["probability"].to_pylist()
    expected = [0] * 20
    for probability in probabilities:
        expected[sum(probability >= border for border in found["borders"])] += 1
    assert found["counts"] == expected
    assert found["reference"] == list(scorer.profile.probability.counts)
    a, b = ([(n + 0.5) / (sum(item) + 10) for n in item] for item in (expected, found["reference"]))
    psi = sum((x - y) * math.log(x / y) for x, y in zip(a, b, strict=True))
    assert found["psi"] == pytest.approx(psi, abs=1e-6)


def facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"name": path.name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_header_alone_is_no_error_and_gives_a_header_alone(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(HEADER, "utf-8")
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(f"\ufeff{HEADER}\r\n".encode()))
    write_records(tmp_path / "in.parquet", random_table(0))
    for name in ("in.csv", "in.csv.gz", "in.parquet"):
        manifest = score(scorer, tmp_path / name, tmp_path / "out.csv", reasons=True)
        header = "row,case,input_contract,decision_id,probability,decision,model,policy,contract,reasons\n"
        assert (tmp_path / "out.csv").read_text("utf-8") == header
        assert (manifest.tally.rows_in, manifest.tally.by_decision) == (
            0,
            {"approve": 0, "refer": 0, "decline": 0},
        )
        score(scorer, tmp_path / name, tmp_path / "out.parquet")
        assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_a_file_of_refused_rows_alone_is_done_with_no_answers(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD.replace("40", "12"))
    manifest = score(scorer, source, tmp_path / "out.csv", reasons=True)
    assert (manifest.tally.rows_scored, manifest.tally.rows_quarantined) == (0, 1)
    assert len((tmp_path / "out.csv").read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_a_byte_order_mark_any_line_ends_and_an_open_last_line_are_read(
    scorer: Scorer, tmp_path: Path, newline: str, last: bool
) -> None:
    text = "\ufeff" + newline.join([HEADER, GOOD, GOOD]) + newline * last
    (tmp_path / "in.csv").write_bytes(text.encode())
    assert score(scorer, tmp_path / "in.csv", tmp_path / "out.csv").tally.rows_scored == 2


def test_gzip_members_one_after_the_other_are_one_file(scorer: Scorer, tmp_path: Path) -> None:
    parts = (f"{HEADER}\n{GOOD}\n", f"{GOOD}\n")
    (tmp_path / "in.csv.gz").write_bytes(b"".join(gzip.compress(part.encode()) for part in parts))
    assert score(scorer, tmp_path / "in.csv.gz", tmp_path / "out.csv").tally.rows_scored == 2


def test_outputs_repeat_byte_for_byte_with_any_number_of_threads(scorer: Scorer, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        source = write_records(tmp_path / f"in.{kind}", random_table(3000))
        found = set()
        for threads in (1, 1, 4):
            score(scorer, source, tmp_path / f"out.{kind}", threads=threads, replace=True)
            found.add((tmp_path / f"out.{kind}").read_bytes())
        assert len(found) == 1


def test_progress_is_told_after_each_block(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 4)
    told: list[int] = []
    counted = lambda step: told.append(step.tally.rows_done)  # noqa: E731
    source = write_records(tmp_path / "in.parquet", random_table(10))
    score(scorer, source, tmp_path / "out.csv", progress=counted)
    assert told == [4, 8, 10]


def test_less_than_one_thread_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", random_table(1))
    with pytest.raises(WrongUse) as caught:
        score(scorer, source, tmp_path / "out.csv", threads=0)
    assert str(caught.value) == "threads=0 is too few; it must be at least 1"


def test_the_summary_says_what_was_done_in_one_line(scorer: Scorer, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, GOOD.replace("40", "12"))
    assert score(scorer, source, tmp_path / "out.csv").summary() == (
        f"1 of 2 rows scored with {scorer.tag} (0 approve, 0 refer, 1 decline) into out.csv; "
        "1 quarantined in out.csv.quarantine.csv"
    )


def test_a_refused_json_line_is_quarantined_with_the_values_that_it_had(
    scorer: Scorer, tmp_path: Path
) -> None:
    record = random_table(1).to_pylist()[0] | {"income": True, "age": "40", "amount": 20.5}
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
    score(scorer, tmp_path / "in.jsonl", tmp_path / "out.csv")
    (refused,) = read_rows(tmp_path / "out.csv.quarantine.csv")
    assert json.loads(refused["record"]) == record


def test_an_input_that_gets_another_content_of_the_same_length_meanwhile_is_refused(
    scorer: Scorer, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "in.csv", *[GOOD] * 10)

    def rewrite(_: Step) -> None:
        source.write_bytes(source.read_bytes().replace(b",40,", b",41,"))

    with pytest.raises(UnreadableInput, match="was changed while it was read"):
        score(scorer, source, tmp_path / "out.csv", progress=rewrite)
    assert list(tmp_path.iterdir()) == [source]


def test_half_a_surrogate_pair_is_quarantined_like_any_wrong_value(scorer: Scorer, tmp_path: Path) -> None:
    record = json.dumps(random_table(1).to_pylist()[0] | {"purpose": "\ud800"})
    (tmp_path / "in.jsonl").write_text(f"{record}\n", "utf-8")
    assert score(scorer, tmp_path / "in.jsonl", tmp_path / "out.csv").tally.rows_quarantined == 1


def test_rows_that_got_lost_behind_the_reader_are_missed(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_records, "ROWS_PER_BLOCK", 4)
    monkeypatch.setattr(engine, "counted", lambda blocks, _: islice(blocks, 1, None))
    source = write_records(tmp_path / "in.parquet", random_table(10))
    with pytest.raises(AvalError, match="10 rows are in the file and 6 were dealt with"):
        score(scorer, source, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == [source]


def test_an_input_that_was_done_earlier_may_go_away(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = write_lines(tmp_path / "in" / "a.csv", GOOD)
    score(scorer, tmp_path / "in", f"{tmp_path}/out/")
    write_lines(tmp_path / "in" / "b.csv", GOOD)
    manifest = score(
        scorer, tmp_path / "in", f"{tmp_path}/out/", progress=lambda _: done.unlink(missing_ok=True)
    )
    assert manifest.tally.rows_in == 2


def test_another_partition_of_the_same_content_is_not_done(scorer: Scorer, tmp_path: Path) -> None:
    table = random_table(5).drop_columns(["purpose"])
    probabilities = []
    for purpose in ("car", "radio%2FTV"):
        folder = tmp_path / f"purpose={purpose}"
        folder.mkdir()
        score(scorer, write_records(folder / "x.csv", table), tmp_path / "out.csv")
        probabilities.append([row["probability"] for row in read_rows(tmp_path / "out.csv")])
    assert probabilities[0] != probabilities[1]
