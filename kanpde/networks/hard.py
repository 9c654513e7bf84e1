"""Turn Dirichlet conditions into hard ones: which, and how."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Expr, Integer

from kanpde.geometry import Instant, as_box
from kanpde.networks.closing import Circle, are_periodic
from kanpde.networks.constrained import Constrained
from kanpde.networks.curved import built_off_boxes
from kanpde.networks.faces import built_on_faces
from kanpde.networks.implicit import number
from kanpde.networks.network import Network
from kanpde.networks.prescribed import Built, Prescribed, prescribed, values_on
from kanpde.problem import Problem, evaluate

COMPATIBLE = 1e-9
FEW_PIECES = 2
"""Of a boundary off boxes, whose conditions are built into a trained network without being asked:
what joins more of them is steep, and on a square with four holes the loss began eight orders higher
than with the conditions in it."""


@dataclass(frozen=True)
class HardConditions:
    """Lifts and factors for a :class:`Constrained` network, and the conditions they make exact."""

    lift: tuple[Expr, ...]
    factor: tuple[Expr, ...]
    names: tuple[str, ...]

    def apply(
        self, network: Network, problem: Problem, sizes: Sequence[float] | None = None
    ) -> Constrained:
        """Return the network with the conditions built in; sizes of the unknowns are factors."""
        units = [1.0] * network.outputs if sizes is None else sizes
        factor = tuple(f * number(s) for f, s in zip(self.factor, units, strict=True))
        return Constrained(network, self.lift, factor, problem.coordinates)


def in_units(network: Network, problem: Problem, sizes: Sequence[float]) -> Network:
    """Return a network of fields of size one as one of fields of the given sizes."""
    if all(size == 1 for size in sizes):
        return network
    zero, factor = Integer(0), tuple(number(s) for s in sizes)
    return Constrained(network, (zero,) * len(factor), factor, problem.coordinates)


def hard_conditions(
    problem: Problem,
    *,
    forced: bool = False,
    trained: bool = False,
    closed: Sequence[Circle] = (),
) -> HardConditions | None:
    r"""Return hard conditions for the Dirichlet and initial conditions of a problem, or None.

    On a box those on whole faces are built in (:mod:`kanpde.networks.faces`), elsewhere those on
    planes, circles, spheres, ellipses and Fourier curves (:mod:`kanpde.networks.curved`). Those of
    an unknown are left out if they cannot be, or if values disagree where two pieces meet (no
    smooth lift exists).

    Args:
        problem: the problem.
        forced: build conditions in as well where the factor is not smooth at a corner, which
            rather harms the accuracy.
        trained: for a network that is trained. It would have nothing left to find if a boundary
            value that is the known exact solution as an expression were used; and off boxes
            conditions on more than :data:`FEW_PIECES` pieces are built in if forced only.
        closed: coordinates in which the network is periodic; lifts and factors must be so too.
    """
    found = prescribed(problem)
    is_box = as_box(problem.domain) is not None
    lift: list[Expr] = [Integer(0)] * len(problem.unknowns)
    factor: list[Expr] = [Integer(1)] * len(problem.unknowns)
    names: set[str] = set()
    orders = {c.axis: len({order for order, _ in c.orders}) for c in closed}
    for index in range(len(problem.unknowns)):
        own = [p for p in found if p.unknown == index]
        if is_box:
            built = built_on_faces(problem, own, blind=trained)
        else:
            built = built_off_boxes(problem, own, forced=forced, blind=trained and not forced)
        if built is None or not _is_met(problem, built):
            continue
        if not are_periodic(problem, (built.lift, built.factor), orders):
            continue
        lift[index], factor[index] = built.lift, built.factor
        names |= {p.name for p in built.met}
    if not names:
        return None
    if trained and not forced and not is_box and _lateral_pieces(problem, names) > FEW_PIECES:
        return None
    ordered = tuple(name for name in problem.condition_names if name in names)
    return HardConditions(tuple(lift), tuple(factor), ordered)


def _lateral_pieces(problem: Problem, names: Collection[str]) -> int:
    """Return how many pieces of the boundary of space the named conditions are on."""
    named = zip(problem.condition_names, problem.conditions, strict=True)
    pieces = [p for name, c in named if name in names for p in c.on.pieces]
    return sum(not isinstance(piece, Instant) for piece in pieces)


def _is_met(problem: Problem, built: Built) -> bool:
    """Whether the lift has the values and the factor vanishes on every piece."""
    return all(_holds(problem, built, p) for p in built.met)


def _holds(problem: Problem, built: Built, given: Prescribed) -> bool:
    for piece in given.pieces:
        points, normals = piece.sample(64, seed=3)
        wanted = values_on(problem, given, points, normals)
        found = evaluate(built.lift, problem.coordinates, points)
        zero = evaluate(built.factor, problem.coordinates, points)
        if not np.allclose(wanted, found, rtol=COMPATIBLE, atol=COMPATIBLE):
            return False
        if not np.allclose(zero, 0.0, atol=COMPATIBLE):
            return False
    return True
