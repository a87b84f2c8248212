"""A real Airflow in an environment of its own."""

from __future__ import annotations

from pathlib import Path

from tests.infra.environments import programs_of

DAGS = Path(__file__).resolve().parents[3] / "infra" / "airflow"


def airflow_programs() -> Path:
    """Return the folder of Airflow's programs; raises `CalledProcessError` where it cannot be installed."""
    return programs_of("airflow", DAGS / "requirements.txt")
