"""WHERE a problem lives: domains, the named pieces of their boundaries, and points on both."""

from kanpde.geometry.box import Box, Face, Interval, Rectangle
from kanpde.geometry.domain import Boundary, Domain, Piece
from kanpde.geometry.sampling import (
    Chebyshev,
    Grid,
    Halton,
    LatinHypercube,
    Sampler,
    Sobol,
    Uniform,
    quadrature,
)
from kanpde.geometry.serialise import domain_from_dict
from kanpde.geometry.spacetime import (
    Instant,
    Lateral,
    SpaceTime,
    TimeInterval,
    as_box,
    as_face,
)

__all__ = [
    "Boundary",
    "Box",
    "Chebyshev",
    "Domain",
    "Face",
    "Grid",
    "Halton",
    "Instant",
    "Interval",
    "Lateral",
    "LatinHypercube",
    "Piece",
    "Rectangle",
    "Sampler",
    "Sobol",
    "SpaceTime",
    "TimeInterval",
    "Uniform",
    "as_box",
    "as_face",
    "domain_from_dict",
    "quadrature",
]
