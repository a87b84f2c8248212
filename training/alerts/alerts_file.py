"""The file that says who is told of incidents, and how: TOML or JSON, `alerts.toml` in AVAL_HOME unless named.

    looks_to_recover = 2                     # looks in a row without a finding that end its incident

    [[channels]]
    name = "on-call"                         # its own, and kept: what a channel was told is known by its name
    kind = "webhook"                         # or mail, sns, metrics
    url_file = "/run/secrets/on-call-url"    # a URL that is a secret; one that is none: url = "https://…"
    secret_file = "/run/secrets/signing"     # for the signature
    lowest = "critical"                      # the lowest severity that it is told of; warning unless said
    use_cases = ["credit_risk"]              # all unless said

    [[channels]]
    name = "risk-team"
    kind = "mail"
    host = "smtp.bank.example"
    from = "aval@bank.example"
    to = ["risk@bank.example"]
    user = "aval"                            # with password_file; tls = "starttls" unless said, or tls, or none
    password_file = "/run/secrets/smtp"

    [[channels]]
    name = "topic"
    kind = "sns"
    topic_arn = "arn:aws:sns:eu-west-1:111122223333:risk"

    [[channels]]
    name = "figures"
    kind = "metrics"
    to = "stderr"                            # lines in CloudWatch's embedded format; or stdout, or cloudwatch: its API
    namespace = "Aval"

Secrets stand in files of their own, which are named here, relative to this file's folder.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import WrongUse
from training.alerts.channel_kinds import channel_of
from training.alerts.channels import Channel
from training.alerts.delivery import PACE, Pace
from training.alerts.fields import Fields
from training.alerts.metrics import Meter

NAME = "alerts.toml"
LOOKS_TO_RECOVER = 2


@dataclass(frozen=True)
class Alerts:
    """Who is told, where metrics go, how many looks in a row without a finding end its incident; pace: of messages."""

    channels: tuple[Channel, ...] = ()
    meters: tuple[Meter, ...] = ()
    looks_to_recover: int = LOOKS_TO_RECOVER
    pace: Pace = PACE


def read_alerts(path: Path | None, home: Path, use_case: str | None = None) -> Alerts:
    """Return what the file says about a use case, or about all; without a file nobody is told.

    path: None for `alerts.toml` in the folder `home`, if it is there. Raises `WrongUse`, which names the file, the
    field, its value unless that may be a secret, and what is allowed.
    """
    file = path or home / NAME
    if path is None and not file.exists():
        return Alerts()
    try:
        return _alerts(_parsed(file), file.absolute().parent, use_case)
    except OSError as error:
        raise WrongUse(f"the file of alerts {file} cannot be read ({error.strerror})") from None
    except WrongUse as error:
        raise WrongUse(f"the file of alerts {file}: {error}") from None


def _parsed(file: Path) -> dict[str, Any]:
    content, kind = file.read_bytes(), "JSON" if file.suffix == ".json" else "TOML"
    try:
        body = json.loads(content) if kind == "JSON" else tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        # Where it is, and nothing of what stands there: it may be a secret.
        place = re.search(r"line \d+", str(error))
        raise WrongUse(f"it is not {kind}{f', {place[0]}' if place else ''}") from None
    if not isinstance(body, dict):
        raise WrongUse("it must be an object with: channels, looks_to_recover")
    return body


def _alerts(body: dict[str, Any], folder: Path, use_case: str | None) -> Alerts:
    whole = Fields(body, "", folder)
    whole.expect_only(("channels", "looks_to_recover"))
    entries = _entries(body)
    built = [channel_of(Fields(entry, f"channels[{i}].", folder)) for i, entry in enumerate(entries)]
    _expect_own_names([item.name for item in built])
    meant = [item for entry, item in zip(entries, built, strict=True) if _is_for(entry, use_case)]
    return Alerts(
        channels=tuple(item for item in meant if not isinstance(item, Meter)),
        meters=tuple(item for item in meant if isinstance(item, Meter)),
        looks_to_recover=whole.whole("looks_to_recover", LOOKS_TO_RECOVER, 1, 1000),
    )


def _entries(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = body.get("channels", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise WrongUse("channels must be a list of tables, each written under [[channels]]")
    return entries


def _is_for(entry: Mapping[str, Any], use_case: str | None) -> bool:
    return use_case is None or "use_cases" not in entry or use_case in entry["use_cases"]


def _expect_own_names(names: list[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise WrongUse(f"channels: the name {name!r} stands {times} times; each must be its own")
