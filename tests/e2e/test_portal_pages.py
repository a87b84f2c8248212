"""The portal as a clerk uses it: Debian's Chromium on a real server, through Playwright."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.portal_page import BAD, EXPLAINED, READY, USE_CASES, Portal, example_of, opened, schema_of
from tests.processes import post

Served = Callable[[str], str]
MILDER = ("approve", "refer", "decline")
WORDS = {"approve": "Approve", "refer": "Refer", "decline": "Decline"}


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_record_is_filled_in_and_decided_as_the_api_decides_it(
    browser: Any, served: Served, use_case: str
) -> None:
    url = served(use_case)
    with opened(browser, url) as portal:
        portal.fill(BAD[use_case])
        portal.decide_and_explain()
        [request] = portal.sent("predict")
        answer = post(f"{url}/predict", request.post_data_json).json()
        assert portal.text(".verdict .word") == WORDS[answer["decision"]]
        assert answer["decision"] != "approve"
        shown = float(portal.text(".chance strong").rstrip("%")) / 100
        assert shown == pytest.approx(answer["probability"], rel=5e-3)
        assert portal.page.locator(".reason").all_inner_texts() == [
            item["text"] for item in answer["reasons"]
        ]
        versions = portal.page.locator("#reference code").all_inner_texts()
        assert {answer["model"], answer["policy"], answer["contract"]} <= set(versions)
        assert portal.complaints == []


@pytest.mark.parametrize("use_case", USE_CASES)
def test_the_example_stands_in_the_form_and_is_sent_as_it_is(
    browser: Any, served: Served, use_case: str
) -> None:
    url = served(use_case)
    with opened(browser, url) as portal:
        portal.decide_and_explain()
        sent = portal.sent("predict")[0].post_data_json
        # The field for times writes a T between day and hour.
        assert {name: str(value).replace("T", " ") for name, value in sent.items()} == {
            name: str(value).replace("T", " ") for name, value in example_of(url).items()
        }


@pytest.mark.parametrize("use_case", USE_CASES)
def test_every_column_has_a_labelled_field_with_its_range_and_its_levels(
    browser: Any, served: Served, use_case: str
) -> None:
    schema = schema_of(served(use_case))
    with opened(browser, served(use_case)) as portal:
        for name, column in schema["properties"].items():
            if "x-role" not in column:
                continue
            shown = portal.field(name).evaluate("element => element.textContent")
            assert column["title"] in shown
            assert all(str(level) in shown for level in column.get("enum", []) if level is not None), name
            if "minimum" in column and abs(column["minimum"]) < 1000:
                assert f"{column['minimum']} to" in shown, name
            assert column.get("x-unit", "") in shown, name
            control = portal.field(name).locator("input, select").first
            assert control.evaluate("element => element.labels.length") >= 1, name


def test_the_page_asks_no_other_host(browser: Any, served: Served) -> None:
    url = served("credit_risk")
    with opened(browser, url) as portal:
        portal.decide_and_explain()
        assert {request.url[: len(url) + 1] for request in portal.asked} == {f"{url}/"}
        assert portal.complaints == []


def test_a_wrong_value_is_told_beside_its_field_and_nothing_is_sent(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.fill({"employment_length": -5, "credit_score": ""})
        portal.page.click("#decide")
        years, score = portal.field("employment_length"), portal.field("credit_score")
        assert "Out of range: 0 to 70 years." in years.locator(".error").inner_text()
        assert "Needed for a decision." in score.locator(".error").inner_text()
        wrong = years.locator("input")
        assert wrong.get_attribute("aria-invalid") == "true"
        assert years.locator(".error").get_attribute("id") in str(wrong.get_attribute("aria-describedby"))
        assert wrong.evaluate("element => element === document.activeElement")
        assert portal.text("#marked") == "Fields to correct: 2"
        assert portal.sent("predict") == []


def test_a_remark_that_moves_the_button_while_it_is_pressed_takes_no_click_away(
    browser: Any, served: Served
) -> None:
    with opened(browser, served("fraud_transactions")) as portal:
        portal.show_all()
        portal.page.click("#clear")
        portal.fill({"terminal_tx_count_7d": -1})
        portal.page.locator("#decide").scroll_into_view_if_needed()
        button = portal.page.locator("#decide").bounding_box()
        # Near its upper edge: half a line lower, and the pointer is beside it.
        portal.page.mouse.move(button["x"] + button["width"] / 2, button["y"] + 3)
        portal.page.mouse.down()
        portal.page.wait_for_timeout(100)
        portal.page.mouse.up()
        portal.page.wait_for_selector("#marked:not(:empty)")
        assert portal.page.locator(".error:visible").count() > 1


@pytest.mark.parametrize("button", ["left", "right"])
def test_a_remark_comes_though_a_press_was_never_seen_to_end(
    browser: Any, served: Served, button: str
) -> None:
    with opened(browser, served("credit_risk")) as portal:
        field = portal.page.locator(".field input[type=number]").first
        field.click()
        # As where a menu, or another window, takes the release.
        portal.page.mouse.down(button=button)
        field.fill("-1")
        portal.page.keyboard.press("Tab")
        portal.page.wait_for_selector(".error:visible")


def test_a_mended_value_loses_its_remark(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.fill({"credit_score": 9000})
        portal.page.click("#decide")
        portal.fill({"credit_score": 700})
        assert portal.field("credit_score").locator(".error").is_hidden()
        portal.decide()
        assert portal.text("#marked") == ""


def test_what_the_service_refuses_is_told_beside_its_field(browser: Any, served: Served) -> None:
    with opened(browser, served("credit_risk")) as portal:

        def spoil(route: Any) -> None:
            record = {**route.request.post_data_json, "person_age": 144, "loan_amnt": -1}
            route.continue_(post_data=json.dumps(record))

        portal.page.route("**/predict", spoil)
        portal.page.click("#decide")
        age = portal.field("person_age")
        age.locator(".error").wait_for()
        assert "Out of range: 18 to 120 years." in age.locator(".error").inner_text()
        assert "Out of range" in portal.field("loan_amnt").locator(".error").inner_text()
        assert age.is_visible(), "the folded part with the field was not opened"
        # The first in the page: the contract has the age first, the page in its folded part.
        assert portal.page.evaluate("document.activeElement.closest('.field').dataset.field") == "loan_amnt"
        assert portal.text("#marked") == "Fields to correct: 2"


def test_what_is_not_known_is_sent_as_null_and_an_empty_option_is_left_out(
    browser: Any, served: Served
) -> None:
    with opened(browser, served("fraud_transactions")) as portal:
        portal.field("time_since_last_transaction").get_by_role("checkbox").check()
        portal.fill({"customer_avg_amount_7d": "", "terminal_tx_count_7d": ""})
        portal.decide()
        sent = portal.sent("predict")[0].post_data_json
        assert sent["time_since_last_transaction"] is None
        assert not {"customer_avg_amount_7d", "terminal_tx_count_7d"} & set(sent)
        portal.field("time_since_last_transaction").get_by_role("checkbox").uncheck()
        assert (
            portal.field("time_since_last_transaction").locator("input[type=number]").input_value() == "6.25"
        )


def test_what_the_model_never_sees_stands_apart_and_says_so(browser: Any, served: Served) -> None:
    with opened(browser, served("german_credit")) as portal:
        assert portal.field("Age").is_hidden()
        portal.page.click("summary:has-text('Not used in the decision')")
        apart = portal.page.locator("details.group")
        names = apart.locator(".field").evaluate_all("fields => fields.map(field => field.dataset.field)")
        assert names == ["Age", "Sex"]
        assert "do not enter the probability" in apart.inner_text()


def test_a_stated_ratio_follows_its_two_amounts(browser: Any, served: Served) -> None:
    with opened(browser, served("credit_risk")) as portal:
        portal.fill({"person_income": 20000, "loan_amnt": 5000})
        assert portal.field("loan_percent_income").locator("input").input_value() == "0.25"
        portal.fill({"person_income": 0})
        assert portal.field("loan_percent_income").locator("input").input_value() == "0.25"


@pytest.mark.parametrize("use_case", ["credit_risk", "german_credit"])
def test_the_weights_are_those_of_every_input_in_both_directions(
    browser: Any, served: Served, use_case: str
) -> None:
    with opened(browser, served(use_case)) as portal:
        with portal.page.expect_response("**/explain") as answered:
            portal.decide()
        explanation = answered.value.json()
        portal.page.wait_for_selector(EXPLAINED)
        factors = portal.page.locator(".weight-factor").evaluate_all(
            "all => all.map(one => [one.firstChild.textContent, one.textContent.includes('raises')])"
        )
        expected = sorted(explanation["contributions"], key=lambda item: -abs(item["contribution"]))
        assert [raises for _, raises in factors] == [item["contribution"] > 0.005 for item in expected]
        assert len(factors) == len(explanation["contributions"])


def test_trying_what_would_change_the_decision_changes_it_as_promised(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.fill(BAD["loan_approval"])
        portal.decide_and_explain()
        before = portal.sent("predict")[0].post_data_json
        promised = portal.page.locator(".changes li").first
        word = promised.locator(".change-gives b").inner_text()
        chance = promised.locator(".change-gives").inner_text().removeprefix(word).strip()
        promised.get_by_role("button").click()
        assert portal.text("#trouble-answer") == "The record has changed since this decision."
        portal.decide()
        portal.page.wait_for_function(
            "word => document.querySelector('.word').textContent === word", arg=word
        )
        after = portal.sent("predict")[1].post_data_json
        assert len([name for name in after if after[name] != before[name]]) == 1
        assert portal.text(".chance strong") == chance
        assert portal.text("#trouble-answer") == ""


def test_a_decision_on_another_record_than_the_form_has_now_says_so(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.fill(BAD["loan_approval"])
        portal.decide()
        assert portal.text("#trouble-answer") == ""
        portal.page.click("#example")
        assert portal.text("#trouble-answer") == "The record has changed since this decision."
        portal.fill({"income": -1})
        portal.page.click("#decide")
        assert portal.text("#trouble-answer") == "The record has changed since this decision."
        portal.fill(BAD["loan_approval"])
        portal.fill({"employment_length": example_of(portal.url)["employment_length"]})
        assert portal.text("#trouble-answer") == "", "the record is the decided one again"


def test_an_approval_gives_no_reasons_and_nothing_to_change(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.fill({"income": 150000, "credit_score": 840, "loan_amount": 2000, "employment_length": 20})
        portal.decide_and_explain()
        assert portal.text(".verdict .word") == "Approve"
        assert portal.page.locator("#answer h3").all_inner_texts() == ["What weighs in"]


def test_the_language_is_switched_kept_and_asked_for(browser: Any, served: Served) -> None:
    with opened(browser, served("credit_risk")) as portal:
        portal.fill(BAD["credit_risk"])
        portal.decide_and_explain()
        english = portal.text(".reason")
        with portal.page.expect_response("**/explain"):
            portal.page.get_by_role("button", name="Español").click()
        portal.page.wait_for_function(
            "text => document.querySelector('.reason').textContent !== text", arg=english
        )
        assert portal.page.locator("html").get_attribute("lang") == "es"
        assert portal.text(".verdict .word") in ("Rechazar", "Revisar")
        assert portal.field("person_income").locator("label").first.inner_text() == "Ingreso anual"
        assert portal.field("person_income").locator("input").input_value() == "9000"
        assert len(portal.sent("predict")) == 1, "a decision must not be made again for another language"
        assert portal.sent("explain")[-1].headers["accept-language"] == "es"
        portal.page.reload()
        portal.page.wait_for_selector(READY)
        assert portal.text("#decide") == "Decidir"


@pytest.mark.parametrize(
    ("locale", "word"), [("pt-BR", "Decidir"), ("es-AR", "Decidir"), ("fr-FR", "Decide")]
)
def test_the_first_language_is_the_browsers_or_english(
    browser: Any, served: Served, locale: str, word: str
) -> None:
    with opened(browser, served("loan_approval"), locale=locale) as portal:
        tag = locale[:2] if word == "Decidir" else "en"
        assert portal.page.locator("html").get_attribute("lang") == tag
        assert portal.text("#decide") == word
        portal.decide()
        assert portal.sent("predict")[0].headers["accept-language"] == tag


def test_it_can_be_used_by_keyboard_alone(browser: Any, served: Served) -> None:
    with opened(browser, served("german_credit")) as portal:
        keys, seen = portal.page.keyboard, []
        keys.press("Tab")
        assert portal.page.evaluate("document.activeElement.className") == "skip"
        keys.press("Enter")
        for _ in range(60):
            keys.press("Tab")
            stop = portal.page.evaluate(FOCUSED)
            seen.append(stop["name"])
            assert stop["ring"], f"{stop['name']} shows no focus"
            if stop["name"] == "Duration":
                keys.press("Control+a")
                keys.type("60")
            if stop["name"] == "decide":
                break
        keys.press("Enter")
        portal.page.wait_for_selector(".verdict")
        assert portal.sent("predict")[0].post_data_json["Duration"] == 60
        assert seen.index("Job") < seen.index("Purpose") < seen.index("decide")
        assert "Decision: " in portal.page.locator("#heard").inner_text()
        assert portal.page.locator("#heard").get_attribute("aria-live") == "polite"
        stops = [_tab(portal) for _ in range(60)]
        assert {"skip", "decide", "copy", "Model card"} <= set(stops), f"the focus is caught within {stops}"


def _tab(portal: Portal) -> str:
    portal.page.keyboard.press("Tab")
    return str(portal.page.evaluate(FOCUSED)["name"])


FOCUSED = """() => {
  const now = document.activeElement;
  const ringed = [now, now.nextElementSibling].filter(Boolean).map(node => getComputedStyle(node).outlineStyle);
  return {
    name: now.closest('.field')?.dataset.field ?? (now.id || now.className || now.textContent),
    ring: now === document.body || ringed.includes('solid'),
  };
}"""


def test_ids_are_copied(browser: Any, served: Served) -> None:
    with opened(
        browser, served("loan_approval"), permissions=["clipboard-read", "clipboard-write"]
    ) as portal:
        portal.decide()
        portal.page.get_by_role("button", name="Copy: Decision").click()
        portal.page.wait_for_selector(".copy:has-text('Copied')")
        copied = portal.page.evaluate("navigator.clipboard.readText()")
        assert copied == portal.text("#reference code")


def test_nothing_of_a_record_is_kept_in_the_browser(browser: Any, served: Served) -> None:
    with opened(browser, served("loan_approval")) as portal:
        portal.decide_and_explain()
        portal.page.get_by_role("button", name="Português").click()
        kept = portal.page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")
        assert kept == [{"aval-language": "pt"}, {}, ""]
