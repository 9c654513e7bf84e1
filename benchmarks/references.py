"""References for problems without a formula in elementary functions.

* Burgers' equation from -sin(pi x): the Cole-Hopf quotient of integrals by Gauss and Hermite.
* Periodic equations u_t = L u + N(u): Fourier modes in x and the exponential Runge-Kutta method
  ETDRK4 in t (Cox and Matthews, J. Comput. Phys. 176 (2002); coefficients by contour integrals,
  Kassam and Trefethen, SIAM J. Sci. Comput. 26 (2005)).
* Laplace's equation on the square with four holes: fundamental solutions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def burgers(x: np.ndarray, t: np.ndarray, nu: float, nodes: int = 240) -> np.ndarray:
    r"""Return Burgers' field from u(x, 0) = -sin(pi x) at x (X,) and t (T,), shape (T, X).

    u = -int sin(pi(x-s)) F(x-s) G(s) ds / int F(x-s) G(s) ds with F(y) = exp(-cos(pi y)/(2 pi nu))
    and the heat kernel G. 200 nodes give 1e-15 up to t = 2 for nu = 0.01/pi.
    """
    z, w = np.polynomial.hermite.hermgauss(nodes)
    result = np.empty((len(t), len(x)))
    for i, time in enumerate(t):
        y = np.asarray(x)[:, None] - np.sqrt(4 * nu * max(float(time), 0.0)) * z
        exponent = -np.cos(np.pi * y) / (2 * np.pi * nu)
        weight = w * np.exp(exponent - exponent.max(axis=1, keepdims=True))
        result[i] = -(weight * np.sin(np.pi * y)).sum(axis=1) / weight.sum(axis=1)
    return result


def fourier(
    initial: Callable[[np.ndarray], np.ndarray],
    linear: Callable[[np.ndarray], np.ndarray],
    nonlinear: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    interval: tuple[float, float],
    times: np.ndarray,
    modes: int,
    steps: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """Solve u_t = L u + N(u) periodically.

    Args:
        initial: u(x, 0).
        linear: maps wave numbers k to the symbol of L, which must be real (even derivatives).
        nonlinear: maps (u on the grid, k) to the Fourier coefficients of N(u).
        interval: of one period.
        times: evenly spaced from 0.
        modes: of the Fourier grid.
        steps: of ETDRK4 between two times.

    Returns:
        a function that maps x (X,) to the field at all times, (T, X), by its Fourier series.
    """
    a, b = interval
    grid = a + (b - a) * np.arange(modes) / modes
    k = 2 * np.pi * np.fft.fftfreq(modes, (b - a) / modes)
    h = (times[1] - times[0]) / steps
    whole, half, q, f1, f2, f3 = _coefficients(linear(k), h)
    keep = np.abs(np.fft.fftfreq(modes)) < 1 / 3  # aliases of products are cut off

    def n(c: np.ndarray) -> np.ndarray:
        return np.asarray(nonlinear(np.fft.ifft(c).real, k) * keep)

    c = np.fft.fft(initial(grid))
    history = [c]
    for _ in times[1:]:
        for _ in range(steps):
            first = n(c)
            a1 = half * c + q * first
            second = n(a1)
            a2 = half * c + q * second
            third = n(a2)
            a3 = half * a1 + q * (2 * third - first)
            c = whole * c + f1 * first + 2 * f2 * (second + third) + f3 * n(a3)
        history.append(c)
    coefficients = np.array(history) / modes

    def field(x: np.ndarray) -> np.ndarray:
        return (coefficients @ np.exp(1j * np.outer(k, np.asarray(x) - a))).real

    return field


def _coefficients(symbol: np.ndarray, h: float) -> tuple[np.ndarray, ...]:
    points = np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    lr = h * symbol[:, None] + points
    mean = lambda values: h * values.mean(axis=1).real  # noqa: E731
    return (
        np.exp(h * symbol),
        np.exp(h * symbol / 2),
        mean((np.exp(lr / 2) - 1) / lr),
        mean((-4 - lr + np.exp(lr) * (4 - 3 * lr + lr**2)) / lr**3),
        mean((2 + lr + np.exp(lr) * (-2 + lr)) / lr**3),
        mean((-4 - 3 * lr - lr**2 + np.exp(lr) * (4 - lr)) / lr**3),
    )


def four_holes(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the field of problems/poisson_four_holes.py at points (N, 2) and a bound of its error.

    Fundamental solutions log|z - p| with sources around the square and on circles inside the holes,
    fitted to the values on the boundary by least squares. The sum is harmonic, so that no error
    inside is larger than the largest one on the boundary, measured on four times the points.
    """
    angle = lambda n: np.exp(2j * np.pi * np.arange(n) / n)  # noqa: E731
    centres = [complex(a, b) for a in (-0.3, 0.3) for b in (-0.3, 0.3)]
    sources = np.concatenate([_outline(0.65, 320), *(c + 0.06 * angle(60) for c in centres)])

    def boundary(n: int) -> tuple[np.ndarray, np.ndarray]:
        sides = _outline(0.5, 8 * n)
        circles = [c + 0.1 * angle(n) for c in centres]
        return np.concatenate([sides, *circles]), np.repeat([1.0, 0.0], [8 * n, 4 * n])

    def matrix(z: np.ndarray) -> np.ndarray:
        return np.hstack([np.log(abs(z[:, None] - sources)), np.ones((len(z), 1))])

    z, values = boundary(120)
    weights = np.linalg.lstsq(matrix(z), values, rcond=1e-15)[0]
    finer, wanted = boundary(480)
    bound = float(np.abs(matrix(finer) @ weights - wanted).max())
    return matrix(points[:, 0] + 1j * points[:, 1]) @ weights, bound


def _outline(half: float, n: int) -> np.ndarray:
    """Return n evenly spaced points on the boundary of a square about 0."""
    side = half * (2 * (np.arange(n // 4) + 0.5) / (n // 4) - 1)
    return np.concatenate([(side - 1j * half) * 1j**k for k in range(4)])
