"""Which nodes a level of the ladder has, and how many points it is solved on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import comb
from typing import final

from kanpde.networks import (
    CornerNodes,
    HarmonicNodes,
    HoleNodes,
    Nodes,
    ProductNodes,
    RidgeNodes,
)
from kanpde.problem import Problem
from kanpde.solving.traits import CornerTraits, Traits, is_integer

CROWD = 1e-6
"""How near to a singular corner points of an edge come, relative to the edge."""
FEW, MOST_TOGETHER = 5, 3
"""Up to five coordinates all may stand in one product, in more at most three."""
GAIN, SLIGHT_GAIN = 2.5, 1.3
"""What a level must gain, and what one that costs next to nothing."""
RESOLVED = 0.3
"""An estimate below which a global field has begun to converge."""
UNRESOLVABLE = {1: 150, 2: 33, 3: 17}
"""By dimension the degree from which on a field that has not begun to converge is given up."""


@dataclass(frozen=True)
class Counts:
    """How many points a level is solved on.

    Args:
        interior: points inside.
        boundary: on the whole boundary, in proportion to length.
        loop: on every closed loop at least (14 points on the circle of a hole lose two digits).
        crowd: how near to the ends points of an edge come, relative to it; 0 for Chebyshev points.
        corners: points near each corner, in equal ratios of distance.
    """

    interior: int
    boundary: int
    loop: int = 0
    crowd: float = 0.0
    corners: int = 0


class Family(ABC):
    """Nodes of any degree for one problem."""

    def degree(self, step: int) -> int:
        """Return the degree that is meant by a step of the ladder."""
        return step

    @abstractmethod
    def nodes(self, degree: int) -> list[Nodes]:
        """Return the nodes of a level."""

    @abstractmethod
    def size(self, degree: int) -> int:
        """Return about how many functions a level has, without making them."""

    @abstractmethod
    def counts(self, degree: int, columns: int, oversampling: float) -> Counts:
        """Return how many points a level with so many functions is solved on."""

    @abstractmethod
    def is_idle(self, degree: int, gain: float, estimate: float, *, cheap: bool) -> bool:
        """Whether a level brought so little that the ladder should not go on for long.

        Args:
            degree: of the level.
            gain: how much smaller the level made the best estimate or the residual.
            estimate: of the level.
            cheap: whether levels cost next to nothing, so that patience is free.
        """

    @property
    @abstractmethod
    def alternatives(self) -> tuple[Family, ...]:
        """The richer families to try when this one stalls, one after the other."""

    @property
    @abstractmethod
    def on_trial(self) -> bool:
        """Whether this family is kept only if its first level is much better than the last one."""

    @abstractmethod
    def restart(self, place: int) -> int:
        """Return the place in the list of degrees to begin at, given where the last one stalled."""


def family_of(problem: Problem, traits: Traits, together: int | None = None) -> Family:
    """Return the first family to try for a problem.

    Args:
        problem: to be solved.
        traits: of its domain.
        together: coordinates in one product, where that is known.

    Raises:
        ValueError: for a number of coordinates that is out of range, or not for this problem.
    """
    dimension = problem.dimension
    if (together is not None and not 1 <= together <= dimension) or (together and dimension <= 3):
        raise ValueError(
            f"together={together}: products of so many coordinates are for problems in more than "
            f"three, and for at least one and at most all; {problem.name} has {dimension}."
        )
    if together is not None:
        return Interactions(problem, together, together)
    if dimension > 3:
        return Interactions(problem, 1, dimension if dimension <= FEW else MOST_TOGETHER)
    return Global(problem, traits)


@final
@dataclass(frozen=True)
class Global(Family):
    """Polynomials of one degree in up to three coordinates, and what holes and corners ask for.

    Args:
        problem: to be solved.
        traits: of the problem.
        logarithms: also take the logarithms of corners whose exponents are integers, where the
            data may or may not need them.
        full: take all singular functions at corners also where the operator is a plain Laplacian,
            for sources that are singular themselves.
    """

    problem: Problem
    traits: Traits
    logarithms: bool = False
    full: bool = False

    def nodes(self, degree: int) -> list[Nodes]:
        """Return polynomials (harmonic ones where they suffice), hole nodes and corner nodes."""
        lower, upper = self.problem.domain.lower, self.problem.domain.upper
        if self.problem.dimension > 2:
            return [ProductNodes(degree, lower, upper)]
        if self.traits.harmonic:
            nodes: list[Nodes] = [HarmonicNodes(2 * degree, lower, upper)]
        else:
            nodes = [RidgeNodes(degree, lower, upper)]
        for hole in self.traits.holes:
            nodes.append(
                HoleNodes(
                    degree // 2 + 1,
                    0 if self.traits.harmonic else degree // 2,
                    centre=hole.centre,
                    radius=hole.radius,
                    lower=lower,
                    upper=upper,
                )
            )
        return nodes + [self._corner_nodes(corner, degree) for corner in self._corners]

    @property
    def _corners(self) -> list[CornerTraits]:
        return [c for c in self.traits.corners if self.logarithms or not c.is_integer]

    def _corner_nodes(self, corner: CornerTraits, degree: int) -> CornerNodes:
        """Return the singular functions of a corner: few where only the Laplacian acts."""
        if self._few:
            count = max(3, degree // 2)
            every = corner.multiples(count * corner.exponent * (2 if corner.mixed else 1))
            powers = [e for e in every if not is_integer(e)]
            logarithmic = [round(e) for e in every if is_integer(e)][: max(2, count // 2)]
            conjugate, highest = 0, None
        else:
            highest = min(2 + min(degree, 14) / 3 + max(degree - 14, 0) / 5, 10.0)
            every = corner.multiples(highest)
            shifted = {round(e + j, 9): e + j for e in every for j in range(int(highest) + 1)}
            powers = sorted(e for e in shifted.values() if e <= highest and not is_integer(e))
            first = next((round(e) for e in every if is_integer(e)), None)
            logarithmic = [] if first is None else list(range(first, int(highest) + 1))
            conjugate = int(highest)
        if not powers and not logarithmic:
            logarithmic = [max(round(corner.exponent), 1)]
            highest = None
        return CornerNodes(
            powers,
            logarithmic,
            conjugate=conjugate,
            vertex=corner.vertex,
            bisector=corner.bisector,
            scale=2 * self.traits.size,
            highest=highest,
            anchor=corner.cut,
        )

    def size(self, degree: int) -> int:
        """Return the number of functions."""
        if self.problem.dimension > 2:
            return comb(degree + self.problem.dimension, degree)
        return sum(block.size for block in self.nodes(degree))

    def counts(self, degree: int, columns: int, oversampling: float) -> Counts:
        """Return 1.4 points for each function inside, half as many or 8 K on the boundary."""
        interior = int(oversampling * columns) + 40
        special = bool(self.traits.holes or self._corners)
        boundary = max(6 * degree + 20 if special else 8 * degree + 12, columns // 2)
        loop = int(2.5 * degree) + 14 if self.traits.holes else 0
        if self.traits.holes and self._corners:  # steep at the hole between its corners
            interior, boundary, loop = 2 * interior, 2 * boundary, 2 * loop
        if self.traits.harmonic:  # the boundary decides everything
            interior = 60
            boundary = max(6 * degree + 20, 3 * columns // 2) * len(self.problem.unknowns)
        if not self._corners:
            return Counts(interior, boundary, loop)
        return Counts(interior, 2 * boundary, 2 * loop, CROWD, 0 if self._few else 60)

    @property
    def _few(self) -> bool:
        """Whether few singular functions suffice at corners: a plain Laplacian, a smooth source."""
        return self.traits.plain and not self.full

    def is_idle(self, degree: int, gain: float, estimate: float, *, cheap: bool) -> bool:
        """Whether a level gained less than 2.5x (1.3x), as far as one can expect a gain."""
        if cheap:
            return gain < SLIGHT_GAIN and estimate < RESOLVED
        first = 10 if self.alternatives else 12
        hopeless = degree >= UNRESOLVABLE[self.problem.dimension]
        return gain < GAIN and degree >= first and (estimate < RESOLVED or hopeless)

    @property
    def alternatives(self) -> tuple[Family, ...]:
        """Logarithms at corners where there can be any; all singular functions."""
        found: list[Family] = []
        if not self.logarithms and self.traits.has_integer_corners:
            found.append(replace(self, logarithms=True))
        if self._few and self._corners and not self.traits.entire:
            found.append(replace(self, full=True))
        return tuple(found)

    @property
    def on_trial(self) -> bool:
        """More functions at corners cost much and are often not needed."""
        return self.logarithms or self.full

    def restart(self, place: int) -> int:
        """Return the same place."""
        return place


@final
@dataclass(frozen=True)
class Interactions(Family):
    """Products of few coordinates at a time, in more than three.

    Args:
        problem: to be solved.
        order: the most coordinates in one product.
        most: the largest order that may follow.
    """

    problem: Problem
    order: int
    most: int

    def degree(self, step: int) -> int:
        """Return half of the step: in many dimensions every degree costs much."""
        return (step + 1) // 2

    def nodes(self, degree: int) -> list[Nodes]:
        """Return the product nodes."""
        domain = self.problem.domain
        return [ProductNodes(degree, domain.lower, domain.upper, interaction=self.order)]

    def size(self, degree: int) -> int:
        """Return the number of functions."""
        d = self.problem.dimension
        return sum(comb(d, q) * comb(degree, q) for q in range(min(self.order, degree) + 1))

    def counts(self, degree: int, columns: int, oversampling: float) -> Counts:
        """Return 1.4 points for each function, inside and on the boundary each.

        Most of the volume is near the boundary, and most of the functions may satisfy the equation.
        """
        count = int(oversampling * columns) + 40
        return Counts(count, max(count, 2 * len(self.problem.domain.boundary)))

    def is_idle(self, degree: int, gain: float, estimate: float, *, cheap: bool) -> bool:
        """Whether a level gained less than 2.5x."""
        return gain < GAIN

    @property
    def alternatives(self) -> tuple[Family, ...]:
        """The same with one more coordinate in a product."""
        if self.order >= self.most:
            return ()
        return (replace(self, order=self.order + 1),)

    @property
    def on_trial(self) -> bool:
        """More coordinates at a time are needed wherever fewer do not suffice."""
        return False

    def restart(self, place: int) -> int:
        """Return the first place."""
        return 0
