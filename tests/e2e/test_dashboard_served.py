"""The dashboard of a real server: what was decided a moment ago is drawn, and so is what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.dashboard_page import BROKEN, Service, opened
from tests.e2e.portal_page import BAD, example_of
from tests.processes import post, web

Served = Callable[[str], str]
# A rollup follows the log within some ten seconds.
SECONDS = 40


@pytest.mark.parametrize("use_case", ["loan_approval", "german_credit"])
def test_decisions_refusals_and_outcomes_are_drawn_soon_after(
    browser: Any, served: Served, use_case: str
) -> None:
    url = served(use_case)
    example = example_of(url)
    records = [{**example, **(BAD[use_case] if at % 3 == 0 else {})} for at in range(150)]
    answers = post(f"{url}/predict_bulk", {"records": [*records, {"nonsense": 1}]}).json()["results"]
    schemas = web.get(f"{url}/docs.json").json()["components"]["schemas"]
    seen = {
        "outcome": schemas["Outcome"]["properties"]["outcome"]["enum"][0],
        "observed_at": datetime.now(UTC).isoformat(),
    }
    told = [{"decision_id": answer["decision_id"], **seen} for answer in answers[:40]]
    results = post(f"{url}/outcomes", {"outcomes": told}).json()["results"]
    assert {result["status"] for result in results} == {"recorded"}
    with opened(browser, Service(url=url)) as dashboard:
        dashboard.wait_until("document.querySelector('#state').textContent === ''", SECONDS)
        figures = web.get(f"{url}/dashboard.json").json()
        decided = sum(sum(figures["volume"][name]) for name in ("approve", "refer", "decline"))
        assert decided >= len(records)
        assert f"{decided:,} decisions" in dashboard.text("#volume .lead")
        assert " refused or quarantined" in dashboard.text("#volume .lead")
        assert " 40 (" in dashboard.text("#outcomes .lead")
        names = dashboard.page.locator(".column-name").all_inner_texts()
        assert sorted(names) == sorted(column["name"] for column in figures["columns"])
        dashboard.open_all()
        assert not BROKEN.search(dashboard.page.locator("main").inner_text())
        assert dashboard.complaints == []


def test_the_portal_leads_to_the_dashboard_and_back(browser: Any, served: Served) -> None:
    with opened(browser, Service(url=served("loan_approval"))) as dashboard:
        dashboard.page.get_by_role("link", name="Decide on a record").click()
        dashboard.page.wait_for_selector("#record:not([hidden])")
        dashboard.page.get_by_role("link", name="Dashboard").click()
        dashboard.page.wait_for_selector("#period")
        assert dashboard.page.url == f"{dashboard.service.url}/dashboard"
