"""A box inside a domain, on which a field is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.geometry import SpaceTime, as_box

CANDIDATES = 2000
MARGIN = 0.97


def box_inside(domain: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of a box inside a domain, (D,) each.

    A box is itself; of another domain the cube about the interior point that is farthest from the
    boundary. A formula that holds there holds everywhere if it is analytic, and the certificate
    checks the whole boundary.

    >>> from kanpde import Disk
    >>> lower, upper = box_inside(Disk(x=0, y=0, radius=1))
    >>> bool((upper - lower > 1.2).all())
    True
    """
    box = as_box(domain)
    if box is not None:
        return np.array(box.lower), np.array(box.upper)
    if isinstance(domain, SpaceTime):
        lower, upper = box_inside(domain.space)
        return (
            np.append(lower, domain.time.start),
            np.append(upper, domain.time.end),
        )
    points = domain.interior(CANDIDATES, seed=2)
    distance = -domain.signed_distance(points)
    i = int(np.argmax(distance))
    half = MARGIN * distance[i] / np.sqrt(points.shape[1])
    return points[i] - half, points[i] + half
