"""A manifest held against the files that it is about: everything in it is found out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from service.batch.answers import answers_in, refused_in
from service.batch.manifest import InputFacts, Manifest, OutputFacts, RunFacts
from service.batch.manifest_shape import manifest_body
from service.batch.part_files import QUARANTINE, SCORES
from service.batch.reading import READERS
from service.batch.recount import InputRows, Recount
from service.errors import AvalError, UnreadableInput
from service.places import Place, S3Options, find_inputs, place_of
from service.places.file_facts import FileFacts
from service.scoring.profile import SCORE_BORDERS, stability_index

FOLDER_MANIFEST, FILE_MANIFEST = "_manifest.json", ".manifest.json"
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it. differences: in words. inputs: how many were compared; their places have to be named."""

    address: str
    manifest: Manifest
    differences: tuple[str, ...]
    inputs: int

    @property
    def holds(self) -> bool:
        """Whether the manifest is true."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return what came of it as JSON data."""
        return {
            "holds": self.holds,
            "manifest": self.address,
            "rows_in": self.manifest.tally.rows_in,
            "outputs": len(self.manifest.outputs),
            "inputs": len(self.manifest.inputs),
            "inputs_compared": self.inputs,
            "differences": list(self.differences),
        }


def verify(
    address: str,
    sources: Sequence[str] = (),
    s3: S3Options | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Find out again what a manifest says of its outputs, and of those inputs that `sources` name.

    address: of the manifest, or of a folder that has one. sources: as they were scored, a file, a folder, a glob.
    Raises `UnreadableInput` where there is no manifest, or none that can be read.
    """
    place, name = _found(address, s3)
    content = place.read(name)
    shown = f"{place.uri.rstrip('/')}/{name}"
    if content is None:
        raise UnreadableInput(f"{shown} does not exist; name the manifest that stands beside the output")
    body = manifest_body(content, shown)
    check = _Check(place, Manifest.read(content, shown), body, progress)
    check.outputs()
    check.strangers(name)
    count = check.inputs(sources, s3)
    return Verified(shown, check.manifest, tuple(check.differences), count)


@dataclass
class _Check:
    place: Place
    manifest: Manifest
    body: Mapping[str, Any]
    progress: Callable[[str], None]
    differences: list[str] = field(default_factory=list)
    recount: Recount = field(default_factory=Recount)

    def outputs(self) -> None:
        """Go through all outputs, and compare the sums if all of them could be counted."""
        self._expect_known_runs()
        everything = [
            item for kind in (QUARANTINE, SCORES) for item in self.manifest.outputs if item.kind == kind
        ]
        whole = not self.differences
        for count, output in enumerate(everything):
            self.progress(f"{count:,} of {len(everything):,} files")
            whole &= self._output(output)
        if whole:
            self._compare_sums()
            self._compare_inputs()

    def strangers(self, manifest_name: str) -> None:
        """Name files beside the outputs that the manifest does not know, and that pass for outputs."""
        known = {item.name for item in self.manifest.outputs}
        for name in _beside(self.place, manifest_name):
            if name not in known:
                self.differences.append(f"{name} is there, and not in the manifest")

    def inputs(self, sources: Sequence[str], s3: S3Options | None) -> int:
        """Compare the inputs that are named, and return how many."""
        known = {item.name: item for item in self.manifest.inputs}
        compared = 0
        for source in sources:
            found = find_inputs(source, READERS, s3=s3)
            for item in found.items:
                if item.name not in known:
                    continue
                self.progress(item.name)
                with found.place.fetched(item) as path:
                    self._compare_input(item.uri, known[item.name], FileFacts.of(path))
                compared += 1
        if sources and not compared:
            self.differences.append(f"no input of the manifest is in {' or '.join(sources)}")
        return compared

    def _compare_input(self, shown: str, said: InputFacts, seen: FileFacts) -> None:
        if (said.size, said.sha256) != (seen.size, seen.sha256):
            self.differences.append(f"{shown} is not what was scored: its size or SHA-256 is another")

    def _output(self, output: OutputFacts) -> bool:
        """Compare and count an output; returns whether it could be counted."""
        try:
            item = self.place.find(output.name)
            if item is None:
                raise UnreadableInput(f"{output.name} is missing")
            with self.place.fetched(item) as path:
                _expect_content(output, FileFacts.of(path))
                self._count(output, path)
        except AvalError as error:
            self.differences.append(str(error))
            return False
        except _UNREADABLE as error:
            text = " ".join(str(error).split())[:200]
            self.differences.append(f"{output.name} cannot be read as the output of a run: {text}")
            return False
        return True

    def _count(self, output: OutputFacts, path: Path) -> None:
        rows, said = 0, set[str]()
        for table, complaints in self._taken(output, path):
            rows += table.num_rows
            said |= complaints
        self.differences += sorted(said)
        if rows != output.rows:
            self.differences.append(f"{output.name} has {rows:,} rows, and {output.rows:,} in the manifest")

    def _taken(self, output: OutputFacts, path: Path) -> Iterator[tuple[pa.Table, set[str]]]:
        if output.kind == QUARANTINE:
            for table in refused_in(path):
                yield table, set(self.recount.take_refused(output, table))
            return
        run = self._run_of(output)
        if run is None:
            return
        for table in answers_in(path, output.name):
            yield table, set(self.recount.take_answers(output, run, table))

    def _run_of(self, output: OutputFacts) -> RunFacts | None:
        """Return the run that wrote an output; None, which is told elsewhere, where no run says so."""
        return next((run for run in self.manifest.runs if output.name in run.outputs), None)

    def _expect_known_runs(self) -> None:
        for what in ("inputs", "outputs"):
            told = sorted(item.name for item in getattr(self.manifest, what))
            ran = sorted(name for run in self.manifest.runs for name in getattr(run, what))
            if told != ran or len(set(told)) != len(told):
                self.differences.append(
                    f"the {what} of the runs are not the {what} of the manifest, each once"
                )
        if wrong := [item.kind for item in self.manifest.outputs if item.kind not in (SCORES, QUARANTINE)]:
            self.differences.append(f"an output is of the kind {wrong[0]!r:.40}")

    def _compare_sums(self) -> None:
        seen = self.recount.tally.as_json()
        said = {**self.body, "scores": self.body["score"]["counts"]}
        for name, value in seen.items():
            if said[name] != value:
                self.differences.append(
                    f"{name.replace('_', ' ')} in the outputs: {_short(value)}; in the manifest: {_short(said[name])}"
                )
        psi = self._psi()
        if self.body["score"]["psi"] != psi:
            self.differences.append(
                f"PSI of the outputs: {psi}; in the manifest: {self.body['score']['psi']}"
            )
        if self.body["score"].get("borders") != list(SCORE_BORDERS):
            self.differences.append("the borders between scores are not those of a profile")

    def _psi(self) -> float | None:
        reference, scores = self.manifest.reference, self.recount.tally.scores.tolist()
        if not self.recount.tally.rows_scored or len(reference) != len(scores):
            return None
        return round(stability_index(reference, scores), 6)

    def _compare_inputs(self) -> None:
        for item in self.manifest.inputs:
            found = self.recount.inputs.pop(item.name, InputRows())
            seen = found.scored + len(found.refused), found.scored, len(found.refused)
            said = item.rows_in, item.rows_scored, item.rows_quarantined
            if seen != said or found.highest > item.rows_in:
                self.differences.append(
                    f"{item.name}: {seen[1]:,} rows are scored and {seen[2]:,} quarantined, up to row "
                    f"{found.highest:,}; the manifest says {said[1]:,} and {said[2]:,} of {said[0]:,}"
                )
        self.differences += [f"rows of {name}, which is no input" for name in self.recount.inputs]


def _found(address: str, s3: S3Options | None) -> tuple[Place, str]:
    if address.endswith("/") or (not address.startswith("s3://") and Path(address).is_dir()):
        return place_of(address, s3), FOLDER_MANIFEST
    folder, slash, name = address.rpartition("/")
    return place_of(folder or (slash or "."), s3), name


def _beside(place: Place, manifest_name: str) -> list[str]:
    if manifest_name == FOLDER_MANIFEST:
        return [item.name for under in ("", "_quarantine") for item in place.list(under)]
    target = manifest_name.removesuffix(FILE_MANIFEST)
    name = f"{target}.quarantine.csv"
    return [name] if target != manifest_name and place.find(name) is not None else []


def _expect_content(output: OutputFacts, seen: FileFacts) -> None:
    if seen.size != output.size:
        raise UnreadableInput(f"{output.name} has {seen.size:,} bytes, and {output.size:,} in the manifest")
    if seen.sha256 != output.sha256:
        raise UnreadableInput(f"{output.name} has another content than in the manifest: its SHA-256 differs")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"
