"""How a model treats the groups of people that the law protects: figures per group, and proxies among the inputs."""

from training.fairness.groups import UNKNOWN, grouping_columns, protected_groups
from training.fairness.proxies import proxy_report
from training.fairness.report import fairness_report

__all__ = ["UNKNOWN", "fairness_report", "grouping_columns", "protected_groups", "proxy_report"]
