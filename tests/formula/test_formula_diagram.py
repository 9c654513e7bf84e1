"""Formulas as KAN graphs: the nodes and edges make the formula again."""

import numpy as np
import pytest
from sympy import (
    Add,
    Mul,
    Rational,
    Symbol,
    besselj,
    cos,
    exp,
    log,
    pi,
    sech,
    simplify,
    sin,
    sqrt,
)

import kanpde
from kanpde import Dirichlet, Problem, Rectangle, coordinates, laplacian, unknown
from kanpde.formula import Formula
from kanpde.formula.certificate import Certificate
from kanpde.formula.diagram import Diagram, Z, draw
from kanpde.formula.zero import Level

x, y, t = (Symbol(n, real=True) for n in "xyt")
POINTS = np.random.default_rng(0).uniform(0.2, 1.0, (200, 3))


def assembled(diagram, node):
    """The value of a node from its wires alone."""
    if node < len(diagram.coordinates):
        return diagram.coordinates[node]
    parts = [w.function.subs(Z, assembled(diagram, w.source)) for w in diagram.wires[node]]
    return (Mul if diagram.products[node] else Add)(*parts)


@pytest.mark.parametrize(
    "formula",
    [
        exp(sin(pi * x) + y**2),
        x * y,
        (x + y) / (1 + x * y),
        sqrt(x**2 + y**2),
        3 * sin(pi * x) * sin(pi * y) * exp(-t) + 2,
        sech((x - t) / 2) ** 2 / 2,
        besselj(0, 2 * sqrt(x**2 + y**2)) * log(t) + x**3 - 4 * y / (1 + t * x),
        Rational(3, 2),
        x,
        -2 * cos(x * y * t),
    ],
    ids=str,
)
def test_the_graph_makes_the_formula(formula):
    diagram = Diagram.of([formula], [x, y, t])
    top = len(diagram.values) - 1
    assert simplify(assembled(diagram, top) - formula) == 0
    for node, wires in enumerate(diagram.wires):
        assert all(w.function.free_symbols <= {Z} for w in wires)
        assert all(diagram.depths[w.source] < diagram.depths[node] for w in wires)


def test_nodes_are_shared_and_outputs_are_in_one_row():
    diagram = Diagram.of([exp(x * y), (x * y) ** 2 + 1, x], [x, y])
    assert diagram.values.count(x * y) == 1
    assert len(set(diagram.depths[-3:])) == 1


def test_graphs_are_drawn():
    figure = draw({"u": exp(sin(pi * x) + y * t), "v": x}, [x, y, t], POINTS, title="two")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"x", "y", "t", "u", "v", "exp(z)", "sin(pi*z)", "two"} <= texts


def test_a_formula_draws_itself():
    a, b = coordinates("a b")
    u = unknown("u", a, b)
    square = Rectangle(a=(0, 1), b=(0, 1))
    exact = sin(pi * a) * sin(pi * b)
    problem = Problem(
        square,
        equations=laplacian(u) + 2 * pi**2 * exact,
        conditions=[Dirichlet(u, 0, on=square.boundary)],
    )
    formula = kanpde.solve(problem, tol=1e-9).formula()
    texts = {text.get_text() for text in formula.plot().axes[0].texts}
    assert "sin(pi*z)" in texts
    assert any("proved" in text for text in texts)
    with pytest.raises(ValueError, match="no formula"):
        Formula(problem, {}, Certificate(Level.NONE)).plot()
