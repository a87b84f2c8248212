"""What a model must pass before it may be promoted."""

from training.gates.absolute import absolute_gates
from training.gates.relative import relative_gates
from training.gates.result import GATES, GateResult, Severity, Status, blocking
from training.gates.stability import population_stability

__all__ = [
    "GATES",
    "GateResult",
    "Severity",
    "Status",
    "absolute_gates",
    "blocking",
    "population_stability",
    "relative_gates",
]
