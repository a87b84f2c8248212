"""How far back decisions are looked at to judge a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.performance.alarm import STARTS
from training.performance.maturity import DAY

if TYPE_CHECKING:
    from training.monitoring.windows import Window
    from training.use_case import Monitoring


def history(monitoring: Monitoring, now: int) -> Window:
    """Return the window whose decisions `judge` needs at `now` (microseconds): a year of matured ones, and the younger.

    It begins with a day, so that every look takes the same decisions to belong together.
    """
    from training.monitoring.windows import Window

    days = STARTS + monitoring.maturity_days
    return Window((now // DAY - days) * DAY, now)
