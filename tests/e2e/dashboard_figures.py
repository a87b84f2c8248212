"""Made-up figures of the shape that `/dashboard.json` has."""

from __future__ import annotations

import math
from datetime import date, timedelta
from random import Random
from typing import Any

LAST_DAY = date(2026, 11, 21)
MATURITY_DAYS = 7
COLUMNS = {
    "person_income": (
        "What the person earns in a year",
        "alarm",
        ["below 20,000", "20,000 to 45,000", "from 45,000"],
    ),
    "loan_int_rate": (
        "Interest rate of the loan, in per cent",
        "warn",
        ["below 8", "8 to 12", "from 12", "null"],
    ),
    "loan_grade": ("Grade given by the desk", "ok", ["A", "B", "C", "D", "E", "F", "G"]),
    "person_age": ("Age in years", "ok", ["below 25", "25 to 40", "from 40"]),
    "loan_intent": ("What the loan is for", "few", ["EDUCATION", "MEDICAL", "VENTURE"]),
}
Body = dict[str, Any]


def made_up(days: int = 30, seed: int = 1, per_day: int = 400) -> Body:
    """A period in which income drifts, a policy changes, and outcomes of the first weeks are known."""
    random = Random(seed)  # noqa: S311  # made-up figures, no secrets
    dates = [str(LAST_DAY - timedelta(days - 1 - at)) for at in range(days)]
    decided = [round(per_day * (1 + 0.3 * math.sin(at / 3) + 0.1 * random.random())) for at in range(days)]
    middle = f"{dates[days // 2]}T09:30:00+00:00"
    return {
        "use_case": "credit_risk",
        "title": "Credit risk",
        "as_of": f"{LAST_DAY}T14:05:00+00:00",
        "zone": "UTC",
        "caught_up": True,
        "behind": 0,
        "from": dates[0],
        "until": dates[-1],
        "days": dates,
        "thresholds": {"warn": 0.1, "alarm": 0.25},
        "volume": _volume(decided),
        "score": _score(days, sum(decided), random),
        "columns": [_column(name, days, random) for name in COLUMNS],
        "outcomes": _outcomes(dates),
        "models": _models(dates, middle, sum(decided)),
        "shadow": [
            {"model": "credit_risk:challenger", "decisions": 5120, "same": 4874, "mean_difference": -0.0031}
        ],
        "marks": [
            {"at": middle, "kind": "policy", "text": "2026-11 stricter"},
            {
                "at": f"{dates[2 * days // 3]}T22:00:00+00:00",
                "kind": "model",
                "text": "credit_risk:5f0c7a91e2b34d66",
            },
            {"at": f"{dates[2 * days // 3]}T20:00:00+00:00", "kind": "retraining", "text": "promoted"},
        ],
        "incidents": _incidents(dates),
        "report": _report(dates),
        "retraining": [
            {
                "story": "s1",
                "step": "begun",
                "at": _microseconds(dates[0]),
                "text": "Began because of drift.",
            },
            {
                "story": "s1",
                "step": "ended",
                "at": _microseconds(dates[-1]),
                "text": "The challenger was promoted.",
            },
        ],
        "traffic": {"requests": 52310, "errors": 3, "p50_ms": 1.24, "p99_ms": 8.9},
    }


def _report(dates: list[str]) -> Body:
    auc = {"value": 0.79, "low": 0.77, "high": 0.81}
    mature = {"rows": 2_000, "auc": auc, "brier": auc, "intercept": {"value": 0.31, "low": 0.12, "high": 0.5}}
    return {
        "at": f"{dates[-1]}T14:00:00+00:00",
        "status": "found",
        "needed": 120,
        "analysis": {"records": 2800},
        "advice": {"action": "retrain", "because": ["AUC fell from 0.84 to 0.79 (0.77 to 0.81)."]},
        "performance": {
            "from": f"{dates[0]}T00:00:00+00:00",
            "until": f"{dates[-1]}T00:00:00+00:00",
            "maturity_days": MATURITY_DAYS,
            "population": {"text": "Approved records, and declined ones whose outcome is known."},
            "mature": mature,
            "naive": {**mature, "rows": 2_400, "slope": None},
            "expected": {"rows": 900, "auc": auc},
        },
    }


def nothing(days: int = 30) -> Body:
    """What a service says that has decided nothing yet."""
    body = made_up(days)
    zeros = [0] * days
    return {
        **body,
        "volume": dict.fromkeys(body["volume"], zeros),
        "score": {**body["score"], "analysis": [0] * 20, "psi": [None] * days, "window_psi": None},
        "columns": [
            {**column, "csi": [None] * days, "nulls": [None] * days, "window_csi": None, "status": "few"}
            for column in body["columns"]
        ],
        "outcomes": {"maturity_days": None, "cohorts": [], "reliability": []},
        "models": [],
        "shadow": [],
        "marks": [],
        "incidents": [],
        "report": None,
        "retraining": [],
        "traffic": {"requests": 0, "errors": 0, "p50_ms": None, "p99_ms": None},
    }


