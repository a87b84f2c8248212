"""The paths of the online door, and the scope of the key that each of them asks for."""

from __future__ import annotations

DECIDE = ("/predict", "/predict_bulk")
EXPLAIN = ("/explain",)
TELL = ("/outcomes", "/reviews")
SCORE_FILE = "/score_file"
FILES = (SCORE_FILE, *(f"{SCORE_FILE}/{step}" for step in ("submit", "status", "get", "retry", "cancel")))
DASHBOARD, DASHBOARD_JSON = "/dashboard", "/dashboard.json"
READ = (
    "/schema",
    "/model_metadata",
    "/model_metrics",
    "/model_params",
    "/model_card",
    DASHBOARD,
    DASHBOARD_JSON,
    "/docs",
    "/docs.json",
)
HEALTH = ("/livez", "/readyz", "/healthz")
METRICS = "/metrics"
PAGES = "/pages/"
PATHS = ("/", *DECIDE, *EXPLAIN, *TELL, *FILES, *READ, *HEALTH, METRICS)


def required_scope(method: str, path: str) -> str | None:
    """Return the scope of a key, None for what needs no key; a path that is none of ours needs one too."""
    # A browser asks with OPTIONS whether it may ask, before it shows any key.
    if method == "OPTIONS":
        return None
    if path in FILES:
        return "batch"
    if method in ("GET", "HEAD"):
        # Scripts and styles of the portal are the same for everybody: asking for them must not use a key's rate up.
        return None if path in HEALTH or path.startswith(PAGES) else "read"
    return "outcomes" if path in TELL else "predict"
