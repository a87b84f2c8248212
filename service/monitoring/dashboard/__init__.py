"""The figures of the dashboard, drawn from what was counted: no decision is looked at when somebody asks for them."""

from service.monitoring.dashboard.board import Known, dashboard_json, watched_json
from service.monitoring.dashboard.period import Period, last_days, read_period

__all__ = ["Known", "Period", "dashboard_json", "last_days", "read_period", "watched_json"]
