from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from service.batch import Run, score_files
from service.errors import WrongUse
from service.places import S3Options
from service.scoring.scorer import Scorer
from service.spark.part_work import PartWork
from service.spark.shares import Share
from tests.service.batch.batch_scorers import random_table, write_records

NUMBERS = pa.record_batch({"id": pa.array([0])})


@dataclass(frozen=True)
class InHand:
    """A packed bundle that was never on its way."""

    value: bytes


def work_of(run: Run, bundle: bytes) -> PartWork:
    plan, place = run.plan, run.state.place.uri
    return PartWork(InHand(bundle), (Share(0),), plan.source, place, run.state.folder, plan.key, S3Options())


@pytest.fixture
def while_running(scorer: Scorer, tmp_path: Path) -> Callable[[Callable[[Run], None]], None]:
    """`while_running(look)`: `look` at a run that has begun, which then ends without a result."""

    def score(look: Callable[[Run], None]) -> None:
        def engine(run: Run) -> int:
            look(run)
            raise KeyboardInterrupt

        source = write_records(tmp_path / "in.parquet", random_table(20))
        with pytest.raises(KeyboardInterrupt):
            score_files(scorer, source, tmp_path / "out.parquet", engine=engine)

    return score


def test_an_executor_hands_out_the_numbers_of_the_shares_that_it_worked_off(
    while_running: Callable[[Callable[[Run], None]], None], bundle: bytes
) -> None:
    def look(run: Run) -> None:
        assert list(work_of(run, bundle)(iter([NUMBERS]))) == [NUMBERS]
        assert {"000000.json", "000000-000000.json"} <= run.state.names()

    while_running(look)


def test_an_executor_that_does_not_see_the_outputs_folder_says_so(
    while_running: Callable[[Callable[[Run], None]], None], bundle: bytes, tmp_path: Path
) -> None:
    def look(run: Run) -> None:
        elsewhere = replace(work_of(run, bundle), place=f"{tmp_path}/elsewhere")
        with pytest.raises(WrongUse) as refused:
            list(elsewhere(iter([NUMBERS])))
        assert str(refused.value) == (
            f"{tmp_path}/elsewhere: an executor finds no run there; all machines must see the same folder: "
            "name an s3:// address, or a folder that they share"
        )

    while_running(look)
    assert not (tmp_path / "elsewhere").exists()


def test_an_executor_that_comes_late_writes_nothing_into_another_run(
    while_running: Callable[[Callable[[Run], None]], None], bundle: bytes
) -> None:
    def look(run: Run) -> None:
        late, before = replace(work_of(run, bundle), key="0" * 16), run.state.names()
        with pytest.raises(WrongUse, match="another run has begun on this output"):
            list(late(iter([NUMBERS])))
        assert run.state.names() == before

    while_running(look)


def test_what_cannot_be_scored_is_told_by_a_file_and_is_no_error_of_spark(
    while_running: Callable[[Callable[[Run], None]], None], bundle: bytes
) -> None:
    def look(run: Run) -> None:
        Path(run.plan.source, "in.parquet").unlink()
        list(work_of(run, bundle)(iter([NUMBERS])))
        told = json.loads(run.state.place.read(run.state.path("failed-000000.json")) or b"")
        assert told["kind"] == "UnreadableInput"
        assert told["text"].startswith("in.parquet is gone since the run began")

    while_running(look)
