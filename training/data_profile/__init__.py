"""What past cases look like by outcome, as figures and as a page; never a value of a single case."""

from __future__ import annotations

from training.data_profile.page import profile_page
from training.data_profile.statistics import data_profile

__all__ = ["data_profile", "profile_page"]
