"""The figure that all plots return."""

from __future__ import annotations

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows as a picture, whether or not pyplot is loaded.

    Notebooks show figures as pictures only once pyplot is there, and pyplot keeps those that it
    makes. This one needs no such thing.
    """

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        return picture.getvalue()
