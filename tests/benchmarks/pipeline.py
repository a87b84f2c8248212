"""A calibrated scikit-learn pipeline in the usual manner, fitted by whichever Python is to load it.

    python tests/benchmarks/pipeline.py CASES.csv MODEL.joblib [MLFLOW_FOLDER] [--settings JSON]

The last column of the cases is the outcome; the settings are those of `pipeline`. It needs scikit-learn and pandas
alone, and MLflow for the folder.
"""

from __future__ import annotations

import argparse
import json
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("mlflow_folder", type=Path, nargs="?")
    parser.add_argument("--settings", type=json.loads, default={})
    options = parser.parse_args()
    cases = pd.read_csv(options.cases)
    outcomes = cases.pop(cases.columns[-1])
    fitted = pipeline(cases, **options.settings).fit(cases, outcomes)
    joblib.dump(fitted, options.model)
    if options.mlflow_folder:
        import logging

        import mlflow.sklearn

        # It warns of pickles, which is what the peers serve.
        logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
        mlflow.sklearn.save_model(
            fitted,
            options.mlflow_folder,
            serialization_format="cloudpickle",
            pyfunc_predict_fn="predict_proba",
            # Given, because finding them out takes ten seconds.
            pip_requirements=["scikit-learn"],
        )


def pipeline(frame: pd.DataFrame, *, ensemble: bool = False, **classifier: Any) -> CalibratedClassifierCV:
    """Return the pipeline for a table, not yet fitted: one model calibrated out of fold, or the mean of five.

    classifier: its settings that are not scikit-learn's own.
    """
    numbers = frame.select_dtypes("number").columns.tolist()
    levels = [name for name in frame.columns if name not in numbers]
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("levels", OneHotEncoder(handle_unknown="ignore"), levels)]
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0, **classifier))
    return CalibratedClassifierCV(model, cv=5, method="sigmoid", ensemble=ensemble)


if __name__ == "__main__":
    main()
