"""HOW I: fields that are linear in their coefficients, found by least squares."""

from kanpde.solving.ladder import Ladder, LadderResult, suits
from kanpde.solving.least_squares import least_squares, solve_output_coefficients
from kanpde.solving.newton import Newton

__all__ = [
    "Ladder",
    "LadderResult",
    "Newton",
    "least_squares",
    "solve_output_coefficients",
    "suits",
]
