r"""Jets of known expressions: value and derivatives by the rules that networks obey, exact.

An expression is taken apart into sums, products and functions of one argument. Sums add, products
follow Leibniz' rule and functions Faa di Bruno's formula, on the jets of what they hold; what
occurs twice is computed once. So the cost grows with the size of the expression, and not with that
of its derivatives, which for a quotient of products is hundreds of times larger.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Function,
    Heaviside,
    Integer,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    Symbol,
)
from torch import Tensor

from kanpde.networks.jets import JetLayout, compose, coordinate_jet, multiply
from kanpde.problem.evaluate import evaluate
from kanpde.problem.given import Given

SMALL = 40
"""Operations of a polynomial whose derivatives are as cheap as it is."""


class ExpressionJets:
    """Jets of expressions of the coordinates at fixed points; parts in common are shared.

    Args:
        coordinates: the symbols, one for each column of the points.
        x: points (N, D).
        layout: of the jets.
    """

    def __init__(self, coordinates: tuple[Symbol, ...], x: Tensor, layout: JetLayout) -> None:
        self._coordinates, self._layout = coordinates, layout
        self._points = x.detach().cpu().double()
        self._numpy = self._points.numpy()
        self._like = x
        jets = coordinate_jet(self._points, layout)
        self._known: dict[Expr, Tensor] = dict(zip(coordinates, jets, strict=True))

    def of(self, expression: Expr) -> Tensor:
        """Return the jet of an expression, (S, N), of the points' dtype and device.

        Small polynomials, such as the factors of boxes, are differentiated as expressions: that is
        cheap, and sympy loses no digit.
        """
        if expression.count_ops() <= SMALL and expression.is_polynomial(*self._coordinates):
            return self._differentiated(expression).to(self._like)
        return self._jet(expression).to(self._like)

    def _jet(self, expression: Expr) -> Tensor:
        found = self._known.get(expression)
        if found is None:
            found = self._known[expression] = self._made(expression)
        return found

    def _made(self, expression: Expr) -> Tensor:
        if not expression.free_symbols:
            return self._constant(float(expression))
        if isinstance(expression, Add):
            return torch.stack([self._jet(term) for term in expression.args]).sum(0)
        if isinstance(expression, Mul):
            first, *others = (self._jet(factor) for factor in expression.args)
            for factor in others:
                first = multiply(first, factor, self._layout)
            return first
        if isinstance(expression, Pow) and expression.exp.is_number:
            return self._power(self._jet(expression.base), float(expression.exp))
        if isinstance(expression, Piecewise):
            return self._cases(expression)
        if isinstance(expression, (Abs, Heaviside, Max, Min)):
            return self._jet(expression.rewrite(Piecewise))
        known = isinstance(expression, Function) and not isinstance(expression, Given)
        if known and len(expression.args) == 1:
            return self._function(expression)
        return self._differentiated(expression)

    def _constant(self, value: float) -> Tensor:
        jet = self._points.new_zeros(self._layout.size, len(self._points))
        jet[0] = value
        return jet

    def _power(self, inner: Tensor, exponent: float) -> Tensor:
        """Return the jet of a power of a jet; a factor that vanishes is no number times zero."""
        z = inner[0]
        rows = []
        for k in range(self._layout.order + 1):
            factor = prod(exponent - i for i in range(k))
            rows.append(torch.zeros_like(z) if factor == 0 else factor * z ** (exponent - k))
        return self._composed(torch.stack(rows), inner)

    def _function(self, expression: Expr) -> Tensor:
        """Return the jet of a function of one argument."""
        inner = self._jet(expression.args[0])
        z = Dummy(real=True)
        outer = expression.func(z)
        values = inner[0].numpy()[:, None]
        rows = []
        for k in range(self._layout.order + 1):
            rows.append(torch.as_tensor(evaluate(outer.diff(z, k) if k else outer, (z,), values)))
        return self._composed(torch.stack(rows), inner)

    def _composed(self, table: Tensor, inner: Tensor) -> Tensor:
        return compose(table[:, None], inner[None], self._layout)[0]

    def _cases(self, expression: Piecewise) -> Tensor:
        """Return at each point the jet of the first case whose condition holds there."""
        result = self._constant(float("nan"))
        open_ = np.ones(len(self._numpy), dtype=bool)
        for value, condition in expression.args:
            holds = evaluate(Piecewise((1, condition), (0, True)), self._coordinates, self._numpy)
            chosen = torch.as_tensor(open_ & (holds > 0.5))
            result = torch.where(chosen, self._jet(value), result)
            open_ &= holds <= 0.5
        return result

    def _differentiated(self, expression: Expr) -> Tensor:
        """Return the jet by differentiating the expression: for functions of several arguments."""
        jet = self._constant(0.0)
        for part, derivative in enumerate(self._derivatives(expression)):
            values = evaluate(derivative, self._coordinates, self._numpy)
            jet[part] = torch.as_tensor(values)
        return jet

    def _derivatives(self, expression: Expr) -> list[Expr]:
        """Return the derivatives that the parts of the layout stand for."""
        derivatives = []
        for alpha in self._layout.parts:
            derivative = expression
            for coordinate, n in zip(self._coordinates, alpha, strict=True):
                derivative = derivative.diff(coordinate, n) if n else derivative
            derivatives.append(derivative)
        if self._layout.laplacian is not None:
            pairs = zip(self._layout.laplacian, self._coordinates, strict=True)
            derivatives.append(sum((w * expression.diff(c, 2) for w, c in pairs), Integer(0)))
        return derivatives
