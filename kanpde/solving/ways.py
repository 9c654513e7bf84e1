"""Which ways of solving a problem are tried, in which order, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.problem import Problem
from kanpde.solving.forms import Forms, refusal
from kanpde.solving.indicators import GRID, data_are_smooth
from kanpde.solving.ladder import KINKS, Ladder, suits
from kanpde.solving.patches import Patches
from kanpde.solving.plane_slabs import PlaneSlabs
from kanpde.solving.plane_system import plane_suits
from kanpde.solving.slab_problem import suits as slabs_suit
from kanpde.solving.slabs import Slabs
from kanpde.solving.way import Way


@dataclass(frozen=True)
class Choice:
    """The ways that a problem is solved by.

    Args:
        ways: to be tried one after the other until one reaches the tolerance; none if a network is
            to be trained.
        why: the reason, in a sentence or two.
    """

    ways: tuple[Way, ...]
    why: str


def choose(problem: Problem) -> Choice:
    """Choose from the problem alone how it is solved.

    What evolves in time over an interval or a rectangle is marched through (:class:`Slabs`,
    :class:`PlaneSlabs`), except waves and transport over an interval: boxes of space and time
    (:class:`Patches`) follow their characteristics. One global polynomial (:class:`Ladder`) is best
    for everything else that is smooth, nonlinear problems too. :class:`Patches` follow it where
    they apply, and come alone where 20 points along each axis do not even resolve the source and
    the coefficients, and for nonlinear systems.
    """
    if problem.regions and problem.is_linear:
        return Choice(
            (Ladder(),),
            "It is linear, and some of its equations hold in a part of the domain only, so one "
            "global KAN for each unknown is solved for, of rising degree.",
        )
    if problem.regions:
        return Choice(
            (),
            "It is nonlinear and some of its equations hold in a part of the domain only, so a KAN "
            "is trained.",
        )
    if slabs_suit(problem) and _is_carried(problem):
        return Choice(
            (Patches(), Slabs()),
            "It is linear and has as many derivatives in time as in space, so that waves carry the "
            "data along characteristics: boxes of space and time (patches) come first, slabs of "
            "time follow if their error stops falling above the tolerance.",
        )
    if slabs_suit(problem):
        return Choice(
            (Slabs(),),
            "It evolves in time over one interval of space, so it is marched through in slabs of "
            "time, with splines in space that follow the solution.",
        )
    if plane_suits(problem):
        return Choice(
            (PlaneSlabs(),),
            "It evolves in time over a rectangle, so it is marched through in slabs of time, with "
            "products of splines in space.",
        )
    if not suits(problem):
        return Choice(
            (),
            "It is nonlinear, and " + _not_for_a_ladder(problem) + ", so it is neither marched "
            "nor solved by Newton's method for one global KAN: a KAN is trained.",
        )
    kind = "linear" if problem.is_linear else "nonlinear, smooth and held all around"
    reason = refusal(problem)
    if reason is not None:
        return Choice(
            (Ladder(),),
            f"It is {kind}, so one global KAN is solved for, of rising degree; patches could not "
            f"follow, for {reason}.",
        )
    if not problem.is_linear and len(problem.unknowns) > 1:
        return Choice(
            (Patches(),),
            "It is a nonlinear system on a box, whose corners may be singular in ways that are not "
            "known beforehand, so it goes to patches: local KANs in a tree of boxes, by Newton's "
            "method.",
        )
    box = np.stack([problem.domain.lower, problem.domain.upper])
    if problem.dimension > 2:
        return Choice(
            (Ladder(), Patches()),
            f"It is {kind}, so one global KAN of rising degree comes first, for in space a direct "
            "solve of a separable operator is cheap and boxes are dear; if its error stops falling "
            "above the tolerance, patches follow: local KANs in a tree of boxes.",
        )
    if data_are_smooth(Forms.of(problem).equations, box):
        return Choice(
            (Ladder(), Patches()),
            f"It is {kind}, and {GRID} points along each axis resolve its source and coefficients, "
            "so one global KAN of rising degree comes first; if its error stops falling above the "
            "tolerance, patches follow: local KANs in a tree of boxes.",
        )
    return Choice(
        (Patches(),),
        f"It is {kind}, but {GRID} points along each axis do not resolve its source or "
        "coefficients, so it goes to patches: local KANs in a tree of boxes.",
    )


def _is_carried(problem: Problem) -> bool:
    """Whether a linear evolution carries smooth data along characteristics and damps nothing.

    Data with kinks keep them for ever, and boxes that follow a kink become many.
    """
    if refusal(problem) is not None or not problem.is_linear or len(problem.unknowns) > 1:
        return False
    (residual,) = problem.equation_residuals
    in_space, in_time = (max(part.order[axis] for part in residual.parts) for axis in (0, 1))
    data = [*problem.equations.values(), *(c.expression for c in problem.conditions)]
    return in_space == in_time and not any(e.has(*KINKS) for e in data)


def _not_for_a_ladder(problem: Problem) -> str:
    """Return why a nonlinear problem is none for a ladder, as the end of a sentence."""
    if problem.evolution is not None:
        return "it evolves in time, but not in a way that slabs can follow"
    if problem.parameters:
        return "it has a parameter to be found"
    if problem.dimension > 2:
        return f"it has {problem.dimension} coordinates"
    held = {piece.name for c in problem.conditions for piece in c.on.pieces}
    if not set(problem.domain.boundary.names) <= held:
        return "a piece of its boundary has no condition"
    return "its equations have kinks"
