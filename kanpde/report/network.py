"""The section on the network of a solution: its graph, and the data of its edges."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from kanpde.networks import bare
from kanpde.report.candidates import candidates
from kanpde.report.graph import edge_data, graph_svg
from kanpde.solution.figures import named_graph

if TYPE_CHECKING:
    from kanpde.solution import Solution

COMPACT = 1e-3
"""Relative L2 distance of the compact form that is drawn of a field with too many edges."""


def network_section(solution: Solution, seconds: float) -> tuple[str, list[dict[str, Any]] | None]:
    """Return the section on the network and its edges; a compact form where it has too many."""
    named, before = named_graph(solution), ""
    if named is None:
        before = _undrawn(solution)
        compact = _compact(solution)
        named = None if compact is None else named_graph(compact)
        if compact is None or named is None:
            return f"<p>{before}</p>", None
        before += (
            f" Drawn is its compact form with {compact.parameters:,} parameters, at a relative "
            f"L2 distance of {COMPACT:.0e} at most. "
        )
    graph, last = named.graph, len(named.graph.widths) - 1
    svg, edges, left_out = graph_svg(
        graph.widths,
        graph.edges,
        input_names=named.inputs,
        output_names=named.outputs,
        products=graph.products,
    )
    data = [edge_data(e, named.inputs, named.outputs, last) for e in edges]
    names = [named.inputs[e.source] if e.layer == 0 else "s" for e in edges]
    found = candidates(edges, names, seconds)
    for entry, formulas in zip(data, found, strict=True):
        entry["candidates"] = formulas
    text = (
        f"<p>{before}{escape(named.title)}: inputs below, outputs above. "
        "Every box is the function of one "
        "edge; the more it moves its node, the darker. Click an edge for its formula candidates: "
        "short descriptions of that edge alone, which prove nothing of the whole."
        f" {escape(' '.join(n for n in (graph.note, left_out) if n))}</p>"
    )
    detail = (
        '<div id="detail" aria-live="polite" hidden="hidden"><div><h3 id="detail-title"></h3>'
        '<p id="detail-importance" class="lead"></p>'
        '<div class="wide"><table id="detail-candidates"></table></div></div>'
        '<svg id="detail-plot" role="img" aria-label="the function of the edge"></svg></div>'
    )
    return f'{text}<div class="panel"><div class="wide">{svg}</div>{detail}</div>', data


def _undrawn(solution: Solution) -> str:
    kind, boxes = type(bare(solution.network)).__name__, solution.network.boxes
    pieces = f" in {len(boxes)} local pieces" if boxes is not None else ""
    return (
        f"The field is a {escape(kind)} with {solution.parameters:,} parameters{pieces}: no graph "
        "of univariate edges small enough to draw."
    )


def _compact(solution: Solution) -> Solution | None:
    """Return the solution as few products of edges, or None if it cannot be had."""
    try:
        compact = solution.compress(COMPACT)
    except ValueError:
        return None
    return compact if compact.outcome.is_success else None
