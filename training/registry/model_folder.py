"""A bundle as a folder that MLflow can load and serve: a model from code, with signature, example and no pickle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

import service.scoring
from service.scoring.contract import Column, ColumnType, Contract
from training.use_case import UseCase

MODEL_CODE = Path(__file__).parents[1] / "mlflow_model.py"
# What the model code and `service.scoring` import.
NEEDED = ("mlflow", "numpy", "pandas", "pyarrow", "pydantic")
EXAMPLE_ROWS = 3


def write_model(folder: Path, files: Mapping[str, bytes], tag: str, use_case: UseCase) -> None:
    """Write the MLflow model of a bundle's files to a folder that does not exist yet.

    It brings `service.scoring` as source, so that it loads where Aval is not installed.
    """
    from mlflow.pyfunc import save_model

    with tempfile.TemporaryDirectory() as scratch:
        bundle, code = Path(scratch) / "bundle", Path(scratch) / "service"
        bundle.mkdir()
        for name, content in files.items():
            (bundle / name).write_bytes(content)
        # A copy: MLflow notes the path that it was given, which is nobody's business.
        model_code = shutil.copy(MODEL_CODE, scratch)
        save_model(
            str(folder),
            python_model=str(model_code),
            artifacts={"bundle": str(bundle)},
            model_config={"bundle": tag},
            code_paths=[str(_copy_of_scoring(code))],
            signature=signature_of(use_case.contract),
            input_example=example_of(use_case),
            pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
        )


def signature_of(contract: Contract) -> ModelSignature:
    """Return the model's signature; a column that a record may leave out is optional.

    Numbers are of type any: MLflow cuts 3.5 to 3 where the signature says long, and refuses whole numbers where it
    says double. The contract judges them, as at every door.
    """
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(_type(column), column.name, column.must_be_present) for column in contract.columns
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, "probability", required=False),
        *(ColSpec(DataType.string, name, required=False) for name in ("decision", "reasons", "problem")),
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def example_of(use_case: UseCase) -> pd.DataFrame:
    """Return generated records, without the outcome: nobody's data."""
    frame = use_case.sample(EXAMPLE_ROWS)
    return frame[[column.name for column in use_case.contract.columns if column.name in frame]]


def _type(column: Column) -> DataType | AnyType:
    if column.type is ColumnType.TIME or (column.levels and isinstance(column.levels[0], str)):
        return DataType.string
    return DataType.boolean if column.type is ColumnType.BOOLEAN else AnyType()  # type: ignore[no-untyped-call]


def _copy_of_scoring(folder: Path) -> Path:
    source = Path(str(service.scoring.__file__)).parent
    shutil.copytree(source, folder / "scoring", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source.parent / "__init__.py", folder)
    return folder
