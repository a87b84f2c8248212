from __future__ import annotations

import pytest

from service.online.paths import PATHS, required_scope


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/predict", "predict"),
        ("POST", "/predict_bulk", "predict"),
        ("POST", "/explain", "predict"),
        ("POST", "/default_payment_prediction", "predict"),
        ("POST", "/outcomes", "outcomes"),
        ("POST", "/reviews", "outcomes"),
        ("POST", "/score_file", "batch"),
        ("POST", "/score_file/submit", "batch"),
        ("GET", "/score_file/status", "batch"),
        ("GET", "/score_file/get", "batch"),
        ("POST", "/score_file/retry", "batch"),
        ("PUT", "/score_file/cancel", "batch"),
        ("GET", "/", "read"),
        ("HEAD", "/schema", "read"),
        ("GET", "/metrics", "read"),
        ("GET", "/livez", None),
        ("HEAD", "/readyz", None),
        ("POST", "/livez", "predict"),
        ("PUT", "/readyz", "predict"),
        ("PATCH", "/healthz", "predict"),
        ("GET", "/pages/portal.js", None),
        ("OPTIONS", "/predict", None),
        ("DELETE", "/predict", "predict"),
        ("POST", "/pages/portal.js", "predict"),
    ],
)
def test_a_path_asks_for_the_scope_of_what_it_does(method: str, path: str, scope: str | None) -> None:
    assert required_scope(method, path) == scope


def test_nothing_but_health_is_read_without_a_key() -> None:
    free = {path for path in PATHS if required_scope("GET", path) is None}
    assert free == {"/livez", "/readyz", "/healthz"}
