"""Random contracts, records and tables for the properties that the core promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from service.scoring.contract import (
    OPERANDS,
    Column,
    ColumnType,
    Contract,
    Derived,
    Operation,
    Outcome,
    Role,
)
from tests.scoring.values import (
    ARROW_TYPES,
    MARKERS,
    any_of_kind,
    good,
    good_kinds,
    json_values,
    meaning,
    texts,
)

THOROUGH = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
USUAL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = ("age", "Saving accounts", "default.payment.next.month", "größe", "x", "Unnamed: 0", "a/b", "id_1")
TEXT_LEVELS = ("A11", "NA", "radio/TV", "", " ", "0", "1", "nan", "None", "ñandú", "TRUE", "car (new)")
LIMITS = (None, -5.0, 0.0, 0.5, 18.0, 120.0, 1e6)
OF_TIMES = (Operation.HOUR, Operation.WEEKDAY)


@dataclass(frozen=True)
class Rows:
    """The same rows twice: as records, and as a table whose columns have one type each."""

    contract: Contract
    records: list[dict[str, Any]]
    table: pa.Table


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A contract of one to six columns of any type, with derived columns, an ignored one and an outcome."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    columns = [draw(columns_named(name, feature=position == 0)) for position, name in enumerate(names)]
    columns = draw(_with_a_stated_ratio(columns))
    return Contract(
        use_case="random",
        title="Random",
        columns=tuple(columns),
        derived=tuple(draw(_derived(columns))),
        ignored=("row",),
        outcome=Outcome(name="bad", bad=(1,), good=(0,)),
    )


@st.composite
def columns_named(draw: st.DrawFn, name: str, *, feature: bool) -> Column:
    """A column of any type and role that belong together."""
    apart = {ColumnType.TIME: Role.TIME, ColumnType.ID: Role.ID}
    kind = draw(st.sampled_from([kind for kind in ColumnType if not feature or kind not in apart]))
    role = Role.FEATURE if feature else draw(st.sampled_from([Role.FEATURE, Role.PROTECTED]))
    numeric = kind in (ColumnType.NUMBER, ColumnType.INTEGER)
    low, high = draw(st.sampled_from(LIMITS)), draw(st.sampled_from(LIMITS))
    if low is not None and high is not None and low > high:
        low, high = high, low
    levels: tuple[Any, ...] = ()
    if kind is ColumnType.CATEGORY:
        pool = draw(st.sampled_from([TEXT_LEVELS, tuple(range(-2, 9))]))
        levels = tuple(draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5, unique=True)))
    return Column(
        name=name,
        type=kind,
        role=apart.get(kind, role),
        unit=draw(st.sampled_from(["", "EUR"])),
        minimum=low if numeric else None,
        maximum=high if numeric else None,
        levels=levels,
        null_level=draw(st.sampled_from([None, *levels])),
        nullable=draw(st.booleans()),
        required=draw(st.booleans()),
        missing_markers=tuple(draw(st.lists(st.sampled_from(MARKERS), max_size=2, unique=True))),
        changeable=draw(st.booleans()),
    )


@st.composite
def rows(draw: st.DrawFn, contract: Contract, *, most: int = 5) -> Rows:
    """Records with values of every JSON type, and the table that holds the same."""
    count = draw(st.integers(1, most))
    cells: dict[str, list[Any]] = {}
    arrays: dict[str, pa.Array] = {}
    for column in contract.columns:
        if not column.must_be_present and draw(st.booleans()):
            continue
        kind = draw(st.sampled_from(good_kinds(column) * 4 + tuple(ARROW_TYPES)))
        odd = any_of_kind(column, kind)
        fitting = [good(column, kind)] * 5 if kind in good_kinds(column) else [odd] * 2
        values = st.one_of(st.none(), odd, *fitting)
        cells[column.name] = draw(st.lists(values, min_size=count, max_size=count))
        arrays[column.name] = pa.array(cells[column.name], ARROW_TYPES[kind])
    if draw(st.booleans()) or not cells:
        cells["row"] = list(range(count))
        arrays["row"] = pa.array(cells["row"])
    return Rows(contract, _as_records(cells, count), pa.table(arrays))


@st.composite
def text_rows(draw: st.DrawFn, contract: Contract, *, most: int = 5) -> Rows:
    """A table of text, as a CSV file gives it, and the records that its cells stand for."""
    count = draw(st.integers(1, most))
    kind = draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view()]))
    table, cells = {}, {}
    for column in contract.columns:
        written = draw(st.lists(st.none() | texts(column), min_size=count, max_size=count))
        table[column.name] = pa.array(written, kind)
        cells[column.name] = [meaning(column, cell) for cell in written]
    return Rows(contract, _as_records(cells, count), pa.table(table))


@st.composite
def json_records(draw: st.DrawFn, contract: Contract) -> dict[str, Any]:
    """One record as JSON can hold it: fields may be missing, unknown, and of any type and in any order."""
    fields = {}
    for column in contract.columns:
        if draw(st.integers(0, 9)):
            fitting = [good(column, kind) for kind in good_kinds(column)] * 3
            fields[column.name] = draw(st.one_of(*fitting, st.none(), json_values(column)))
    if not draw(st.integers(0, 9)):
        fields[draw(st.sampled_from(["row", "bad", "", "unheard of"]))] = draw(
            json_values(contract.columns[0])
        )
    return {name: fields[name] for name in draw(st.permutations(list(fields)))}


@st.composite
def good_records(draw: st.DrawFn, contract: Contract) -> dict[str, Any]:
    """One record of which most values are accepted."""
    return {
        column.name: draw(st.one_of(*[good(column, kind) for kind in good_kinds(column)]))
        for column in contract.columns
        if column.must_be_present or draw(st.booleans())
    }


@st.composite
def _with_a_stated_ratio(draw: st.DrawFn, columns: list[Column]) -> list[Column]:
    """The columns, of which one number may follow two others."""
    numbers = [column.name for column in columns if column.is_numeric and column.role is Role.FEATURE]
    last = next((c for c in columns if c.name in numbers[2:] and c.type is ColumnType.NUMBER), None)
    if last is None or draw(st.booleans()):
        return columns
    ratio = last.model_copy(update={"follows": tuple(draw(st.permutations(numbers[:2])))})
    return [ratio if column is last else column for column in columns]


@st.composite
def _derived(draw: st.DrawFn, columns: list[Column]) -> list[Derived]:
    numbers = [column.name for column in columns if column.is_numeric and column.role is Role.FEATURE]
    moments = [column.name for column in columns if column.type is ColumnType.TIME]
    operands = {operation: moments if operation in OF_TIMES else numbers for operation in Operation}
    usable = [operation for operation in Operation if operands[operation]]
    chosen = draw(st.lists(st.sampled_from(usable), max_size=3)) if usable else []
    return [
        Derived(
            name=f"derived {position}",
            operation=operation,
            of=tuple(draw(st.sampled_from(operands[operation])) for _ in range(OPERANDS[operation])),
        )
        for position, operation in enumerate(chosen)
    ]


def _as_records(cells: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    return [{name: column[row] for name, column in cells.items()} for row in range(count)]
