"""Arrays in, matplotlib figures out: fields, errors, convergence, network graphs.

Nothing here uses pyplot, so nothing is shown, written or kept: a figure is a value like any other.
"""

from kanpde.plots.animation import animate_field
from kanpde.plots.convergence import plot_convergence
from kanpde.plots.curves import Curve, plot_curves
from kanpde.plots.fields import (
    PLACE,
    Slice,
    plot_field,
    plot_magnitude,
    plot_slice_magnitudes,
    plot_slices,
    slices_of_grid,
)
from kanpde.plots.graph import Edge, plot_graph, strongest_edges
from kanpde.plots.points import Outline, PointGroup, plot_points

__all__ = [
    "PLACE",
    "Curve",
    "Edge",
    "Outline",
    "PointGroup",
    "Slice",
    "animate_field",
    "plot_convergence",
    "plot_curves",
    "plot_field",
    "plot_graph",
    "plot_magnitude",
    "plot_points",
    "plot_slice_magnitudes",
    "plot_slices",
    "slices_of_grid",
    "strongest_edges",
]
