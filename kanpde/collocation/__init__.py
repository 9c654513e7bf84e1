"""Residuals at points: the vector that every solver makes small, and its Jacobian."""

from kanpde.collocation.blocks import Block
from kanpde.collocation.collocation import Collocation
from kanpde.collocation.compiled import torch_function
from kanpde.collocation.placing import collocate
from kanpde.collocation.points import (
    boundary_points,
    boundary_share,
    fixed_points,
    interior_points,
)
from kanpde.collocation.rows import Difference, EachPoint, Rows, Scaled, WeightedSum

__all__ = [
    "Block",
    "Collocation",
    "Difference",
    "EachPoint",
    "Rows",
    "Scaled",
    "WeightedSum",
    "boundary_points",
    "boundary_share",
    "collocate",
    "fixed_points",
    "interior_points",
    "torch_function",
]
