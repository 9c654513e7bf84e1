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

__all__ = [
    "Boundary",
    "Box",
    "Chebyshev",
    "Domain",
    "Face",
    "Grid",
    "Halton",
    "Interval",
    "LatinHypercube",
    "Piece",
    "Rectangle",
    "Sampler",
    "Sobol",
    "Uniform",
    "domain_from_dict",
    "quadrature",
]
