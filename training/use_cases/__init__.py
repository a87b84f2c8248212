"""The use cases that come with the product: every module in this folder declares one as `USE_CASE`."""

from __future__ import annotations

import importlib
import pkgutil

from training.use_case import UseCase


def use_cases() -> dict[str, UseCase]:
    """Return the use cases by name; a file added to this folder is one more."""
    modules = [
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    ]
    cases: list[UseCase] = [module.USE_CASE for module in modules]
    return {case.name: case for case in cases}
