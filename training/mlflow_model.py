"""A bundle as MLflow loads it: a model from code, whose data are the bundle's files and hold nothing that runs.

MLflow keeps this file beside the bundle and runs it where the model is loaded, so it does something when imported
and needs nothing but MLflow, pandas and `service.scoring`. Aval itself never loads a model this way.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from service.scoring.bundle import scorer_from_files
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid


class BundleModel(PythonModel):
    """Scores tables of records with the bundle that it was saved with."""

    _scorer: Scorer

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle and verify its hashes; raises `BundleInvalid` unless it is the one that was saved."""
        use_case, _, version = str(context.model_config["bundle"]).partition(":")
        folder = Path(context.artifacts["bundle"])
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        self._scorer = scorer_from_files(files, use_case=use_case, version=version)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return a row per record: probability, decision, reasons (JSON text); `problem` says why one was refused."""
        answers = [self._answer(record) for record in model_input.to_dict("records")]
        return pd.DataFrame(answers, columns=["probability", "decision", "reasons", "problem"], dtype=object)

    def _answer(self, record: dict[Any, Any]) -> dict[str, Any]:
        # pandas has several nulls; the contract knows one.
        values = {str(name): None if pd.isna(value) else value for name, value in record.items()}
        try:
            scored = self._scorer.score(values)
        except RecordInvalid as error:
            return {"probability": None, "decision": None, "reasons": None, "problem": str(error)}
        reasons = json.dumps([asdict(reason) for reason in scored.reasons], ensure_ascii=False)
        return {
            "probability": scored.probability,
            "decision": str(scored.decision),
            "reasons": reasons,
            "problem": None,
        }


set_model(BundleModel())
