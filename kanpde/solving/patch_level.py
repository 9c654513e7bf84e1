"""One solve of patches on one set of boxes, and what can be read off it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kanpde.networks import JetLayout, Network, PatchKAN
from kanpde.solving.assembly import Solved
from kanpde.solving.elimination import LocalBasis
from kanpde.solving.indicators import Tails

SAFETY = 3.0
"""Factor on the part of the estimate that the fall of the tails carries over."""
VANISHING = 1e-12
"""An unknown smaller than this times the largest is not measured by its own size."""


@dataclass(frozen=True)
class PatchLevel:
    """One solve on one set of boxes.

    Args:
        boxes: (B, 2, D).
        basis: of every unknown in a box.
        coefficients: (B, U, M).
        solved: the last sparse least squares.
        seconds: that the solve took.
        by_volume: whether boxes are judged by their part of the L2 norm, so that small boxes may
            be as bad as singularities are; else by their values.
        converged: whether Newton's method did; a linear solve always does.
    """

    boxes: np.ndarray
    basis: LocalBasis
    coefficients: np.ndarray
    solved: Solved
    seconds: float = 0.0
    by_volume: bool = False
    converged: bool = True

    @cached_property
    def shares(self) -> np.ndarray:
        """The parts of the domain that the boxes are, (B,)."""
        volumes = np.prod(self.boxes[:, 1] - self.boxes[:, 0], axis=1)
        return volumes / volumes.sum()

    def sizes_of(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the root mean squares over the domain of fields (B, U, M), shape (U,)."""
        plain = (0,) * self.basis.dimension
        values = coefficients @ self.basis.table(self.basis.points, plain).T
        return np.sqrt(self.shares @ (values**2 @ self.basis.weights))

    @cached_property
    def sizes(self) -> np.ndarray:
        """The root mean square of every unknown, (U,), positive."""
        sizes = self.sizes_of(self.coefficients)
        return np.maximum(sizes, max(VANISHING * float(sizes.max()), 1e-300))

    @cached_property
    def tails(self) -> Tails:
        """The tails of every unknown relative to its size; of several the largest."""
        relative = self.coefficients / self.sizes[:, None]
        return Tails.of(relative, self.basis.powers, self.basis.degree)

    @property
    def weights(self) -> np.ndarray:
        """Factors that make the tails of the boxes comparable, (B,)."""
        if self.by_volume:
            return np.sqrt(len(self.boxes) * self.shares)
        return np.ones(len(self.boxes))

    @property
    def misfit(self) -> float:
        """What the rows leave over, relative to the field: no error is far below.

        Rows have the size of u. Conditions that contradict each other leave what no degree removes.
        """
        return self.solved.rms / (SAFETY * float(self.sizes.max()))

    @property
    def predicted(self) -> float:
        """The relative L2 norm of the tails that a solve with two degrees more will have."""
        last, before = (
            float(np.sqrt(self.shares @ tail**2)) for tail in (self.tails.whole, self.tails.before)
        )
        return last * min(1.0, last / max(before, 1e-300))

    @property
    def largest(self) -> float:
        """The largest value that any unknown can have, relative to its size."""
        return float((np.abs(self.coefficients).sum(axis=2) / self.sizes).max())

    def padded(self, basis: LocalBasis) -> np.ndarray:
        """Return the coefficients in a basis of a higher degree: exponents are sorted by degree."""
        place = {tuple(p): i for i, p in enumerate(basis.powers.tolist())}
        index = [place[tuple(p)] for p in self.basis.powers.tolist()]
        result = np.zeros((*self.coefficients.shape[:2], basis.size))
        result[..., index] = self.coefficients
        return result

    def change_from(self, coarse: PatchLevel) -> float:
        """Return the relative L2 distance to a field of no higher degree on the same boxes."""
        difference = self.coefficients - coarse.padded(self.basis)
        return float((self.sizes_of(difference) / self.sizes).max())

    def distance_to(self, other: Network) -> float:
        """Return the relative L2 distance to a field on any boxes: of several unknowns the largest.

        Points are few: no more is asked than the order of magnitude.
        """
        few = LocalBasis(max(self.basis.degree // 2 - 3, 2), self.basis.dimension)
        points = few.in_boxes(self.boxes)
        layout = JetLayout.of(self.basis.dimension, ())
        flat = torch.as_tensor(points.reshape(-1, self.basis.dimension))
        with torch.no_grad():
            old = other.jets(flat, layout)[:, 0].numpy().reshape(-1, *points.shape[:2])
        new = self.coefficients @ self.basis.table(few.points, layout.parts[0]).T
        gaps = (new - old.transpose(1, 0, 2)) ** 2 @ few.weights
        return float((np.sqrt(self.shares @ gaps) / self.sizes).max())

    def network(self) -> PatchKAN:
        """Return the field."""
        count = self.coefficients.shape[1]
        network = PatchKAN(self.boxes, self.basis.degree, count)
        flat = torch.as_tensor(self.coefficients.transpose(1, 0, 2).reshape(count, -1).copy())
        return network.with_output_coefficients(flat)
