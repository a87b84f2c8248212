"""Where a simulation happens: a home of its own with the champion's bundle in it, so that nothing real is touched."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from service.decision_log import Kind, reading_engine
from service.decision_log.address import read_address
from service.decision_log.migrations import schema_version
from service.decision_log.reading import reading
from service.decision_log.statements import iso
from service.decision_log.tables import ENTRIES, WRITERS
from service.errors import NoSuchModel, WrongUse
from service.model_store import champion, read_folder, set_champion, with_policy
from service.policy_store import POLICIES
from service.scoring.bundle import scorer_from_files
from service.scoring.scorer import Scorer
from service.settings import Settings
from training.past_scores import fingerprint_of
from training.simulation.door import KEY_ID
from training.simulation.log_door import MARK
from training.simulation.state import is_simulated, mark_simulated

MODELS, CHAMPIONS = "models", "champions"
DEFAULT = "simulations"
# What would lead a command elsewhere than into the home.
_ELSEWHERE = ("AVAL_DECISION_LOG", "AVAL_SEGMENTS", "AVAL_SPOOL", "AVAL_MONITORING", "MLFLOW_TRACKING_URI")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a simulation happens.

    address: of its decision log. apart: whether the home is its own, log, model store, registry and all.
    """

    home: Path
    bentoml_home: Path
    address: str
    spool: Path
    apart: bool

    def champion(self, use_case: str) -> Scorer:
        """Load the champion, with the policy in use; raises `NoSuchModel` or `ModelRefused`."""
        pointer = champion(use_case, self.bentoml_home)
        return with_policy(self.scorer(pointer.model), pointer.policy, self.bentoml_home)

    def scorer(self, tag: str) -> Scorer:
        """Load a stored bundle by its tag."""
        name, _, version = tag.partition(":")
        folder = self.bentoml_home / MODELS / name / version
        if not folder.is_dir():
            raise NoSuchModel(f"{self.bentoml_home} holds no {tag}; run: aval promote {name}")
        return scorer_from_files(read_folder(folder), use_case=name, version=version)

    def date_back(self, use_case: str, start: int) -> None:
        """Let the champion of a home of its own have been one since a moment, in microseconds since 1970.

        Else what asks how old it is would find it younger than its decisions.
        """
        pointer = champion(use_case, self.bentoml_home)
        moment = datetime.fromtimestamp(start // 1_000_000, UTC).isoformat()
        if self.apart and moment < pointer.promoted_at:
            set_champion(use_case, replace(pointer, promoted_at=moment), self.bentoml_home)

    def expect_nothing_after(self, use_case: str, moment: int) -> None:
        """Raise `WrongUse` where the log holds simulated decisions after a moment, in microseconds since 1970."""
        if not _is_begun(self.address):
            return
        later = select(ENTRIES.c.about).where(
            ENTRIES.c.use_case == use_case,
            ENTRIES.c.kind == str(Kind.DECISION),
            ENTRIES.c.at >= moment,
            ENTRIES.c.key_id == KEY_ID,
        )
        with reading(self.address) as connection:
            found = connection.execute(later.limit(1)).first()
        if found:
            raise WrongUse(
                f"the log holds simulated decisions after {iso(moment)}, up to where {self.home} has got: a process "
                "that was killed has left them, or a log that went down within a day; begin anew in another --home"
            )

    @property
    def exports(self) -> list[str]:
        """Lines for a shell, after which every command is about this place; none where it is the settings' own."""
        if not self.apart:
            return []
        ours = {"AVAL_HOME": self.home, "BENTOML_HOME": self.bentoml_home}
        lines = [f"export {name}={shlex.quote(str(value))}" for name, value in ours.items()]
        return [*lines, f"unset {' '.join(_ELSEWHERE)}"]


def place_for(use_case: str, settings: Settings, home: Path | None, *, into_real_log: bool) -> Place:
    """Return where to simulate, with the champion in it; nothing is written into a log by this.

    Without a home it is `simulations/USE_CASE` in the settings' own, or the settings' own where that is a simulation's.
    Raises `WrongUse` where the log holds decisions that are no simulation's, unless `into_real_log`.
    """
    if home is None:
        own = into_real_log or is_simulated(settings.home)
        home = settings.home if own else settings.home / DEFAULT / use_case
    home = home.expanduser().absolute()
    place = _own(settings) if home == settings.home else _apart(home)
    if not into_real_log:
        _expect_simulated_alone(place.address)
    if place.apart and not (place.bentoml_home / CHAMPIONS / f"{use_case}.json").is_file():
        _bring_champion(use_case, settings, place)
    return place


def _own(settings: Settings) -> Place:
    if settings.decision_log is None:
        raise WrongUse("there is no decision log: AVAL_DECISION_LOG=off; set it to the log's address")
    return Place(settings.home, settings.bentoml_home, settings.decision_log, settings.spool, apart=False)


def _apart(home: Path) -> Place:
    return Place(home, home / "bentoml", f"sqlite:///{home / 'decisions.db'}", home / "spool", apart=True)


def _expect_simulated_alone(address: str) -> None:
    """Raise `WrongUse` where a log holds decisions of a writer that did not say that it simulates."""
    if not _is_begun(address):
        return
    with reading(address) as connection:
        query = select(WRITERS.c.id, WRITERS.c.about)
        real = [row.id for row in connection.execute(query) if MARK not in json.loads(row.about)]
        kinds = [str(kind) for kind in (Kind.DECISION, Kind.SEGMENT)]
        by_kind = select(ENTRIES.c.writer).where(ENTRIES.c.kind.in_(kinds)).limit(1)
        found = any(connection.execute(by_kind.where(ENTRIES.c.writer == one)).first() for one in real)
    if found:
        raise WrongUse(
            "this decision log holds decisions that are no simulation's, and simulated ones cannot be taken out of it "
            "again; name another --home, which will be its own, or type --into-real-log"
        )


def _is_begun(address: str) -> bool:
    """Return whether there is a log at an address; a database without tables is none."""
    url = read_address(address)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return False
    with reading_engine(address).connect() as connection:
        return schema_version(connection) > 0


def _bring_champion(use_case: str, settings: Settings, place: Place) -> None:
    """Copy the champion's bundle, policies, and the cases that it was fitted on, where they were kept."""
    found = champion(use_case, settings.bentoml_home)
    place.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    name, _, version = found.model.partition(":")
    source, target = (home / MODELS / name for home in (settings.bentoml_home, place.bentoml_home))
    shutil.copytree(source / version, target / version, dirs_exist_ok=True)
    (target / "latest").write_text(version)
    policies = settings.bentoml_home / POLICIES / use_case
    if policies.is_dir():
        shutil.copytree(policies, place.bentoml_home / POLICIES / use_case, dirs_exist_ok=True)
    _bring_cases(place.scorer(found.model), settings, place)
    mark_simulated(place.home)
    # Last: with a pointer the home counts as furnished.
    set_champion(use_case, replace(found, previous=None), place.bentoml_home)


def _bring_cases(scorer: Scorer, settings: Settings, place: Place) -> None:
    kept = settings.home / "data" / f"{fingerprint_of(scorer)}.parquet"
    if kept.is_file():
        (place.home / "data").mkdir(exist_ok=True, mode=0o700)
        shutil.copy2(kept, place.home / "data" / kept.name)
