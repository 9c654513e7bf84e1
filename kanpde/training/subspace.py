r"""Damped steps in a subspace, for networks whose :math:`J^TJ` is too large to form.

:class:`Krylov` takes the subspace that conjugate gradients would find: Golub and Kahan's
bidiagonalisation of J, begun at the residual, serves every damping at once. J is never formed; a
product with it is one adjoint through the network, one with its transpose the central difference of
the residual along a direction. :class:`Sketch` takes a random subspace, anew at every step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.networks import Network
from kanpde.training.damped import Damped, Summed, damped_qr, gram_of, solved
from kanpde.training.stage import Task
from kanpde.training.system import Residuals, Streamed, System, trained_on

LEAST = 1e-9
"""Part of the largest singular value below which a direction is the round-off of differences."""
COLUMNS = 250
"""Of :math:`J^TJ` that cost as much as one direction of a Krylov space: the product is dense linear
algebra, a direction three passes through the network (``benchmarks/large.py``)."""
SQUARES = 3
"""Matrices of parameters times parameters that a step in the whole space holds at once."""
SMALL = 2**24
"""Bytes that these may take however little memory there is."""


class Subspace(ABC):
    """Where steps are sought."""

    @abstractmethod
    def about(self, points: Streamed, network: Network) -> System:
        """Return the residual linearised about a network, for steps in the subspace."""


@dataclass(frozen=True)
class Krylov(Subspace):
    r"""Steps in the span of :math:`J^Tr,(J^TJ)J^Tr,\dots`, which conjugate gradients search.

    Source: Golub and Kahan, SIAM J. Numer. Anal. 2 (1965); Paige and Saunders, LSQR, ACM Trans.
    Math. Softw. 8 (1982).

    Args:
        dimension: of the subspace; each takes one adjoint and two evaluations at all points.
    """

    dimension: int = 60

    def __post_init__(self) -> None:
        _check("Krylov", self.dimension)

    def about(self, points: Streamed, network: Network) -> KrylovSystem:
        """Return the bidiagonal form of J about a network; see :class:`Subspace`."""
        rows = points.at(network)
        least = max(LEAST, torch.finfo(rows.dtype).eps ** (2 / 3))  # of central differences
        across = [_norm(points, rows)]  # the norm of r, then what stands below the diagonal
        unit = rows / max(across[0], 1e-300)
        image = points.pulled(network, unit)
        along = [float(image.norm())]  # the diagonal
        basis = [image / max(along[0], 1e-300)]
        while True:
            unit = self._slope(points, network, basis[-1]) - along[-1] * unit
            across.append(_norm(points, unit))
            if len(basis) == min(self.dimension, len(image)) or across[-1] <= least * along[0]:
                break
            unit = unit / across[-1]
            image = points.pulled(network, unit) - across[-1] * basis[-1]
            known = torch.stack(basis)
            for _ in range(2):  # round-off: nothing of the earlier directions may come back
                image = image - known.T @ (known @ image)
            size = float(image.norm())
            if size <= least * along[0]:
                break
            along.append(size)
            basis.append(image / size)
        return KrylovSystem(torch.stack(basis), tuple(along), tuple(across))

    @staticmethod
    def _slope(points: Streamed, network: Network, direction: Tensor) -> Tensor:
        """Return the derivative of the residual along a unit direction, (rows,)."""
        start = network.vector()
        h = torch.finfo(start.dtype).eps ** (1 / 3) * (1 + float(start.norm()))
        ahead = points.at(network.with_vector(start + h * direction))
        behind = points.at(network.with_vector(start - h * direction))
        return (ahead - behind) / (2 * h)


@dataclass(frozen=True)
class KrylovSystem(System):
    """J as a bidiagonal matrix in a basis of the subspace.

    Args:
        basis: (K, P).
        along: the diagonal, K numbers.
        across: the norm of r, then what stands below the diagonal, K + 1 numbers.
    """

    basis: Tensor
    along: tuple[float, ...]
    across: tuple[float, ...]

    bends = False

    @property
    def square(self) -> float:  # type: ignore[override]
        """The residual's square."""
        return self.across[0] ** 2

    @property
    def gradient(self) -> Tensor:  # type: ignore[override]
        """J^T r (P,)."""
        return self.across[0] * self.along[0] * self.basis[0]

    @property
    def right(self) -> Tensor:  # type: ignore[override]
        """The gradient, which these steps know already."""
        return self.gradient

    def damped(self, *, orthogonal: bool) -> Damped:
        """Return what solves the small damped least squares."""
        return _Bidiagonal(self)

    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Refuse: there is no J to solve with."""
        raise NotImplementedError


class _Bidiagonal(Damped):
    """The damped least squares of a bidiagonal matrix, by orthogonal factors."""

    def __init__(self, system: KrylovSystem) -> None:
        self._basis = system.basis
        k = len(system.along)
        matrix = system.basis.new_zeros(k + 1, k)
        matrix.diagonal().copy_(matrix.new_tensor(system.along))
        matrix.diagonal(-1).copy_(matrix.new_tensor(system.across[1:]))
        self._matrix, self._norm = matrix, system.across[0]
        self.floor = torch.finfo(matrix.dtype).eps ** 2 * float(matrix.square().sum(0).max())

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what gives the step p (P,)."""
        basis, r = damped_qr(self._matrix, damping)
        small = solved(r, -self._norm * basis[0])  # the residual is the first direction
        return lambda right: self._basis.T @ small


