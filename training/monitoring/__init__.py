"""Watching a model that decides: is what comes in, and what goes out, still what it was?"""

from __future__ import annotations
