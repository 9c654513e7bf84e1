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
from kanpde.problem.kept import missing
from kanpde.report.figures import inline_svg
from kanpde.report.formula import formula_section
from kanpde.report.frames import frames
from kanpde.report.markup import number, sentence, shown_figure, table
from kanpde.report.mathematics import condition, equality, equation, math
from kanpde.report.network import network_section
from kanpde.version import __version__

if TYPE_CHECKING:
    from kanpde.formula import Formula
    from kanpde.solution import Solution

CANDIDATE_SECONDS = 10.0
"""For the formula candidates of all edges."""

SETTINGS = ("seed", "tol", "budget", "points", "memory", "device", "compiled", "threads")


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
        ValueError: if the path does not end in .html, or the problem was read from a file without
            the Python functions that it holds.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(f"report({path.name!r}): a report is a page; its suffix must be .html.")
    problem = solution.problem
    expressions = [*problem.equations.values(), *(c.expression for c in problem.conditions)]
    absent = sorted({name for expression in expressions for name in missing(expression)})
    if absent:
        given = ", ".join(f'"{name}": ...' for name in absent)
        raise ValueError(
            f"a report tells residuals, and no file keeps the function {', '.join(absent)} of "
            f"{problem.name}; give it again: load(path, given={{{given}}}).report(...)."
        )
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
    network, edges = network_section(solution, seconds)
    sections = [
        _head(solution),
        _section("Problem", _equations(problem), _domain(problem)),
        _section(
            "Field",
            _slider(moving) if moving else "",
            shown_figure(drawn.get("field"), _caption(solution)),
        ),
        _section("Error and residual", *_quality(solution, drawn)),
        _section("Formula", formula_section(formula)) if formula is not None else "",
        _section("Network", network),
        _section("Convergence", shown_figure(drawn.get("convergence"), ""), _stages(solution)),
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
            facts.append((f"relative L2 error of {name}", number(error["relative_l2"])))
    if solution.estimate is not None:
        facts.append(("estimated error", number(solution.estimate)))
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
    return f"<details><summary>{label}</summary>{shown_figure(svg, '')}</details>"


def _place(c: Any) -> str:
    names = ", ".join(getattr(c.on, "names", ()))
    if c.opposite is not None:
        names += f" and {', '.join(c.opposite.on.names)}"
    return f"on {names}" if names else ""


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
            (name, number(e["relative_l2"]), number(e["max_error"]))
            for name, e in solution.errors().items()
        ]
        yield table(("", "relative L2 error", "largest error"), rows)
        yield shown_figure(drawn.get("error"), "Distance to the exact field.")
    elif solution.estimate is not None:
        yield (
            f"<p>No exact solution is given. The estimated relative L2 error is "
            f"{number(solution.estimate)}.</p>"
        )
    else:
        yield "<p>No exact solution is given, and this way of solving has no estimate.</p>"
    residuals = [(name, number(r)) for name, r in solution.residual_rms().items()]
    yield table(("equation or condition", "root mean square residual on fresh points"), residuals)
    yield shown_figure(drawn.get("residual"), "Residual of the equations.")


def _stages(solution: Solution) -> str:
    rows = [
        (
            s["stage"],
            str(s["steps"]),
            f"{s['parameters']:,}",
            number(s["loss"]),
            number(s["held_out"]),
            number(s["error"]),
            f"{s['seconds']:.2f}",
        )
        for s in solution.stages()
    ]
    names = ("stage", "steps", "parameters", "loss", "held-out residual", "error", "seconds")
    return table(names, rows) if rows else ""


def _way(solution: Solution) -> str:
    lines = [solution.way, solution.why, *solution.notes]
    text = "".join(f"<p>{escape(sentence(line))}</p>" for line in lines if line)
    if solution.weights:
        weights = [(name, f"{w:.4g}") for name, w in solution.weights.items()]
        text += table(("equation or condition", "weight in the loss"), weights)
    return text


def _option(name: str, value: Any) -> str:
    """Return an option of the command line, nothing if it was not given."""
    if value is None or value is False:
        return ""
    return f" --{name}" if value is True else f" --{name} {value}"


def _reproduction(solution: Solution, run: Mapping[str, Any]) -> str:
    origin = run.get("environment", {})
    settings = dict(origin.get("settings") or {"seed": solution.seed})
    file = origin.get("problem_file", "")
    parts = []
    if file:
        options = "".join(_option(name, settings.get(name)) for name in SETTINGS)
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
    return "".join(parts) + (table(("", ""), rows) if rows else "")
