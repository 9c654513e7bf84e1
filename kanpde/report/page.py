"""The page of a solution: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpde.export.atomic import replacing
from kanpde.problem import Problem
from kanpde.report.candidates import candidates
from kanpde.report.figures import inline_svg
from kanpde.report.frames import frames
from kanpde.report.graph import edge_data, graph_svg
from kanpde.report.mathematics import condition, equality, equation, math
from kanpde.solution.figures import named_graph
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.formula import Formula
    from kanpde.solution import Solution

CANDIDATE_SECONDS = 10.0
"""For the formula candidates of all edges."""

COMPACT = 1e-3
"""Relative L2 distance of the compact form that is drawn of a field with too many edges."""

SETTINGS = ("seed", "tol", "budget", "device", "threads")


def report(
    solution: Solution,
    path: str | Path,
    *,
    formula: Formula | None = None,
    run: Mapping[str, Any] | None = None,
    candidate_seconds: float = CANDIDATE_SECONDS,
) -> Path:
    """Write one self-contained HTML page of a solution: no network, light and dark.

    It shows the problem as mathematics, how good the field is, the field (with a slider along time,
    or along the third coordinate), its error and residual, the formula with its certificate, the
    graph of the network with the function of every edge, the convergence, and how to reproduce it.

    Args:
        solution: any.
        path: of the page; replaced as a whole.
        formula: what :func:`kanpde.find_formula` found, or None.
        run: the manifest of a run folder (``run.json``), for the section on reproduction.
        candidate_seconds: for the formula candidates of the edges; 0 for none.

    Returns:
        the path.

    Raises:
        ValueError: if the path does not end in .html.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(f"report({path.name!r}): a report is a page; its suffix must be .html.")
    text = _page(solution, formula, run or {}, candidate_seconds)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _page(
    solution: Solution, formula: Formula | None, run: Mapping[str, Any], seconds: float
) -> str:
    own = files("kanpde.report")
    style = own.joinpath("style.css").read_text(encoding="utf-8")
    script = own.joinpath("script.js").read_text(encoding="utf-8")
    problem, figures = solution.problem, solution.plot()
    for figure in figures.values():
        figure.suptitle("")  # the page has a heading
    drawn = {
        name: inline_svg(figure, name, f"{problem.name}: {name}")
        for name, figure in figures.items()
        if name != "network"
    }
    moving = frames(solution)
    network, edges = _network(solution, seconds)
    sections = [
        _head(solution),
        _section("Problem", _equations(problem), _domain(problem)),
        _section(
            "Field",
            _slider(moving) if moving else "",
            _figure(drawn.get("field"), _caption(solution)),
        ),
        _section("Error and residual", *_quality(solution, drawn)),
        _section("Formula", _formula(formula)) if formula is not None else "",
        _section("Network", network),
        _section("Convergence", _figure(drawn.get("convergence"), ""), _stages(solution)),
        _section("How it was found", _way(solution)),
        _section("How to reproduce it", _reproduction(solution, run)),
    ]
    data = json.dumps({"frames": moving, "edges": edges}, allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # nothing in it can end the script
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            '<link rel="icon" href="data:,"/>',
            f"<title>{escape(problem.name)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *(s for s in sections if s),
            f"<footer>Made by kanpde {escape(__version__)}.</footer>",
            "</main>",
            f'<script type="application/json" id="data">{data}</script>',
            f"<script>\n{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _section(title: str, *parts: str) -> str:
    body = "\n".join(part for part in parts if part)
    name = title.lower().replace(" ", "-")
    return f'<section id="{name}"><h2>{title}</h2>\n{body}\n</section>' if body else ""


def _head(solution: Solution) -> str:
    problem = solution.problem
    mark = "good" if solution.outcome.is_success else "bad"
    facts = []
    if problem.exact:
        for name, error in solution.errors().items():
            facts.append((f"relative L2 error of {name}", _number(error["relative_l2"])))
    if solution.estimate is not None:
        facts.append(("estimated error", _number(solution.estimate)))
    for name, value in solution.numbers.items():
        facts.append((name, f"{value:.8g}"))
    facts += [
        ("parameters", f"{solution.parameters:,}"),
        ("points", f"{solution.points:,}"),
        ("seconds", f"{solution.seconds:.2f}"),
        ("seed", str(solution.seed)),
    ]
    rows = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return (
        f"<header><h1>{escape(problem.name)}</h1>\n"
        f'<p class="lead"><span class="outcome {mark}">'
        f"{escape(solution.outcome.name.lower().replace('_', ' '))}</span>: "
        f"{escape(solution.outcome.value)}</p>\n"
        f'<dl class="facts">{rows}</dl></header>'
    )


def _equations(problem: Problem) -> str:
    rows = [
        (name, math(equation(e, problem)), "in the domain") for name, e in problem.equations.items()
    ]
    rows += [
        (name, math(condition(c, problem)), _place(c))
        for name, c in zip(problem.condition_names, problem.conditions, strict=True)
    ]
    for u, e in (problem.exact or {}).items():
        rows.append(("exact solution", math(equality(u, e)), ""))
    body = "".join(
        f'<tr><th scope="row">{escape(n)}</th><td>{m}</td><td class="place">{escape(p)}</td></tr>'
        for n, m, p in rows
    )
    kind = "Linear" if problem.is_linear else "Nonlinear"
    known = ", ".join(problem.unknown_names)
    text = f"{kind}, of order {problem.order}; unknown: {known}; domain: {problem.domain!r}"
    if problem.parameters:
        text += "; numbers sought: " + ", ".join(p.name for p in problem.parameters)
    return f'<p>{escape(text)}.</p><div class="wide"><table class="equations">{body}</table></div>'


def _domain(problem: Problem) -> str:
    """Return the figure of a plane domain with its pieces, which words cannot tell."""
    if problem.dimension != 2:
        return ""
    drawn = problem.plot()
    drawn.suptitle("")
    svg = inline_svg(drawn, "domain", f"the domain of {problem.name}")
    label = "Domain, conditions and points"
    return f"<details><summary>{label}</summary>{_figure(svg, '')}</details>"


def _place(c: Any) -> str:
    names = ", ".join(getattr(c.on, "names", ()))
    if c.opposite is not None:
        names += f" and {', '.join(c.opposite.on.names)}"
    return f"on {names}" if names else ""


def _figure(svg: str | None, caption: str) -> str:
    if not svg:
        return ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="wide">{svg}{below}</figure>'


def _caption(solution: Solution) -> str:
    names = ", ".join(solution.problem.unknown_names)
    exact = ", and the exact field" if solution.problem.exact else ""
    return f"{names} over {solution.problem.domain!r}{exact}."


def _slider(moving: Mapping[str, Any]) -> str:
    options = "".join(
        f'<option value="{i}">{escape(f["name"])}</option>' for i, f in enumerate(moving["fields"])
    )
    last = len(moving["moments"]) - 1
    controls = (
        '<div class="controls"><button id="play" type="button">Play</button>'
        f'<input id="moment" type="range" min="0" max="{last}" value="0" '
        f'aria-label="{escape(moving["coordinate"])}"/>'
        '<output id="moment-value" for="moment"></output>'
        f'<select id="which" aria-label="field">{options}</select></div>'
    )
    if moving["kind"] == "lines":
        legend = "Blue: the field; grey: at the beginning"
        legend += "; dashed: exact." if moving["fields"][0]["exact"] else "."
        return (
            f'<div class="panel">{controls}<svg id="lines" role="img" aria-label="field"></svg>'
            f'</div><p class="lead">{legend}</p>'
        )
    across, up = moving["axes"]
    at = f'<p class="lead">At {escape(moving["at"])}.</p>' if moving["at"] else ""
    return (
        f'<div class="panel">{controls}<div class="map">'
        f'<div class="ticks"><span>{up["high"]:.4g}</span><span>{escape(up["name"])}</span>'
        f"<span>{up['low']:.4g}</span></div>"
        '<canvas id="map" role="img" aria-label="field"></canvas>'
        '<div class="bar"><i id="bar"></i><div class="ticks"><span id="bar-high"></span>'
        '<span id="bar-low"></span></div></div>'
        f'<div class="ticks below"><span>{across["low"]:.4g}</span>'
        f"<span>{escape(across['name'])}</span><span>{across['high']:.4g}</span></div>"
        f"</div></div>{at}"
    )


def _quality(solution: Solution, drawn: Mapping[str, str]) -> Iterable[str]:
    problem = solution.problem
    if problem.exact:
        rows = [
            (name, _number(e["relative_l2"]), _number(e["max_error"]))
            for name, e in solution.errors().items()
        ]
        yield _table(("", "relative L2 error", "largest error"), rows)
        yield _figure(drawn.get("error"), "Distance to the exact field.")
    elif solution.estimate is not None:
        yield (
            f"<p>No exact solution is given. The estimated relative L2 error is "
            f"{_number(solution.estimate)}.</p>"
        )
    else:
        yield "<p>No exact solution is given, and this way of solving has no estimate.</p>"
    residuals = [(name, _number(r)) for name, r in solution.residual_rms().items()]
    yield _table(("equation or condition", "root mean square residual on fresh points"), residuals)
    yield _figure(drawn.get("residual"), "Residual of the equations.")


def _formula(formula: Formula) -> str:
    shown = "".join(math(equality(u, e)) for u, e in formula.expressions.items())
    checks = [
        (c.name, c.level.name.lower(), _number(c.largest), c.how)
        for c in formula.certificate.checks
    ]
    table = _table(("equation or condition", "certificate", "largest residual", "how"), checks)
    mark = "good" if formula.certificate.level.value > 0 else "bad"
    return (
        f'<div class="wide">{shown}</div><p>Certificate: <span class="outcome {mark}">'
        f"{escape(formula.certificate.text)}</span>. {formula.complexity} nodes in its tree.</p>"
        + (table if checks else "")
        + _formula_graph(formula)
        + _front(formula)
    )


def _formula_graph(formula: Formula) -> str:
    if not formula.expressions:
        return ""
    drawn = formula.plot()
    drawn.suptitle("")
    return _figure(
        inline_svg(drawn, "formula-graph", "graph of the formula"), "The formula as a KAN."
    )


def _front(formula: Formula) -> str:
    """Return the front of simpler and more exact formulas, where it has more than one point."""
    if len(formula.pareto) < 2:
        return ""
    rows = "".join(
        f"<tr><td>{a.complexity}</td><td>{_number(a.error)}</td><td>"
        + "".join(math(equality(u, e)) for u, e in a.expressions.items())
        + "</td></tr>"
        for a in formula.pareto
    )
    return (
        "<details><summary>Simpler and more exact formulas</summary>"
        '<div class="wide"><table><tr><th>nodes</th><th>relative error</th><th>formula</th></tr>'
        f"{rows}</table></div></details>"
    )


def _network(solution: Solution, seconds: float) -> tuple[str, list[dict[str, Any]] | None]:
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
    kind, boxes = type(solution.network).__name__, solution.network.boxes
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


def _stages(solution: Solution) -> str:
    rows = [
        (
            s["stage"],
            str(s["steps"]),
            f"{s['parameters']:,}",
            _number(s["loss"]),
            _number(s["held_out"]),
            _number(s["error"]),
            f"{s['seconds']:.2f}",
        )
        for s in solution.stages()
    ]
    names = ("stage", "steps", "parameters", "loss", "held-out residual", "error", "seconds")
    return _table(names, rows) if rows else ""


def _way(solution: Solution) -> str:
    lines = [solution.way, solution.why, *solution.notes]
    text = "".join(f"<p>{escape(_sentence(line))}</p>" for line in lines if line)
    if solution.weights:
        weights = [(name, f"{w:.4g}") for name, w in solution.weights.items()]
        text += _table(("equation or condition", "weight in the loss"), weights)
    return text


def _reproduction(solution: Solution, run: Mapping[str, Any]) -> str:
    origin = run.get("environment", {})
    settings = dict(origin.get("settings") or {"seed": solution.seed})
    file = origin.get("problem_file", "")
    parts = []
    if file:
        options = "".join(f" --{k} {settings[k]}" for k in SETTINGS if settings.get(k) is not None)
        parts.append(f"<pre><code>kanpde solve {escape(file)}{escape(options)}</code></pre>")
    else:
        parts.append(
            f"<p>With the problem in Python: <code>solve(problem, seed={solution.seed})</code>.</p>"
        )
    if origin.get("problem_text"):
        parts.append(
            f"<details><summary>{escape(file)}</summary>"
            f"<pre><code>{escape(origin['problem_text'])}</code></pre></details>"
        )
    parts.append(
        "<p>The same machine with the same number of threads gives the same bits; another one the "
        "same digits up to round-off.</p>"
    )
    rows = [(k, str(v)) for k, v in origin.items() if k not in ("problem_text", "settings") and v]
    return "".join(parts) + (_table(("", ""), rows) if rows else "")


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(n)}</th>" for n in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    above = f"<tr>{head}</tr>" if "<th></th><th></th>" not in head else ""
    return f'<div class="wide"><table>{above}{body}</table></div>'


def _sentence(text: str) -> str:
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _number(value: float | None) -> str:
    if value is None or value != value:
        return "–"
    return "0" if value == 0 else f"{value:.2e}"
