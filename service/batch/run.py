"""One run: records in; decisions, refused rows and a manifest out. What a broken-off run has done is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from service.batch.engine import Unit, score_unit
from service.batch.manifest import Manifest, RunFacts
from service.batch.options import Options, expect_few_refused
from service.batch.plan import Plan, planned
from service.batch.publishing import Output, finish, outputs_of, prepare
from service.batch.reading import READERS
from service.batch.standing import expect_all_asked, expect_ours, left_to_score, standing
from service.batch.state import PartRecord, State, input_record, part_record
from service.batch.step import Step, Stretch
from service.batch.tally import Tally
from service.batch.targets import Target, expect_apart, target_of
from service.batch.whole import Whole
from service.errors import UnreadableInput, WrongUse
from service.places import Inputs, find_inputs
from service.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    manifest: of the output as it is now. new: whether anything was left to be scored. continued: rows that an earlier,
    broken-off run had already dealt with.
    """

    manifest: Manifest
    new: bool
    continued: int = 0


@dataclass
class Run:
    """A run on its way: what an engine needs to know and to tell. there: names in the state folder at its start."""

    plan: Plan
    scorer: Scorer
    state: State
    there: set[str]
    threads: int
    progress: Callable[[Step], None]
    started: str
    tally: Tally = field(default_factory=Tally)
    continued: int = 0
    inputs_done: int = 0

    def left_of(self, index: int) -> Unit | None:
        """Return what is left of an input, None if it is done; parts are done from the first on.

        The last part of an input whose end was not reached is done again: it may be a short one, behind which nothing
        begins.
        """
        parts, done = self._parts_of(index), self.is_done(index)
        for part in parts if done else parts[:-1]:
            self.tally.add(part.tally)
            self.continued += part.tally.rows_in
        if done:
            return None
        whole = parts[:-1]
        return Unit(index, len(whole), 1 + sum(part.tally.rows_in for part in whole))

    def is_done(self, index: int) -> bool:
        """Whether an input was read to its end and all its parts are whole."""
        if input_record(index) not in self.there:
            return False
        parts = range(self.state.input(index).parts)
        return all(part_record(index, number) in self.there for number in parts)

    def _parts_of(self, index: int) -> list[PartRecord]:
        parts: list[PartRecord] = []
        while part_record(index, len(parts)) in self.there:
            parts.append(self.state.part(index, len(parts)))
        return parts

    def tell(self, tally: Tally, share: float = 0.0) -> None:
        """Take in what became of a block, and tell how far the run is; share: of the input that is being read."""
        self.tally.add(tally)
        whole = self._stretch.share(self.inputs_done, share)
        if self.plan.limit is not None:
            whole = max(whole, self.tally.rows_in / self.plan.limit)
        inputs = len(self.plan.inputs)
        self.progress(Step(self.tally, self.inputs_done, inputs, min(whole, 1.0), self.continued))

    @cached_property
    def _stretch(self) -> Stretch:
        return Stretch(item.size for item in self.plan.inputs)


# Scores what is left of a plan and returns how many inputs it read.
Engine = Callable[[Run], int]


def score_locally(run: Run) -> int:
    """Score what is left on this machine, one input after the other, each on several threads."""
    for index in range(len(run.plan.inputs)):
        unit = run.left_of(index)
        if unit is not None:
            if run.plan.limit is not None:
                unit = replace(unit, rows=run.plan.limit - run.tally.rows_in)
                if unit.rows == 0 and unit.first_part == 0:
                    return index
            score_unit(run.plan, unit, run.scorer, run.state, threads=run.threads, progress=run.tell)
        run.inputs_done += 1
    return run.inputs_done


