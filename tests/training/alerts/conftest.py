from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.alerts.certificates import make_certificate
from tests.training.alerts.incident_room import Room, room


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Room]:
    """A use case without incidents."""
    with room(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of this machine, which nobody trusts who is not told to."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
