"""Networks beside each other on one problem: the same points, conditions, seeds and time.

The defaults ask two questions. With the *same* optimisers, which network is better at equal
parameters? And with the optimisers that the users of each take, at equal time? Where a direct way
solves the problem, it stands in the table too.
"""

from kanpde.comparison.entrants import (
    DIRECT,
    Entrant,
    at_full_size,
    best_entrants,
    best_kans,
    mlp_like,
    usual_entrants,
)
from kanpde.comparison.measure import REFERENCE, gives_away, reference_for
from kanpde.comparison.results import Comparison, Row, Run
from kanpde.comparison.running import compare

__all__ = [
    "DIRECT",
    "REFERENCE",
    "Comparison",
    "Entrant",
    "Row",
    "Run",
    "at_full_size",
    "best_entrants",
    "best_kans",
    "compare",
    "gives_away",
    "mlp_like",
    "reference_for",
    "usual_entrants",
]
