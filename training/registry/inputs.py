"""The data of a training as an MLflow input: name, fingerprint, columns and size, and no row of them."""

from __future__ import annotations

import json

from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from service.scoring.contract import Column, ColumnType
from training.data import Cases

# MLflow's database has room for this much of a digest.
LONGEST_DIGEST = 36
TYPES = {
    ColumnType.NUMBER: "double",
    ColumnType.INTEGER: "long",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIME: "datetime",
}


def input_of(cases: Cases) -> DatasetInput:
    """Return the cases as a data set that a run was trained on; its digest is the start of their fingerprint."""
    contract = cases.use_case.contract
    columns = [
        {"type": _type(column), "name": column.name, "required": column.must_be_present}
        for column in contract.columns
    ]
    columns.append({"type": "string", "name": contract.outcome.name, "required": True})
    data = Dataset(
        name=cases.source,
        digest=cases.fingerprint[:LONGEST_DIGEST],
        source_type="generated" if cases.generated else "file",
        source=json.dumps({"name": cases.source, "fingerprint": cases.fingerprint}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": cases.rows, "num_elements": cases.rows * len(columns)}),
    )
    return DatasetInput(data, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])


def _type(column: Column) -> str:
    if column.levels:
        return "long" if isinstance(column.levels[0], int) else "string"
    return TYPES.get(column.type, "string")
