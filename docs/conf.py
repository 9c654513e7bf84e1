"""Sphinx settings; build with ``sphinx-build -W docs docs/_build`` (extra ``docs``), offline."""

from __future__ import annotations

from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from kanpde.version import __version__

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


def setup(app: Any) -> None:
    """Write mathematics as MathML, which needs no script from elsewhere."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
