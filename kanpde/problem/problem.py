"""The problem: equations in a domain, conditions on its boundary, and what is known already."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from sympy import Add, Eq, Expr, Symbol, latex, nan, oo, sympify, zoo
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from kanpde.problem.conditions import Condition
from kanpde.problem.evaluate import evaluate
from kanpde.problem.residual import MultiIndex, SymbolicResidual, symbolic_residual
from kanpde.problem.symbols import NormalComponent

EXACT_TOLERANCE = 1e-8
"""Largest residual of an exact solution, relative to the largest term, that counts as round-off."""


class NotWellPosedWarning(UserWarning):
    """The conditions given are probably not enough to determine the solution."""


class BoundaryLike(Protocol):
    """What a problem needs of a boundary or a part of one."""

    @property
    def pieces(self) -> Sequence[Any]:
        """The named pieces it consists of."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def __getitem__(self, names: Any) -> BoundaryLike: ...

    def __contains__(self, piece: object) -> bool: ...

    def sample(self, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return points and outward unit normals, both (n, D)."""
        ...


class DomainLike(Protocol):
    """What a problem needs of a domain; `kanpde.geometry.Domain` gives it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the coordinates."""
        ...

    @property
    def boundary(self) -> BoundaryLike:
        """The whole boundary."""
        ...

    def interior(self, n: int, *, seed: int = 0) -> np.ndarray:
        """Return points (n, D) inside."""
        ...


@dataclass(frozen=True)
class Problem:
    """A boundary value problem, written as mathematics and checked when it is made.

    Args:
        domain: where the equations hold, e.g. ``Rectangle(x=(-1, 1), y=(-1, 1))``.
        equations: expressions that must vanish in the domain (or ``sympy.Eq``): a dict by name, a
            list, or a single one.
        conditions: what holds on the boundary; each is a :class:`Condition`.
        exact: the known solution ``{u: expression}``; it turns on the error columns.
        name: for reports and file names.

    Raises:
        ValueError: for an unknown symbol, a wrong number of coordinates, a condition on a piece
            that does not exist, a source that is not finite, or an exact solution that does not
            satisfy the equations and conditions (the message shows the residual).

    Warns:
        NotWellPosedWarning: if an equation has derivatives and there is no condition.
    """

    domain: Any
    equations: Any = ()
    conditions: Any = ()
    exact: Any = None
    name: str = "problem"

    def __post_init__(self) -> None:
        set_ = lambda key, value: object.__setattr__(self, key, value)  # noqa: E731
        set_("equations", _named_equations(self.equations))
        conditions = self.conditions
        if isinstance(conditions, Condition):
            conditions = (conditions,)
        conditions = tuple(conditions)
        for condition in conditions:
            if not isinstance(condition, Condition):
                raise ValueError(
                    f"conditions must be Condition objects such as Dirichlet(u, 0, on=...); got "
                    f"{condition!r}."
                )
        set_("conditions", _resolved(conditions, self.domain))
        self._check_symbols()
        self._check_unknowns()
        self._check_contradictions()
        shared = set(self.equations) & set(self.condition_names)
        if shared:
            raise ValueError(f"equations and conditions share the name {', '.join(shared)}.")
        set_("exact", self._checked_exact(self.exact))
        self._check_finite()
        if self.exact:
            self._check_exact()
        doubt = self._ill_posed()
        if doubt:
            warnings.warn(f"{self.name}: {doubt}", NotWellPosedWarning, stacklevel=3)

    # What the problem knows of itself --------------------------------------------------------

    @cached_property
    def coordinates(self) -> tuple[Symbol, ...]:
        """The coordinate symbols, in the order of the domain's names."""
        return tuple(Symbol(name, real=True) for name in self.domain.names)

    @cached_property
    def unknowns(self) -> tuple[AppliedUndef, ...]:
        """The unknown functions, sorted by name."""
        expressions = [*self.equations.values(), *(c.expression for c in self.conditions)]
        found: set[AppliedUndef] = set()
        for expression in expressions:
            found |= expression.atoms(AppliedUndef)
        return tuple(sorted(found, key=str))

    @cached_property
    def unknown_names(self) -> tuple[str, ...]:
        """The names of the unknowns, in the order of :attr:`unknowns`."""
        return tuple(u.func.__name__ for u in self.unknowns)

    @cached_property
    def condition_names(self) -> tuple[str, ...]:
        """A distinct name for each condition: its kind and its place."""
        return _condition_names(self.conditions, self.domain)

    @cached_property
    def equation_residuals(self) -> tuple[SymbolicResidual, ...]:
        """Each equation in terms of the parts of the unknowns' jets."""
        return tuple(
            symbolic_residual(name, expression, self.unknowns, self.coordinates)
            for name, expression in self.equations.items()
        )

    @cached_property
    def condition_residuals(self) -> tuple[SymbolicResidual, ...]:
        """Each condition in terms of the parts of the unknowns' jets."""
        return tuple(
            symbolic_residual(name, c.expression, self.unknowns, self.coordinates)
            for name, c in zip(self.condition_names, self.conditions, strict=True)
        )

    @cached_property
    def is_linear(self) -> bool:
        """Whether every equation and condition is affine in the unknowns."""
        return all(r.is_linear for r in (*self.equation_residuals, *self.condition_residuals))

    @cached_property
    def derivatives(self) -> tuple[MultiIndex, ...]:
        """All multi-indices of derivatives that occur, sorted by order; zero is the value."""
        found = {
            part.order
            for residual in (*self.equation_residuals, *self.condition_residuals)
            for part in residual.parts
        }
        return tuple(sorted(found, key=lambda a: (sum(a), tuple(-n for n in a))))

    @cached_property
    def order(self) -> int:
        """The highest order of differentiation."""
        return max((sum(a) for a in self.derivatives), default=0)

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.coordinates)

    def renamed(self, name: str) -> Problem:
        """Return the same problem under another name."""
        renamed = copy.copy(self)
        object.__setattr__(renamed, "name", name)
        return renamed

    def summary(self) -> str:
        """Describe the problem in a few lines of plain text."""
        kind = "linear" if self.is_linear else "nonlinear"
        lines = [
            f"{self.name}: {kind}, order {self.order}, unknowns {', '.join(self.unknown_names)} "
            f"on {self.domain!r}"
        ]
        lines += [f"  {name}: {expression} = 0" for name, expression in self.equations.items()]
        lines += [
            f"  {name}: {c.expression} = 0"
            for name, c in zip(self.condition_names, self.conditions, strict=True)
        ]
        if self.exact:
            lines += [f"  exact {u} = {e}" for u, e in self.exact.items()]
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        rows = [latex(e) + r" &= 0 && \text{in the domain}" for e in self.equations.values()]
        rows += [
            latex(c.expression) + r" &= 0 && \text{on " + ", ".join(c.on.names) + "}"
            for c in self.conditions
        ]
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$"

    # Checks ----------------------------------------------------------------------------------

    def _check_symbols(self) -> None:
        names = set(self.domain.names)
        entries = [(f'equation "{n}"', e, False) for n, e in self.equations.items()]
        entries += [
            (f'condition "{name}"', c.expression, True)
            for name, c in zip(self.condition_names, self.conditions, strict=True)
        ]
        for label, expression, on_boundary in entries:
            if expression.has(zoo, nan, oo, -oo):
                raise ValueError(
                    f"{label} is not finite: {_short(expression)}; a division by zero?"
                )
            for symbol in sorted(expression.free_symbols, key=str):
                if isinstance(symbol, NormalComponent):
                    if on_boundary and symbol.coordinate in names:
                        continue
                    raise ValueError(
                        f"{label} holds the outward normal {symbol}, which has no value here; "
                        "normal derivatives belong into conditions."
                    )
                if symbol.name not in names:
                    raise ValueError(
                        f'{label} holds the symbol "{symbol}", which is no coordinate of '
                        f"{self.domain!r}; its coordinates are {', '.join(self.domain.names)}. "
                        "Replace it by a number or make it a coordinate."
                    )
                if symbol not in self.coordinates:
                    raise ValueError(
                        f'{label} holds a symbol "{symbol}" that was not made by '
                        f'coordinates("{" ".join(self.domain.names)}") (its assumptions differ); '
                        "use those coordinates."
                    )

    def _check_unknowns(self) -> None:
        if not self.unknowns:
            raise ValueError(
                f"{self.name} has no unknown; write, for example, u = unknown("
                f'"u", {", ".join(self.domain.names)}) and use it in the equations.'
            )
        by_name: dict[str, AppliedUndef] = {}
        for u in self.unknowns:
            if tuple(u.args) != self.coordinates:
                raise ValueError(
                    f"the unknown {u} depends on {len(u.args)} coordinates "
                    f"({', '.join(map(str, u.args))}) but {self.domain!r} has "
                    f"{len(self.coordinates)} ({', '.join(self.domain.names)}); they must be the "
                    "same, in the same order."
                )
            by_name[u.func.__name__] = u
        if len(by_name) != len(self.unknowns):
            raise ValueError(
                f"two different unknowns share a name: {', '.join(map(str, self.unknowns))}."
            )
        residuals = (*self.equation_residuals, *self.condition_residuals)
        for residual in residuals:
            if not residual.parts:
                raise ValueError(
                    f'"{residual.name}" holds no unknown, so it says nothing: {residual.expression}'
                )
        if len(self.equations) < len(self.unknowns):
            raise ValueError(
                f"{self.name} has {len(self.unknowns)} unknowns "
                f"({', '.join(self.unknown_names)}) but only {len(self.equations)} equations."
            )

    def _check_contradictions(self) -> None:
        """Two conditions on one piece may not differ by a known function alone."""
        named = list(zip(self.condition_names, self.conditions, strict=True))
        for i, (first, a) in enumerate(named):
            for second, b in named[:i]:
                shared = [p.name for p in a.on.pieces if p in set(b.on.pieces)]
                difference = (a.expression - b.expression).expand()
                if shared and difference != 0 and not difference.atoms(AppliedUndef):
                    raise ValueError(
                        f'the conditions "{second}" and "{first}" contradict each other on '
                        f"{', '.join(shared)}: they differ by {difference}."
                    )

    def _checked_exact(self, exact: Any) -> dict[AppliedUndef, Expr] | None:
        if exact is None:
            return None
        if not isinstance(exact, Mapping):
            raise ValueError(
                "exact must be a dict {u: expression} with the unknowns as keys; got "
                f"{type(exact).__name__} {exact!r}. Write exact={{{self.unknowns[0].func}: ...}}."
            )
        checked = {u: sympify(e) for u, e in exact.items()}
        if set(checked) != set(self.unknowns):
            raise ValueError(
                f"exact gives {', '.join(map(str, checked))} but the unknowns are "
                f"{', '.join(map(str, self.unknowns))}."
            )
        for u, expression in checked.items():
            strange = expression.free_symbols - set(self.coordinates)
            if strange or expression.atoms(AppliedUndef):
                raise ValueError(
                    f"the exact solution {u} = {expression} holds "
                    f"{', '.join(map(str, strange)) or 'an unknown'}; only coordinates and numbers "
                    "may occur."
                )
        return checked

    def _ill_posed(self) -> str:
        """Return why the solution is not unique, as far as it can be told, or nothing."""
        if not self.conditions and self.order > 0:
            return (
                "no condition is given, so the solution is not unique (not well posed); add, for "
                "example, Dirichlet(u, 0, on=domain.boundary)."
            )
        residuals = (*self.equation_residuals, *self.condition_residuals)
        with_value = {p.unknown for r in residuals for p in r.parts if sum(p.order) == 0}
        free = [n for i, n in enumerate(self.unknown_names) if i not in with_value]
        if free:
            return (
                f"only derivatives of {', '.join(free)} occur, so the solution is not unique (not "
                "well posed): a constant can be added; give a value somewhere."
            )
        return ""

    def _samples(self) -> Iterable[tuple[str, SymbolicResidual, np.ndarray, np.ndarray | None]]:
        """Yield every residual with check points (and normals where there are any)."""
        interior = self.domain.interior(200, seed=0)
        for residual in self.equation_residuals:
            yield f'equation "{residual.name}"', residual, interior, None
        for residual, condition in zip(self.condition_residuals, self.conditions, strict=True):
            points, normals = condition.on.sample(64, seed=0)
            if len(points) == 0:
                raise ValueError(f'condition "{condition.name}" selects no point of the boundary.')
            yield f'condition "{residual.name}"', residual, points, normals

    def _check_finite(self) -> None:
        for label, residual, points, normals in self._samples():
            if residual.is_linear:
                known = [residual.source, *residual.partials]
            else:
                parts = {part.symbol for part in residual.parts}
                terms = Add.make_args(residual.expression)
                known = [term for term in terms if not (term.free_symbols & parts)]
            for expression in known:
                values = evaluate(expression, self.coordinates, points, normals)
                require_finite(values, points, self.domain.names, label)

    def _check_exact(self) -> None:
        assert self.exact is not None
        interior = self.domain.interior(200, seed=0)
        # On a boundary every term may be round-off: the field's own size is the measure then.
        size = 0.0
        for u, expression in self.exact.items():
            values = evaluate(expression, self.coordinates, interior)
            require_finite(values, interior, self.domain.names, f"the exact solution {u}")
            size = max(size, float(np.max(np.abs(values))))
        for label, residual, points, normals in self._samples():
            fields = {
                part.symbol: _derivative(
                    self.exact[self.unknowns[part.unknown]], self.coordinates, part.order
                )
                for part in residual.parts
            }
            defect = residual.expression.xreplace(fields)
            r = evaluate(defect, self.coordinates, points, normals)
            require_finite(r, points, self.domain.names, label + " of the exact solution")
            scale = max(
                float(
                    np.max(np.abs(evaluate(t.xreplace(fields), self.coordinates, points, normals)))
                )
                for t in residual.expression.as_ordered_terms()
            )
            worst = int(np.argmax(np.abs(r)))
            if abs(r[worst]) > EXACT_TOLERANCE * max(scale, size):
                place = _place(points[worst], self.domain.names)
                raise ValueError(
                    f"the exact solution does not satisfy {label}: the residual is "
                    f"{r[worst]:.6g} at {place}, where the largest term is {scale:.6g}. "
                    f"Residual: {_short(defect)}"
                )


