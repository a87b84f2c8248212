"""The dashboard draws whatever comes in the published shape, and what it says stays text."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.e2e.dashboard_figures import Body, made_up
from tests.e2e.dashboard_page import BROKEN, NARROW, WIDE, Dashboard, opened, serving

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "__proto__",
    "constructor",
    "toString",
    "</script><script>alert(1)</script>",
    "\u202eabc\u202c \u0000\ufffd",
    "a" * 300,
    "",
    "url(#stripes); fill: red",
    "{{7*7}} ${7*7} %s",
    "Ünïcödé 列 🏦",
)

counts = st.integers(0, 3_000_000)
shares = st.floats(0, 1)
maybe = st.none() | shares
indices = st.none() | st.floats(0, 20)
names = st.sampled_from(["age", "income", *HOSTILE]) | st.text(max_size=12).filter(
    lambda text: not BROKEN.search(text)
)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Any answer of the published shape."""
    days = draw(st.sampled_from([1, 2, 7, 31, 400]))
    body = json.loads(json.dumps(made_up(days)))

    def by_day(values: st.SearchStrategy[Any]) -> list[Any]:
        few = draw(st.lists(values, min_size=1, max_size=4))
        return [few[at % len(few)] for at in range(days)]

    body["volume"] = {name: by_day(counts) for name in body["volume"]}
    body["score"] = {
        "borders": sorted(draw(st.lists(shares, min_size=19, max_size=19))),
        "reference": draw(st.lists(counts, min_size=20, max_size=20)),
        "analysis": draw(st.lists(counts, min_size=20, max_size=20)),
        "psi": by_day(indices),
        "window_psi": draw(indices),
    }
    body["columns"] = [
        {
            "name": name,
            "description": draw(names),
            "csi": by_day(indices),
            "nulls": by_day(maybe),
            "window_csi": draw(indices),
            "status": draw(st.sampled_from(["ok", "warn", "alarm", "few"])),
            "labels": labels,
            "reference": [draw(shares) for _ in labels],
            "analysis": [draw(shares) for _ in labels],
        }
        for name in draw(st.lists(names, max_size=4, unique=True))
        for labels in [draw(st.lists(names, min_size=1, max_size=4))]
    ]
    body["outcomes"]["maturity_days"] = draw(st.none() | st.integers(1, 400))
    for cohort in body["outcomes"]["cohorts"]:
        matured = body["outcomes"]["maturity_days"] is not None and draw(st.booleans())
        judged = {"bad": counts, "expected_bad": st.floats(0, 3e6), "brier": maybe, "auc": maybe}
        known = {name: draw(values) if matured else None for name, values in judged.items()}
        cohort.update(decisions=draw(counts), told=draw(counts), matured=matured, **known)
    body["outcomes"]["reliability"] = body["outcomes"]["reliability"][: draw(st.integers(0, 10))]
    body["models"] = body["models"][: draw(st.integers(0, 2))]
    body["shadow"] = [
        {"model": draw(names), "decisions": draw(counts), "same": 0, "mean_difference": draw(maybe)}
    ]
    body["marks"] = body["marks"] * draw(st.integers(0, 12))
    body["report"] = draw(st.none() | st.just({"at": 0, "advice": {"action": "wait", "because": []}}))
    traffic = {
        "requests": draw(counts),
        "errors": draw(counts),
        "p50_ms": draw(indices),
        "p99_ms": draw(indices),
    }
    return {**body, "traffic": traffic, "caught_up": draw(st.booleans()), "behind": draw(counts)}


def test_names_from_records_stay_text_whatever_they_say(browser: Any) -> None:
    body = made_up()
    body["title"] = HOSTILE[0]
    body["columns"] = [{**body["columns"][0], "name": name, "labels": [name] * 3} for name in HOSTILE]
    body["marks"] = [{**body["marks"][0], "kind": name, "text": name} for name in HOSTILE]
    body["incidents"] = [
        {**incident, "key": name, "title": name, "severity": name, "figures": {name: name, "__proto__": 1}}
        for incident in body["incidents"][:1]
        for name in HOSTILE
    ]
    body["models"] = [{**body["models"][0], "model": name, "policy": name} for name in HOSTILE]
    body["shadow"] = [{**body["shadow"][0], "model": name} for name in HOSTILE]
    body["report"] = {"advice": {"action": HOSTILE[0], "because": list(HOSTILE)}}
    body["retraining"] = [{"step": name, "text": name} for name in HOSTILE]
    for width in (NARROW, WIDE):
        with serving(body) as service, opened(browser, service, width) as dashboard:
            dashboard.open_all()
            assert dashboard.complaints == []
            assert dashboard.page.locator("main script, main img").count() == 0
            assert dashboard.page.evaluate("document.documentElement.scrollWidth") == width
            assert "could not be drawn" not in dashboard.text("main")


def test_any_figures_of_the_published_shape_are_drawn(browser: Any) -> None:
    numbers = count()

    @settings(
        max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(body=bodies())
    def draw(dashboard: Dashboard, body: Body) -> None:
        _hold_drawn(dashboard, {**body, "title": f"Drawing {next(numbers)}"})

    with serving() as service, opened(browser, service) as dashboard:
        draw(dashboard)


def _hold_drawn(dashboard: Dashboard, body: Body) -> None:
    dashboard.renew(body)
    dashboard.open_all()
    assert dashboard.complaints == []
    markup = dashboard.page.evaluate("document.querySelector('main').outerHTML")
    found = BROKEN.search(markup)
    assert not found, markup[found.start() - 300 : found.end() + 100]
    assert dashboard.page.evaluate("document.documentElement.scrollWidth") <= 1440
