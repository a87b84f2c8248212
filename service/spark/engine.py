"""The engine of batch runs on Spark: it shares out what is left; all the rest is the file door's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from service.batch import Engine, Run
from service.batch.run import score_locally
from service.batch.state import input_record
from service.errors import AvalError, ModelRefused, UnreadableInput, WrongUse
from service.places import S3Options
from service.spark.map_in_arrow import mapped
from service.spark.packing import shipped, unpacked
from service.spark.part_work import FAILED, PartWork, absolute
from service.spark.shares import BYTES_PER_SHARE, shares_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SECONDS_BETWEEN_LOOKS = 1.0
_PART_RECORD = re.compile(r"(\d{6})-(\d{6})\.json")
_KINDS = {kind.__name__: kind for kind in (AvalError, ModelRefused, UnreadableInput, WrongUse)}


class SparkFailed(WrongUse):
    """Spark gave up; what was scored until then is kept, and the same command goes on from there."""


def spark_engine(session: SparkSession, bundle: bytes, bytes_per_share: int = BYTES_PER_SHARE) -> Engine:
    """Return an engine for `score_files` whose parts are scored by the executors of this session.

    bundle: of the scorer that the run is given, from `packed`. bytes_per_share: a file in which parts can be told
    apart is shared out in pieces of about this size. All executors must see the inputs and the output under the same
    addresses. The engine raises what the executors raise, and `SparkFailed` where Spark gives up.
    """

    def engine(run: Run) -> int:
        _expect_same(run, bundle)
        if run.plan.limit is not None:
            # The first rows of the inputs, in their order: nothing to share out.
            return score_locally(run)
        watch = _Watch(run)
        done = {index for index in range(len(run.plan.inputs)) if run.is_done(index)}
        shares = shares_of(run.plan, done, bytes_per_share)
        if shares:
            work = PartWork(
                shipped(session, bundle),
                shares,
                absolute(run.plan.source),
                absolute(run.state.place.uri),
                run.state.folder,
                run.plan.key,
                S3Options(kms_key=run.plan.kms_key),
            )
            # One share in each partition: the number of executors decides how many are worked off at once.
            numbers = session.range(0, len(shares), 1, len(shares))
            _await(session, mapped(numbers, work, "id long"), watch)
        watch.look()
        return len(run.plan.inputs)

    return engine


def _await(session: SparkSession, frame: DataFrame, watch: _Watch) -> None:
    """Run the job and look on; whatever ends the looking ends the job."""
    with _job(session, frame) as job:
        while not wait([job], SECONDS_BETWEEN_LOOKS).done:
            watch.look()
        watch.look()
        if error := job.exception():
            raise SparkFailed(_last_line(error)) from None


@contextmanager
def _job(session: SparkSession, frame: DataFrame) -> Iterator[Future[object]]:
    tag = f"aval-{uuid4().hex}"

    def collect() -> object:
        session.addTag(tag)
        return frame.collect()

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(collect)
        try:
            yield job
        except BaseException:
            session.interruptTag(tag)
            raise


class _Watch:
    """Sees in the state folder how far the executors are: that works wherever they are, and counts what is whole."""

    def __init__(self, run: Run) -> None:
        self._run, self._seen = run, set[str]()
        for name in sorted(run.there):
            if name.startswith(FAILED):
                run.state.place.remove(run.state.path(name))
            elif found := _PART_RECORD.fullmatch(name):
                tally = run.state.part(int(found[1]), int(found[2])).tally
                run.tally.add(tally)
                run.continued += tally.rows_in
                self._seen.add(name)

    def look(self) -> None:
        """Tell of parts that have become whole; raises what an executor raised."""
        run, names = self._run, self._run.state.names()
        if failed := sorted(name for name in names if name.startswith(FAILED)):
            raise self._error(failed[0])
        run.inputs_done = sum(input_record(index) in names for index in range(len(run.plan.inputs)))
        for name in sorted(names - self._seen):
            if found := _PART_RECORD.fullmatch(name):
                run.tell(run.state.part(int(found[1]), int(found[2])).tally)
                self._seen.add(name)

    def _error(self, name: str) -> AvalError:
        body = json.loads(self._run.state.place.read(self._run.state.path(name)) or b"{}")
        return _KINDS.get(body.get("kind"), AvalError)(body.get("text", "an executor failed"))


def _expect_same(run: Run, bundle: bytes) -> None:
    scorer = unpacked(bundle)
    seen, needed = (scorer.tag, scorer.policy.version), (run.plan.model, run.plan.policy)
    if seen != needed:
        raise WrongUse(
            f"the packed bundle is {' with '.join(seen)}, and the run needs {' with '.join(needed)}"
        )


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next(
        (line for line in reversed(lines) if "service.errors" in line), lines[0] if lines else repr(error)
    )
    return f"Spark gave up: {said}; run the same command again to go on from there"
