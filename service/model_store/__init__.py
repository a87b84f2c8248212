"""Bundles in BentoML's model store, and the champion of each use case."""

from __future__ import annotations

from service.model_store.bundles import (
    BENTOML_FILE,
    load_scorer,
    put_beside,
    read_beside,
    read_bundle,
    read_card,
    read_folder,
    save_bundle,
    with_policy,
)
from service.model_store.pointer import Action, Champion, Earlier, Override
from service.model_store.pointer_files import (
    CHAMPIONS,
    champion,
    champions,
    changing,
    find_champion,
    history,
    set_champion,
)

__all__ = [
    "BENTOML_FILE",
    "CHAMPIONS",
    "Action",
    "Champion",
    "Earlier",
    "Override",
    "champion",
    "champions",
    "changing",
    "find_champion",
    "history",
    "load_scorer",
    "put_beside",
    "read_beside",
    "read_bundle",
    "read_card",
    "read_folder",
    "save_bundle",
    "set_champion",
    "with_policy",
]
