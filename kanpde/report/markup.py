"""Tables, figures and numbers as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def shown_figure(svg: str | None, caption: str) -> str:
    """Return a figure with its caption; nothing without one."""
    if not svg:
        return ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="wide">{svg}{below}</figure>'


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of texts; names of columns that are all empty are left out."""
    head = "".join(f"<th>{escape(n)}</th>" for n in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    above = f"<tr>{head}</tr>" if "<th></th><th></th>" not in head else ""
    return f'<div class="wide"><table>{above}{body}</table></div>'


def sentence(text: str) -> str:
    """Return a text with a capital and a full stop."""
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def number(value: float | None) -> str:
    """Return a number with three digits; what is not known as a dash."""
    if value is None or value != value:
        return "–"
    return "0" if value == 0 else f"{value:.2e}"
