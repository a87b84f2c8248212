"""What the service knows of how its model is doing: counts of what the log holds, and what was said about it."""

from __future__ import annotations
