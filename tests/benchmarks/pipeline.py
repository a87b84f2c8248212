"""A calibrated scikit-learn pipeline in the usual manner, fitted by whichever Python is to load it.

    python tests/benchmarks/pipeline.py CASES.csv MODEL.joblib [MLFLOW_FOLDER [SETTINGS]]

The last column of the cases is the outcome; SETTINGS are the classifier's, as JSON. It needs scikit-learn and pandas
alone, and MLflow for the folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def main() -> None:
    cases, model = pd.read_csv(sys.argv[1]), Path(sys.argv[2])
    outcomes = cases.pop(cases.columns[-1])
    settings = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    fitted = pipeline(cases, settings).fit(cases, outcomes)
    joblib.dump(fitted, model)
    if len(sys.argv) > 3:
        import logging

        import mlflow.sklearn

        # It warns of pickles, which is what the peers serve.
        logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
        mlflow.sklearn.save_model(
            fitted,
            sys.argv[3],
            serialization_format="cloudpickle",
            pyfunc_predict_fn="predict_proba",
            # Given, because finding them out takes ten seconds.
            pip_requirements=["scikit-learn"],
        )


def pipeline(frame: pd.DataFrame, settings: Mapping[str, Any]) -> CalibratedClassifierCV:
    """Return the pipeline for a table, not yet fitted; settings: the classifier's that are not scikit-learn's own."""
    numbers = frame.select_dtypes("number").columns.tolist()
    levels = [name for name in frame.columns if name not in numbers]
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("levels", OneHotEncoder(handle_unknown="ignore"), levels)]
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0, **settings))
    # One model, calibrated out of fold: five, as without `ensemble`, are no better here and five times as slow.
    return CalibratedClassifierCV(model, cv=5, method="sigmoid", ensemble=False)


if __name__ == "__main__":
    main()
