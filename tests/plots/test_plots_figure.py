"""A figure of kanpde is a picture in a notebook."""

import numpy as np

from kanpde.plots import plot_field

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_figure_shows_itself_without_pyplot() -> None:
    line = np.linspace(0, 1, 5)
    figure = plot_field([line, line], {"u": np.outer(line, line)}, ("x", "y"))
    assert figure._repr_png_().startswith(PNG)
