"""A service to be put under load: quickly trained on generated cases, with two workers, a key and a decision log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from tests.processes import Home
from tests.quickly import only
from training.candidates import FOR_FEW
from training.data import generate_cases
from training.train import train
from training.use_cases import use_cases

CANDIDATE = "catboost_smooth"
# Fraud is rare: fewer rows hold too few of it.
ROWS = 12_000
SCOPES = ("predict", "outcomes", "read")


@contextmanager
def quickly_served(use_case: str, folder: Path, workers: int = 2) -> Iterator[tuple[str, Path]]:
    """Train and serve in a folder; yields the URL and the file with the key."""
    home = Home(folder)
    _train(use_case, home)
    key, keys = folder / "key", folder / "keys.json"
    secret, now = new_secret(), datetime.now(UTC).replace(microsecond=0)
    keys.write_bytes(keys_json([ApiKey(new_id(), "load", digest_of(secret), SCOPES, now)]))
    key.write_text(secret)
    for file in (keys, key):
        file.chmod(0o600)
    # One worker is one thread: more of them only wait for one another, in a small model.
    settings = {"AVAL_API_KEYS": str(keys), "AVAL_WORKERS": str(workers), "OMP_NUM_THREADS": "1"}
    with home.serve(use_case, **settings) as url:
        yield url, key


def _train(use_case: str, home: Home) -> None:
    # BentoML reads it once, when it is first imported.
    os.environ["BENTOML_HOME"] = str(home.bentoml_home)
    from service.model_store import Champion, save_bundle, set_champion

    candidate = next(item for item in FOR_FEW if item.name == CANDIDATE)
    trained = train(generate_cases(use_cases()[use_case], ROWS, seed=0), options=only(candidate))
    tag = save_bundle(trained.files, use_case, {"use_case": use_case})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    set_champion(use_case, Champion(tag, "1", now, "load test"), home.bentoml_home)