def _volume(decided: list[int]) -> Body:
    approve = [round(value * 0.7) for value in decided]
    refer = [round(value * 0.18) for value in decided]
    return {
        "approve": approve,
        "refer": refer,
        "decline": [a - b - c for a, b, c in zip(decided, approve, refer, strict=True)],
        "refused": [at % 7 for at in range(len(decided))],
        "batch": [120 if at % 7 == 0 else 0 for at in range(len(decided))],
    }


def _score(days: int, decided: int, random: Random) -> Body:
    weights = [1 + 0.5 * at / 20 + 0.2 * random.random() for at in range(20)]
    return {
        "borders": [round(0.01 * 1.24**at, 5) for at in range(19)],
        "reference": [500] * 20,
        "analysis": [round(decided * weight / sum(weights)) for weight in weights],
        "psi": [None if at == 3 else 0.03 + 0.16 * at / days * random.random() for at in range(days)],
        "window_psi": 0.0834,
    }


def _column(name: str, days: int, random: Random) -> Body:
    description, status, labels = COLUMNS[name]
    largest = {"alarm": 0.6, "warn": 0.2, "ok": 0.06, "few": 0.0}[status]
    csi = [
        None if status == "few" else largest * (0.2 + 0.8 * at / days) * (0.7 + 0.6 * random.random())
        for at in range(days)
    ]
    shares = [random.random() for _ in labels]
    return {
        "name": name,
        "description": description,
        "csi": csi,
        "nulls": [0.02 * random.random() for _ in range(days)],
        "window_csi": None if status == "few" else largest * 0.7,
        "status": status,
        "labels": labels,
        "reference": [1 / len(labels)] * len(labels),
        "analysis": [share / sum(shares) for share in shares],
    }


def _outcomes(dates: list[str]) -> Body:
    mondays = [day for day in dates if date.fromisoformat(day).weekday() == 0] or dates[:1]
    cohorts = [_cohort(day, max(0, 2300 - 700 * at)) for at, day in enumerate(mondays)]
    matured = any(cohort["matured"] for cohort in cohorts)
    reliability = [_group(at) for at in range(10)] if matured else []
    return {"maturity_days": MATURITY_DAYS, "cohorts": cohorts, "reliability": reliability}


def _cohort(week: str, told: int) -> Body:
    matured = date.fromisoformat(week) + timedelta(7) <= LAST_DAY - timedelta(MATURITY_DAYS)
    judged = {
        "bad": round(told * 0.21),
        "expected_bad": told * 0.19,
        "brier": 0.141 if told > 100 else None,
        "auc": 0.83 if told > 100 else None,
    }
    return {
        "week": week,
        "decisions": 2800,
        "told": told,
        "matured": matured,
        **(judged if matured else dict.fromkeys(judged)),
    }


def _group(at: int) -> Body:
    mean, n = 0.04 + 0.09 * at, 800 // (at + 1)
    rate = mean * (1.25 if at == 2 else 0.8 if at == 8 else 1.02)
    half = 1.96 * math.sqrt(rate * (1 - rate) / n)
    low, high = max(0.0, rate - half), min(1.0, rate + half)
    return {
        "from": at / 10,
        "to": (at + 1) / 10,
        "n": n,
        "mean_probability": mean,
        "bad_rate": rate,
        "low": low,
        "high": high,
    }


def _models(dates: list[str], middle: str, decided: int) -> list[Body]:
    half = decided // 2
    common = {"approve": round(half * 0.7), "refer": round(half * 0.2), "decline": round(half * 0.1)}
    first = {
        "model": "credit_risk:0c1d7a91e2b34d66",
        "policy": "2026-10",
        "first": f"{dates[0]}T00:01:00+00:00",
        "last": middle,
    }
    last = {
        "model": "credit_risk:5f0c7a91e2b34d66",
        "policy": "2026-11",
        "first": middle,
        "last": f"{dates[-1]}T14:00:00+00:00",
    }
    return [
        {
            **first,
            **common,
            "decisions": half,
            "mean_probability": 0.183,
            "told": 3100,
            "bad": 640,
            "brier": 0.139,
        },
        {**last, **common, "decisions": half, "mean_probability": 0.201, "told": 0, "bad": 0, "brier": None},
    ]


def _incidents(dates: list[str]) -> list[Body]:
    opened_at = _microseconds(dates[len(dates) // 2])
    drift = {
        "key": "drift:person_income",
        "severity": "critical",
        "title": "person_income drifted: CSI 0.42",
        "recovered_at": None,
    }
    nulls = {
        "key": "score_psi",
        "severity": "warning",
        "title": "The score moved: PSI 0.12",
        "recovered_at": _microseconds(dates[-1]),
    }
    return [
        {**drift, "opened_at": opened_at, "figures": {"csi": 0.4213, "limit": 0.25, "records": 2800}},
        {**nulls, "opened_at": opened_at, "figures": {"psi": 0.12}},
    ]


def _microseconds(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * 86_400_000_000
