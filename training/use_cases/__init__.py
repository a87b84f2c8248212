"""The use cases that come with the product, and those that a user names by path."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path

from service.errors import WrongUse
from training.use_case import UseCase
from training.variants import variants


def use_cases() -> dict[str, UseCase]:
    """Return the product's own use cases by name; a file added to this folder is one more."""
    modules = [
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    ]
    cases: list[UseCase] = [module.USE_CASE for module in modules]
    return {case.name: case for case in cases}


def find_use_case(name: str) -> UseCase:
    """Return a use case or a variant of one by name, or by the path of a Python file that declares one as `USE_CASE`.

    Raises `WrongUse` for an unknown name and for a file that declares none.
    """
    if name.endswith(".py"):
        return _declared_in(Path(name))
    known = use_cases()
    found = {**known, **{key: item for case in known.values() for key, item in variants(case).items()}}
    if name in found:
        return found[name]
    raise WrongUse(
        f"{name!r} is not one of: {', '.join(known)}; a file of your own is named by its path, ending in .py"
    )


def name_of(use_case: str) -> str:
    """Return a use case's name, where a path stands for the name that its file declares.

    A name that is not the product's own is taken as it is: its models are in the registry, its file may not be here.
    """
    return _declared_in(Path(use_case)).name if use_case.endswith(".py") else use_case


def _declared_in(file: Path) -> UseCase:
    if not file.is_file():
        raise WrongUse(f"{file} is not a file")
    spec = importlib.util.spec_from_file_location(f"aval_use_case_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise WrongUse(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # Whatever a user's own file does wrong is said in one line.
        raise WrongUse(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    declared = getattr(module, "USE_CASE", None)
    if not isinstance(declared, UseCase):
        raise WrongUse(f"{file} declares no USE_CASE = UseCase(...)")
    return declared
