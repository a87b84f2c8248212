"""What an output already holds, and what is therefore left to be scored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from service.batch.manifest import InputFacts, Manifest
from service.batch.plan import Plan, PlannedInput
from service.batch.targets import Target
from service.errors import UnreadableInput, WrongUse
from service.places import Inputs


def standing(target: Target) -> Manifest | None:
    """Return the manifest of an output whose files are all there, None where there is none.

    A single file that is not what its manifest says is scored again; a folder that is not is refused by `WrongUse` or
    `UnreadableInput`, because what else it holds may be of use.
    """
    content = target.place.read(target.manifest)
    if content is None:
        return None
    try:
        manifest = Manifest.read(content, f"{target.place.uri}/{target.manifest}")
    except UnreadableInput:
        if target.name is not None:
            return None
        raise
    for output in manifest.outputs:
        item = target.place.find(output.name)
        if item is None or item.size != output.size:
            if target.name is not None:
                return None
            raise WrongUse(
                f"{target.place.uri}/{output.name} is not what its manifest says; put it back, or score all again "
                "with --replace"
            )
    return manifest


def expect_ours(target: Target, names: Iterable[str]) -> None:
    """Raise `WrongUse` where one of these files is there and no manifest says that a run has written it."""
    content = target.place.read(target.manifest)
    try:
        manifest = Manifest.read(content or b"", target.manifest)
    except UnreadableInput:
        known = set()
    else:
        known = {item.name for item in manifest.outputs}
    for name in names:
        if name not in known and target.place.find(name) is not None:
            raise WrongUse(
                f"{target.place.uri}/{name} is there and is no output of aval; name another output, or replace it with "
                "--replace (is a glob without quotes among the arguments?)"
            )


def expect_all_asked(found: Inputs, target: Target) -> None:
    """Raise `WrongUse` where replacing what a folder holds would lose what is there to be scored and was not asked."""
    content = target.place.read(target.manifest)
    if target.name is not None or content is None:
        return
    try:
        before = Manifest.read(content, target.manifest)
    except UnreadableInput:
        return
    asked = {item.name for item in found.items}
    others = (item.name for item in before.inputs if item.name not in asked)
    lost = [name for name in others if found.place.find(name) is not None]
    if lost:
        raise WrongUse(
            f"{target.text} also holds what became of {len(lost):,} other inputs, such as {lost[0]}; replace all of "
            "them, or score into another folder"
        )


def left_to_score(plan: Plan, before: Manifest | None) -> Plan:
    """Return the plan without what was done before; a file is done again whole if anything in it would be another.

    In a folder, what was scored stays as it is, whatever model is champion now. Raises `WrongUse` for an input that is
    no longer what was scored.
    """
    if before is None:
        return plan
    if plan.name is not None:
        return replace(plan, inputs=()) if _is_of(plan, before) else plan
    return _late(plan, before)


def _late(plan: Plan, before: Manifest) -> Plan:
    done = {item.name: item for item in before.inputs}
    for item in plan.inputs:
        if item.name in done and not _same(item, done[item.name]):
            raise WrongUse(
                f"{item.name} has been scored into {plan.target} and is another file now; score it into another "
                "folder, or all of them again with --replace"
            )
    late = tuple(item for item in plan.inputs if item.name not in done)
    limit = next((run.limit for run in before.runs if run.limit is not None), None)
    if limit is not None and limit == plan.limit and before.tally.rows_in >= limit:
        return replace(plan, inputs=())
    if limit not in (None, plan.limit) or (late and plan.limit is not None):
        raise WrongUse(
            f"{plan.target} holds {before.tally.rows_in:,} rows, scored with {_limit(limit)}, and cannot be gone on "
            f"with, with {_limit(plan.limit)}; score into another folder, or all again with --replace"
        )
    return replace(plan, inputs=late)


def _limit(rows: int | None) -> str:
    return "no --limit" if rows is None else f"--limit {rows}"


def _is_of(plan: Plan, manifest: Manifest) -> bool:
    run = manifest.runs[-1]
    decided = (
        run.model,
        run.policy,
        run.contract,
        run.reasons,
        run.keep_columns,
        run.limit,
        run.dialect,
        run.code,
    )
    read = plan.inputs if plan.limit is None else plan.inputs[: len(manifest.inputs)]
    return (
        decided
        == (
            plan.model,
            plan.policy,
            plan.contract,
            plan.reasons,
            plan.keep_columns,
            plan.limit,
            plan.dialect_asked,
            plan.code,
        )
        and bool(run.segments) == plan.logged
        and [item.name for item in read] == [item.name for item in manifest.inputs]
        and all(map(_same, read, manifest.inputs))
    )


def _same(item: PlannedInput, facts: InputFacts) -> bool:
    same = (item.size, item.etag, item.partitions) == (facts.size, facts.etag, facts.partitions)
    return same and item.digest in (facts.sha256, facts.etag)
