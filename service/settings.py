"""The environment's settings; no other module reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from service.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and what to serve.

    model: use case or `use_case:version` to serve, None for the store's only champion (AVAL_MODEL).
    home: local state such as the MLflow database (AVAL_HOME, `./.aval`).
    bentoml_home: BentoML's own folder, which holds the model store (BENTOML_HOME, `~/bentoml`).
    tracking_uri: MLflow tracking server (MLFLOW_TRACKING_URI, SQLite in `home`).
    largest_body: bytes that a request may have (AVAL_MAX_BODY, 1 MiB).
    """

    model: str | None
    home: Path
    bentoml_home: Path
    tracking_uri: str
    largest_body: int = 2**20

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the settings; every one has a default. Raises `WrongUse` for one that cannot be read."""
        home = Path(os.environ.get("AVAL_HOME") or ".aval").expanduser().absolute()
        bentoml_home = os.environ.get("BENTOML_HOME") or Path.home() / "bentoml"
        return cls(
            model=os.environ.get("AVAL_MODEL") or None,
            home=home,
            bentoml_home=Path(bentoml_home).absolute(),
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
            largest_body=_positive("AVAL_MAX_BODY", os.environ.get("AVAL_MAX_BODY") or str(2**20)),
        )


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 12 and int(text)):
        raise WrongUse(f"{name}={text!r} is not a number of bytes; it must be a whole number above 0")
    return int(text)
