"""The contract of a use case: which columns a record has, and which values each of them may take."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from service.scoring.language import Language, check_texts

Level: TypeAlias = str | int
Scalar: TypeAlias = str | int | float | bool | None

# From 2**53 on float64 does not hold every integer: 2**53 + 1 would be scored as 2**53, which is not what was sent.
LARGEST_EXACT_INTEGER = 2**53 - 1
LONGEST_ID = 200


class ColumnType(StrEnum):
    """What kind of value a column holds."""

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    TIME = "time"
    ID = "id"


class Role(StrEnum):
    """What a column is used for; only features reach the model."""

    FEATURE = "feature"
    PROTECTED = "protected"
    ID = "id"
    TIME = "time"


class Frozen(BaseModel):
    """Immutable data that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """One column: its type, role, unit and the values that are possible in it.

    `minimum` and `maximum` (inclusive) are hard limits: what lies outside cannot be true. They are not the
    extremes that a sample happened to show. `null_level` names the level that a null stands for. `local_` texts say
    the same in the contract's language. What nobody can change before asking again (the past, what others decide)
    is not `changeable`; a column that `follows` a numerator and a denominator is their ratio, stated by the sender.
    """

    name: str
    type: ColumnType
    role: Role = Role.FEATURE
    title: str = ""
    local_title: str = ""
    description: str = ""
    local_description: str = ""
    unit: str = ""
    local_unit: str = ""
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    levels: tuple[Level, ...] = ()
    level_titles: tuple[str, ...] = ()
    local_level_titles: tuple[str, ...] = ()
    null_level: Level | None = None
    nullable: bool = False
    required: bool = True
    missing_markers: tuple[str, ...] = ()
    example: Scalar = None
    changeable: bool = True
    follows: tuple[()] | tuple[str, str] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type is ColumnType.CATEGORY) != bool(self.levels):
            raise ValueError(f"{self.name}: a category has levels, and nothing else has")
        if len({type(level) for level in self.levels}) > 1 or len(set(self.levels)) != len(self.levels):
            raise ValueError(f"{self.name}: levels must be distinct and all of one type")
        for titles in (self.level_titles, self.local_level_titles):
            if titles and (len(titles) != len(self.levels) or len(set(titles)) != len(titles)):
                raise ValueError(f"{self.name}: titles of levels are one for each, all of them different")
        if self.null_level is not None and self.null_level not in self.levels:
            raise ValueError(f"{self.name}: null_level {self.null_level!r} is not one of its levels")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"{self.name}: minimum {self.minimum} is above maximum {self.maximum}")
        if not self.is_numeric and (self.minimum, self.maximum) != (None, None):
            raise ValueError(f"{self.name}: only numbers have a minimum or a maximum")
        if self.role is Role.FEATURE and self.type in (ColumnType.TIME, ColumnType.ID):
            raise ValueError(f"{self.name}: a {self.type} column cannot be a feature; derive one from it")
        return self

    @property
    def is_numeric(self) -> bool:
        """Whether the column holds numbers or integers."""
        return self.type in (ColumnType.NUMBER, ColumnType.INTEGER)

    @property
    def must_be_present(self) -> bool:
        """Whether a record without this column is refused; only features can be required."""
        return self.required and self.role is Role.FEATURE

    @property
    def accepts_null(self) -> bool:
        """Whether null is a value here: declared, or because an absent column reads as null."""
        return self.nullable or self.null_level is not None or not self.must_be_present


