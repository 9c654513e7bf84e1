"""Sums of products of univariate edges: a KAN whose cost grows linearly with the dimension."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.bases import Basis, basis_from_dict
from kanpde.bases.checks import whole
from kanpde.networks import checks
from kanpde.networks.jets import JetLayout, MultiIndex
from kanpde.networks.network import Network, Prepared, Pullback

Univariate = Callable[[Any], Any]


class SeparableKAN(Network):
    r"""Product nodes of one edge for each coordinate: the canonical low-rank format.

    .. math:: u_o(x) = \sum_{r=1}^{R}\prod_{i=1}^{D}\varphi_{ori}(x_i), \qquad
       \varphi_{ori}(x_i) = \sum_b c^{(i)}_{orb}\,\phi_{ib}(x_i)

    Every factor depends on one coordinate, so :math:`\partial^\alpha u_o=\sum_r\prod_i
    \varphi_{ori}^{(\alpha_i)}(x_i)`, and values on a tensor grid need the factors on its axes only
    (Beylkin and Mohlenkamp, PNAS 99, 2002; as a network: Cho et al., SPINN, arXiv:2306.15969).

    Args:
        rank: R, products in each sum.
        bases: of the edges; one for all axes, or one for each. Without a box there must be one for
            each: they say how many coordinates there are.
        lower, upper: box that is mapped to :math:`[-1, 1]^D`; where none is given ``solve`` sets
            it from the domain.
        outputs: number of unknowns.
        seed: of the random start. None means that ``solve`` starts the network anew with its own
            seed; a number fixes the start, and with a box the network is trained from where it is.

        around: the constant that the outputs start near, one or one for each. Random products of
            many coordinates are far from everything smooth, and a coefficient must not start with
            the wrong sign: both train well from a start around 1.

    Every edge starts as a random cubic of unit mean square, divided so that u is O(1); around a
    constant those of the first product as a root of it times one plus a tenth of such a cubic, and
    the other products a tenth as large. The parameters are, axis by axis, coefficients of shape
    (outputs, R, size of the axis' basis). The field is linear in those of one axis;
    :attr:`output_coefficients` are those of the last.

    Raises:
        ValueError: for a rank or a number of outputs below 1, a wrong number of bases, a bad
            range, or other than one constant for each output.

    >>> from kanpde.bases import Chebyshev
    >>> network = SeparableKAN(4, Chebyshev(8), [0, 0, 0], [1, 1, 1], seed=0)
    >>> network.parameter_count
    108
    """

    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        rank: int,
        bases: Basis | Sequence[Basis],
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        *,
        outputs: int = 1,
        seed: int | None = None,
        around: float | Sequence[float] = 0.0,
    ) -> None:
        super().__init__()
        self.rank = whole("rank", rank, 1, owner="SeparableKAN")
        self.outputs = whole("outputs", outputs, 1, owner="SeparableKAN")
        given = lower if lower is not None else upper
        self.seed, self.has_range = seed, given is not None
        if given is None and isinstance(bases, Basis):
            raise ValueError(
                f"SeparableKAN({rank}, {bases!r}) does not say how many coordinates there are; "
                "give one basis for each, [basis] * 3, or the box, lower=[0, 0, 0], "
                "upper=[1, 1, 1]."
            )
        self.dimension = len(bases if given is None else given)  # type: ignore[arg-type]
        self.bases = (bases,) * self.dimension if isinstance(bases, Basis) else tuple(bases)
        if len(self.bases) != self.dimension:
            raise ValueError(
                f"SeparableKAN in {self.dimension} coordinates needs one basis or "
                f"{self.dimension}; got {len(self.bases)}."
            )
        self.register_buffer("lower", -torch.ones(self.dimension, dtype=torch.float64))
        self.register_buffer("upper", torch.ones(self.dimension, dtype=torch.float64))
        checks.set_range(self, lower, upper, owner="SeparableKAN")
        self.coefficients = nn.ParameterList(
            torch.zeros(outputs, rank, basis.size, dtype=torch.float64) for basis in self.bases
        )
        self.around = _levels(around, self.outputs)
        self._initialise(0 if seed is None else seed)

    @staticmethod
    def from_values(
        values: np.ndarray | Tensor,
        axes: Sequence[np.ndarray | Tensor],
        *,
        bases: Basis | Sequence[Basis],
        tol: float = 1e-12,
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
    ) -> SeparableKAN:
        """Return the field of least rank through values on a grid of two axes.

        The singular value decomposition, truncated where the singular values fall below ``tol``
        times the largest, is the best approximation of its rank (Eckart and Young, Psychometrika
        1936); then each factor is fitted to its basis by least squares, so the field is as
        accurate as ``tol`` and the bases together. Several outputs get the rank of the most
        demanding one.

        Args:
            values: shape (n0, n1), or (outputs, n0, n1).
            axes: the points of the two axes, shapes (n0,) and (n1,).
            bases: of the factors; one, or one for each axis.
            tol: relative, in [0, 1).
            lower: lower corner of the box of the bases; by default where the axes begin.
            upper: its upper corner; by default where the axes end.

        Raises:
            ValueError: unless there are two axes that fit the finite values, with at least as many
                points as their basis has functions, and tol is in [0, 1).

        >>> from kanpde.bases import Chebyshev
        >>> x = np.linspace(0, 1, 30)
        >>> SeparableKAN.from_values(np.outer(x, np.cos(x)), [x, x], bases=Chebyshev(9)).rank
        1
        """
        table = np.asarray(torch.as_tensor(values).detach().cpu(), dtype=np.float64)
        points = [np.asarray(torch.as_tensor(a).detach().cpu(), dtype=np.float64) for a in axes]
        if len(points) != 2:
            raise ValueError(
                f"SeparableKAN.from_values factors functions of two coordinates; got {len(points)} "
                "axes."
            )
        table = table[None] if table.ndim == 2 else table
        shape = tuple(p.size for p in points)
        if table.ndim != 3 or table.shape[1:] != shape or not np.isfinite(table).all():
            raise ValueError(
                f"SeparableKAN.from_values: values must be finite and of shape {shape}, the "
                f"lengths of the axes, or (outputs, *{shape}); got {np.shape(values)}."
            )
        if not 0 <= tol < 1:
            raise ValueError(f"SeparableKAN.from_values: tol must be in [0, 1), got {tol!r}.")
        left, singular, right = np.linalg.svd(table, full_matrices=False)
        kept = singular > max(tol, np.finfo(np.float64).eps) * singular[:, :1]
        rank = max(1, int(kept.sum(1).max()))
        root = np.sqrt(np.where(kept, singular, 0.0)[:, :rank])
        network = SeparableKAN(
            rank,
            bases,
            [p.min() for p in points] if lower is None else lower,
            [p.max() for p in points] if upper is None else upper,
            outputs=len(table),
            seed=0,
        )
        factors = (
            root[..., None] * left[..., :rank].swapaxes(1, 2),
            root[..., None] * right[:, :rank],
        )
        for axis, (where, factor) in enumerate(zip(points, factors, strict=True)):
            network._fit(axis, where, factor)
        return network

    # The field -------------------------------------------------------------------------------

    def prepare(self, x: Tensor, layout: JetLayout) -> Prepared:
        """Return the derivatives of each axis' functions at the points x (N, D).

        One table (size, K + 1, N) for each axis, K the highest order in its coordinate.

        Raises:
            ValueError: for points of a wrong shape or another dtype than the network's.
        """
        checks.points(x, self.dimension, self.lower.dtype, owner="SeparableKAN")
        highest = [max(alpha[axis] for alpha in layout.parts) for axis in range(self.dimension)]
        tables = tuple(self._table(i, x[:, i], k) for i, k in enumerate(highest))
        return Prepared(layout, tables)

    def evaluate(self, points: Prepared) -> Tensor:
        """Return value and derivatives at prepared points: shape (outputs, S, N)."""
        before = _products(self._factors(points), points.layout)
        return torch.stack([before[alpha].sum(1) for alpha in points.layout.parts], dim=1)

    def linearize(self, points: Prepared) -> tuple[Tensor, Pullback]:
        """Return the jets (outputs, S, N) and the pullback of adjoints."""
        with torch.no_grad():
            factors = self._factors(points)
            before = _products(factors, points.layout)
            jets = torch.stack([before[alpha].sum(1) for alpha in points.layout.parts], dim=1)
        return jets, _SeparablePullback(points, factors, before)

    def grid(self, axes: Sequence[Tensor], orders: Sequence[MultiIndex] = ()) -> Tensor:
        """Return values, or derivatives, on the grid of all combinations of the axes' points.

        Only the factors on the axes are evaluated, sum of n_i points instead of their product.

        Args:
            axes: for each coordinate its points, shape (n_i,).
            orders: multi-indices of the derivatives; none means the value alone.

        Returns:
            Tensor (outputs, orders, n_1, .., n_D); with no orders given (outputs, n_1, .., n_D).

        Raises:
            ValueError: for a wrong number of axes or an order of wrong length.

        >>> from kanpde.bases import Chebyshev
        >>> network = SeparableKAN(2, Chebyshev(3), [0, 0], [1, 1], seed=0)
        >>> axis = torch.linspace(0, 1, 5, dtype=torch.float64)
        >>> network.grid([axis, axis[:3]], [(0, 0), (1, 0)]).shape
        torch.Size([1, 2, 5, 3])
        """
        wanted = tuple(orders) or ((0,) * self.dimension,)
        if len(axes) != self.dimension or any(len(alpha) != self.dimension for alpha in wanted):
            raise ValueError(
                f"grid needs {self.dimension} axes and multi-indices of {self.dimension} entries; "
                f"got {len(axes)} axes and the orders {wanted}."
            )
        highest = [max(alpha[axis] for alpha in wanted) for axis in range(self.dimension)]
        factors = [
            self._factor(i, self._table(i, x, k))
            for i, (x, k) in enumerate(zip(axes, highest, strict=True))
        ]
        shape = (self.outputs, *(len(x) for x in axes))
        parts = []
        for alpha in wanted:
            picked = [f[:, :, k] for f, k in zip(factors, alpha, strict=True)]
            # two halves, so that the sum over the rank is one matrix product
            middle = (self.dimension + 1) // 2
            one = picked[0].new_ones(self.outputs, self.rank, 1)
            left, right = _outer(one, picked[:middle]), _outer(one, picked[middle:])
            parts.append((left.transpose(1, 2) @ right).reshape(shape))
        return torch.stack(parts, dim=1) if orders else parts[0]

    def columns(self, points: Prepared) -> Tensor:
        """Return the jets of the functions that the last axis' coefficients multiply, (S, N, C).

        C = rank * size of the last basis; every function is the product of the other axes' edges
        and one basis function.

        Raises:
            ValueError: for several outputs: each has its own edges on the other axes, and so its
                own columns.
        """
        if self.outputs > 1:
            raise ValueError(
                f"the {self.outputs} outputs of a SeparableKAN have edges of their own on every "
                "axis, so they have no common columns; train it, e.g. by LevenbergMarquardt()."
            )
        factors = self._factors(points)
        rest = _products(factors[:-1], points.layout)
        parts = []
        for alpha in points.layout.parts:
            last = points.tables[-1][:, alpha[-1]]  # (size, N)
            product = last.expand(self.rank, -1, -1)
            if self.dimension > 1:
                product = rest[alpha[:-1]][0][:, None] * last
            parts.append(product.flatten(0, 1).T)
        return torch.stack(parts)

    @property
    def output_coefficients(self) -> Tensor:
        """The coefficients of the last axis, shape (outputs, rank * size)."""
        return self.coefficients[-1].detach().flatten(1)

    def with_output_coefficients(self, coefficients: Tensor) -> Self:
        """Return a copy with other coefficients on the last axis, (outputs, rank * size)."""
        checks.coefficients(coefficients, self.output_coefficients.shape, owner="SeparableKAN")
        clone = copy.deepcopy(self)
        last = clone.coefficients[-1]
        with torch.no_grad():
            last.copy_(coefficients.reshape(last.shape))
        return clone

    # Copies and saving -----------------------------------------------------------------------

    def with_edges(
        self, functions: Sequence[Sequence[Sequence[Callable[[Any], Any]]]]
    ) -> SeparableKAN:
        """Return a copy whose edges are fitted to functions of s in [-1, 1], across the box.

        Args:
            functions: by axis, output and term; terms beyond those given are zero.
        """
        clone = copy.deepcopy(self)
        for basis, coefficients, outputs in zip(
            self.bases, clone.coefficients, functions, strict=True
        ):
            fitted = torch.zeros_like(coefficients)
            for o, terms in enumerate(outputs):
                for r, f in enumerate(terms):
                    fitted[o, r] = torch.as_tensor(basis.fit(f))
            with torch.no_grad():
                coefficients.copy_(fitted)
        return clone

    def prepared(self, lower: Sequence[float], upper: Sequence[float], seed: int) -> SeparableKAN:
        """Return the network ready for a domain.

        A network without a range takes the domain's, one without a seed the given seed; in both
        cases it starts anew. A network with both stays as it is.
        """
        clone = copy.deepcopy(self)
        if clone.seed is not None and clone.has_range:
            return clone
        clone.seed = seed if clone.seed is None else clone.seed
        if not clone.has_range:
            checks.set_range(clone, lower, upper, owner="SeparableKAN")
            clone.has_range = True
        clone._initialise(clone.seed)
        return clone

    def refined(self, *, axes: Sequence[int] | None = None, **how: Any) -> SeparableKAN:
        """Return the same function on finer bases, e.g. ``refined(intervals=10)``.

        The coefficients are transferred exactly (knot insertion, degree raising), so values and
        all derivatives stay the same to round-off.

        Args:
            axes: which axes; by default all.
            how: what the bases' ``refined`` takes.

        Raises:
            ValueError: if a basis has no such refinement.
        """
        clone = copy.deepcopy(self)
        bases = list(self.bases)
        for axis in range(self.dimension) if axes is None else axes:
            bases[axis] = self.bases[axis].refined(**how)
            old = self.coefficients[axis].detach()
            matrix = torch.as_tensor(self.bases[axis].transfer(bases[axis])).to(old)
            clone.coefficients[axis] = nn.Parameter(old @ matrix.T)
        clone.bases = tuple(bases)
        return clone

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able description without coefficients."""
        return {
            "kind": "separable",
            "rank": self.rank,
            "bases": [basis.to_dict() for basis in self.bases],
            "lower": self.lower.tolist() if self.has_range else None,
            "upper": self.upper.tolist() if self.has_range else None,
            "outputs": self.outputs,
            "seed": self.seed,
            "around": list(self.around),
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> SeparableKAN:
        """Return a network of the described shape; its parameters are those of its seed."""
        bases = [basis_from_dict(b) for b in data["bases"]]
        return SeparableKAN(
            data["rank"],
            bases,
            data["lower"],
            data["upper"],
            outputs=data["outputs"],
            seed=data["seed"],
            around=data.get("around", 0.0),
        )

    # Internals -------------------------------------------------------------------------------

    def _table(self, axis: int, x: Tensor, order: int) -> Tensor:
        """Return the derivatives of an axis' functions at x (N,), shape (size, order + 1, N)."""
        half = (self.upper[axis] - self.lower[axis]) / 2
        s = (x - self.lower[axis]) / half - 1
        table = self.bases[axis].evaluate(s, order)
        scale = torch.stack([half**-k for k in range(order + 1)])
        return (table * scale[:, None, None]).transpose(0, 1).contiguous()

    def _factor(self, axis: int, table: Tensor) -> Tensor:
        """Return an axis' edges and their derivatives, (outputs, R, order + 1, N)."""
        weight = self.coefficients[axis].flatten(0, 1)
        return (weight @ table.flatten(1)).view(self.outputs, self.rank, *table.shape[1:])

    def _factors(self, points: Prepared) -> list[Tensor]:
        return [self._factor(axis, table) for axis, table in enumerate(points.tables)]

    def _fit(self, axis: int, where: np.ndarray, values: np.ndarray) -> None:
        """Set an axis' coefficients to the least-squares fit of values (outputs, R, n) at points.

        Raises:
            ValueError: for fewer points than functions.
        """
        size = self.bases[axis].size
        if len(where) < size:
            raise ValueError(
                f"axis {axis} has {len(where)} points, too few for the {size} functions of "
                f"{self.bases[axis]!r}; give more points or a smaller basis."
            )
        matrix = self._table(axis, torch.as_tensor(where), 0)[:, 0].T.numpy()
        target = values.reshape(-1, len(where)).T
        fitted = np.linalg.lstsq(matrix, target, rcond=None)[0].T
        with torch.no_grad():
            coefficients = self.coefficients[axis]
            coefficients.copy_(torch.as_tensor(fitted).view(coefficients.shape))

    def _initialise(self, seed: int) -> None:
        """Give every edge a random cubic of mean square R^(-1/D), so that u has mean square 1.

        The first product of an output that starts around a constant has edges near a root of it,
        the others are a tenth as large as it.
        """
        levels = torch.as_tensor(self.around, dtype=torch.float64)[:, None, None]
        root = levels.abs() ** (1 / self.dimension)
        first = torch.arange(self.rank)[:, None] == 0
        generator = np.random.default_rng(seed)
        nodes = torch.linspace(-1, 1, 101, dtype=torch.float64)
        for basis, coefficients in zip(self.bases, self.coefficients, strict=True):
            cubics = [basis.fit(np.polynomial.Chebyshev.basis(k)) for k in range(4)]
            amplitudes = generator.normal(size=(self.outputs, self.rank, 4))
            drawn = torch.as_tensor(amplitudes @ np.array(cubics))
            rms = (drawn @ basis.evaluate(nodes, 0)[0]).square().mean(-1, keepdim=True).sqrt()
            unit = drawn / rms.clamp_min(1e-12)
            free = unit / self.rank ** (0.5 / self.dimension)
            near = torch.where(
                first,
                root * (torch.as_tensor(cubics[0]) + 0.1 * unit),
                0.1 ** (1 / self.dimension) * root * free,
            )
            with torch.no_grad():
                coefficients.copy_(torch.where(levels != 0, near, free))
        with torch.no_grad():
            self.coefficients[-1].mul_(torch.where(levels < 0, -1.0, 1.0))


def _levels(around: float | Sequence[float], outputs: int) -> tuple[float, ...]:
    """Return the constant that each output starts around, zero for none."""
    given = [around] * outputs if isinstance(around, (int, float)) else list(around)
    if len(given) != outputs or not np.isfinite(given).all():
        raise ValueError(
            f"SeparableKAN: around={around!r} must be a finite number, or one for each of the "
            f"{outputs} outputs."
        )
    return tuple(float(level) for level in given)


def _products(factors: Sequence[Tensor], layout: JetLayout) -> dict[MultiIndex, Tensor]:
    """Return the products of the first axes' edges for all beginnings of the multi-indices.

    Args:
        factors: for each axis its edges and their derivatives, (outputs, R, K + 1, N); for fewer
            axes than coordinates, of the first ones.
        layout: of the jets.

    Returns:
        by beginning (a_1, .., a_j), j >= 1, tensors (outputs, R, N).
    """
    known: dict[MultiIndex, Tensor] = {}
    for alpha in layout.parts:
        for axis, factor in enumerate(factors):
            head = alpha[: axis + 1]
            if head not in known:
                edge = factor[:, :, alpha[axis]]
                known[head] = known[head[:-1]] * edge if axis else edge
    return known


def _outer(start: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """Return start (outputs, R, 1) times all products of factors (outputs, R, n_i) on their grid.

    Shape (outputs, R, prod n_i), the last axis fastest.
    """
    result = start
    for factor in factors:
        result = (result[..., None] * factor[:, :, None]).flatten(2)
    return result


class _SeparablePullback(Pullback):
    def __init__(
        self, points: Prepared, factors: list[Tensor], before: dict[MultiIndex, Tensor]
    ) -> None:
        self._points, self._factors, self._before = points, factors, before

    def rows(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        blocks = []
        for edges, table in zip(self._edges(adjoint), self._points.tables, strict=True):
            block = edges[:, :, None, 0] * table[:, 0]
            for k in range(1, table.shape[1]):
                block.addcmul_(edges[:, :, None, k], table[:, k])
            blocks.append(block.flatten(0, 2))
        return torch.cat(blocks)

    def gradient(self, adjoint: Tensor, active: Sequence[int] | None = None) -> Tensor:
        blocks = [
            (edges.flatten(2).flatten(0, 1) @ table.flatten(1).T).reshape(-1)
            for edges, table in zip(self._edges(adjoint), self._points.tables, strict=True)
        ]
        return torch.cat(blocks)

    def _edges(self, adjoint: Tensor) -> list[Tensor]:
        """Return for each axis the adjoint of its edges and derivatives, (outputs, R, K + 1, N).

        That of order k is the sum, over the parts with that order in this coordinate, of the
        part's adjoint times the product of all other axes' edges: those before, known from the
        forward pass, and those behind.
        """
        result = [torch.zeros_like(f) for f in self._factors]
        behind: dict[MultiIndex, Tensor] = {}
        for part, alpha in enumerate(self._points.layout.parts):
            back = adjoint[:, None, part]
            for axis in range(len(alpha) - 1, -1, -1):
                others = back
                if axis:
                    others = others * self._before[alpha[:axis]]
                tail = alpha[axis + 1 :]
                if tail:
                    others = others * behind[tail]
                result[axis][:, :, alpha[axis]] += others
                here = alpha[axis:]
                if axis and here not in behind:
                    edge = self._factors[axis][:, :, alpha[axis]]
                    behind[here] = edge * behind[tail] if tail else edge
        return result
