"""A formula: exact expressions for the unknowns of a problem, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, lambdify, latex, preorder_traversal, srepr
from sympy.core.function import AppliedUndef

from kanpde.export.atomic import replacing
from kanpde.formula.certificate import Certificate, certify
from kanpde.formula.diagram import draw
from kanpde.formula.zero import Level
from kanpde.problem import Problem
from kanpde.problem.serialise import expression_from_srepr
from kanpde.solution.storage import problem_from_dict, problem_to_dict

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure

PLOT_POINTS = 400
LONGEST = 160
"""Formulas that are longer are not written below their drawing."""

FORMAT = "kanpde-formula"
SCHEMA = 1


def complexity(expression: Expr) -> int:
    """Return the nodes of the expression tree: symbols, numbers, operations.

    >>> from sympy import Symbol, sin
    >>> complexity(sin(2 * Symbol("x")))
    4
    """
    return sum(1 for _ in preorder_traversal(expression))


@dataclass(frozen=True)
class Approximation:
    """A point of the front of simpler and more exact formulas.

    Args:
        expressions: one for each unknown.
        complexity: nodes of their trees.
        error: relative to the field, root mean square.
        level: of its certificate.
    """

    expressions: Mapping[AppliedUndef, Expr]
    complexity: int
    error: float
    level: Level = Level.NONE


@dataclass(frozen=True)
class Formula:
    """Expressions for the unknowns of a problem, with a certificate.

    Args:
        problem: what they solve.
        expressions: one for each unknown; where the certificate's level is NONE, the best compact
            approximation.
        certificate: what is known of them.
        pareto: the front of simpler and more exact formulas, the simplest first.
        report: what each step of the search did.
        seconds: the search took.
    """

    problem: Problem
    expressions: Mapping[AppliedUndef, Expr]
    certificate: Certificate
    pareto: tuple[Approximation, ...] = ()
    report: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def is_proved(self) -> bool:
        """Whether every equation and condition reduces to zero."""
        return self.certificate.level is Level.PROVED

    @property
    def expression(self) -> Expr:
        """The formula of the only unknown.

        Raises:
            ValueError: if there are several unknowns, or no formula at all.
        """
        if len(self.expressions) != 1:
            names = ", ".join(map(str, self.expressions)) or "nothing"
            raise ValueError(f"this formula is of {names}; write formula.expressions[u].")
        return next(iter(self.expressions.values()))

    @property
    def complexity(self) -> int:
        """The nodes of all expression trees."""
        return sum(complexity(e) for e in self.expressions.values())

    @property
    def latex(self) -> str:
        """The formulas in LaTeX, one line each."""
        lines = [f"{latex(u)} = {latex(e)}" for u, e in self.expressions.items()]
        return r" \\ ".join(lines)

    @property
    def python(self) -> Callable[..., Any]:
        """A numpy function of the coordinates; of several unknowns it returns a tuple."""
        expressions = list(self.expressions.values())
        function = lambdify(
            self.problem.coordinates, expressions, modules=["scipy", "numpy"], cse=True
        )

        def evaluate(*coordinates: Any) -> Any:
            arrays = [np.asarray(c, dtype=float) for c in coordinates]
            found = [np.asarray(f, dtype=float) for f in function(*arrays)]
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
            values = tuple(np.broadcast_to(f, shape) for f in found)
            return values[0] if len(values) == 1 else values

        return evaluate

    def plot(self) -> Figure:
        """Draw the formulas as a KAN graph: sum and product nodes, functions on the edges.

        Raises:
            ValueError: if there is no formula.
        """
        if not self.expressions:
            raise ValueError("there is no formula to draw.")
        named = {u.func.__name__: e for u, e in self.expressions.items()}
        points = self.problem.domain.interior(PLOT_POINTS, seed=3)
        note = "; ".join(t for u, e in named.items() if len(t := f"{u} = {e}") < LONGEST)
        return draw(
            named,
            self.problem.coordinates,
            points,
            title=f"{self.problem.name}: {self.certificate.text}",
            note=note,
        )

    def verify(self) -> Certificate:
        """Check the formula again, from the problem and the expressions alone."""
        if self.certificate.level is Level.NONE:
            return self.certificate
        return certify(self.problem, self.expressions)

    def save(self, path: str | Path) -> Path:
        """Write problem, formula, certificate and report to a JSON file; see :func:`load_formula`.

        Raises:
            OSError: if the file cannot be written.
            ValueError: if the problem holds a given function, which no file can keep.
        """
        path = Path(path)
        problem = problem_to_dict(self.problem)
        if "given" in problem:
            raise ValueError(
                f"{self.problem.name} holds a given function; without its values nothing could be "
                "checked again. Keep str(formula.expression)."
            )
        data = {
            "format": FORMAT,
            "schema": SCHEMA,
            "problem": problem,
            "expressions": _pairs(self.expressions),
            "readable": {str(u): str(e) for u, e in self.expressions.items()},
            "certificate": self.certificate.to_dict(),
            "pareto": [
                {
                    "expressions": _pairs(a.expressions),
                    "complexity": a.complexity,
                    "error": a.error,
                    "level": a.level.name.lower(),
                }
                for a in self.pareto
            ],
            "report": list(self.report),
            "seconds": self.seconds,
        }
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(data, indent=1) + "\n")
        return path

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


def load_formula(path: str | Path) -> Formula:
    """Read a formula that :meth:`Formula.save` wrote and check it anew.

    The certificate is made again from the problem and the expressions of the file; the one that is
    stored there is not believed.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file holds no formula.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        data = json.loads(path.read_text())
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("its format is another")
        problem = problem_from_dict(data["problem"])
        expressions = _expressions(data["expressions"], problem)
        stored = Level[data["certificate"]["level"].upper()]
        reason = data["certificate"]["reason"]
        pareto = tuple(
            Approximation(
                _expressions(a["expressions"], problem),
                int(a["complexity"]),
                float(a["error"]),
                Level[a["level"].upper()],
            )
            for a in data["pareto"]
        )
        report, seconds = tuple(map(str, data["report"])), float(data["seconds"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} holds no kanpde formula: {error}") from None
    if stored is Level.NONE:
        certificate = Certificate(Level.NONE, reason=reason)
    else:
        certificate = certify(problem, expressions)
    return Formula(problem, expressions, certificate, pareto, report, seconds)


def _pairs(expressions: Mapping[AppliedUndef, Expr]) -> list[list[str]]:
    return [[srepr(u), srepr(e)] for u, e in expressions.items()]


def _expressions(pairs: Any, problem: Problem) -> dict[AppliedUndef, Expr]:
    found = {expression_from_srepr(u): expression_from_srepr(e) for u, e in pairs}
    strange = set(found) - set(problem.unknowns)
    if strange:
        raise ValueError(f"{', '.join(map(str, strange))} is no unknown of the problem")
    free = {s for e in found.values() for s in e.free_symbols} - set(problem.coordinates)
    if free:
        raise ValueError(f"the formula holds {', '.join(map(str, free))}, which has no value")
    return found
