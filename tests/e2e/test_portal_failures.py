"""The portal when something fails: what it says, and how a clerk goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.portal_page import BAD, EXPLAINED, READY, opened
from tests.processes import web

Served = Callable[[str], str]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "asks for a key"),
        (403, "may read, but not ask for decisions"),
        (429, "too much to do"),
        (503, "nothing was decided"),
        (500, "answered with an error (500)"),
        (None, "could not be reached"),
    ],
)
def test_what_went_wrong_is_a_sentence_and_can_be_tried_again(
    browser: Any, served: Served, status: int | None, words: str
) -> None:
    with opened(browser, served("loan_approval")) as portal:
        problem = {"status": status, "detail": "a test", "request_id": "request-1"}

        def fail(route: Any) -> None:
            if status is None:
                route.abort()
            else:
                route.fulfill(
                    status=status, content_type="application/problem+json", body=json.dumps(problem)
                )

        portal.fill({"income": 12345})
        portal.page.route("**/predict", fail)
        portal.page.click("#decide")
        notice = portal.page.locator("#trouble-record [role=alert]")
        notice.wait_for()
        assert words in notice.inner_text()
        assert status is None or "request-1" in notice.inner_text()
        portal.page.unroute("**/predict")
        notice.get_by_role("button", name="Try again").click()
        portal.page.wait_for_selector(".verdict")
        assert portal.page.locator("#trouble-record").inner_text() == ""
        first, second = portal.sent("predict")
        assert second.post_data_json["income"] == 12345
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_without_an_explanation_the_decision_stands_and_the_weights_can_be_asked_for_again(
    browser: Any, served: Served
) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.page.route("**/explain", lambda route: route.abort())
        portal.fill(BAD["loan_approval"])
        portal.decide()
        notice = portal.page.locator("#explanation [role=alert]")
        notice.wait_for()
        assert notice.inner_text().startswith("The decision stands. Its weights could not be fetched.")
        assert portal.page.locator(".reason").count() > 0
        portal.page.unroute("**/explain")
        notice.get_by_role("button").click()
        portal.page.wait_for_selector(EXPLAINED)


def test_another_policy_that_is_served_by_now_redraws_the_scale(browser: Any, served: Served) -> None:
    url = served("loan_approval")
    with opened(browser, url) as portal:
        facts = web.get(f"{url}/model_metadata").json()
        old = {**facts, "policy": {"version": "old-00000000", "refer_from": 0.5, "decline_from": 0.6}}
        portal.page.route("**/model_metadata", lambda route: route.fulfill(json=old))
        portal.page.reload()
        portal.page.wait_for_selector(READY)
        assert "50%" in portal.text(".cut-offs")
        portal.page.unroute("**/model_metadata")
        portal.decide()
        refer_from = f"{facts['policy']['refer_from'] * 100:.3g}%"
        assert refer_from in portal.text(".cut-offs")


def test_a_form_that_does_not_load_says_so_and_loads_when_asked_again(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.page.route("**/schema", lambda route: route.abort())
        portal.page.reload()
        notice = portal.page.locator("#trouble-page [role=alert]")
        notice.wait_for()
        assert notice.inner_text().startswith("The form could not be loaded.")
        portal.page.unroute("**/schema")
        notice.get_by_role("button").click()
        portal.page.wait_for_selector(READY)
        portal.decide()
