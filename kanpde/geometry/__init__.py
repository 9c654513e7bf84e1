"""WHERE a problem lives: domains, the named pieces of their boundaries, and points on both."""

from kanpde.geometry.ball import Ball, Sphere
from kanpde.geometry.box import Box, Face, Interval, Rectangle
from kanpde.geometry.curves import Curve
from kanpde.geometry.domain import Boundary, Corner, Domain, Hole
from kanpde.geometry.half_space import HalfSpace
from kanpde.geometry.inlaid import Inlaid, InnerPiece
from kanpde.geometry.level_set import LevelSet
from kanpde.geometry.meshes import Mesh, Surface, read_mesh, read_surface
from kanpde.geometry.pieces import Piece, PlanePiece
from kanpde.geometry.planar import HalfPlane, Planar
from kanpde.geometry.polyhedron import Facets, Polyhedron
from kanpde.geometry.polyline import Polyline
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
from kanpde.geometry.shapes import Annulus, ClosedCurve, Disk, Ellipse, Polygon, Star
from kanpde.geometry.solid import Part, Solid
from kanpde.geometry.spacetime import (
    Instant,
    Lateral,
    SpaceTime,
    TimeInterval,
    as_box,
    as_face,
)
from kanpde.geometry.triangulate import triangulate
from kanpde.geometry.turned import Turned

__all__ = [
    "Annulus",
    "Ball",
    "Boundary",
    "Box",
    "Chebyshev",
    "ClosedCurve",
    "Corner",
    "Curve",
    "Disk",
    "Domain",
    "Ellipse",
    "Face",
    "Facets",
    "Grid",
    "HalfPlane",
    "HalfSpace",
    "Halton",
    "Hole",
    "Inlaid",
    "InnerPiece",
    "Instant",
    "Interval",
    "Lateral",
    "LatinHypercube",
    "LevelSet",
    "Mesh",
    "Part",
    "Piece",
    "Planar",
    "PlanePiece",
    "Polygon",
    "Polyhedron",
    "Polyline",
    "Rectangle",
    "Sampler",
    "Sobol",
    "Solid",
    "SpaceTime",
    "Sphere",
    "Star",
    "Surface",
    "TimeInterval",
    "Turned",
    "Uniform",
    "as_box",
    "as_face",
    "domain_from_dict",
    "quadrature",
    "read_mesh",
    "read_surface",
    "triangulate",
]
