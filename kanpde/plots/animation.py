"""Fields that move: an animation of lines or maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation

from kanpde.plots.fields import MOST_STRETCHED, linear_scale
from kanpde.plots.figure import Figure
from kanpde.plots.style import BLACK, BLUE


def animate_field(
    axes: Sequence[np.ndarray],
    names: Sequence[str],
    moments: np.ndarray,
    values: Mapping[str, np.ndarray],
    *,
    coordinate: str = "t",
    exact: Mapping[str, np.ndarray] | None = None,
    title: str = "",
) -> FuncAnimation:
    """Return the animation of fields on a line or a plane, one panel for each, on one scale.

    ``animation.save("field.gif", writer="pillow")`` writes it; nothing is shown.

    Args:
        axes: one or two arrays (n,), (m,).
        names: of the coordinates.
        moments: (F,), one for each frame.
        values: by name of the field (F, n) or (F, n, m), index order "ij"; NaN is left out.
        coordinate: that the moments are of.
        exact: exact fields of the same shapes, drawn dashed beside lines.
        title: of the figure.

    Raises:
        ValueError: if an array does not have the shape of moments and axes.
    """
    shape = (len(moments), *map(len, axes))
    known = dict(exact or {})
    for name, array in (*values.items(), *known.items()):
        if np.shape(array) != shape or len(axes) not in (1, 2):
            raise ValueError(
                f'"{name}" has shape {np.shape(array)}, but {len(moments)} moments and the axes '
                f"need {shape}, of one or two axes."
            )
    figure = Figure(figsize=(1.0 + 4.4 * len(values), 4.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(values)))
    draw = [
        _line(panel, axes[0], array, known.get(name))
        if len(axes) == 1
        else _map(panel, axes, array)
        for panel, (name, array) in zip(panels, values.items(), strict=True)
    ]
    for panel, name in zip(panels, values, strict=True):
        panel.set_title(name)
        panel.set_xlabel(names[0])
        if len(axes) == 2:
            panel.set_ylabel(names[1])

    def show(k: int) -> list[Any]:
        figure.suptitle(f"{title}  {coordinate} = {moments[k]:.4g}".strip())
        return [artist for update in draw for artist in update(k)]

    return FuncAnimation(figure, show, frames=len(moments), interval=80, blit=False)


def _line(panel: Any, x: np.ndarray, values: np.ndarray, exact: np.ndarray | None) -> Any:
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    room = 0.06 * (high - low) or 1.0
    panel.set(xlim=(x[0], x[-1]), ylim=(low - room, high + room))
    (curve,) = panel.plot(x, values[0], color=BLUE, linewidth=2.2)
    dashed = None
    if exact is not None:
        (dashed,) = panel.plot(x, exact[0], color=BLACK, linestyle=(0, (4, 4)), linewidth=1)

    def update(k: int) -> list[Any]:
        curve.set_ydata(values[k])
        if exact is None or dashed is None:
            return [curve]
        dashed.set_ydata(exact[k])
        return [curve, dashed]

    return update


def _map(panel: Any, axes: Sequence[np.ndarray], values: np.ndarray) -> Any:
    norm, colours = linear_scale([values])
    shown = np.ma.masked_invalid(values)
    mesh = panel.pcolormesh(*axes, shown[0].T, shading="nearest", norm=norm, cmap=colours)
    width, height = (float(np.ptp(a)) for a in axes)
    if 1 / MOST_STRETCHED <= height / width <= MOST_STRETCHED:
        panel.set_aspect("equal")
    panel.figure.colorbar(mesh, ax=panel, shrink=0.8)

    def update(k: int) -> list[Any]:
        mesh.set_array(shown[k].T)
        return [mesh]

    return update
