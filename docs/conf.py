"""Sphinx settings; build with ``sphinx-build -W docs docs/_build`` (extra ``docs``), offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from kanpde.cli.listing import problem_titles
from kanpde.version import __version__

PROBLEMS = Path(__file__).parent.parent / "problems"

project = "kanpde"
author = "The kanpde developers"
copyright = "The kanpde developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"kanpde {__version__}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["mathematics.css"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_rtype = False


def _inline(self: Any, node: Any) -> None:
    self.body.append(convert(node.astext()))
    raise SkipNode


def _block(self: Any, node: Any) -> None:
    self.body.append(convert(node.astext(), display="block"))
    raise SkipNode


def _gallery(app: Any, docname: str, source: list[str]) -> None:
    """List the problem files, which are read and not run, in the place of GALLERY."""
    if docname != "start/gallery":
        return
    titles = problem_titles(PROBLEMS)
    rows = [f"| [{name}](#{name.replace('/', '-').replace('_', '-')}) | {title} |"
            for name, title in titles.items()]  # fmt: skip
    parts = ["| file | |\n|---|---|\n" + "\n".join(rows)]
    for name in titles:
        label = name.replace("/", "-").replace("_", "-")
        include = f"```{{literalinclude}} ../../problems/{name}.py\n```"
        parts.append(f"({label})=\n## {name}\n\n{include}")
    source[0] = source[0].replace("GALLERY", "\n\n".join(parts))


def setup(app: Any) -> None:
    """Write mathematics as MathML, which needs no script from elsewhere, and the gallery."""
    app.connect("source-read", _gallery)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
