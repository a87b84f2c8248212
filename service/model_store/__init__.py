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
from service.model_store.release import Release
from service.model_store.releases import find_release, put_release, release_of, store_release

__all__ = [
    "BENTOML_FILE",
    "CHAMPIONS",
    "Action",
    "Champion",
    "Earlier",
    "Override",
    "Release",
    "champion",
    "champions",
    "changing",
    "find_champion",
    "find_release",
    "history",
    "load_scorer",
    "put_beside",
    "put_release",
    "read_beside",
    "read_bundle",
    "read_card",
    "read_folder",
    "release_of",
    "save_bundle",
    "set_champion",
    "store_release",
    "with_policy",
]