def require_finite(
    values: np.ndarray, points: np.ndarray, names: Sequence[str], label: str
) -> None:
    """Raise a ValueError that names the first point at which the values are not finite."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"{label} is {values[bad[0]]} at {_place(points[bad[0]], names)} (and at "
            f"{bad.size - 1} more of {len(values)} points); a source or coefficient must be finite "
            "in the domain."
        )


def _place(point: np.ndarray, names: Sequence[str]) -> str:
    return ", ".join(f"{n} = {v:.6g}" for n, v in zip(names, point, strict=True))


def _short(expression: Expr, limit: int = 300) -> str:
    """Return the expression as text, simplified where that is cheap, cut where it is long."""
    text = str(expression.simplify() if expression.count_ops() < 60 else expression)
    return text if len(text) <= limit else text[:limit] + " ..."


def _derivative(expression: Expr, coordinates: tuple[Symbol, ...], order: MultiIndex) -> Expr:
    for coordinate, n in zip(coordinates, order, strict=True):
        expression = expression.diff(coordinate, n) if n else expression
    return expression


def _named_equations(equations: Any) -> dict[str, Expr]:
    if isinstance(equations, Mapping):
        named = dict(equations)
    elif isinstance(equations, (Expr, Eq)):
        named = {"equation": equations}
    elif not isinstance(equations, Iterable):
        raise ValueError(
            f"equations={equations!r} is no equation; give a dict by name, a list, or an "
            "expression."
        )
    else:
        named = {f"equation {i + 1}": e for i, e in enumerate(equations)}
        if len(named) == 1:
            named = {"equation": named["equation 1"]}
    if not named:
        raise ValueError('a Problem needs at least one equation: equations={"poisson": ...}.')
    result: dict[str, Expr] = {}
    for name, expression in named.items():
        value = sympify(expression)
        if isinstance(value, Eq):
            value = value.lhs - value.rhs
        if not isinstance(value, Expr) or isinstance(value, MatrixBase):
            raise ValueError(
                f'equation "{name}" must be one scalar expression that vanishes, or a sympy Eq; '
                f"got {expression!r}."
            )
        result[str(name)] = value
    return result


def _resolved(conditions: tuple[Condition, ...], domain: DomainLike) -> tuple[Condition, ...]:
    """Turn piece names into boundaries of the domain and give every condition its own name."""
    resolved: list[Condition] = []
    for condition in conditions:
        on = condition.on
        if isinstance(on, (str, tuple, list)):
            names = (on,) if isinstance(on, str) else tuple(on)
            try:
                on = domain.boundary[names]
            except (KeyError, ValueError) as error:
                message = error.args[0] if error.args else str(error)
                raise ValueError(f'condition "{condition.name}": {message}') from None
        pieces = getattr(on, "pieces", None)
        if pieces is None:
            raise ValueError(
                f'condition "{condition.name}" is on {on!r}; write on=domain.boundary, '
                'on=domain.boundary["left"] or the name of a piece.'
            )
        if not pieces:
            raise ValueError(f'condition "{condition.name}" selects no piece of the boundary.')
        for piece in pieces:
            if piece not in domain.boundary:
                raise ValueError(
                    f'condition "{condition.name}" is on "{piece.name}", which is no piece of the '
                    f"boundary of {domain!r}."
                )
        resolved.append(replace(condition, on=on))
    return tuple(resolved)


def _condition_names(conditions: tuple[Condition, ...], domain: DomainLike) -> tuple[str, ...]:
    """Return a distinct name for each condition, from its kind and its place."""
    everything = set(domain.boundary.pieces)
    names: list[str] = []
    for condition in conditions:
        pieces = condition.on.pieces
        whole = set(pieces) == everything
        place = "the boundary" if whole else ", ".join(p.name for p in pieces)
        names.append(f"{condition.name or 'condition'} on {place}")
    return tuple(
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    )
