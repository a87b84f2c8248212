"""How models that decide perform once outcomes are known, what is expected before, and what to do about it."""

from __future__ import annotations

from training.performance.advice import Action, Advice, advise
from training.performance.history import history
from training.performance.maturity import matured
from training.performance.performance import Performance, judge
from training.performance.told import Told, told

__all__ = ["Action", "Advice", "Performance", "Told", "advise", "history", "judge", "matured", "told"]
