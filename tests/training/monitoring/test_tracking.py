from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import DAY, NOW, cases, decide, store_in
from tests.training.registries import local_registry
from training.monitoring.look import look, see
from training.monitoring.tracking import track
from training.monitoring.windows import Window, Windows
from training.registry.client import open_client
from training.use_cases import use_cases

CASE = "fraud_transactions"


def test_a_look_is_a_run_in_the_experiment_of_the_use_case(
    tmp_path: Path, quick_scorer: Callable[..., Scorer]
) -> None:
    scorer, store = quick_scorer(CASE), store_in(tmp_path)
    decide(store, scorer, cases(CASE, 300, seed=1), (30, 7))
    decide(store, scorer, cases(CASE, 150, seed=2), (7, 0))
    windows = Windows(Window(NOW - 7 * DAY, NOW), Window(NOW - 97 * DAY, NOW - 7 * DAY))
    report = look(store, see(store, scorer, windows, 120), scorer, use_cases()[CASE], NOW)
    settings = local_registry(tmp_path / "mlflow").settings
    run_id = track(settings, report)
    client = open_client(settings.tracking_uri)
    run = client.get_run(run_id)
    experiment = client.get_experiment_by_name(CASE)
    assert experiment is not None
    assert (run.info.experiment_id, run.info.status) == (experiment.experiment_id, "FINISHED")
    assert run.info.run_name == "drift 2026-11-14 to 2026-11-21"
    assert run.data.metrics["analysis.records"] == 150
    assert {f"column.{name}.csi" for name in scorer.contract.inputs} <= set(run.data.metrics)
    assert {"score.psi", "domain.auc", "refusals.rate"} <= set(run.data.metrics)
    assert (run.data.tags["bundle"], run.data.tags["kind"]) == (scorer.tag, "drift")
    artifact = Path(client.download_artifacts(run_id, "drift.json", str(tmp_path)))
    assert json.loads(artifact.read_text()) == json.loads(json.dumps(report.to_json()))
    assert artifact.parent == tmp_path
