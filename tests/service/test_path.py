"""A service among several behind one load balancer, which sends it a path and what is below."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from service.scoring.schema import example_record
from tests.processes import Home, post, web
from training.use_cases import use_cases

CREDIT = example_record(use_cases()["credit_risk"].contract)


@pytest.fixture(scope="module")
def url(quick_home: Callable[[str], Home]) -> Iterator[str]:
    with quick_home("credit_risk").serve("credit_risk", AVAL_PATH="/risk/credit_risk") as served:
        yield served


def test_a_decision_is_asked_for_below_the_path(url: str) -> None:
    assert post(f"{url}/risk/credit_risk/predict", CREDIT).status_code == 200


def test_health_is_asked_for_without_the_path(url: str) -> None:
    assert web.get(f"{url}/readyz").status_code == 200


def test_the_document_says_where_its_paths_begin(url: str) -> None:
    document = web.get(f"{url}/risk/credit_risk/docs.json").json()
    assert document["servers"] == [{"url": "/risk/credit_risk"}]


def test_figures_count_a_request_by_its_route_whatever_the_path_before_it(url: str) -> None:
    web.get(f"{url}/risk/credit_risk/schema")
    assert 'aval_requests_total{method="GET",route="/schema",status="200"}' in web.get(f"{url}/metrics").text
