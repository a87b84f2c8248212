"""The dashboard as a risk officer uses it: Debian's Chromium on made-up figures of the published shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.dashboard_figures import made_up, nothing
from tests.e2e.dashboard_page import BROKEN, READY, WIDE, Dashboard, Service, opened, serving

SECTIONS = ("attention", "volume", "score", "columns", "outcomes", "models", "traffic")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def window(browser: Any, service: Service) -> Iterator[Dashboard]:
    with opened(browser, service) as dashboard:
        yield dashboard


@pytest.fixture
def dashboard(window: Dashboard) -> Dashboard:
    """The dashboard with the figures of a month, just opened."""
    window.service.status = 200
    window.service.gate.set()
    window.page.set_viewport_size({"width": WIDE, "height": 900})
    window.open(made_up())
    window.complaints.clear()
    window.service.asked[:] = [""]
    return window


def test_every_section_says_in_a_sentence_what_it_shows(dashboard: Dashboard) -> None:
    body = dashboard.service.body
    decided = sum(sum(body["volume"][name]) for name in ("approve", "refer", "decline"))
    assert dashboard.text("h1") == "Credit risk"
    assert f"{decided:,} decisions" in dashboard.text("#volume .lead")
    assert "1 incident is open" in dashboard.text("#attention .lead")
    assert "0.083" in dashboard.text("#score .lead")
    assert "1 of 5 inputs drifted" in dashboard.text("#columns .lead")
    assert "person_income" in dashboard.text("#columns .lead")
    assert "have a told outcome" in dashboard.text("#outcomes .lead")
    assert "2 models under 2 policies" in dashboard.text("#models .lead")
    assert "52,310 requests answered, 3 server errors" in dashboard.text("#traffic .lead")
    assert dashboard.complaints == []


def test_the_page_asks_no_other_host_and_breaks_no_rule_of_its_policy(dashboard: Dashboard) -> None:
    asked: list[str] = []
    dashboard.page.on("request", lambda request: asked.append(request.url))
    dashboard.page.reload()
    dashboard.page.wait_for_selector(READY)
    assert asked
    assert all(url.startswith(f"{dashboard.service.url}/") for url in asked)
    assert dashboard.complaints == []


def test_columns_stand_in_the_order_of_what_drifts_most(dashboard: Dashboard) -> None:
    names = dashboard.page.locator(".column-name").all_inner_texts()
    assert names == ["person_income", "loan_int_rate", "loan_grade", "person_age", "loan_intent"]
    words = dashboard.page.locator(".column .level").all_inner_texts()
    assert [word.strip() for word in words] == ["drifted", "moved", "stable", "stable", "too few"]


def test_a_column_shows_its_days_its_nulls_and_its_values_when_it_is_opened(dashboard: Dashboard) -> None:
    dashboard.page.locator(".column summary").first.click()
    about = dashboard.page.locator(".column-about")
    about.wait_for()
    assert about.count() == 1
    assert about.locator(".days").count() == 2
    labels = about.locator(".share-name").all_inner_texts()
    assert labels == dashboard.service.body["columns"][0]["labels"]
    assert "drifted from 0.25" in str(about.locator(".threshold").all_text_contents())


def test_a_chart_without_any_figure_says_why(dashboard: Dashboard) -> None:
    body = made_up()
    body["score"]["psi"] = [None] * 30
    body["columns"][0]["nulls"] = [0.0] * 30
    dashboard.open(body)
    assert "No day had enough decisions" in dashboard.text("#score .missing")
    dashboard.page.locator(".column summary").first.click()
    dashboard.page.get_by_text("There were no nulls.").wait_for()


def test_the_psi_of_the_score_is_told_and_never_judged(dashboard: Dashboard) -> None:
    body = made_up()
    body["score"] = {**body["score"], "psi": [0.9] * 30, "window_psi": 0.9}
    dashboard.open(body)
    tile = dashboard.page.locator("#overview .tiles > div").filter(has_text="PSI of the score")
    assert tile.locator("dd").all_inner_texts() == ["0.90", "told, not judged"]
    assert "0.90. It is told, not judged" in dashboard.text("#score .lead")
    dashboard.open_all()
    assert dashboard.page.locator("#score .level, #score .threshold").count() == 0
    assert "drifted" not in dashboard.text("#score")
    chart = dashboard.page.locator("#score .days")
    assert chart.get_attribute("aria-valuetext") == "21 Nov 2026: 0.90"


def test_the_score_of_a_model_that_has_hardly_decided_is_left_open(dashboard: Dashboard) -> None:
    body = made_up()
    body["score"] = {**body["score"], "analysis": [0] * 20, "psi": [None] * 30, "window_psi": None}
    dashboard.open(body)
    assert "has made too few decisions" in dashboard.text("#score .lead")
    tile = dashboard.page.locator("#overview .tiles > div").filter(has_text="PSI of the score")
    assert tile.locator("dd.remark").inner_text() == "too few decisions"


def test_outcomes_are_judged_only_where_their_week_has_matured(dashboard: Dashboard) -> None:
    told, ripe, bad = 2300 + 1600 + 900 + 200, 2300 + 1600, 483 + 336
    assert dashboard.text("#outcomes .lead").startswith(
        f"Of 11,200 decisions, {told:,} (44.6%) have a told outcome. Of the {ripe:,} of matured weeks {bad} (21.0%)"
    )
    assert "2 of 4 weeks have not matured yet: 7 days are given" in dashboard.text("#outcomes")
    tile = dashboard.page.locator("#overview .tiles > div").filter(has_text="Outcomes told")
    assert tile.locator("dd.remark").inner_text() == "21.0% bad in matured weeks"
    rates = dashboard.page.get_by_role("slider", name="Bad among told outcomes of matured weeks")
    rates.press("End")
    assert rates.get_attribute("aria-valuetext") == "Week of 16 Nov 2026: not matured yet: 7 days"
    rates.press("Home")
    assert rates.get_attribute("aria-valuetext") == "Week of 26 Oct 2026: 21.0% bad, 19.0% expected"
    dashboard.open_all()
    rows = dashboard.page.get_by_role("table", name="Outcomes by week").locator("tbody tr")
    cells = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    assert cells[1] == ["2 Nov 2026", "2,800", "1,600", "57.1%", "336", "304", "0.141", "0.83"]
    assert cells[3] == ["16 Nov 2026", "2,800", "200", "7.1%", *["not matured yet: 7 days"] * 4]


def test_where_maturity_is_not_known_nothing_is_judged_and_the_page_names_the_command(
    dashboard: Dashboard,
) -> None:
    body = made_up()
    cohorts = [{**cohort, "matured": False} for cohort in body["outcomes"]["cohorts"]]
    body["outcomes"] = {"maturity_days": None, "cohorts": cohorts, "reliability": []}
    dashboard.open({**body, "report": None})
    text = dashboard.text("#outcomes")
    assert "Run aval drift credit_risk; until then" in text
    assert "turned out bad" not in text
    assert "maturity not known" in dashboard.text("#overview")
    assert (
        dashboard.page.locator("#outcomes .missing").all_inner_texts() == ["Not known to have matured."] * 2
    )
    assert dashboard.page.locator("#outcomes .point").count() == 0


def test_a_p_value_is_written_so_that_it_can_be_read_aloud(dashboard: Dashboard) -> None:
    body = made_up()
    body["incidents"][0]["figures"] = {"p": 2.6e-43, "interval": [0.1, 0.2], "csi": 0.3621}
    dashboard.open(body)
    facts = dashboard.page.locator(".incident").first.locator(".facts > div").all_inner_texts()
    assert [" ".join(fact.split()) for fact in facts] == ["p under 0.0001", "csi 0.362"]


def test_arrow_keys_read_a_chart_day_by_day(dashboard: Dashboard) -> None:
    chart = dashboard.page.locator("#volume .days").first
    chart.focus()
    volume = dashboard.service.body["volume"]
    for key, at in (("Home", 0), ("ArrowRight", 1), ("PageUp", 8), ("End", 29), ("ArrowLeft", 28)):
        chart.press(key)
        read = str(chart.get_attribute("aria-valuetext"))
        assert f"{volume['approve'][at]} approved" in read, key
        assert dashboard.text("#volume .readout") == read
    assert chart.get_attribute("role") == "slider"
    assert (chart.get_attribute("aria-valuenow"), chart.get_attribute("aria-valuemax")) == ("28", "29")


def test_a_day_that_is_pointed_at_is_read_out(dashboard: Dashboard) -> None:
    chart = dashboard.page.locator("#volume .days").first
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] - 10, "y": 60})
    assert dashboard.text("#volume .readout").startswith("21 Nov 2026")
    chart.hover(position={"x": 50, "y": 60})
    assert dashboard.text("#volume .readout").startswith("23 Oct 2026")


def test_every_chart_has_a_table_of_its_figures(dashboard: Dashboard) -> None:
    dashboard.open_all()
    rows = dashboard.page.locator("#volume tbody tr")
    assert rows.count() == 30
    cells = rows.nth(4).locator("th, td").all_inner_texts()
    volume = dashboard.service.body["volume"]
    assert cells[0] == "27 Oct 2026"
    assert cells[1:4] == [str(volume[name][4]) for name in ("approve", "refer", "decline")]
    for section in ("score", "columns", "outcomes", "models"):
        assert dashboard.page.locator(f"#{section} table").count() >= 1, section


def test_changes_of_model_and_policy_are_marked_on_every_axis_of_time(dashboard: Dashboard) -> None:
    for chart in dashboard.page.locator(".days").all():
        assert chart.locator(".mark").count() == 3
    listed = dashboard.page.locator(".marks li").all_inner_texts()
    assert [text.split()[0] for text in listed] == ["A", "B", "C"]
    assert "Policy: 2026-11 stricter" in listed[0]


def test_open_incidents_come_before_those_that_recovered(dashboard: Dashboard) -> None:
    shown = dashboard.page.locator(".incident:visible").all_inner_texts()
    assert len(shown) == 1
    assert "CRITICAL" in shown[0].upper()
    assert "person_income drifted: CSI 0.42" in shown[0]
    dashboard.page.get_by_text("Recovered: 1 incident").click()
    dashboard.page.locator(".incident.recovered").wait_for()


def test_advice_stands_with_its_reasons(dashboard: Dashboard) -> None:
    assert dashboard.text(".advice").startswith("Retrain")
    reasons = dashboard.page.locator(".reasons li").all_inner_texts()
    assert reasons == dashboard.service.body["report"]["advice"]["because"]


def test_matured_and_naive_figures_stand_side_by_side_with_their_intervals(dashboard: Dashboard) -> None:
    table = dashboard.page.get_by_role("table", name="Performance by the last look")
    heads = table.locator("thead th").all_inner_texts()
    assert heads == ["Figure", "Matured", "All told so far", "Expected (an estimate)"]
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    auc = "0.79 (0.77 to 0.81)"
    assert ["AUC", auc, auc, auc] in rows
    assert ["Calibration slope (1 is right)", "not known", "not known", "not known"] in rows
    assert "at 2,800 decisions: something was found" in dashboard.text("#attention")


def test_the_last_days_are_chosen_by_a_button_and_kept_in_the_address(dashboard: Dashboard) -> None:
    assert dashboard.page.locator("#presets [aria-pressed=true]").inner_text() == "30 days"
    with dashboard.page.expect_response("**/dashboard.json?*"):
        dashboard.page.get_by_role("button", name="7 days").click()
    assert dashboard.service.asked[-1] == "from=2026-11-15&until=2026-11-21"
    assert dashboard.page.url.endswith("?from=2026-11-15&until=2026-11-21")
    with dashboard.page.expect_response("**/dashboard.json"):
        dashboard.page.go_back()
    assert dashboard.service.asked[-1] == ""


def test_a_period_of_ones_own_is_asked_for(dashboard: Dashboard) -> None:
    dashboard.page.fill("#from", "2026-09-01")
    dashboard.page.fill("#until", "2026-09-30")
    with dashboard.page.expect_response("**/dashboard.json?*"):
        dashboard.page.get_by_role("button", name="Show").click()
    assert dashboard.service.asked[-1] == "from=2026-09-01&until=2026-09-30"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-21", "2026-11-20", "The first day lies after the last."),
        ("2025-01-01", "2026-11-20", "At most 400 are shown at once."),
        ("", "2026-11-20", "Give the first and the last day."),
    ],
)
def test_a_wrong_period_is_told_beside_the_form_and_not_asked_for(
    dashboard: Dashboard, first: str, last: str, words: str
) -> None:
    dashboard.page.fill("#from", first)
    dashboard.page.fill("#until", last)
    dashboard.page.get_by_role("button", name="Show").click()
    assert words in dashboard.text("#period-error")
    assert dashboard.service.asked == [""]


def test_while_the_first_figures_are_on_their_way_the_page_says_so(dashboard: Dashboard) -> None:
    dashboard.service.gate.clear()
    dashboard.page.reload()
    dashboard.page.get_by_text("Loading the figures").wait_for()
    assert dashboard.page.locator("main").get_attribute("aria-busy") == "true"
    dashboard.service.gate.set()
    dashboard.page.wait_for_selector(READY)
    assert dashboard.page.get_by_text("Loading the figures").count() == 0


def test_with_nothing_decided_the_page_names_the_commands_that_fill_it(dashboard: Dashboard) -> None:
    dashboard.open(nothing())
    text = dashboard.text("#state")
    assert "Nothing was decided from 23 Oct 2026 to 21 Nov 2026" in text
    for command in ("aval score credit_risk", "aval simulate credit_risk", "aval outcomes credit_risk"):
        assert command in text
    shown = [name for name in SECTIONS if dashboard.page.locator(f"#{name}").is_visible()]
    assert shown == ["attention", "models", "traffic"]
    assert not BROKEN.search(dashboard.text("body"))


def test_while_the_log_is_being_counted_the_page_says_how_much_is_left_and_looks_again(
    dashboard: Dashboard,
) -> None:
    dashboard.open({**made_up(), "caught_up": False, "behind": 12345})
    assert "12,345 entries of the decision log are not counted yet" in dashboard.text("#state")
    dashboard.service.body = made_up()
    dashboard.wait_until("document.querySelector('#state').textContent === ''")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "enter an API key as the password"),
        (403, "This key may not read"),
        (404, "This service keeps no dashboard"),
        (429, "too much to do"),
        (500, "answered with an error (500)"),
        (503, "not ready"),
    ],
)
def test_a_refusal_is_told_with_the_services_own_words_and_can_be_tried_again(
    dashboard: Dashboard, status: int, words: str
) -> None:
    dashboard.service.refuse(status, detail="the decision log is switched off")
    dashboard.open()
    text = dashboard.text("#state")
    assert words in text
    assert "the decision log is switched off" in text
    assert "r-1" in text
    assert not dashboard.page.locator("#board").is_visible()
    dashboard.service.status, dashboard.service.body = 200, made_up()
    dashboard.page.get_by_role("button", name="Try again").click()
    dashboard.page.wait_for_selector("#board:not([hidden])")
    assert dashboard.text("#state") == ""


def test_figures_stay_when_they_cannot_be_renewed(dashboard: Dashboard) -> None:
    dashboard.service.refuse(503)
    dashboard.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    dashboard.wait_until("document.querySelector('#as-of').textContent.includes('could not be renewed')")
    assert dashboard.page.locator("#board").is_visible()


def test_what_is_open_and_has_the_focus_stays_so_when_figures_are_renewed(dashboard: Dashboard) -> None:
    summary = dashboard.page.locator(".column summary").first
    summary.focus()
    summary.press("Enter")
    body = made_up()
    body["columns"][0]["window_csi"] = 0.77
    dashboard.service.body = body
    dashboard.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    dashboard.wait_until("document.querySelector('.column-index').textContent.includes('0.77')")
    dashboard.page.locator(".column-about .days").first.wait_for()
    focused = dashboard.page.evaluate("document.activeElement.dataset.key")
    assert focused == "column person_income summary"


def test_a_report_of_another_kind_leaves_the_other_sections_alone(dashboard: Dashboard) -> None:
    for report in ({}, {"advice": "retrain"}, {"advice": {"because": 3}}, {"at": "never"}):
        dashboard.open({**made_up(), "report": report, "retraining": [{}]})
        assert dashboard.page.locator("#volume .days").count() > 2
        assert not BROKEN.search(dashboard.text("main"))
