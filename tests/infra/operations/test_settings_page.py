"""The page of settings says what the code does."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest

from infra.operations.settings_page import PAGE, Told, page, told
from service import settings as module
from service.errors import WrongUse
from service.settings import Settings

ALL = [item for items in told().values() for item in items]
CHOICES = [item for item in ALL if re.fullmatch(r"(`\w+`(, )?)+", item.allowed)]
COUNTS = [item for item in ALL if item.allowed.startswith("a whole number")]
# A default that stands there as it would be typed.
TYPED = [item for item in ALL if re.fullmatch(r"`[^`/]+`", item.default)]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing is set."""
    for item in ALL:
        monkeypatch.delenv(item.variable, raising=False)
    return monkeypatch


def test_the_page_is_what_make_settings_writes_now() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make settings"


def test_every_field_is_told_once() -> None:
    assert sorted(item.field for item in ALL) == sorted(field.name for field in fields(Settings))


def test_every_variable_that_is_read_is_told_and_no_other() -> None:
    read = re.findall(
        r'"((?:AVAL|BENTOML|MLFLOW|OTEL|PROMETHEUS)_\w+)"',
        inspect.getsource(module).split('"""\n\n    model:')[1],
    )
    assert {item.variable for item in ALL} == set(read)


def test_every_setting_is_told_in_full() -> None:
    assert [item for item in ALL if not (item.default and item.allowed and item.meaning)] == []


@pytest.mark.parametrize("item", TYPED, ids=lambda item: item.variable)
def test_a_default_that_can_be_typed_is_the_one_that_holds(item: Told, bare: pytest.MonkeyPatch) -> None:
    unset = Settings.from_environment()
    bare.setenv(item.variable, item.default.strip("`"))
    assert Settings.from_environment() == unset


@pytest.mark.parametrize("item", CHOICES + COUNTS, ids=lambda item: item.variable)
def test_what_is_allowed_is_what_a_refusal_says(item: Told, bare: pytest.MonkeyPatch) -> None:
    bare.setenv(item.variable, "-1")
    with pytest.raises(WrongUse) as refused:
        Settings.from_environment()
    assert str(refused.value).endswith(item.allowed.replace("`", ""))


def test_the_checks_above_have_something_to_check() -> None:
    assert (len(CHOICES), len(COUNTS), len(TYPED)) >= (3, 4, 9)
