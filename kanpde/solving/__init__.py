"""HOW I: fields that are linear in their coefficients, found by least squares."""

from kanpde.solving.ladder import Ladder, LadderResult, suits
from kanpde.solving.least_squares import least_squares, solve_output_coefficients
from kanpde.solving.newton import Newton
from kanpde.solving.patch_newton import PatchNewton
from kanpde.solving.patches import Patches, PatchesResult
from kanpde.solving.plane_slabs import PlaneSlabs, PlaneSlabsResult
from kanpde.solving.plane_system import plane_suits
from kanpde.solving.slab_problem import suits as slabs_suit
from kanpde.solving.slabs import Slabs, SlabsResult
from kanpde.solving.way import Found, Way
from kanpde.solving.ways import Choice, choose

__all__ = [
    "Choice",
    "Found",
    "Ladder",
    "LadderResult",
    "Newton",
    "PatchNewton",
    "Patches",
    "PatchesResult",
    "PlaneSlabs",
    "PlaneSlabsResult",
    "Slabs",
    "SlabsResult",
    "Way",
    "choose",
    "least_squares",
    "plane_suits",
    "slabs_suit",
    "solve_output_coefficients",
    "suits",
]