class Operation(StrEnum):
    """How a derived column follows from others. Times count as written, whatever their zone."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    LOG = "log"
    HOUR = "hour"
    WEEKDAY = "weekday"


OPERANDS = {
    Operation.RATIO: 2,
    Operation.DIFFERENCE: 2,
    Operation.LOG: 1,
    Operation.HOUR: 1,
    Operation.WEEKDAY: 1,
}


class Derived(Frozen):
    """An input that is computed from other columns of the same record.

    A ratio by zero, a logarithm of what is not positive, what overflows and anything of a null are null.
    """

    name: str
    operation: Operation
    of: tuple[str, ...]
    title: str = ""
    local_title: str = ""
    description: str = ""
    local_description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.of) != OPERANDS[self.operation]:
            raise ValueError(f"{self.name}: {self.operation} takes {OPERANDS[self.operation]} columns")
        return self


class Outcome(Frozen):
    """What really happened: the column in tables of past cases, and which of its values mean bad."""

    name: str
    bad: tuple[Level, ...]
    good: tuple[Level, ...]
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if both := [value for value in self.bad if value in self.good]:
            raise ValueError(f"{self.name}: {both[0]!r} cannot be both good and bad")
        return self


class Contract(Frozen):
    """Everything that a record of one use case may contain, in the order in which it is documented.

    `ignored` columns may be present and are not looked at; `also_at` are further paths that answer as `/predict`.
    Texts are in English; where `language`, that of the people it is about, is another, every `local_` text is there.
    """

    use_case: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    language: Language = "en"
    title: str
    local_title: str = ""
    description: str = ""
    local_description: str = ""
    columns: tuple[Column, ...]
    derived: tuple[Derived, ...] = ()
    ignored: tuple[str, ...] = ()
    outcome: Outcome
    also_at: tuple[Annotated[str, Field(pattern=r"^/[a-z0-9_]+$")], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns] + [item.name for item in self.derived]
        names += [*self.ignored, self.outcome.name]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"declared twice: {', '.join(twice)}")
        for item in self.derived:
            timed = item.operation in (Operation.HOUR, Operation.WEEKDAY)
            usable = [
                column.name
                for column in self.columns
                if (column.role is Role.TIME if timed else column in self.features and column.is_numeric)
            ]
            if unknown := [name for name in item.of if name not in usable]:
                kind = "time" if timed else "number among the features"
                raise ValueError(f"{item.name} is derived from {unknown[0]!r}, which is no {kind}")
        if not self.features:
            raise ValueError("a contract needs at least one feature")
        for column in self.columns:
            self._expect_ratio_of_features(column)
        return self

    def _expect_ratio_of_features(self, column: Column) -> None:
        free = [item.name for item in self.features if item.is_numeric and not item.follows]
        if unknown := [name for name in column.follows if name not in free]:
            raise ValueError(
                f"{column.name} follows {unknown[0]!r}, which is no number among the features that stand by themselves"
            )
        if column.follows and not (column in self.features and column.type is ColumnType.NUMBER):
            raise ValueError(f"{column.name}: only a number among the features can follow others")

    @model_validator(mode="after")
    def _speaks_its_language(self) -> Self:
        described: tuple[Column | Derived, ...] = (*self.columns, *self.derived)
        check_texts(self.language, {"the contract": self, **{item.name: item for item in described}})
        return self

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns that reach the model as they are."""
        return tuple(column for column in self.columns if column.role is Role.FEATURE)

    @cached_property
    def feature_names(self) -> frozenset[str]:
        """Names of the features."""
        return frozenset(column.name for column in self.features)

    @cached_property
    def id_names(self) -> tuple[str, ...]:
        """Names of the id columns, in order."""
        return tuple(column.name for column in self.of_role(Role.ID))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's inputs: features, then derived columns. The order of the encoded matrix."""
        return tuple(column.name for column in self.features) + tuple(item.name for item in self.derived)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    def of_role(self, role: Role) -> tuple[Column, ...]:
        """Columns of one role, in order."""
        return tuple(column for column in self.columns if column.role is role)

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages that all texts are in, English first."""
        return ("en",) if self.language == "en" else ("en", self.language)

    @cached_property
    def version(self) -> str:
        """First 16 hex digits of the SHA-256 of the contract's canonical JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, defaults left out, one trailing newline."""
        body = self.model_dump(mode="json", exclude_defaults=True)
        return (json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
