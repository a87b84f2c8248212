"""Segments for tests: records scored as a batch run scores them, put into a folder and registered in a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.decision_log.reading import reading
from service.decision_log.segments import Heading, SegmentFacts, SegmentWriter, segment_table
from service.decision_log.segments.registering import Publication, publish
from service.decision_log.segments.segment import Segment, segments
from service.decision_log.segments.store import SegmentStore
from service.places import Place, place_of
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import linear_predictor, make_scorer, random_table
from tests.service.decision_log.written_log import BEGIN

ROWS = 40
REFUSED = (3, 17)
SCORER = make_scorer(linear_predictor())


@dataclass(frozen=True)
class Made:
    """A segment that was written to a file and is not registered."""

    facts: SegmentFacts
    path: Path

    @property
    def publication(self) -> Publication:
        """What has it published."""
        return Publication(self.facts, self._opened)

    @contextmanager
    def _opened(self) -> Iterator[Path]:
        yield self.path


@dataclass(frozen=True)
class Kept:
    """A log with segments, and the place where these are."""

    url: str
    place: Place

    @property
    def store(self) -> SegmentStore:
        """Both together."""
        return SegmentStore(self.url, self.place)

    @property
    def folder(self) -> Path:
        """The place's folder."""
        return Path(self.place.uri)

    def segments(self) -> list[Segment]:
        """The segments as the log knows them now."""
        with reading(self.url) as connection:
            return list(segments(connection))

    def files(self) -> list[str]:
        """The names of all files, also those that are hidden."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.parquet"))

    def file(self, segment: str) -> Path:
        """The file of a segment."""
        (found,) = self.folder.rglob(f"{segment}-*.parquet")
        return found


def records(rows: int = ROWS, seed: int = 5, refused: Sequence[int] = REFUSED) -> pa.Table:
    """Records in the types of a Parquet file; those with these places, counted from 0, are refused."""
    table = random_table(rows, seed)
    ages = [7 if place in refused else age for place, age in enumerate(table.column("age").to_pylist())]
    return table.set_column(table.column_names.index("age"), "age", pa.array(ages))


def heading(segment: str, scorer: Scorer = SCORER, **more: Any) -> Heading:
    """What is known of a segment beforehand."""
    given: dict[str, Any] = {
        "id": segment,
        "model": scorer.tag,
        "policy": scorer.policy.version,
        "contract": scorer.contract.version,
        "input_name": "2026-11-20.parquet",
        "input_digest": "ab" * 32,
        "first_row": 1,
        "text": False,
    }
    return Heading(**(given | more))


def make(
    folder: Path,
    segment: str = "0123456789abcdef",
    table: pa.Table | None = None,
    *,
    scorer: Scorer = SCORER,
    block: int = 16,
    reasons: bool = False,
    **more: Any,
) -> Made:
    """Score a table as a batch run does, so many rows at once, and write it as a segment into a folder."""
    given = records() if table is None else table
    head = heading(segment, scorer, **more)
    path = folder / f"{segment}.made"
    folder.mkdir(parents=True, exist_ok=True)
    empty = _table(scorer, given.slice(0, 0), head, 0, reasons)
    writer = SegmentWriter(path, head, empty.schema)
    for start in range(0, given.num_rows, block):
        writer.write(_table(scorer, given.slice(start, block), head, start, reasons))
    return Made(writer.close(given.num_rows), path)


def keep(url: str, folder: Path, *made: Made, at: int = BEGIN) -> Kept:
    """Publish segments into a folder beside those that they were made in."""
    kept = Kept(url, place_of(str(folder / "segments")))
    publish(url, kept.place, [item.publication for item in made], at)
    return kept


def dictionaries(path: Path) -> dict[str, set[str]]:
    """The texts that stand in a file by column, whether or not any row has them."""
    kinds = pq.read_schema(path)
    names = [field.name for field in kinds if pa.types.is_string(field.type)]
    found: dict[str, set[str]] = {name: set() for name in names}
    with pq.ParquetFile(path, read_dictionary=names) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            for name in names:
                for chunk in table.column(name).chunks:
                    found[name].update(chunk.dictionary.to_pylist())
    return found


def _table(scorer: Scorer, block: pa.Table, head: Heading, start: int, reasons: bool) -> pa.Table:
    scored = scorer.score_table(block, text=head.text)
    codes = _codes(scorer, block, scored) if reasons else None
    return segment_table(scorer, block, scored, head.first_row + start, codes)


def _codes(scorer: Scorer, block: pa.Table, scored: Any) -> pa.Array:
    rows = [row for row, valid in zip(block.to_pylist(), scored.valid.tolist(), strict=True) if valid]
    answers = [scorer.score(row) for row in rows]
    texts = [
        ";".join(item.code for item in one.reasons) if one.decision != "approve" else None for one in answers
    ]
    return pa.array(texts, pa.string())
