"""Makes a run's outputs appear: everything is put together first, the manifest comes last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from service.batch.joining import join
from service.batch.manifest import Manifest, OutputFacts
from service.batch.options import SegmentLog
from service.batch.part_files import QUARANTINE, SCORES, SEGMENT, writing
from service.batch.state import COMPLETE, State, StateDamaged, part_file
from service.batch.targets import Target
from service.batch.whole import Whole
from service.decision_log.segments import SegmentFacts
from service.errors import UnreadableInput, WrongUse
from service.places.file_facts import FileFacts


@dataclass(frozen=True, slots=True)
class Output:
    """A finished file in the state folder, and what it will be."""

    kept_as: str
    facts: OutputFacts


def outputs_of(whole: Whole, target: Target, state: State) -> list[Output]:
    """Put together what will be published; for a single file of several parts, that is where they become one."""
    if target.name is None:
        return list(_parts(whole, target))
    with state.place.scratch() as scratch, writing(target.text):
        return list(_files(whole, target, state, scratch))


def prepare(
    state: State, target: Target, whole: Whole, outputs: list[Output], manifest: Manifest, at: int
) -> None:
    """Write down what is left to be done; from now on the run is finished by whoever comes, whatever happens.

    at: microseconds since 1970, UTC, the time of the decisions.
    """
    segments = [
        [part_file(index, number, SEGMENT), part.segment.to_json()]
        for index, number, part in whole.parts
        if part.segment is not None
    ]
    body = {
        "manifest": manifest.as_json(),
        "removes": _replaced(target, manifest),
        "moves": [[item.kept_as, item.facts.name] for item in outputs],
        "segments": segments,
        "at": at,
    }
    state.write(COMPLETE, json.dumps(body).encode())


def finish(state: State, target: Target, log: SegmentLog | None) -> Manifest | None:
    """Register the decisions of a prepared run and publish its outputs; None where there is no such run.

    It can be repeated from any point. An old manifest goes first and the new one comes last, so that a manifest that
    is there is always true.
    """
    plan = state.plan()
    if plan is None:
        return None
    state = state.of(plan)
    try:
        body = state.complete()
    except StateDamaged:
        state.forget()
        return None
    if body is None:
        return None
    _register(state, body, log)
    for name in body["removes"]:
        state.place.remove(name)
    manifest = Manifest.read(json.dumps(body["manifest"]).encode(), target.manifest)
    _move(state, body["moves"], manifest)
    state.place.write(target.manifest, manifest.to_bytes())
    state.forget()
    return manifest


def _replaced(target: Target, manifest: Manifest) -> list[str]:
    """Return what must go before this manifest's outputs come: an older manifest first, and what it alone tells of."""
    names = {item.name for item in manifest.outputs}
    if target.name is not None:
        return [target.manifest, *{target.quarantine} - names]
    content = target.place.read(target.manifest)
    if content is None:
        return []
    try:
        older = Manifest.read(content, target.manifest).outputs
    except UnreadableInput:
        return [target.manifest]
    stays = manifest.outputs[: len(older)] == older
    return [] if stays else [target.manifest, *sorted({item.name for item in older} - names)]


def _move(state: State, moves: list[list[str]], manifest: Manifest) -> None:
    there, sizes = state.sizes(), {item.name: item.size for item in manifest.outputs}
    for kept_as, name in moves:
        if there.get(kept_as) == sizes[name]:
            state.place.move(state.path(kept_as), name)
            continue
        moved = state.place.find(name)
        if kept_as in there or moved is None or moved.size != sizes[name]:
            state.forget()
            raise state.damaged(kept_as)


def _register(state: State, body: dict[str, Any], log: SegmentLog | None) -> None:
    if not body["segments"]:
        return
    # SQLAlchemy is imported only where there is a log.
    from service.decision_log.segments.registering import Publication, publish

    if log is None:
        raise WrongUse(
            f"{state.place.uri}: an earlier run is finished but for the decision log, which is off; "
            "set AVAL_DECISION_LOG as it was then, or score all again with --replace"
        )
    publications = [
        Publication(SegmentFacts.from_json(facts), partial(_copied, state, name))
        for name, facts in body["segments"]
    ]
    publish(log.address, log.place, publications, body["at"])


@contextmanager
def _copied(state: State, name: str) -> Iterator[Path]:
    """A copy that may be moved away: the state folder keeps its own until all is done."""
    item = state.place.find(state.path(name))
    if item is None:
        state.forget()
        raise state.damaged(name)
    with state.place.fetched(item) as path, state.place.scratch() as scratch:
        copy = scratch / SEGMENT
        try:
            copy.hardlink_to(path)
        except OSError:
            shutil.copy(path, copy)
        yield copy


def _parts(whole: Whole, target: Target) -> Iterator[Output]:
    for index, number, part in whole.parts:
        name = whole.plan.inputs[index].name
        names = {SCORES: target.part(name, number), QUARANTINE: target.refused_part(name, number)}
        rows = {SCORES: part.tally.rows_scored, QUARANTINE: part.tally.rows_quarantined}
        # In an order of their own: that of a set is another one in every process.
        for kind in (kind for kind in names if kind in part.files):
            facts = part.files[kind]
            output = OutputFacts(names[kind], kind, name, rows[kind], facts.size, facts.sha256)
            yield Output(part_file(index, number, kind), output)


def _files(whole: Whole, target: Target, state: State, scratch: Path) -> Iterator[Output]:
    tally, inputs = whole.tally(), whole.plan.inputs
    _expect_same_columns(whole)
    only = inputs[0].name if len(inputs) == 1 else None
    names = {SCORES: target.name or "", QUARANTINE: target.quarantine}
    rows = {SCORES: tally.rows_scored, QUARANTINE: tally.rows_quarantined}
    for kind, name in names.items():
        having = [item for item in whole.parts if kind in item[2].files]
        if not having:
            continue
        kept_as, facts = part_file(having[0][0], having[0][1], kind), having[0][2].files[kind]
        if len(having) > 1:
            path = scratch / kind
            join(whole, kind, state, path)
            kept_as, facts = f"whole.{kind}", FileFacts.of(path)
            state.put(kept_as, path)
        yield Output(kept_as, OutputFacts(name, kind, only, rows[kind], facts.size, facts.sha256))


def _expect_same_columns(whole: Whole) -> None:
    first = whole.parts[0]
    for part in whole.parts:
        if part[2].columns != first[2].columns:
            names = (whole.plan.inputs[index].name for index, _, _ in (part, first))
            raise UnreadableInput(
                f"{' and '.join(names)} have different columns, which one file cannot keep; score into a folder"
            )
