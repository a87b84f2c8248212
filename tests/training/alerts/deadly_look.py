"""One look that ends its process between sending and recording: python deadly_look.py DATABASE URL AT."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from service.monitoring.events import event_store
from training.alerts import Alerts, Finding, Look, Severity, raise_alerts
from training.alerts.channels import Webhook
from training.alerts.message import Message

DIED = 9


@dataclass(frozen=True)
class Deadly:
    """A channel that sends, and then ends its process as a kill does."""

    hook: Webhook
    name: str = "hook"
    lowest: Severity = "warning"

    def send(self, message: Message) -> str:
        self.hook.send(message)
        os._exit(DIED)


def main(database: str, url: str, at: str) -> None:
    """Look once."""
    findings = [Finding("drift:income", "critical", "income has drifted", {})]
    with event_store(database) as store:
        look = Look("credit_risk", findings, int(at))
        raise_alerts(store, Alerts((Deadly(Webhook("hook", url)),)), look, lambda _: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
