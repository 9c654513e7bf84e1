"""``kanpde problems``."""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from typing import Any

from kanpde.cli.shared import SOLVED, add_json_option, complain


def add_commands(commands: Any) -> None:
    """Add the command."""
    listing = commands.add_parser(
        "problems",
        help="list the problem files of a folder with one line each",
        description="List the problem files of a folder; none of them is run.",
    )
    listing.add_argument("folder", type=Path, nargs="?", default=Path("problems"))
    add_json_option(listing)
    listing.set_defaults(run=_problems)


def _problems(options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        return complain(f"there is no folder {options.folder}; write kanpde problems FOLDER.")
    titles = problem_titles(options.folder)
    if not titles:
        return complain(f"no file in {options.folder} defines a `problem`.")
    if options.json:
        print(json.dumps(titles))  # noqa: T201
        return SOLVED
    width = max(map(len, titles))
    for name, title in titles.items():
        print(f"{name:{width}}  {title}".rstrip())  # noqa: T201
    return SOLVED


def problem_titles(folder: Path) -> dict[str, str]:
    """Return the first line of each problem file's docstring, by path below the folder.

    Files are read, not run: a problem file is one that assigns to ``problem``. One that is no
    Python has the reason in the place of its title.
    """
    titles = {}
    for file in sorted(folder.rglob("*.py")):
        name = str(file.relative_to(folder).with_suffix(""))
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError) as error:
            titles[name] = f"(cannot be read: {error})"
            continue
        assigned = [n for n in tree.body if isinstance(n, (ast.Assign, ast.AnnAssign))]
        targets = [t for n in assigned for t in getattr(n, "targets", [getattr(n, "target", n)])]
        if any(isinstance(t, ast.Name) and t.id == "problem" for t in targets):
            titles[name] = (ast.get_docstring(tree) or "").split("\n")[0]
    return titles
