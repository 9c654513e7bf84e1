"""Why a solve ended."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """Why a solve ended; the value is the message a person reads."""

    SOLVED = "The estimated error is below the tolerance."
    PLAN_FINISHED = "Every stage of the plan ran to its end."
    TOLERANCE_NOT_REACHED = (
        "The error estimate stopped falling above the tolerance; try a larger tolerance, or give a "
        "network and a plan of your own."
    )
    NOT_CONVERGED = (
        "Newton's method found no solution: there may be none, or it starts too far from it; try a "
        "smaller parameter first, or give a network and a plan of your own."
    )
    BUDGET = "The time budget was spent first; give a larger budget or tolerance."
    INTERRUPTED = "It was interrupted; the best field so far was kept."
    DIVERGED = (
        "The loss became infinite or ran away; the last good field was kept. Try another seed, a "
        "smaller rate, fewer intervals or a smaller network."
    )

    @property
    def is_success(self) -> bool:
        """Whether the field is what was asked for."""
        return self in (Outcome.SOLVED, Outcome.PLAN_FINISHED)