@dataclass(frozen=True)
class Sketch(Subspace):
    """Steps in a random subspace: parameters are thrown into buckets with random signs.

    Each step sees other buckets. Source: Clarkson and Woodruff, J. ACM 63 (2017), for the buckets;
    arXiv:2607.02194 for Gauss-Newton steps on sketches.

    Args:
        dimension: buckets.
    """

    dimension: int = 2000

    def __post_init__(self) -> None:
        _check("Sketch", self.dimension)

    def about(self, points: Streamed, network: Network) -> SketchedSystem:
        """Return the sums over all points in the subspace; see :class:`Subspace`."""
        buckets = Buckets.of(network.vector(), self.dimension)
        count = buckets.count

        def sums(rows: Tensor, jacobian: Tensor) -> Tensor:
            small = buckets.into(jacobian)
            return torch.cat([gram_of(small).reshape(-1), jacobian @ rows, (rows @ rows)[None]])

        total = points.summed(network, sums)
        gram = total[: count * count].view(count, count)
        return SketchedSystem(buckets, gram, total[count * count : -1].clone(), float(total[-1]))


@dataclass(frozen=True)
class Buckets:
    """A map of parameters to buckets, its columns orthonormal.

    Args:
        place: the bucket of each parameter (P,).
        weight: its factor there (P,).
        count: of buckets.
    """

    place: Tensor
    weight: Tensor
    count: int

    @staticmethod
    def of(vector: Tensor, count: int) -> Buckets:
        """Return random buckets that depend on the parameters (P,) alone, on their device."""
        n = len(vector)
        count = min(count, n)
        number = torch.arange(n, device=vector.device)
        bits = vector.double().view(torch.int64)
        drawn = _mixed(number + _mixed(bits + _mixed(number)).sum())
        place = drawn.argsort().argsort() % count
        sign = 1.0 - 2.0 * (_mixed(drawn) & 1)
        size = (n - 1 - place) // count + 1  # of the bucket: ranks place, place + count, ...
        return Buckets(place, (sign / size.sqrt()).to(vector), count)

    def into(self, values: Tensor) -> Tensor:
        """Map (P, ...) to (count, ...)."""
        small = values.new_zeros(self.count, *values.shape[1:])
        weight = self.weight.view(-1, *[1] * (values.ndim - 1))
        return small.index_add_(0, self.place, weight * values)

    def out_of(self, small: Tensor) -> Tensor:
        """Map (count,) to (P,)."""
        return self.weight * small[self.place]


@dataclass(frozen=True)
class SketchedSystem(System):
    """What is left of residual and Jacobian in a random subspace.

    Args:
        buckets: the subspace.
        gram: of J there, (count, count).
        gradient: of all parameters (P,).
        square: of r.
    """

    buckets: Buckets
    gram: Tensor
    gradient: Tensor
    square: float

    bends = False

    @property
    def right(self) -> Tensor:  # type: ignore[override]
        """The gradient."""
        return self.gradient

    def damped(self, *, orthogonal: bool) -> Damped:
        """Return Cholesky factors in the subspace."""
        return _InBuckets(self)

    def curvature(self, ahead: Tensor, step: Tensor) -> Tensor:
        """Refuse: J is known in the subspace only."""
        raise NotImplementedError


class _InBuckets(Damped):
    def __init__(self, system: SketchedSystem) -> None:
        self._buckets, self._summed = system.buckets, Summed(system.gram)
        self.floor = self._summed.floor

    def factored(self, damping: float) -> Callable[[Tensor], Tensor]:
        """Return what maps the gradient (P,) to the step p (P,)."""
        step = self._summed.factored(damping)
        return lambda gradient: self._buckets.out_of(step(self._buckets.into(gradient)))


@dataclass(frozen=True)
class WithinSubspace(Residuals):
    """Points in chunks, with steps in a subspace."""

    points: Streamed
    subspace: Subspace

    @classmethod
    def of(cls, task: Task, network: Network, subspace: Subspace) -> WithinSubspace:
        """Place this process's share of the points of a task."""
        return cls(Streamed.of(task, network), subspace)

    def at(self, network: Network) -> Tensor:
        """Return the residual at the points of this process (rows,)."""
        return self.points.at(network)

    def square(self, rows: Tensor) -> Tensor:
        """Return the square of a residual, of all processes, a scalar."""
        return self.points.square(rows)

    def about(self, network: Network) -> System:
        """Return the residual linearised about a network."""
        return self.subspace.about(self.points, network)


def points_for(task: Task, network: Network) -> Residuals:
    r"""Return the residual at a task's points, in the form whose steps cost least.

    A Jacobian that fits into the memory is held; the smaller of :math:`J^TJ` and :math:`JJ^T` then
    fits, too. Else :math:`J^TJ` is summed up over chunks, if it fits and has fewer than
    :data:`COLUMNS` times the directions of :class:`Krylov` columns; else steps are sought there.
    """
    if not task.is_streamed(network):
        return trained_on(task, network)
    n, space = network.parameter_count, Krylov()
    needed = SQUARES * n**2 * next(network.parameters()).element_size()
    if needed <= max(task.memory, SMALL) and n <= COLUMNS * space.dimension:
        return Streamed.of(task, network)
    return WithinSubspace.of(task, network, space)


def _norm(points: Streamed, rows: Tensor) -> float:
    return float(points.square(rows)) ** 0.5


def _mixed(bits: Tensor) -> Tensor:
    """Return integers (N,), each a scrambled form of the one given, equal for equal ones.

    Source: Stafford's mix 13 of the finaliser of MurmurHash3, as in splitmix64 (Steele et al.,
    OOPSLA 2014); products wrap around.
    """
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        bits = (bits ^ _shifted(bits, shift)) * factor
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Return unsigned integers shifted to the right; torch's shift keeps the sign."""
    return (bits >> by) & (2 ** (64 - by) - 1)


def _check(name: str, dimension: int) -> None:
    if dimension < 1:
        raise ValueError(f"{name}: dimension={dimension} must be at least 1.")
