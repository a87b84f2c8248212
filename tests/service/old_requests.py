"""The request bodies of the five old systems, and how they are asked here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import httpx
import pyarrow as pa

from service.scoring.scorer import Scorer
from tests.processes import post
from tests.service.records import Record

Served: TypeAlias = Callable[[str], str]
Scorers: TypeAlias = Callable[..., Scorer]

FRAUD = {"amount": 250.0, "time_since_last_transaction": 1.5, "risk_score": 0.4}
LOAN = {"income": 50000, "age": 35, "employment_length": 5, "loan_amount": 10000, "credit_score": 700}
GERMAN = {
    "Age": 22,
    "Sex": "female",
    "Job": 2,
    "Housing": "own",
    "Saving accounts": "little",
    "Checking account": "moderate",
    "Credit amount": 5951,
    "Duration": 48,
    "Purpose": "radio/TV",
}
# As its documentation had it: "in thousands", and 123 years of employment for somebody of 22.
LITERAL_CREDIT = {
    "person_age": 22,
    "person_income": 59,
    "person_home_ownership": "RENT",
    "person_emp_length": 123,
    "loan_intent": "PERSONAL",
    "loan_grade": "D",
    "loan_amnt": 35,
    "loan_int_rate": 16.02,
    "loan_percent_income": 0.59,
    "cb_person_default_on_file": "Y",
    "cb_person_cred_hist_length": 3,
}
CREDIT = {**LITERAL_CREDIT, "person_income": 59000, "loan_amnt": 35000, "person_emp_length": 3}
CARD = {
    "LIMIT_BAL": 20000,
    "SEX": 2,
    "EDUCATION": 2,
    "MARRIAGE": 1,
    "AGE": 24,
    **{"PAY_0": 2, "PAY_2": 2, "PAY_3": -1, "PAY_4": -1, "PAY_5": -2, "PAY_6": -2},
    **{f"BILL_AMT{n}": amount for n, amount in enumerate((3913, 3102, 689, 0, 0, 0), start=1)},
    **{f"PAY_AMT{n}": amount for n, amount in enumerate((0, 689, 0, 0, 0, 0), start=1)},
}
BODIES: dict[str, Record] = {
    "fraud_transactions": FRAUD,
    "loan_approval": LOAN,
    "german_credit": GERMAN,
    "credit_risk": CREDIT,
    "card_default": CARD,
}


def decision(answer: httpx.Response) -> Record:
    assert answer.status_code == 200, answer.text
    body: Record = answer.json()
    return body


def probability(url: str, record: Record) -> float:
    answered: float = decision(post(f"{url}/predict", record))["probability"]
    return answered


def probability_in_training(scorer: Scorer, record: Record) -> float:
    """Return what the table door gives for a table of this one row: the way in which training scores."""
    return float(scorer.score_table(pa.Table.from_pylist([record])).probabilities[0])
