"""What was done, to be read by people, by the next job and by auditors: the last file that a run writes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.batch.tally import Tally
from service.errors import UnreadableInput
from service.scoring.profile import SCORE_BORDERS, stability_index

VERSION = 1


@dataclass(frozen=True, slots=True)
class InputFacts:
    """An input file: what it held, and what became of its rows.

    partitions: what its folders say of all its records. read_as: how its text turned out to be written.
    """

    name: str
    size: int
    sha256: str
    etag: str | None
    partitions: dict[str, str]
    rows_in: int
    rows_scored: int
    rows_quarantined: int
    read_as: str


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """An output file. kind: `scores` or `quarantine`. input: the only input that is in it, None for several."""

    name: str
    kind: str
    input: str | None
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run: what decided, over which inputs, into which outputs.

    dialect: what was asked of text files, in words. segments: names of the decisions in the decision log.
    Times are ISO 8601 in UTC; `code` is the version of Aval.
    """

    model: str
    policy: str
    contract: str
    reasons: bool
    keep_columns: bool
    limit: int | None
    dialect: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    segments: tuple[str, ...]
    started: str
    finished: str
    code: str


@dataclass(frozen=True)
class Manifest:
    """The account of an output: of the only run into a file, or of every run into a folder.

    `rows_in` is always `rows_scored` and `rows_quarantined` together. psi: of the scores against the `reference` counts
    of the profile of the latest run's model, None where nothing was scored.
    """

    tally: Tally
    reference: tuple[int, ...]
    inputs: tuple[InputFacts, ...]
    outputs: tuple[OutputFacts, ...]
    runs: tuple[RunFacts, ...]

    @property
    def psi(self) -> float | None:
        """Population stability index of all scores; half a row is added to each bin."""
        scores = self.tally.scores.tolist()
        return round(stability_index(self.reference, scores), 6) if self.tally.rows_scored else None

    def after(self, earlier: Manifest | None) -> Manifest:
        """Return the account of these runs after earlier ones."""
        if earlier is None:
            return self
        tally = Tally()
        tally.add(earlier.tally)
        tally.add(self.tally)
        return replace(
            self,
            tally=tally,
            inputs=earlier.inputs + self.inputs,
            outputs=earlier.outputs + self.outputs,
            runs=earlier.runs + self.runs,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as JSON data."""
        body = self.tally.as_json()
        scores = {
            "borders": SCORE_BORDERS,
            "counts": body.pop("scores"),
            "reference": self.reference,
            "psi": self.psi,
        }
        rest = {
            name: [asdict(item) for item in getattr(self, name)] for name in ("inputs", "outputs", "runs")
        }
        return {"manifest": VERSION, **body, "score": scores, **rest}

    def to_bytes(self) -> bytes:
        """Return the manifest as the file that stands beside the output."""
        return (json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def read(cls, content: bytes, shown: str) -> Manifest:
        """Read what `to_bytes` wrote; raises `UnreadableInput` for anything else."""
        try:
            body = json.loads(content)
            if body["manifest"] != VERSION:
                raise UnreadableInput(
                    f"{shown} is a manifest of version {body['manifest']}; this version of aval reads {VERSION}"
                )
            if not body["runs"]:
                raise ValueError
            return cls(
                Tally.from_json({**body, "scores": body["score"]["counts"]}),
                tuple(body["score"]["reference"]),
                tuple(InputFacts(**item) for item in body["inputs"]),
                tuple(OutputFacts(**item) for item in body["outputs"]),
                tuple(RunFacts(**_with_tuples(item)) for item in body["runs"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnreadableInput(f"{shown} is no manifest of aval: {type(error).__name__}") from None

    def summary(self) -> str:
        """Say in one line what was done."""
        tally, model = self.tally, self.runs[-1].model
        decisions = ", ".join(f"{count:,} {name}" for name, count in tally.by_decision.items())
        text = f"{tally.rows_scored:,} of {tally.rows_in:,} rows scored with {model} ({decisions})"
        scores, refused = (
            [item.name for item in self.outputs if item.kind == kind] for kind in ("scores", "quarantine")
        )
        into = scores[0] if len(scores) == 1 else f"{len(scores):,} files"
        if not refused:
            return f"{text} into {into}"
        kept = refused[0] if len(refused) == 1 else f"{len(refused):,} files"
        return f"{text} into {into}; {tally.rows_quarantined:,} quarantined in {kept}"


def _with_tuples(body: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
