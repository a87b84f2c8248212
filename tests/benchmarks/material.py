"""What the servers are compared on: cases, records, a trained bundle with a home and a key, and the peers' pipeline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa
from sklearn.metrics import roc_auc_score

from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from tests.processes import Home
from training.candidates import FOR_MANY
from training.data import Cases, cases_of_table, generate_cases, read_cases
from training.splits import plan_split
from training.train import Options, train
from training.tune import Budget
from training.use_cases import use_cases

USE_CASE = "credit_risk"
CANDIDATE = "catboost_fine"
MOST_RECORDS = 2_000
PIPELINE = Path(__file__).with_name("pipeline.py")
Record = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """Files in the work folder, and the records that are sent. `told` says in a line what it is."""

    work: Path
    home: Home
    key: str
    records: list[Record]
    told: str
    use_case: str = USE_CASE

    @property
    def schema(self) -> Path:
        return self.work / "schema.json"

    @property
    def cases(self) -> Path:
        return self.work / "cases.csv"

    @property
    def model(self) -> Path:
        return self.work / "model.joblib"

    @property
    def mlflow_model(self) -> Path:
        return self.work / "mlflow-model"

    def settings(self, name: str, log: str = "", workers: int = 1) -> dict[str, str]:
        """Return the service's settings with everything on; its decision log is a new one of this name."""
        database = self.work / f"decisions-{name}.db"
        for file in self.work.glob(f"{database.name}*"):
            file.unlink()
        return {
            "AVAL_API_KEYS": str(self.work / "keys.json"),
            "AVAL_DECISION_LOG": log or f"sqlite:///{database}",
            "AVAL_WORKERS": str(workers),
        }


def make_material(
    work: Path, data: Path | None, settings: Mapping[str, Any] = MappingProxyType({})
) -> Material:
    """Fit both models on four fifths of the cases; what a run before left in the folder is used again.

    settings: of the peers' pipeline.
    """
    cases = read_or_make_cases(data)
    plan = plan_split(cases, seed=0)
    learnt, judged = (_part(cases, rows) for rows in (plan.development, plan.untouched))
    home = Home(work / "home")
    home.folder.mkdir(exist_ok=True)
    scorer = _bundle(learnt, home, work / "bundle.txt")
    (work / "schema.json").write_text(json.dumps(json_schema(scorer.contract)))
    _write_cases(learnt, work / "cases.csv")
    shutil.rmtree(work / "mlflow-model", ignore_errors=True)
    fit_pipeline(work, "model.joblib", settings, mlflow_model="mlflow-model")
    records = [record for record in _records(judged) if None not in record.values()][:MOST_RECORDS]
    key = _key(work / "keys.json")
    return Material(work, home, key, records, _told(cases, judged, scorer, records, work))


def read_or_make_cases(data: Path | None) -> Cases:
    """Return the cases of the use case: those of the file, or generated ones."""
    case = use_cases()[USE_CASE]
    return read_cases(case, data) if data else generate_cases(case, 20_000, seed=0)


def fit_pipeline(
    work: Path, model: str, settings: Mapping[str, Any] = MappingProxyType({}), mlflow_model: str = ""
) -> Path:
    """Fit a pipeline with these settings on the cases of the folder, into a file of it; returns the file."""
    files = [work / name for name in ("cases.csv", model, mlflow_model)]
    command = [sys.executable, str(PIPELINE), *map(str, files[: 3 if mlflow_model else 2])]
    subprocess.run([*command, f"--settings={json.dumps(dict(settings))}"], check=True)
    return work / model


def roc_auc_of(model: Path, data: Path | None) -> float:
    """Return the ROC AUC of a fitted pipeline on the untouched fifth of the cases."""
    cases = read_or_make_cases(data)
    return _roc_auc(model, _part(cases, plan_split(cases, seed=0).untouched))


def _part(cases: Cases, rows: Any) -> Cases:
    return cases_of_table(cases.use_case, cases.table.take(pa.array(rows)), text=False, source=cases.source)


def _bundle(learnt: Cases, home: Home, file: Path) -> Scorer:
    # BentoML reads it once, when it is first imported.
    os.environ["BENTOML_HOME"] = str(home.bentoml_home)
    from service.model_store import Champion, load_scorer, save_bundle, set_champion

    known = f"{learnt.fingerprint} {learnt.use_case.contract.version}"
    if not (file.exists() and file.read_text() == known):
        candidate = next(item for item in FOR_MANY if item.name == CANDIDATE)
        trained = train(learnt, options=Options(Budget(0), [candidate], thorough=False))
        tag = save_bundle(trained.files, USE_CASE, {"use_case": USE_CASE})
        set_champion(
            USE_CASE, Champion(tag, "1", "2026-11-21T00:00:00+00:00", "benchmark"), home.bentoml_home
        )
        file.write_text(known)
    return load_scorer(USE_CASE, home.bentoml_home)


def _write_cases(learnt: Cases, file: Path) -> None:
    outcome = learnt.use_case.contract.outcome.name
    names = [column.name for column in learnt.use_case.contract.features]
    table: pd.DataFrame = learnt.table.select(names).to_pandas()
    table.assign(**{outcome: learnt.outcomes}).to_csv(file, index=False)


def _records(judged: Cases) -> list[Record]:
    features = [column.name for column in judged.use_case.contract.features]
    made: list[Record] = json.loads(
        judged.table.select(features).to_pandas().to_json(orient="records", double_precision=15)
    )
    return made


def _key(file: Path) -> str:
    secret, now = new_secret(), datetime.now(UTC).replace(microsecond=0)
    key = ApiKey(new_id(), "benchmark", digest_of(secret), ("predict",), now, None, None, None)
    file.write_bytes(keys_json([key]))
    file.chmod(0o600)
    return secret


def _roc_auc(model: Path, judged: Cases) -> float:
    import joblib  # type: ignore[import-untyped]

    features = [column.name for column in judged.use_case.contract.features]
    theirs = joblib.load(model).predict_proba(judged.table.select(features).to_pandas())[:, 1]
    return float(roc_auc_score(judged.outcomes, theirs))


def _told(cases: Cases, judged: Cases, scorer: Scorer, records: list[Record], work: Path) -> str:
    ours = scorer.score_matrix(judged.matrix)
    decisions = Counter(str(scorer.score(record).decision) for record in records)
    shares = ", ".join(f"{name} {count / len(records):.0%}" for name, count in sorted(decisions.items()))
    return (
        f"{cases.source}: ROC AUC on the untouched fifth {roc_auc_score(judged.outcomes, ours):.4f} here, "
        f"{_roc_auc(work / 'model.joblib', judged):.4f} the peers' pipeline; "
        f"{len(records)} records: {shares} (reasons with refer and decline)"
    )
