r"""The error estimate of a trained field: one linearised correction in another space.

With the residual r(u) of the field, :math:`e` solves :math:`r'(u)\,e=-r(u)` and the linearised
conditions by least squares, in the fixed-edge KAN that a ladder would use; that is Newton's step
from the field, and to first order its error. Several degrees are solved for, and the largest
correction counts. What the correction leaves of the residual on fresh points, the part
:math:`\rho`, may hide an error too:

.. math:: \text{estimate}=(1+\rho)\,\max_K\frac{|e_K|}{|u|}

It is no bound. A residual so rough that none of the degrees sees it has its error underestimated,
but such a residual makes a small error where the operator smooths; and far from a solution of a
nonlinear problem a linearised step says little, then the estimate is about one. Unknown numbers and
measured values are not covered: there is no estimate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kanpde.collocation import Collocation, collocate
from kanpde.geometry import Sobol
from kanpde.networks import JetLayout, LinearKAN, Network
from kanpde.problem import Measured, Problem
from kanpde.solving.estimate import relative_change
from kanpde.solving.families import Family, family_of
from kanpde.solving.least_squares import balanced_weights, stacked_least_squares
from kanpde.solving.points import Points, held_out_points, level_points
from kanpde.solving.traits import Traits

DEGREES = (12, 17, 24)
"""Degrees that the correction is sought with."""
MOST = 1000
"""Columns of the largest system."""
OVERSAMPLING = 2.0
"""Points for each column."""
PROBES = 2000
"""Points that the size of the correction is measured on."""
ROUND_OFF = 1e-15
"""Less is never claimed."""


def estimated_error(problem: Problem, network: Network, seed: int = 0) -> float | None:
    """Return an estimate of the relative L2 error of a field, at most one.

    Args:
        problem: the problem.
        network: the field; the largest relative error of any unknown counts.
        seed: of the points.

    Returns:
        the estimate, or None for a problem with unknown numbers or measured values, and where no
        correction can be solved for.
    """
    if problem.parameters or any(isinstance(c.on, Measured) for c in problem.conditions):
        return None
    if not problem.equations or next(network.parameters()).dtype != torch.float64:
        return None
    try:
        return _estimate(problem, network, seed)
    except ValueError:  # not finite somewhere, or a problem that no ladder can be set up for
        return None


def _estimate(problem: Problem, network: Network, seed: int) -> float | None:
    traits = Traits.of(problem)
    family = family_of(problem, traits)
    if problem.dimension > 3 and family.alternatives:
        family = family.alternatives[0]  # pairs of coordinates
    like = next(network.parameters()).detach()
    probe = problem.domain.interior(PROBES, seed=seed + 55, sampler=Sobol())
    points = torch.as_tensor(probe).to(like)
    layout = JetLayout.of(problem.dimension, ())
    with torch.no_grad():
        field = network.jets(points, layout)[:, 0]
    largest, left = 0.0, None
    for degree in _degrees(family, len(problem.unknowns)):
        solver = _Correction(problem, traits, family, degree, network, seed)
        correction = solver.solve()
        with torch.no_grad():
            change = correction.jets(points, layout)[:, 0]
        largest = max(largest, relative_change(field, field + change))
        left = solver.left(correction)
    if left is None:
        return None
    return min(max((1 + left) * largest, ROUND_OFF), 1.0)


def _degrees(family: Family, unknowns: int) -> list[int]:
    degrees = dict.fromkeys(family.degree(k) for k in DEGREES)
    return [d for d in degrees if d and unknowns * family.size(d) <= MOST]


class _Correction:
    """The linearised problem for the error of a field, in the nodes of one degree."""

    def __init__(
        self,
        problem: Problem,
        traits: Traits,
        family: Family,
        degree: int,
        network: Network,
        seed: int,
    ) -> None:
        self._problem, self._traits, self._field, self._seed = problem, traits, network, seed
        like = next(network.parameters()).detach()
        self._space = LinearKAN(family.nodes(degree), len(problem.unknowns)).to(like.device)
        columns = self._space.parameter_count // self._space.outputs
        self._counts = family.counts(degree, columns, OVERSAMPLING)
        self._factors: list[float] = []

    def solve(self) -> LinearKAN:
        """Return the correction."""
        points = level_points(self._problem, self._traits, self._counts, self._seed + 11)
        collocation, systems = self._systems(points)
        self._factors = balanced_weights(systems, collocation)
        found = stacked_least_squares(systems, self._factors)
        return self._space.with_output_coefficients(found.view(self._space.outputs, -1))

    def left(self, correction: LinearKAN) -> float:
        """Return which part of the residual a correction leaves on fresh points, at most one."""
        points = held_out_points(self._problem, self._traits, self._seed + 111)
        _, systems = self._systems(points)
        coefficients = correction.output_coefficients.flatten()
        before = after = 0.0
        for factor, (rows, target) in zip(self._factors, systems, strict=True):
            before += factor**2 * float(target.square().mean())
            after += factor**2 * float((rows @ coefficients - target).square().mean())
        return min((after / before) ** 0.5, 1.0) if before > 0 else 0.0

    def _systems(self, points: Points) -> tuple[Collocation, list[tuple[Tensor, Tensor]]]:
        """Return rows by the coefficients of the correction, and what they should be."""
        device = next(self._space.parameters()).device
        collocation = collocate(
            self._problem, points.interior, points.boundary, device=device, gradient=False
        )
        with torch.no_grad():
            jets = [self._field.jets(b.points, b.layout) for b in collocation.blocks]
            linear = collocation.linearised_system(
                self._space, collocation.prepare(self._space), jets
            )
            targets = [-b.residual(j) for b, j in zip(collocation.blocks, jets, strict=True)]
        return collocation, [(rows, t) for (rows, _), t in zip(linear, targets, strict=True)]
