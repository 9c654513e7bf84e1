"""HOW I: fields that are linear in their coefficients, found by least squares."""

from kanpde.solving.ladder import Ladder, LadderResult, suits
from kanpde.solving.least_squares import least_squares, solve_output_coefficients
from kanpde.solving.newton import Newton
from kanpde.solving.patches import Patches, PatchesResult
from kanpde.solving.ways import direct_ways

__all__ = [
    "Ladder",
    "LadderResult",
    "Newton",
    "Patches",
    "PatchesResult",
    "direct_ways",
    "least_squares",
    "solve_output_coefficients",
    "suits",
]
