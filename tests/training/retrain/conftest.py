"""Retrainings write model cards, each with nine drawings: half of all the time, and of no concern to a story."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def plain_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(_: Figure, page: Any, **__: Any) -> None:
        page.write("<svg></svg>")

    monkeypatch.setattr(Figure, "savefig", plain)
