"""``kanpde formula``, ``kanpde verify`` and ``kanpde report``: what is made of a run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpde.cli.shared import NOT_SOLVED, SOLVED, add_json_option, complain, solution_file
from kanpde.run_folder import finite

if TYPE_CHECKING:
    from kanpde.formula import Formula


def add_commands(commands: Any) -> None:
    """Add the three commands."""
    _add_formula_commands(commands)
    _add_report_command(commands)


def _add_formula_commands(commands: Any) -> None:
    formula = commands.add_parser(
        "formula",
        help="look for the closed form of a solved run and certify it",
        description="Read a formula from the field of a run and put it into the problem.",
        epilog="Exit status: 0 a formula with a certificate, 1 none, 2 bad input.",
    )
    formula.add_argument("path", type=Path, metavar="RUN", help="run folder, or a solution file")
    formula.add_argument("--out", type=Path, help="formula file (default: RUN/formula.json)")
    formula.add_argument("--budget", default="30s", help="time limit such as 60s (default 30s)")
    add_json_option(formula)
    formula.set_defaults(run=_formula)
    verify = commands.add_parser(
        "verify",
        help="check a formula file again, believing nothing of its certificate",
        description="Put the formula of a file into the problem of the file.",
        epilog="Exit status: 0 the formula holds, 1 it does not, 2 bad input.",
    )
    verify.add_argument("path", type=Path, metavar="FILE", help="formula file")
    add_json_option(verify)
    verify.set_defaults(run=_verify)


def _add_report_command(commands: Any) -> None:
    page = commands.add_parser(
        "report",
        help="write one HTML page of a solved run",
        description="Write a self-contained page: problem, field, errors, network, formula.",
        epilog="Exit status: 0 written, 2 bad input.",
    )
    page.add_argument("path", type=Path, metavar="RUN", help="run folder, or a solution file")
    page.add_argument("--out", type=Path, help="page (default: RUN/report.html)")
    page.add_argument(
        "--candidates",
        default="10s",
        metavar="TIME",
        help="time for formula candidates of the edges, 0 for none (default 10s)",
    )
    add_json_option(page)
    page.set_defaults(run=_report_page)


def _formula(options: argparse.Namespace) -> int:
    from kanpde.formula import Level, find_formula
    from kanpde.solution import load

    file = solution_file(options.path)
    formula = find_formula(load(file), budget=options.budget)
    out = options.out or file.with_name("formula.json")
    formula.save(out)
    summary = {
        "problem": formula.problem.name,
        "certificate": formula.certificate.to_dict(),
        "formula": {str(u): str(e) for u, e in formula.expressions.items()},
        "latex": formula.latex,
        "complexity": formula.complexity,
        "seconds": formula.seconds,
        "file": str(out),
    }
    if options.json:
        print(json.dumps(finite(summary), allow_nan=False))  # noqa: T201
    else:
        _print_formula(formula, f"Written to {out} in {formula.seconds:.1f} s.")
    return NOT_SOLVED if formula.certificate.level is Level.NONE else SOLVED


def _verify(options: argparse.Namespace) -> int:
    from kanpde.formula import Level, load_formula

    formula = load_formula(options.path)
    if options.json:
        print(json.dumps(finite(formula.certificate.to_dict()), allow_nan=False))  # noqa: T201
    else:
        _print_formula(formula, "Checked again from the file's problem and formula.")
    return NOT_SOLVED if formula.certificate.level is Level.NONE else SOLVED


def _print_formula(formula: Formula, end: str) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for unknown, expression in formula.expressions.items():
        console.print(f"{unknown} = {expression}")
    console.print(formula.certificate.text, style="bold")
    for check in formula.certificate.checks:
        console.print(f"  {check.name}: {check.level.name.lower()}, {check.how}", style="dim")
    console.print(end, style="dim")


def _report_page(options: argparse.Namespace) -> int:
    path: Path = options.path
    folder = path if path.is_dir() else path.parent
    manifest: dict[str, Any] = {}
    if path.is_dir() and (path / "run.json").is_file():
        manifest = json.loads((path / "run.json").read_text())
        if "not_saved" in manifest:
            return complain(f"there is no solution.h5 in {path}: {manifest['not_saved']}")

    from kanpde.control import parse_budget
    from kanpde.formula import load_formula
    from kanpde.report import report
    from kanpde.solution import load

    none = options.candidates.strip() in ("0", "0s")
    seconds = 0.0 if none else parse_budget(options.candidates) or 0.0
    formula_file = folder / "formula.json"
    out = report(
        load(solution_file(path)),
        options.out or folder / "report.html",
        formula=load_formula(formula_file) if formula_file.is_file() else None,
        run=manifest,
        candidate_seconds=seconds,
    )
    if options.json:
        print(json.dumps({"file": str(out)}))  # noqa: T201
    else:
        print(f"Written to {out}.")  # noqa: T201
    return SOLVED
