"""Expressions as functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from sympy import (
    Dummy,
    Expr,
    Float,
    Heaviside,
    Max,
    Min,
    Piecewise,
    Rational,
    Symbol,
    Tuple,
    lambdify,
)
from torch import Tensor

from kanpde.problem import (
    NormalComponent,
    Problem,
    SymbolicResidual,
    given_values,
)


def functions_of(
    residual: SymbolicResidual, problem: Problem, x: Tensor, normals: np.ndarray | None
) -> tuple[Callable[[Sequence[Tensor]], Tensor], Callable[[Sequence[Tensor]], list[Tensor]]]:
    """Compile a residual and its derivatives by every part and number to torch functions."""
    symbols: list[Symbol] = list(problem.coordinates)
    fixed = [x[:, i] for i in range(x.shape[1])]
    if normals is not None:
        symbols += [NormalComponent(c.name) for c in problem.coordinates]
        n = torch.as_tensor(normals).to(x)
        fixed += [n[:, i] for i in range(n.shape[1])]
    expressions = [residual.expression, *residual.partials, *residual.parameter_partials]
    known = given_values(Tuple(*expressions), problem.coordinates, x.detach().cpu().numpy())
    stand_ins = {function: Dummy(real=True) for function in known}
    symbols += list(stand_ins.values())
    fixed += [torch.as_tensor(values.copy()).to(x) for values in known.values()]
    expressions = [e.xreplace(stand_ins) for e in expressions]
    symbols += [*(p.symbol for p in residual.parts), *residual.parameters]
    value = torch_function(symbols, expressions[:1])
    partials = torch_function(symbols, expressions[1:])
    n_points = len(x)

    def full(result: Any) -> Tensor:
        if not isinstance(result, Tensor):
            return x.new_full((), float(result)).expand(n_points)
        tensor = result.to(x)
        return tensor.expand(n_points) if tensor.ndim == 0 else tensor

    return (
        lambda arguments: full(value(*fixed, *arguments)[0]),
        lambda arguments: [full(r) for r in partials(*fixed, *arguments)],
    )


def torch_function(
    symbols: Sequence[Symbol], expressions: Sequence[Expr]
) -> Callable[..., list[Any]]:
    """Compile sympy expressions to one function of torch tensors that returns a list.

    What was compiled is remembered: points that come in chunks ask for the same again and again.

    Raises:
        ValueError: if a function of an expression has no torch counterpart.
    """
    return _torch_function(tuple(symbols), tuple(expressions))


@lru_cache(maxsize=256)
def _torch_function(
    symbols: tuple[Symbol, ...], expressions: tuple[Expr, ...]
) -> Callable[..., list[Any]]:
    numeric = [_with_plain_numbers(_piecewise(e)) for e in expressions]
    try:
        return lambdify(symbols, numeric, modules="torch", cse=True, dummify=True)
    except NotImplementedError as error:
        raise ValueError(f"{list(expressions)} cannot be compiled to torch: {error}") from None


def _piecewise(expression: Expr) -> Expr:
    """Write maxima, minima and steps as cases: torch's take no plain numbers."""
    cases = {a: a.rewrite(Piecewise) for a in expression.atoms(Max, Min, Heaviside)}
    return expression.xreplace(cases)


def _with_plain_numbers(expression: Expr) -> Expr:
    """Replace constants such as sqrt(2) and pi by floats, which torch functions accept."""
    if isinstance(expression, (Rational, Float)):
        return expression
    if isinstance(expression, Expr) and expression.is_number:
        return expression.evalf(17)
    if not expression.args:
        return expression
    return expression.func(*(_with_plain_numbers(a) for a in expression.args))
