"""The databases that a decision log can be kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty log, once in each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_url()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for a log that is down, and show that an idle one is up, ten times as often."""
    monkeypatch.setattr("service.decision_log.writer._LOOK", 0.1)
    monkeypatch.setattr("service.decision_log.writer._HEARTBEAT", 0.2)
