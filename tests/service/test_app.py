from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import bentoml
import httpx
import jsonschema
import pytest

from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from tests.processes import post, web
from tests.service.conftest import Alone
from tests.service.records import Record, problem, records, shuffled
from training.use_cases import use_cases

Served = Callable[[str], str]
NAMES = sorted(use_cases())
RECORD = example_record(use_cases()["credit_risk"].contract)
ANSWERED = {
    "decision_id",
    "use_case",
    "probability",
    "decision",
    "reasons",
    "model",
    "policy",
    "contract",
    "request_id",
}


def bulk(url: str, sent: list[Any]) -> list[Record]:
    answer = post(f"{url}/predict_bulk", {"records": sent})
    assert answer.status_code == 200, answer.text
    results: list[Record] = answer.json()["results"]
    assert len(results) == len(sent)
    return results


def probabilities(url: str, sent: list[Record]) -> list[float]:
    return [result["probability"] for result in bulk(url, sent)]


# One record


def test_predict_answers_with_the_scorers_own_probability(
    served: Served, quick_scorer: Callable[..., Scorer]
) -> None:
    answer = post(f"{served('credit_risk')}/predict", RECORD)
    assert answer.status_code == 200
    assert answer.json()["probability"] == quick_scorer("credit_risk").score(RECORD).probability
    assert answer.json()["model"] == quick_scorer("credit_risk").tag


