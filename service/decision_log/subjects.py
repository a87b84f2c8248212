"""Whom records are about: ids in one form, whatever kind of number or text they came as, and who has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import product
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, select

from service.decision_log.entries import Kind, canonical
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES, RECORDS
from service.scoring.contract import LONGEST_ID

# Ids by the names of their columns, each as `id_text` writes it.
Ids: TypeAlias = Mapping[str, str]

# SQLite takes 32,766 parameters, PostgreSQL 65,535.
_SUBJECTS_AT_ONCE = 500


def id_text(value: Any) -> str:
    """Return an id as text: 7, 7.0, "7" and "7.0" are the same id, because files cannot tell them apart."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    # A column of integers, some of which are missing, is written with a point by what knows no integer that is missing.
    return text.removesuffix(".0") if _WHOLE_WITH_POINT.fullmatch(text) else text


def find_abouts(
    connection: Connection,
    wanted: Sequence[Ids],
    *,
    kinds: Iterable[Kind] = (Kind.DECISION,),
    use_case: str | None = None,
    id_columns: Iterable[str] = (),
) -> list[set[str]]:
    """Return for each of `wanted` what the entries are about whose subject has all of these ids.

    Whoever wants every one of `id_columns`, which are all that a subject can have, is found by index; for others all
    subjects are read, once. Without a use case all are looked at.
    """
    found: list[set[str]] = [set() for _ in wanted]
    asked = frozenset(map(str, kinds)), use_case
    complete = frozenset(id_columns)
    by_index = [place for place, ids in enumerate(wanted) if ids and ids.keys() == complete]
    rest = [place for place, ids in enumerate(wanted) if ids and ids.keys() != complete]
    if by_index:
        queries = _by_form(form for place in by_index for form in _forms(wanted[place]))
        rows = (row for query in queries for row in _rows(connection, query, *asked))
        _collect(rows, wanted, by_index, found)
    if rest:
        _collect(_rows(connection, _SUBJECTS, *asked), wanted, rest, found)
    return found


# What is asked of the entries is asked of the rows: in the query it would lead SQLite to another index.
_SUBJECTS: Select[str, str, str, str | None] = (
    select(ENTRIES.c.kind, ENTRIES.c.use_case, ENTRIES.c.about, RECORDS.c.subject)
    .join_from(RECORDS, ENTRIES, (ENTRIES.c.writer == RECORDS.c.writer) & (ENTRIES.c.seq == RECORDS.c.seq))
    .where(RECORDS.c.subject.is_not(None))
)


def _rows(
    connection: Connection, query: Select[str, str, str, str | None], kinds: Set[str], use_case: str | None
) -> Iterator[tuple[str, str]]:
    for kind, of, about, subject in stream(connection, query):
        if kind in kinds and use_case in (None, of):
            yield about, subject


def _by_form(forms: Iterable[str]) -> Iterator[Select[str, str, str, str | None]]:
    every = sorted(set(forms))
    for start in range(0, len(every), _SUBJECTS_AT_ONCE):
        yield _SUBJECTS.where(RECORDS.c.subject.in_(every[start : start + _SUBJECTS_AT_ONCE]))


def _collect(
    rows: Iterable[tuple[str, str]], wanted: Sequence[Ids], places: Sequence[int], found: list[set[str]]
) -> None:
    by_names: dict[tuple[str, ...], dict[tuple[str | None, ...], list[int]]] = {}
    for place in places:
        names = tuple(sorted(wanted[place]))
        values = tuple(wanted[place][name] for name in names)
        by_names.setdefault(names, {}).setdefault(values, []).append(place)
    for about, subject in rows:
        ids = {name: id_text(value) for name, value in json.loads(subject).items()}
        for names, by_values in by_names.items():
            for place in by_values.get(tuple(ids.get(name) for name in names), ()):
                found[place].add(about)


def _forms(ids: Ids) -> Iterator[str]:
    """Yield every subject as the log may hold it: each id as text and, where it can be one, as a number."""
    names = list(ids)
    for values in product(*(_values(ids[name]) for name in names)):
        yield canonical(dict(zip(names, values, strict=True)))


def _values(text: str) -> list[str | int | float]:
    if not (_WHOLE.fullmatch(text) and len(text) <= _LONGEST_NUMBER):
        return [text]
    number = int(text)
    # Where a float cannot hold the number, none is this id.
    floats = [float(number)] if int(float(number)) == number else []
    return [text, f"{text}.0", number, *floats]


# As `str` writes them; what is written otherwise, such as 007, is an id of its own.
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_WHOLE_WITH_POINT = re.compile(rf"(?:{_WHOLE.pattern})\.0")
# With the sign; a record's id has no more digits.
_LONGEST_NUMBER = 1 + LONGEST_ID
