"""What a simulation must know to go on where it stopped: a file in its home."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from service.errors import UnreadableInput, WrongUse
from service.scoring.contract import Contract
from training.simulation.changes import Change, Declared, read_change
from training.simulation.clock import midnight_after
from training.simulation.door import Happened

FOLDER = "simulated"
# In a home of its own alone: a state may lie in a real one too.
_MARKER = ".home"


@dataclass(frozen=True, slots=True)
class State:
    """How far a simulation is.

    start: first microsecond of its first day. truth: tag of the bundle whose probabilities are the true ones, "data"
    for the data's own outcomes. days: done so far. rows: of the population, used so far. zone: where its days are days.
    """

    use_case: str
    start: int
    seed: int
    truth: str
    days: int = 0
    rows: int = 0
    changes: tuple[tuple[str, str], ...] = ()
    zone: str = "UTC"

    @property
    def now(self) -> int:
        """The moment up to which it is done."""
        return midnight_after(self.start, self.days, ZoneInfo(self.zone))

    def declared(self, contract: Contract) -> tuple[Declared, ...]:
        """Return its changes, read again."""
        return tuple(read_change(Change(kind), text, contract) for kind, text in self.changes)


def read_state(home: Path, use_case: str) -> tuple[State | None, list[Happened]]:
    """Return the state of a use case's simulation in a home, and the outcomes to come; None where there is none.

    Raises `UnreadableInput` for damaged files.
    """
    file = _file(home, use_case)
    if not file.is_file():
        return None, []
    try:
        body: dict[str, Any] = json.loads(file.read_text("utf-8"))
        waiting = [Happened(**item) for item in body.pop("to_come")]
        changes = tuple((str(kind), str(text)) for kind, text in body.pop("changes"))
        return State(**body, changes=changes), waiting
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnreadableInput(f"{file} is damaged ({error}); remove {home} and simulate anew") from None


def write_state(home: Path, state: State, waiting: list[Happened]) -> None:
    """Write the state in one step."""
    file = _file(home, state.use_case)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = file.with_name(f".{file.name}")
    body = {**asdict(state), "to_come": [asdict(item) for item in waiting]}
    scratch.write_text(json.dumps(body), "utf-8")
    scratch.replace(file)


@contextmanager
def alone(home: Path, use_case: str) -> Iterator[None]:
    """Hold the right to simulate a use case in a home; raises `WrongUse` while another process has it."""
    file = _file(home, use_case).with_name(f".{use_case}.lock")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WrongUse(f"another process simulates {use_case} in {home}; wait until it is done") from None
        yield


def mark_simulated(home: Path) -> None:
    """Let a folder be the home of a simulation."""
    (home / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / FOLDER / _MARKER).touch(mode=0o600)


def is_simulated(home: Path) -> bool:
    """Return whether a folder was made to be the home of a simulation; a real one that was simulated into is none."""
    return (home / FOLDER / _MARKER).is_file()


def expect_same(state: State, given: dict[str, object]) -> None:
    """Raise `WrongUse` for an option that would make another simulation of one that has begun."""
    for name, value in given.items():
        if value is not None and value != getattr(state, name):
            raise WrongUse(
                f"--{name}: the simulation in this home began with {getattr(state, name)!r} and goes on with it; "
                "leave the option out, or name another --home"
            )


def _file(home: Path, use_case: str) -> Path:
    return home / FOLDER / f"{use_case}.json"
