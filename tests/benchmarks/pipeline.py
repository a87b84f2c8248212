"""A calibrated scikit-learn pipeline in the usual manner, fitted by whichever Python is to load it.

    python tests/benchmarks/pipeline.py CASES.csv MODEL.joblib [MLFLOW_FOLDER]

The last column of the cases is the outcome. It needs scikit-learn and pandas alone, and MLflow for the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

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
    fitted = pipeline(cases).fit(cases, outcomes)
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


def pipeline(frame: pd.DataFrame) -> CalibratedClassifierCV:
    """Return the pipeline for a table, not yet fitted."""
    numbers = frame.select_dtypes("number").columns.tolist()
    levels = [name for name in frame.columns if name not in numbers]
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("levels", OneHotEncoder(handle_unknown="ignore"), levels)]
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
    # One model, calibrated out of fold: five, as without `ensemble`, are no better here and five times as slow.
    return CalibratedClassifierCV(model, cv=5, method="sigmoid", ensemble=False)


if __name__ == "__main__":
    main()
