"""The fields of a channel in the file of alerts, checked: errors name field, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from service.errors import WrongUse

_Option = TypeVar("_Option", bound=str)
_MOST_SECRET = 8192


@dataclass(frozen=True, slots=True)
class Fields:
    """One channel's fields. place: what stands before a field's name in messages. folder: that files are relative to.

    Every method raises `WrongUse` for a field that is missing, where it is needed, or not what is allowed.
    """

    values: Mapping[str, Any]
    place: str
    folder: Path

    def expect_only(self, names: Sequence[str]) -> None:
        """Raise `WrongUse` for a field with another name; its value may be a secret, and is not shown."""
        for name in sorted(set(self.values) - set(names)):
            in_file = f"; a secret stands in a file: {name}_file" if f"{name}_file" in names else ""
            raise WrongUse(f"{self.place}{name!r:.60} is not one of: {', '.join(names)}{in_file}")

    def text(self, name: str, pattern: str, allowed: str, default: str | None = None) -> str:
        """Return a text that a pattern matches as a whole."""
        found = self.maybe_text(name, pattern, allowed)
        if found is None and default is None:
            raise WrongUse(f"{self.place}{name} is missing; it must be {allowed}")
        return found or default or ""

    def maybe_text(self, name: str, pattern: str, allowed: str, *, shown: bool = True) -> str | None:
        """Return such a text, None where there is none. shown: whether a wrong value may stand in the message."""
        value = self.values.get(name)
        if value is not None and not _matches(value, pattern):
            raise self._wrong(name, allowed, shown=shown)
        return value

    def texts(self, name: str, pattern: str, allowed: str) -> tuple[str, ...]:
        """Return a list of one or more such texts, () where there is none."""
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(_matches(item, pattern) for item in value):
            raise self._wrong(name, f"a list of one or more: {allowed}")
        return tuple(value)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """Return whether something is switched on; it is off unless said."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def one_of(self, name: str, options: Sequence[_Option], default: _Option | None = None) -> _Option:
        """Return one of the options."""
        value = self.values.get(name, default)
        for option in options:
            if value == option:
                return option
        if name not in self.values:
            raise WrongUse(f"{self.place}{name} is missing; it must be one of: {', '.join(options)}")
        raise self._wrong(name, f"one of: {', '.join(options)}")

    def file(self, name: str) -> Path | None:
        """Return the file that a field names, None where there is none."""
        value = self.maybe_text(name, r"[^\x00]{1,1000}", "the path of a file")
        if value is None:
            return None
        file = self.folder / Path(value).expanduser()
        if not file.is_file():
            raise self._wrong(name, f"the path of a file that is there (looked for {file})")
        return file

    def secret(self, name: str) -> str | None:
        """Return the one line of text in the file that a field names, None where there is none; no message shows it."""
        file = self.file(name)
        if file is None:
            return None
        try:
            text = file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(name, f"a readable file of text ({type(error).__name__})") from None
        if not 0 < len(text) <= _MOST_SECRET or not text.isprintable():
            raise self._wrong(name, f"a file with one line of 1 to {_MOST_SECRET} characters")
        return text

    def _wrong(self, name: str, allowed: str, *, shown: bool = True) -> WrongUse:
        seen = f"={self.values[name]!r:.80}" if shown else ""
        return WrongUse(f"{self.place}{name}{seen} must be {allowed}")


def _matches(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
