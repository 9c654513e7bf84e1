"""The section on the formula of a solution."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from kanpde.report.figures import inline_svg
from kanpde.report.markup import number, shown_figure, table
from kanpde.report.mathematics import equality, math

if TYPE_CHECKING:
    from kanpde.formula import Formula


def formula_section(formula: Formula) -> str:
    """Return the formulas, their certificate, their graph and the front of simpler ones."""
    shown = "".join(math(equality(u, e)) for u, e in formula.expressions.items())
    checks = [
        (c.name, c.level.name.lower(), number(c.largest), c.how) for c in formula.certificate.checks
    ]
    checked = table(("equation or condition", "certificate", "largest residual", "how"), checks)
    mark = "good" if formula.certificate.level.value > 0 else "bad"
    return (
        f'<div class="wide">{shown}</div><p>Certificate: <span class="outcome {mark}">'
        f"{escape(formula.certificate.text)}</span>. {formula.complexity} nodes in its tree.</p>"
        + (checked if checks else "")
        + _formula_graph(formula)
        + _front(formula)
    )


def _formula_graph(formula: Formula) -> str:
    if not formula.expressions:
        return ""
    drawn = formula.plot()
    drawn.suptitle("")
    return shown_figure(
        inline_svg(drawn, "formula-graph", "graph of the formula"), "The formula as a KAN."
    )


def _front(formula: Formula) -> str:
    """Return the front of simpler and more exact formulas, where it has more than one point."""
    if len(formula.pareto) < 2:
        return ""
    rows = "".join(
        f"<tr><td>{a.complexity}</td><td>{number(a.error)}</td><td>"
        + "".join(math(equality(u, e)) for u, e in a.expressions.items())
        + "</td></tr>"
        for a in formula.pareto
    )
    return (
        "<details><summary>Simpler and more exact formulas</summary>"
        '<div class="wide"><table><tr><th>nodes</th><th>relative error</th><th>formula</th></tr>'
        f"{rows}</table></div></details>"
    )
