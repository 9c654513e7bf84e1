"""Univariate bases on [-1, 1] and the base branches of KAN edges.

Every basis gives its values and derivatives of any order in closed form, refines exactly, fits
functions, and goes to JSON and back.
"""

from kanpde.bases.activations import (
    Activation,
    Identity,
    SiLU,
    Sine,
    Tanh,
    activation_from_dict,
)
from kanpde.bases.basis import Basis
from kanpde.bases.bspline import BSpline
from kanpde.bases.chebyshev import Chebyshev
from kanpde.bases.fourier import Fourier
from kanpde.bases.gaussian import Gaussian
from kanpde.bases.jacobi import Jacobi, Legendre
from kanpde.bases.knots import insertion_blossoms, local_splines
from kanpde.bases.periodic import PeriodicSpline
from kanpde.bases.registry import basis_from_dict
from kanpde.bases.symbolic import Symbolic
from kanpde.bases.wavelet import DoG, MexicanHat, Morlet

__all__ = [
    "Activation",
    "BSpline",
    "Basis",
    "Chebyshev",
    "DoG",
    "Fourier",
    "Gaussian",
    "Identity",
    "Jacobi",
    "Legendre",
    "MexicanHat",
    "Morlet",
    "PeriodicSpline",
    "SiLU",
    "Sine",
    "Symbolic",
    "Tanh",
    "activation_from_dict",
    "basis_from_dict",
    "insertion_blossoms",
    "local_splines",
]
