"""HOW I: fields that are linear in their coefficients, found by least squares."""

from kanpde.solving.ladder import Ladder, LadderResult
from kanpde.solving.least_squares import least_squares, solve_output_coefficients
from kanpde.solving.patches import Patches, PatchesResult
from kanpde.solving.ways import linear_ways

__all__ = [
    "Ladder",
    "LadderResult",
    "Patches",
    "PatchesResult",
    "least_squares",
    "linear_ways",
    "solve_output_coefficients",
]
