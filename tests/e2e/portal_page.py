"""The portal in a real browser: what a person does with it, and what it asked for and complained of meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.processes import web

USE_CASES = ("credit_risk", "loan_approval", "german_credit", "card_default", "fraud_transactions")
# What makes the example of a use case a bad risk, for any model that has learnt something.
BAD: dict[str, dict[str, object]] = {
    "credit_risk": {"person_income": 9000, "loan_amnt": 8000, "loan_grade": "F", "loan_int_rate": 20},
    "loan_approval": {"income": 9000, "credit_score": 420, "loan_amount": 60000},
    "german_credit": {"Credit amount": 15000, "Duration": 60, "Checking account": "little"},
    "card_default": {"PAY_0": 3, "PAY_2": 3, "PAY_3": 2},
    "fraud_transactions": {"amount": 900, "risk_score": 0.5},
}
READY = "#record:not([hidden])"
EXPLAINED = "#explanation .weights li"
LEVEL_AND_MEANING = " \N{EN DASH} "
WIDE, NARROW = 1440, 360


@dataclass
class Portal:
    """An opened portal."""

    page: Any
    url: str
    asked: list[Any] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def field(self, name: str) -> Any:
        """The field of a column, with its label, control and remarks."""
        return self.page.locator(f'[data-field="{name}"]')

    def fill(self, record: Mapping[str, object]) -> None:
        """Write values into fields as a person would: typing, choosing, clicking."""
        for name, value in record.items():
            box = self.field(name)
            if box.locator("select").count():
                texts = box.locator("option").all_inner_texts()
                box.locator("select").select_option(
                    index=[text.split(LEVEL_AND_MEANING)[0] for text in texts].index(str(value))
                )
            elif box.locator("[role=radiogroup]").count():
                box.get_by_role("radio", name=str(value), exact=True).check(force=True)
            else:
                box.locator("input:not([type=checkbox])").fill(str(value))

    def decide(self) -> None:
        """Press the button and wait for the decision."""
        with self.page.expect_response("**/predict"):
            self.page.click("#decide")
        self.page.wait_for_selector(".verdict")

    def decide_and_explain(self) -> None:
        """Press the button and wait until the weights are there too."""
        self.decide()
        self.page.wait_for_selector(EXPLAINED)

    def sent(self, path: str) -> list[Any]:
        """The requests that were sent to a path."""
        return [request for request in self.asked if request.url == f"{self.url}/{path}"]

    def text(self, selector: str) -> str:
        """The text that is seen in the first element of a selector."""
        return str(self.page.locator(selector).first.inner_text())

    def show_all(self) -> None:
        """Make the window as high as the page, so that nothing floats over anything."""
        size = self.page.viewport_size
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": height})


@contextmanager
def opened(browser: Any, url: str, width: int = WIDE, **options: Any) -> Iterator[Portal]:
    """Open the portal in a window of its own; options are Playwright's, English and light where they are silent."""
    chosen = {"locale": "en-GB", "color_scheme": "light", **options}
    context = browser.new_context(viewport={"width": width, "height": 900}, **chosen)
    context.set_default_timeout(15_000)
    portal = Portal(context.new_page(), url)
    # Playwright marks the handlers that it is given, and a list's own method takes no mark.
    portal.page.on("request", lambda request: portal.asked.append(request))  # noqa: PLW0108
    portal.page.on("console", lambda message: portal.complaints.append(message.text))
    portal.page.on("pageerror", lambda error: portal.complaints.append(str(error)))
    try:
        portal.page.goto(f"{url}/")
        portal.page.wait_for_selector(READY)
        yield portal
    finally:
        context.close()


def schema_of(url: str) -> dict[str, Any]:
    """The schema that the service publishes."""
    return dict(web.get(f"{url}/schema").json())


def example_of(url: str) -> dict[str, Any]:
    """The example record of the service's schema."""
    return dict(schema_of(url)["examples"][0])
