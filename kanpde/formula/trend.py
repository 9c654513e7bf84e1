"""Whether residuals at scattered points are noise, or still hold a trend."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

LEAST_POINTS = 30
"""With fewer points nothing can be said."""

DEVIATIONS = 4.0


def neighbour_correlation(points: np.ndarray, residual: np.ndarray) -> float:
    """Return the correlation of the residuals of neighbours: about zero for noise.

    Each coordinate is scaled to its range; every point is paired with its nearest neighbour.

    Args:
        points: (N, D).
        residual: (N,).
    """
    widths = np.ptp(points, axis=0)
    scaled = points / np.where(widths > 0, widths, 1.0)
    nearest = cKDTree(scaled).query(scaled, k=2)[1][:, 1]
    square = float(np.mean(residual**2))
    return float(np.mean(residual * residual[nearest])) / square if square > 0 else 0.0


def has_trend(points: np.ndarray, residual: np.ndarray) -> bool:
    """Return whether neighbours' residuals are alike beyond chance.

    Independent residuals have a correlation of standard deviation about 1/sqrt(N).

    Args:
        points: (N, D).
        residual: (N,).
    """
    limit = DEVIATIONS / np.sqrt(len(residual))
    return abs(neighbour_correlation(points, residual)) > limit
