"""The champion pointers: one file per use case, replaced in one step, and the history of what each has said.

Replacing the pointer commits a change. The history follows it: what a crash kept from it, the next change writes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import ModelRefused, NoSuchModel
from service.model_store.pointer import Champion

CHAMPIONS = "champions"


def champion(use_case: str | None, bentoml_home: Path) -> Champion:
    """Return the champion of a use case, or with None the only one there is; raises `NoSuchModel`."""
    known = {file.stem: file for file in _pointers(bentoml_home)}
    if use_case is None:
        if len(known) == 1:
            return _read_pointer(next(iter(known.values())))
        if known:
            raise NoSuchModel(
                f"several use cases have a champion; set AVAL_MODEL to one of: {', '.join(known)}"
            )
        raise NoSuchModel(
            "the model store has no champion; run: aval train USE_CASE && aval promote USE_CASE (see: aval use-cases)"
        )
    if use_case not in known:
        others = f" (there is one of: {', '.join(known)})" if known else ""
        raise NoSuchModel(
            f"{use_case} has no champion in the model store{others}; "
            f"run: aval train {use_case} && aval promote {use_case}"
        )
    return _read_pointer(known[use_case])


def champions(bentoml_home: Path) -> dict[str, Champion]:
    """Return the champions by use case, in alphabetical order."""
    return {file.stem: _read_pointer(file) for file in _pointers(bentoml_home)}


def find_champion(use_case: str, bentoml_home: Path) -> Champion | None:
    """Return a use case's champion, None where there is none or its pointer cannot be read and is to be replaced."""
    try:
        return _read_pointer(bentoml_home / CHAMPIONS / f"{use_case}.json")
    except ModelRefused:
        return None


def history(use_case: str, bentoml_home: Path) -> list[Champion]:
    """Return all champions that a use case has had, the first one first, the present one last.

    Of several lines of one change the last counts. A line that a crash cut short is no part of it.
    """
    lines = _read_history(_history_file(use_case, bentoml_home))
    pointer = find_champion(use_case, bentoml_home)
    by_change = {line.change: line for line in [*lines, *([pointer] if pointer else [])]}
    return [by_change[change] for change in sorted(by_change)]


@contextmanager
def changing(use_case: str, bentoml_home: Path) -> Iterator[None]:
    """Hold the right to change a use case's champion; whoever else wants it waits.

    The system takes it back from a process that ends, however it ends.
    """
    folder = bentoml_home / CHAMPIONS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{use_case}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left_by_a_crash in folder.glob(f".{use_case}.[0-9]*"):
            left_by_a_crash.unlink(missing_ok=True)
        yield


def set_champion(use_case: str, pointer: Champion, bentoml_home: Path) -> None:
    """Make a stored model the champion. The file is replaced in one step: this is what commits a promotion."""
    folder = bentoml_home / CHAMPIONS
    folder.mkdir(parents=True, exist_ok=True)
    _complete_history(use_case, bentoml_home)
    content = json.dumps(pointer.to_json(), indent=1).encode()
    replace_file(folder / f"{use_case}.json", content, folder / f".{use_case}.{os.getpid()}")
    _complete_history(use_case, bentoml_home)


def replace_file(file: Path, content: bytes, scratch: Path) -> None:
    """Write a file in one step, by way of a scratch file in the same file system: readers see all of it or the old."""
    with scratch.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(file)


def _complete_history(use_case: str, bentoml_home: Path) -> None:
    pointer, file = find_champion(use_case, bentoml_home), _history_file(use_case, bentoml_home)
    lines = _read_history(file)
    if pointer is None or (lines and lines[-1] == pointer):
        return
    # A line of its own, also behind one that was cut short.
    start = b"" if not file.exists() or file.read_bytes()[-1:] in (b"", b"\n") else b"\n"
    with file.open("ab") as out:
        out.write(start + json.dumps(pointer.to_json()).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def _read_history(file: Path) -> list[Champion]:
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [found for line in lines if (found := _champion_of(line)) is not None]


def _champion_of(line: str) -> Champion | None:
    try:
        return Champion.from_json(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None


def _history_file(use_case: str, bentoml_home: Path) -> Path:
    return bentoml_home / CHAMPIONS / f"{use_case}.history.jsonl"


def _pointers(bentoml_home: Path) -> list[Path]:
    return sorted((bentoml_home / CHAMPIONS).glob("*.json"))


def _read_pointer(file: Path) -> Champion:
    next_step = f"run: aval promote {file.stem}"
    try:
        pointer = Champion.from_json(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ModelRefused(f"{file} is damaged ({error}); {next_step}") from None
    named = [pointer.model, *([pointer.previous.model] if pointer.previous else [])]
    if wrong := [model for model in named if not model.startswith(f"{file.stem}:")]:
        raise ModelRefused(f"{file} names {wrong[0]!r}, which is no model of {file.stem}; {next_step}")
    return pointer
