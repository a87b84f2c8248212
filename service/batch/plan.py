"""What a run will do, settled before the first record is scored, so that it can be taken up again by anybody."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from service import __version__
from service.batch.dialect import DETECTED, Dialect
from service.batch.options import Options
from service.batch.targets import Target
from service.places import Inputs, Item
from service.places.file_facts import digest_of
from service.scoring.scorer import Scorer

BLOCKS_PER_PART = 8


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One file, by its content: `digest` is its SHA-256, or the tag that its store gives to its content."""

    name: str
    size: int
    digest: str
    etag: str | None
    partitions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run as plain data; two runs of equal plans write the same bytes.

    source: the place of the inputs. target: the output as it was typed. folder: the output's place. name: the file in
    it, None where the folder itself is the output. kms_key: that S3 encrypts with.
    """

    source: str
    target: str
    folder: str
    name: str | None
    ending: str
    inputs: tuple[PlannedInput, ...]
    model: str
    policy: str
    contract: str
    reasons: bool
    keep_columns: bool
    limit: int | None
    logged: bool
    dialect: Dialect
    kms_key: str | None
    code: str = __version__

    @classmethod
    def of(
        cls,
        scorer: Scorer,
        source: str,
        target: Target,
        inputs: tuple[PlannedInput, ...],
        options: Options,
        *,
        logged: bool,
    ) -> Plan:
        """Return the plan for these inputs."""
        return cls(
            source,
            target.text,
            target.place.uri,
            target.name,
            target.ending,
            inputs,
            scorer.tag,
            scorer.policy.version,
            scorer.contract.version,
            options.reasons,
            options.keep_columns,
            options.limit,
            logged,
            options.dialect,
            options.s3.kms_key,
        )

    @classmethod
    def read(cls, content: bytes) -> Plan:
        """Read what `to_bytes` wrote; raises `ValueError` or `TypeError` for anything else."""
        body: dict[str, Any] = json.loads(content)
        inputs = tuple(PlannedInput(**item) for item in body.pop("inputs"))
        return cls(inputs=inputs, dialect=Dialect(**body.pop("dialect")), **body)

    def to_bytes(self) -> bytes:
        """Return the plan as JSON."""
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def key(self) -> str:
        """16 hex digits that tell this plan from any other."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]

    @property
    def several(self) -> bool:
        """Whether one output holds the records of several inputs, which a column must then tell apart."""
        return self.name is not None and len(self.inputs) > 1

    @property
    def dialect_asked(self) -> str:
        """What was asked of text files, in words; nothing where all is to be detected."""
        asked = asdict(self.dialect).items() - asdict(DETECTED).items()
        return ", ".join(f"{name} {value!r}" for name, value in sorted(asked))

    def segment_id(self, input_index: int, first_row: int) -> str:
        """Return the name of a part's decisions: 16 hex digits that follow from what decides about what.

        The same command on the same content names the same decisions, wherever and however often it runs.
        """
        item = self.inputs[input_index]
        # All that an answer depends on: whatever else is asked for gives it another name.
        read_as = [asdict(self.dialect), item.partitions, self.limit]
        made_by = [self.code, self.model, self.policy]
        identity = [*made_by, self.target, item.name, item.digest, read_as, first_row]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]


def planned(inputs: Inputs, item: Item) -> PlannedInput:
    """Describe an input by its content, which is read once where its store does not say."""
    partitions = inputs.partitions(item)
    if item.etag is not None:
        return PlannedInput(item.name, item.size, item.etag, item.etag, partitions)
    with inputs.place.fetched(item) as path:
        return PlannedInput(item.name, item.size, digest_of(path), None, partitions)