@pytest.mark.parametrize("use_case", NAMES)
def test_an_answer_has_exactly_the_promised_keys(
    served: Served, quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    scorer, record = quick_scorer(use_case), records(use_case)[0]
    body = post(f"{served(use_case)}/predict", record).json()
    assert set(body) == ANSWERED
    assert body["use_case"] == use_case
    assert 0 <= body["probability"] <= 1
    assert body["decision"] == str(scorer.score(record).decision)
    assert (body["model"], body["policy"]) == (scorer.tag, scorer.policy.version)
    assert body["contract"] == scorer.contract.version
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", body["decision_id"])


@pytest.mark.parametrize("use_case", NAMES)
def test_reasons_are_empty_on_approve_and_one_to_four_otherwise(
    served: Served, quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    codes = {(name, text.code, text.text) for name, text in quick_scorer(use_case).reason_texts.items()}
    decisions = set()
    for result in bulk(served(use_case), records(use_case)):
        decisions.add(result["decision"])
        reasons = result["reasons"]
        assert len(reasons) in ([0] if result["decision"] == "approve" else [1, 2, 3, 4])
        assert {(reason["feature"], reason["code"], reason["text"]) for reason in reasons} <= codes
        assert len({reason["code"] for reason in reasons}) == len(reasons)
    assert decisions == {"approve", "refer", "decline"}


def test_two_answers_to_the_same_record_differ_in_their_ids_alone(served: Served) -> None:
    first, second = (post(f"{served('credit_risk')}/predict", RECORD).json() for _ in range(2))
    assert first["decision_id"] != second["decision_id"]
    assert first["request_id"] != second["request_id"]
    assert {name for name in first if first[name] != second[name]} == {"decision_id", "request_id"}


@pytest.mark.parametrize("use_case", NAMES)
def test_the_order_of_fields_does_not_matter(served: Served, use_case: str) -> None:
    sent = records(use_case)[:50]
    turned = [shuffled(record, seed) for seed, record in enumerate(sent)]
    assert [list(record) for record in turned] != [list(record) for record in sent]
    assert probabilities(served(use_case), turned) == probabilities(served(use_case), sent)


@pytest.mark.parametrize("use_case", ["german_credit", "card_default", "fraud_transactions"])
def test_integer_columns_and_integer_levels_take_a_number_that_is_written_with_a_point(
    served: Served, use_case: str
) -> None:
    sent = records(use_case)[:30]
    pointed = [
        {name: float(value) if isinstance(value, int) else value for name, value in record.items()}
        for record in sent
    ]
    assert ".0" in json.dumps(pointed)
    assert probabilities(served(use_case), pointed) == probabilities(served(use_case), sent)


@pytest.mark.parametrize(
    ("use_case", "changed"),
    [
        ("credit_risk", {"person_age": [18, 60, 120, None]}),
        ("loan_approval", {"age": [18, 60, 120, None]}),
        ("german_credit", {"Sex": ["male", "female", None], "Age": [18, 75, None]}),
        ("card_default", {"SEX": [1, 2, None], "MARRIAGE": [0, 1, 2, 3, None], "AGE": [18, 90, None]}),
    ],
)
def test_protected_attributes_are_taken_change_nothing_and_are_never_a_reason(
    served: Served, use_case: str, changed: dict[str, list[Any]]
) -> None:
    for record in records(use_case)[:20]:
        absent = {name: value for name, value in record.items() if name not in changed}
        variants = [{**record, name: value} for name, values in changed.items() for value in values]
        results = bulk(served(use_case), [record, absent, *variants])
        assert len({result["probability"] for result in results}) == 1
        features = {reason["feature"] for result in results for reason in result["reasons"]}
        assert not features & set(changed)


def test_the_protected_attributes_of_the_tests_above_are_all_that_there_are() -> None:
    protected = {
        name: {column.name for column in case.contract.columns if column.role == "protected"}
        for name, case in use_cases().items()
    }
    assert protected == {
        "card_default": {"SEX", "MARRIAGE", "AGE"},
        "credit_risk": {"person_age"},
        "fraud_transactions": set(),
        "german_credit": {"Sex", "Age"},
        "loan_approval": {"age"},
    }


# Many records


def test_a_bulk_is_answered_in_order_with_the_probabilities_of_single_requests(served: Served) -> None:
    url, sent = served("credit_risk"), records("credit_risk")[:40]
    with httpx.Client(timeout=30) as client:
        singly = [client.post(f"{url}/predict", json=record).json() for record in sent]
    together = bulk(url, sent)
    assert len({result["probability"] for result in together}) > 20
    for alone, one in zip(singly, together, strict=True):
        assert {k: v for k, v in alone.items() if not k.endswith("_id")} == {
            k: v for k, v in one.items() if not k.endswith("_id")
        }
    assert len({result["decision_id"] for result in together}) == len(sent)


def test_a_bad_record_never_fails_its_neighbours(served: Served) -> None:
    url, good = served("credit_risk"), records("credit_risk")[:3]
    bad: list[Any] = [{}, {**RECORD, "x": 1}, [], "text", 7, None, True, [RECORD], {"records": [RECORD]}]
    bad += [{**RECORD, "person_income": "22"}, {**RECORD, "person_income": 10**400}]
    results = bulk(url, [good[0], *bad, good[1], good[2]])
    expected = probabilities(url, good)
    assert [results[0]["probability"], results[-2]["probability"], results[-1]["probability"]] == expected
    for result in results[1:-2]:
        assert (result["status"], result["title"]) == (422, "Unprocessable Entity")
        assert result["errors"][0]["allowed"]
        assert "probability" not in result
    assert results[2]["errors"][0]["field"] == "x"
    assert results[4]["detail"].endswith("not text")


@pytest.mark.parametrize("count", [1, 1000])
def test_a_bulk_takes_one_to_a_thousand_records(served: Served, count: int) -> None:
    sent = (records("card_default") * 4)[:count]
    results = bulk(served("card_default"), sent)
    assert all(set(result) == ANSWERED for result in results)
    assert results[0]["probability"] == results[900 % count]["probability"]


@pytest.mark.parametrize(
    "body",
    [
        {"records": []},
        {"records": [RECORD] * 1001},
        {"records": RECORD},
        {"records": None},
        {"records": "RENT"},
        {"records": [RECORD], "more": 1},
        {"Records": [RECORD]},
        RECORD,
        [RECORD],
        {},
        None,
        7,
    ],
    ids=lambda body: repr(body)[:20],
)
def test_a_body_that_is_no_bulk_is_refused_with_what_a_bulk_is(served: Served, body: Any) -> None:
    answer = post(f"{served('credit_risk')}/predict_bulk", json.dumps(body).encode())
    assert problem(answer, 422)["detail"] == 'the body must be {"records": [...]} with 1 to 1000 records'


def test_bulks_do_not_hold_up_the_health_check(served: Served) -> None:
    url, sent = served("card_default"), (records("card_default") * 4)[:1000]
    with ThreadPoolExecutor(3) as pool, httpx.Client(timeout=30) as client:
        running = [pool.submit(bulk, url, sent) for _ in range(3)]
        longest, asked = 0.0, 0
        while not all(one.done() for one in running):
            started = time.monotonic()
            assert client.get(f"{url}/livez").status_code == 200
            longest, asked = max(longest, time.monotonic() - started), asked + 1
    assert asked > 1
    assert longest < 3.0
    assert all(len(one.result()) == 1000 for one in running)


# Ids and facts


@pytest.mark.parametrize("given", ["a", "order-17.B_9", "x" * 64])
def test_a_plain_request_id_is_echoed_in_header_answer_and_problem(served: Served, given: str) -> None:
    url = f"{served('credit_risk')}/predict"
    answer = post(url, RECORD, {"X-Request-ID": given})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (given, given)
    assert problem(post(url, {}, {"X-Request-ID": given}), 422)["request_id"] == given
    live = web.get(f"{served('credit_risk')}/livez", headers={"X-Request-ID": given})
    assert live.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a;b", "<script>", "a\tb", "../a", "ñ"])
def test_any_other_request_id_is_replaced(served: Served, given: str) -> None:
    url, sent = f"{served('credit_risk')}/predict", {b"x-request-id": given.encode("latin-1")}
    answer = web.post(url, json=RECORD, headers=sent, timeout=30)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.json()["request_id"])
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("use_case", NAMES)
def test_the_published_schema_takes_what_the_service_takes(served: Served, use_case: str) -> None:
    schema = web.get(f"{served(use_case)}/schema").json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for record in [*records(use_case)[:30], *schema["examples"]]:
        validator.validate(record)
    assert post(f"{served(use_case)}/predict", schema["examples"][0]).status_code == 200
    assert not validator.is_valid({**schema["examples"][0], "unheard of": 1})


def test_the_schema_has_the_columns_with_their_units_at_its_top(served: Served) -> None:
    schema = web.get(f"{served('credit_risk')}/schema").json()
    assert schema["properties"]["person_income"]["x-unit"] == "currency units per year"
    assert schema["additionalProperties"] is False


def test_metadata_name_the_model_the_policy_and_the_contract_of_the_answers(served: Served) -> None:
    url = served("credit_risk")
    metadata, answer = web.get(f"{url}/model_metadata").json(), post(f"{url}/predict", RECORD).json()
    assert metadata["use_case"] == "credit_risk"
    assert metadata["policy"]["version"] == answer["policy"]
    assert (metadata["model"], metadata["contract"]) == (answer["model"], answer["contract"])
    assert "person_age" not in metadata["inputs"]


def test_metrics_tell_the_procedure_from_the_shipped_model(served: Served) -> None:
    body = web.get(f"{served('credit_risk')}/model_metrics").json()
    old = {"accuracy", "recall", "precision", "f1", "roc_auc"}
    assert old <= set(body)
    assert {name: body[name] for name in body["procedure"]} == body["procedure"]
    assert old <= set(body["shipped"])


def test_params_are_those_of_the_chosen_candidate(
    served: Served, quick_scorer: Callable[..., Scorer]
) -> None:
    body = web.get(f"{served('credit_risk')}/model_params").json()
    assert body == quick_scorer("credit_risk").evidence["chosen"]


def test_health_paths_answer(served: Served) -> None:
    for path in ("/livez", "/readyz"):
        assert web.get(served("credit_risk") + path).status_code == 200


def test_metrics_count_requests_by_path_and_status(alone: Alone) -> None:
    def answered(status: int) -> float:
        text = web.get(f"{alone.url}/metrics").text
        pattern = rf'aval_requests_total\{{method="POST",route="/predict",status="{status}"\}} (\S+)'
        return sum(float(value) for value in re.findall(pattern, text))

    before = answered(200), answered(422)
    for record in (RECORD, RECORD, {}):
        post(f"{alone.url}/predict", record)
    assert (answered(200), answered(422)) == (before[0] + 2, before[1] + 1)


@pytest.mark.parametrize("use_case", ["credit_risk", "card_default"])
def test_the_openapi_document_names_every_path_that_decides_and_resolves(
    served: Served, use_case: str
) -> None:
    url = served(use_case)
    document, index = web.get(f"{url}/docs.json").json(), web.get(f"{url}/").json()
    assert document["openapi"].startswith("3.")
    for path in index["decide"]:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"]
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    assert set(document["components"]["schemas"]["Record"]["properties"]) >= set(
        example_record(use_cases()[use_case].contract)
    )


@pytest.mark.parametrize("use_case", NAMES)
def test_every_path_of_the_index_answers(served: Served, use_case: str) -> None:
    url = served(use_case)
    index = web.get(f"{url}/").json()
    for path in [*index["read"], *index["health"]]:
        # A card is made by a promotion, which these champions have not been through.
        assert web.get(url + path).status_code == (404 if path == "/model_card" else 200)
    for path in index["decide"]:
        assert post(url + path, {}).status_code == 422


def test_no_page_loads_anything_from_another_host(served: Served) -> None:
    assert web.get(f"{served('credit_risk')}/").headers["content-type"] == "application/json"


# The further path, and BentoML's client


def test_card_default_also_answers_at_the_path_of_its_predecessor(served: Served) -> None:
    url, record = served("card_default"), records("card_default")[0]
    old, new = (post(url + path, record).json() for path in ("/default_payment_prediction", "/predict"))
    assert {name for name in new if old[name] != new[name]} == {"decision_id", "request_id"}
    assert problem(post(f"{url}/default_payment_prediction", {}), 422)["errors"]


@pytest.mark.parametrize("use_case", [name for name in NAMES if name != "card_default"])
def test_the_other_use_cases_have_nothing_at_that_path(served: Served, use_case: str) -> None:
    problem(post(f"{served(use_case)}/default_payment_prediction", records(use_case)[0]), 404)


@contextmanager
def bentoml_client(url: str) -> Iterator[bentoml.SyncHTTPClient]:
    with bentoml.SyncHTTPClient(url) as client:
        try:
            yield client
        finally:
            # BentoML 1.4.39 leaves it to the garbage collector, which warns.
            client._temp_dir.cleanup()


def test_bentomls_client_calls_predict_and_predict_bulk(served: Served) -> None:
    with bentoml_client(served("credit_risk")) as client:
        one = client.predict(RECORD)
        many = client.predict_bulk({"records": [RECORD, {}]})
    assert set(one) == ANSWERED
    assert many["results"][0]["probability"] == one["probability"]
    assert many["results"][1]["status"] == 422


def test_bentomls_client_raises_with_the_problem(served: Served) -> None:
    with (
        bentoml_client(served("credit_risk")) as client,
        pytest.raises(bentoml.exceptions.BentoMLException) as raised,
    ):
        client.predict({**RECORD, "loan_grade": "Z"})
    assert raised.value.error_code == 422
    assert "loan_grade='Z' is not one of" in str(raised.value)
