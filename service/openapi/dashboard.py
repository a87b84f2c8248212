"""The dashboard's figures: what is asked for, and the shape of what is answered."""

from __future__ import annotations

from typing import Any

from service.monitoring.dashboard.period import MOST_DAYS, PARAMETERS, USUAL_DAYS
from service.scoring.policy import DECISIONS

Schema = dict[str, Any]

DASHBOARD = f"""\
Counted from the decision log and kept apart from it, so that it is answered at once however much was decided. What is
new in the log is counted every few seconds while somebody asks; `caught_up` and `behind` say how far that is. Every
list by day is as long as `days`. The reference of scores and inputs is the profile of the bundle that is served. At
most {MOST_DAYS} days. 404 where the decision log is off."""
_ABOUT = {
    "from": f"The first day, in UTC; {USUAL_DAYS - 1} days before the last one where it is left out.",
    "until": "The last day, in UTC; today where it is left out.",
}
DASHBOARD_PARAMETERS: dict[str, Schema] = {
    name: {
        "name": name,
        "in": "query",
        "description": _ABOUT[name],
        # Not of the 29th and later: no pattern knows how long a month is.
        "schema": {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"},
        "example": "2026-11-20",
    }
    for name in PARAMETERS
}


def dashboard_schemas() -> dict[str, Schema]:
    """Return the schema of the figures."""
    return {"Dashboard": _object({**_OF_PERIOD, **_OF_DRIFT, **_OF_MODELS, **_SAID})}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": items, **({"description": description} if description else {})}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_FIGURE: Schema = {"type": ["number", "null"], "description": "null where there is too little to tell"}
_MOMENT: Schema = {"type": "string", "description": "ISO 8601, UTC"}
_VERSIONS = {"model": _TEXT, "policy": _TEXT}

_OF_PERIOD: dict[str, Schema] = {
    "use_case": _TEXT,
    "title": _TEXT,
    "as_of": _MOMENT,
    "zone": {"const": "UTC", "description": "the days are this zone's"},
    "caught_up": {"type": "boolean"},
    "behind": {**_COUNT, "description": "entries of the log that are not counted yet"},
    "from": _TEXT,
    "until": _TEXT,
    "days": _list(_TEXT),
    "thresholds": _object({"warn": _NUMBER, "alarm": _NUMBER}),
    "volume": _object({name: _list(_COUNT) for name in (*map(str, DECISIONS), "refused", "batch")}),
}

_OF_DRIFT: dict[str, Schema] = {
    "score": _object(
        {
            "borders": _list(_NUMBER),
            "reference": _list(_COUNT),
            "analysis": _list(_COUNT),
            "psi": _list(_FIGURE),
            "window_psi": _FIGURE,
        }
    ),
    "columns": _list(
        _object(
            {
                "name": _TEXT,
                "description": _TEXT,
                "csi": _list(_FIGURE),
                "nulls": _list(_FIGURE, "share of nulls"),
                "window_csi": _FIGURE,
                "status": {"enum": ["ok", "warn", "alarm", "few"]},
                "labels": _list(_TEXT),
                "reference": _list(_NUMBER, "shares"),
                "analysis": _list(_NUMBER, "shares"),
            }
        ),
        "one per input of the model",
    ),
}

_TOLD: dict[str, Schema] = {"told": _COUNT, "bad": _COUNT}
_OF_MODELS: dict[str, Schema] = {
    "outcomes": _object(
        {
            "maturity_days": {
                "type": ["integer", "null"],
                "description": "days after which outcomes count, as `aval drift` said last; null before that",
            },
            "cohorts": _list(
                _object(
                    {
                        "week": {**_TEXT, "description": "its Monday"},
                        "decisions": _COUNT,
                        "told": _COUNT,
                        "matured": {
                            "type": "boolean",
                            "description": "all of its days are older than `maturity_days`; else figures are null",
                        },
                        "bad": {"type": ["integer", "null"], "minimum": 0},
                        "expected_bad": {**_FIGURE, "description": "sum of P(bad) of those that were told"},
                        "brier": _FIGURE,
                        "auc": _FIGURE,
                    }
                ),
                "by the week of the decision; of those whose outcome was told",
            ),
            "reliability": _list(
                _object(
                    dict.fromkeys(("from", "to", "n", "mean_probability", "bad_rate", "low", "high"), _NUMBER)
                ),
                "groups of similar P(bad) on matured days, with the interval of 95 % of the share that was bad",
            ),
        }
    ),
    "models": _list(
        _object(
            {
                **_VERSIONS,
                "first": _MOMENT,
                "last": _MOMENT,
                "decisions": _COUNT,
                **{str(name): _COUNT for name in DECISIONS},
                "mean_probability": _FIGURE,
                **_TOLD,
                "brier": _FIGURE,
            }
        )
    ),
    "shadow": _list(
        _object({"model": _TEXT, "decisions": _COUNT, "same": _COUNT, "mean_difference": _FIGURE})
    ),
    "marks": _list(
        _object({"at": _MOMENT, "kind": {"enum": ["model", "policy", "retraining"]}, "text": _TEXT})
    ),
}

_SAID: dict[str, Schema] = {
    "incidents": _list(
        _object(
            {
                "key": _TEXT,
                "severity": {"enum": ["warning", "critical"]},
                "title": _TEXT,
                "opened_at": _MOMENT,
                "recovered_at": {"type": ["string", "null"]},
                "figures": {"type": "object"},
            }
        )
    ),
    "report": {"type": ["object", "null"], "description": "what `aval drift` said last"},
    "retraining": _list({"type": "object"}, "the last steps of `aval retrain`"),
    "traffic": {
        **_object({"requests": _COUNT, "errors": _COUNT, "p50_ms": _FIGURE, "p99_ms": _FIGURE}),
        "description": "of the process that answers, since its start",
    },
}