def score_files(
    scorer: Scorer,
    source: Path | str,
    target: Path | str,
    options: Options = Options(),  # noqa: B008  # immutable
    *,
    progress: Callable[[Step], None] = lambda _: None,
    engine: Engine = score_locally,
) -> Result:
    """Score every record of `source` into `target`; either all outputs are replaced by whole new ones, or none.

    source: a file, a folder, a glob, a partitioned data set, on a disk or in S3. target: a file; or a folder, which
    keeps what it has and gets what it lacks.
    The same call after a crash goes on where it was; after success it does nothing, unless there is something new.
    Raises `UnreadableInput`, `WrongUse` (also while another run is at work on the output), `TooManyRefused`,
    `NothingYet`.
    """
    into = target_of(str(target), options.ending, options.s3)
    found = find_inputs(str(source), READERS, options.where, dated=options.dated, s3=options.s3)
    expect_apart(str(source), found, into)
    with into.place.held(into.state):
        state = State(into.place, into.state)
        if options.replace:
            state.forget()
        finish(state, into, options.log)
        plan, before = _left(scorer, found, into, options)
        if before is not None and not plan.inputs:
            state.forget()
            return Result(before, new=False)
        run = _begin(plan, scorer, state, options, progress)
        with _kept_if_worth_it(run):
            inputs = engine(run)
            _expect_unchanged(found, run.plan, inputs)
            manifest = _prepare(run, into, options, inputs, before)
        finish(state, into, options.log)
    return Result(manifest, new=True, continued=run.continued)


def _expect_unchanged(found: Inputs, plan: Plan, inputs: int) -> None:
    """Raise `UnreadableInput` if an input is another than when it was found, which was before it was hashed."""
    read = {item.name for item in plan.inputs[:inputs]}
    for item in found.items:
        if item.name in read and found.place.find(item.name) != item:
            raise UnreadableInput(f"{item.uri} was changed while it was read; score it again")


def _left(scorer: Scorer, found: Inputs, into: Target, options: Options) -> tuple[Plan, Manifest | None]:
    """Return the plan of what is left to be scored, and the manifest of what the output has and keeps."""
    inputs = tuple(planned(found, item) for item in found.items)
    plan = Plan.of(scorer, found.place.uri, into, inputs, options, logged=options.log is not None)
    if options.replace:
        expect_all_asked(found, into)
        return plan, None
    if into.name is not None:
        expect_ours(into, (into.name, into.quarantine))
    before = standing(into)
    return left_to_score(plan, before), before


def _begin(
    plan: Plan, scorer: Scorer, state: State, options: Options, progress: Callable[[Step], None]
) -> Run:
    if state.plan() != plan:
        state.begin(plan)
    state = state.of(plan)
    return Run(plan, scorer, state, state.names(), options.scoring_threads, progress, _now())


def _prepare(run: Run, target: Target, options: Options, inputs: int, before: Manifest | None) -> Manifest:
    """Put together what the first `inputs` inputs came to, and write down that it is to be published."""
    whole = Whole.of(run.plan, run.state, inputs)
    expect_few_refused(whole.tally(), options.most_refused, "would be quarantined", "nothing was written")
    outputs = outputs_of(whole, target, run.state)
    manifest = Manifest(
        whole.tally(),
        tuple(run.scorer.profile.probability.counts),
        whole.input_facts(),
        tuple(item.facts for item in outputs),
        (_facts(whole, outputs, run.started),),
    ).after(before if target.name is None else None)
    prepare(run.state, target, whole, outputs, manifest, time.time_ns() // 1000)
    return manifest


def _facts(whole: Whole, outputs: list[Output], started: str) -> RunFacts:
    plan = whole.plan
    return RunFacts(
        model=plan.model,
        policy=plan.policy,
        contract=plan.contract,
        reasons=plan.reasons,
        keep_columns=plan.keep_columns,
        limit=plan.limit,
        dialect=plan.dialect_asked,
        inputs=tuple(item.name for item in plan.inputs[: len(whole.inputs)]),
        outputs=tuple(item.facts.name for item in outputs),
        segments=tuple(part.segment.id for _, _, part in whole.parts if part.segment is not None),
        started=started,
        finished=_now(),
        code=plan.code,
    )


@contextmanager
def _kept_if_worth_it(run: Run) -> Iterator[None]:
    """Forget what was done, unless the same command may go on with it: the place failed, or somebody ended the run."""
    try:
        yield
    except BaseException as error:
        may_go_on = isinstance(error, WrongUse) or not isinstance(error, Exception)
        if not (may_go_on and run.tally.rows_in):
            run.state.forget()
        raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
