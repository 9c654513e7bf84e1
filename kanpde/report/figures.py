"""matplotlib figures as inline SVG that follows the colours of the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import matplotlib

if TYPE_CHECKING:
    from kanpde.plots.figure import Figure

SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "kanpde"}
DPI = 100
"""Of maps, which are pictures within the SVG."""

COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--plot)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--vermillion)",
    "#cc79a7": "var(--purple)",
    "#7f7f7f": "var(--grey)",
    "#808080": "var(--grey)",
    "#404040": "var(--soft)",
}
"""Colours of figures, and what the page has in their place."""


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an SVG element with nothing outside of it.

    Text stays text, black and white are the page's ink and paper, so that the figure is readable in
    dark mode, and ids carry the name, so that figures can share a page.

    Args:
        figure: any; it is not changed.
        name: of the figure on the page, an identifier.
        description: for those who cannot see it.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", dpi=DPI, bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    for colour, variable in COLOURS.items():
        text = re.sub(rf"(?<=: ){colour}\b", variable, text)
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    width = float(box.group(1).split()[2]) * 4 / 3
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    head = (
        f'<svg viewBox="{box.group(1)}" class="figure" role="img" aria-label="{label}" '
        f'style="max-width:{width:.0f}px">'
    )
    return head + text[text.index(">") + 1 :].rstrip()
