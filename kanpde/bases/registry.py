"""From the description of a basis back to the basis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanpde.bases.basis import Basis
from kanpde.bases.bspline import BSpline
from kanpde.bases.chebyshev import Chebyshev
from kanpde.bases.fourier import Fourier
from kanpde.bases.gaussian import Gaussian
from kanpde.bases.jacobi import Jacobi, Legendre
from kanpde.bases.periodic import PeriodicSpline
from kanpde.bases.symbolic import Symbolic
from kanpde.bases.wavelet import DoG, MexicanHat, Morlet

_MEMBERS: tuple[type[Basis], ...] = (
    BSpline,
    PeriodicSpline,
    Chebyshev,
    Jacobi,
    Legendre,
    Fourier,
    Gaussian,
    MexicanHat,
    Morlet,
    DoG,
    Symbolic,
)


def basis_from_dict(description: Mapping[str, Any]) -> Basis:
    """Build the basis that `Basis.to_dict` described.

    Raises:
        ValueError: the family is missing or unknown, or the other keys do not suit it.

    >>> basis_from_dict({"family": "chebyshev", "degree": 4})
    Chebyshev(degree=4)
    """
    families = {member.family: member for member in _MEMBERS}
    arguments = dict(description)
    family = arguments.pop("family", None)
    if family not in families:
        known = ", ".join(sorted(families))
        raise ValueError(f"basis_from_dict: family must be one of {known}, got {family!r}.")
    try:
        return families[family](**arguments)
    except TypeError as error:
        raise ValueError(f"basis_from_dict: {description!r} does not fit: {error}.") from None
