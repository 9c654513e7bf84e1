"""The laws every basis obeys; a new member joins by one line in MEMBERS."""

import json
import math
import pickle

import mpmath
import numpy as np
import pytest
import scipy.interpolate
import scipy.special
import sympy
import torch

from kanpde.bases import (
    Basis,
    BSpline,
    Chebyshev,
    DoG,
    Fourier,
    Gaussian,
    Jacobi,
    Legendre,
    MexicanHat,
    Morlet,
    PeriodicSpline,
    Symbolic,
    basis_from_dict,
)

FREE = (-1.0, -0.8, -0.75, -0.1, 0.4, 1.0)

MEMBERS = [
    *[BSpline(degree=p, intervals=5) for p in (0, 1, 2, 3, 5, 9)],
    BSpline(degree=3, intervals=1),
    *[BSpline(degree=p, knots=FREE) for p in (0, 1, 3, 5, 9)],
    BSpline(degree=3, knots=(-1, 1)),
    PeriodicSpline(degree=3, intervals=6),
    PeriodicSpline(degree=5, intervals=2),
    Chebyshev(0),
    Chebyshev(8),
    Jacobi(6, alpha=0.5, beta=-0.5),
    Jacobi(5, alpha=2.0, beta=1.0),
    Jacobi(4, alpha=-0.5, beta=-0.5),
    Legendre(7),
    Fourier(0),
    Fourier(3),
    Fourier(2, period=3.0),
    Gaussian(1),
    Gaussian(6),
    Gaussian(4, width=0.9),
    Gaussian(5, width=0.7, reach=1.0),
    MexicanHat(4),
    Morlet(4),
    Morlet(3, scale=0.8, frequency=3.0),
    DoG(5, scale=0.6),
    Symbolic("exp(-x**2)*sin(3*x) + 1/(2 + x)", scale=0.7, shift=-0.2),
    Symbolic("x**3 - 0.1*x"),
    Symbolic("tanh(x) + sqrt(x + 4) + atan(x)", scale=-1.5),
    Symbolic("3"),
]
every_member = pytest.mark.parametrize("basis", MEMBERS, ids=repr)

# Inside, both ends, a knot of no basis, and outside, where the functions continue.
POINTS = np.array([-1.35, -1.0, -0.93, -0.77, -0.31, 0.013, 0.27, 0.71, 1.0, 1.2])


# --- independent references -------------------------------------------------------------------


def reference(basis: Basis, points: np.ndarray, k: int) -> np.ndarray:
    """Compute the k-th derivatives (size, points) by other people's code."""
    if isinstance(basis, BSpline | PeriodicSpline):
        if k > basis.degree:
            return np.zeros((basis.size, points.size))
        plain = basis if isinstance(basis, BSpline) else basis.spline
        wrapped = np.eye(basis.size)[np.arange(plain.size) % basis.size]
        splines = scipy.interpolate.BSpline(
            plain.extended_knots(), wrapped, basis.degree, extrapolate=True
        )
        return splines(points, nu=k).T
    if isinstance(basis, Chebyshev | Legendre):
        kind = np.polynomial.Chebyshev if isinstance(basis, Chebyshev) else np.polynomial.Legendre
        functions = [kind.basis(n) for n in range(basis.size)]
        return np.array([(f.deriv(k) if k else f)(points) for f in functions])
    if isinstance(basis, Jacobi):
        return np.array([jacobi_derivative(basis, n, points, k) for n in range(basis.size)])
    x = sympy.Symbol("x", real=True)
    rows = []
    for formula in formulas(basis, x):
        value = sympy.lambdify(x, formula.diff(x, k), "mpmath")
        with mpmath.workdps(40):
            rows.append([float(value(mpmath.mpf(float(point)))) for point in points])
    return np.array(rows)


def jacobi_derivative(basis: Jacobi, n: int, points: np.ndarray, k: int) -> np.ndarray:
    """d^k P_n^(a, b) = (n + a + b + 1)_k / 2^k  P_{n-k}^(a + k, b + k)."""
    if k > n:
        return np.zeros_like(points)
    a, b = basis.alpha, basis.beta
    rising = math.prod(n + a + b + 1 + i for i in range(k))
    return rising / 2**k * scipy.special.eval_jacobi(n - k, a + k, b + k, points)


def formulas(basis: Basis, x: sympy.Symbol) -> list[sympy.Expr]:
    """Write the functions as sympy expressions, from the definitions in the papers."""
    exact = sympy.Rational
    match basis:
        case Fourier():
            w = 2 * sympy.pi / exact(basis.period)
            pairs = [(sympy.cos(m * w * x), sympy.sin(m * w * x)) for m in range(1, 99)]
            return [sympy.Integer(1), *[f for pair in pairs[: basis.modes] for f in pair]]
        case Symbolic():
            return [basis.formula().subs(x, exact(basis.scale) * x + exact(basis.shift))]
    n = basis.size
    given, reach = basis.scale if not isinstance(basis, Gaussian) else basis.width, exact(1)
    if isinstance(basis, Gaussian):
        reach = exact(basis.reach)
    middles = [reach * (exact(2 * i, n - 1) - 1) if n > 1 else exact(0) for i in range(n)]
    width = exact(given) if given is not None else reach * exact(2, max(n - 1, 1))
    places = [(x - c) / width for c in middles]
    match basis:
        case Gaussian():
            return [sympy.exp(-(y**2)) for y in places]
        case MexicanHat():
            norm = 2 / (sympy.sqrt(3) * sympy.pi ** exact(1, 4))
            return [norm * (1 - y**2) * sympy.exp(-(y**2) / 2) for y in places]
        case Morlet():
            w = exact(basis.frequency)
            return [sympy.cos(w * y) * sympy.exp(-(y**2) / 2) for y in places]
        case DoG():
            return [-y * sympy.exp(-(y**2) / 2) for y in places]
    raise AssertionError(f"write the reference of {basis!r}")


def assert_close(actual, expected, tolerance):
    scale = max(1e-300, np.abs(expected).max(initial=0.0), 1.0)
    assert np.abs(np.asarray(actual) - expected).max(initial=0.0) <= tolerance * scale


def nested_gradient(values: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Differentiate pointwise functions; what no longer depends on s has derivative zero."""
    if not values.requires_grad:
        return torch.zeros_like(s)
    (slope,) = torch.autograd.grad(values.sum(), s, create_graph=True, materialize_grads=True)
    return slope


# --- values and derivatives -------------------------------------------------------------------


@every_member
def test_derivatives_match_an_independent_reference(basis):
    table = basis.evaluate(torch.from_numpy(POINTS), 4)
    assert table.shape == (5, basis.size, POINTS.size)
    for k in range(5):
        assert_close(table[k], reference(basis, POINTS, k), 2e-12)


@every_member
def test_derivatives_match_nested_autograd(basis):
    s = torch.from_numpy(POINTS).requires_grad_()
    table = basis.evaluate(s, 4)
    assert table.requires_grad
    for b in range(basis.size):
        value = table[0, b]
        for k in range(1, 5):
            value = nested_gradient(value, s)
            assert_close(value.detach(), table[k, b].detach().numpy(), 1e-11)


@every_member
def test_gradient_of_a_derivative_is_the_next_derivative(basis):
    s = torch.from_numpy(POINTS).requires_grad_()
    table = basis.evaluate(s, 4)
    weights = torch.linspace(-1, 1.5, basis.size, dtype=s.dtype)[:, None]
    for k in range(4):
        slope = nested_gradient((weights * table[k]).sum(0), s)
        expected = (weights * table[k + 1]).sum(0)
        assert_close(slope.detach(), expected.detach().numpy(), 1e-11)


@every_member
def test_double_backward_passes_gradcheck(basis):
    s = torch.tensor([-0.87, 0.17, 0.63], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: basis.evaluate(t, 1), (s,), atol=1e-4)


@every_member
def test_orders_do_not_depend_on_the_highest_order(basis):
    s = torch.from_numpy(POINTS)
    table = basis.evaluate(s, 6)
    for order in (0, 1, 3):
        torch.testing.assert_close(basis.evaluate(s, order), table[: order + 1], rtol=1e-13, atol=0)


@every_member
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (0,), (2, 1, 2)])
def test_any_batch_shape(basis, shape):
    s = torch.linspace(-1.1, 1.1, math.prod(shape), dtype=torch.float64).reshape(shape)
    table = basis.evaluate(s, 2)
    assert table.shape == (3, basis.size, *shape)
    flat = basis.evaluate(s.reshape(-1), 2).reshape(table.shape)
    torch.testing.assert_close(table, flat, rtol=1e-13, atol=1e-13)


@every_member
def test_strided_input(basis):
    wide = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    torch.testing.assert_close(
        basis.evaluate(wide.T, 1),
        basis.evaluate(wide.T.contiguous(), 1),
        rtol=1e-13,
        atol=1e-13,
    )


@every_member
def test_float32_keeps_its_dtype_and_digits(basis):
    s = torch.tensor([-1.0, -0.52, 0.03, 0.49, 0.98])
    single = basis.evaluate(s, 3)
    assert single.dtype == torch.float32
    double = basis.evaluate(s.double(), 3).numpy()
    for k in range(4):
        assert_close(single[k], double[k], 2e-5)


@every_member
def test_points_that_are_not_numbers_give_no_index_error(basis):
    s = torch.tensor([float("nan"), 0.25, float("inf")], dtype=torch.float64)
    table = basis.evaluate(s, 1)
    expected = basis.evaluate(s[1:2], 1)[..., 0]
    torch.testing.assert_close(table[..., 1], expected, rtol=1e-13, atol=1e-13)
    local = table[0, :, 0]
    assert local.isnan().any()


# --- nesting ----------------------------------------------------------------------------------

REFINEMENTS = [
    *[(BSpline(p, 5), {"intervals": 10}) for p in range(1, 10)],
    *[(BSpline(p, 10), {"intervals": 20}) for p in range(1, 10)],
    *[(BSpline(p, 3), {"intervals": 9}) for p in range(0, 10)],
    *[(BSpline(p, knots=FREE), {"intervals": 15}) for p in (1, 3, 5, 9)],
    *[(BSpline(p, knots=FREE), {"knots": (*FREE[:-1], 0.5, 0.97, 1)}) for p in (1, 3, 5, 9)],
    (BSpline(3, 4), {"knots": (-1, -0.5, 0, 0.01, 0.5, 1)}),
    (Chebyshev(5), {"degree": 8}),
    (Legendre(3), {"degree": 9}),
    (Jacobi(3, 0.5, 1.0), {"degree": 5}),
    (PeriodicSpline(3, 6), {"intervals": 12}),
    (PeriodicSpline(5, 2), {"intervals": 6}),
    (Fourier(3), {"modes": 8}),
    (Fourier(0, period=4.0), {"modes": 2}),
    (Gaussian(4), {"centres": 7}),
    (Gaussian(1, width=0.3), {"centres": 5}),
    (MexicanHat(3), {"count": 5}),
    (Morlet(2), {"count": 6}),
    (DoG(3), {"count": 9}),
]


@pytest.mark.parametrize(("coarse", "how"), REFINEMENTS, ids=str)
def test_refinement_keeps_the_function(coarse, how):
    fine = coarse.refined(**how)
    assert fine.size > coarse.size
    matrix = coarse.transfer(fine)
    assert matrix.shape == (fine.size, coarse.size)
    assert matrix.dtype == np.float64
    coefficients = np.random.default_rng(7).standard_normal(coarse.size)
    s = torch.linspace(-1, 1, 403, dtype=torch.float64)
    before = np.einsum("kbn,b->kn", coarse.evaluate(s, 2).numpy(), coefficients)
    after = np.einsum("kbn,b->kn", fine.evaluate(s, 2).numpy(), matrix @ coefficients)
    # A derivative that jumps at a knot has no value there, only one on either side.
    rows = min(coarse.degree, 3) if isinstance(coarse, BSpline) else 3
    clear = np.abs(s.numpy()[:, None] - breaks_of(fine)).min(axis=1, initial=1.0) > 1e-12
    for k in range(3):
        kept = slice(None) if k < rows else clear
        change = np.abs(after[k, kept] - before[k, kept]).max()
        assert change <= 1e-12 * np.abs(before[k]).max()


def breaks_of(basis):
    return basis.breakpoints() if isinstance(basis, BSpline) else np.zeros(0)


@every_member
def test_transfer_to_itself_is_the_identity(basis):
    assert basis.nested_in(basis)
    np.testing.assert_allclose(basis.transfer(basis), np.eye(basis.size), atol=1e-14)


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [
        (BSpline(3, 5), BSpline(3, 7)),
        (BSpline(3, 5), BSpline(2, 10)),
        (BSpline(3, 10), BSpline(3, 5)),
        (BSpline(3, knots=FREE), BSpline(3, 30)),
        (Chebyshev(5), Chebyshev(4)),
        (Chebyshev(5), Legendre(5)),
        (Legendre(5), Legendre(4)),
        (Jacobi(2, 0.5, 0.5), Jacobi(3, 0.5, 0.25)),
        (Fourier(2), Fourier(4, period=3.0)),
        (Gaussian(4), Gaussian(7)),
        (Gaussian(4, 0.5), Gaussian(6, 0.5)),
        (Gaussian(1, 0.5), Gaussian(4, 0.5)),
        (MexicanHat(3, 0.5), DoG(3, 0.5)),
        (Morlet(3, 0.5), Morlet(3, 0.5, frequency=4.0)),
        (Symbolic("x"), Symbolic("x**2")),
    ],
    ids=str,
)
def test_transfer_names_both_where_not_nested(coarse, fine):
    assert not coarse.nested_in(fine)
    with pytest.raises(ValueError, match="is not nested in") as raised:
        coarse.transfer(fine)
    assert repr(coarse) in str(raised.value)
    assert repr(fine) in str(raised.value)


@pytest.mark.parametrize(
    ("basis", "how", "message"),
    [
        (BSpline(3, 5), {"intervals": 7}, "not nested"),
        (BSpline(3, 5), {"intervals": 0}, "intervals must be an integer >= 1, got 0"),
        (
            BSpline(3, 5),
            {"degree": 4},
            r"refined by one of: intervals=... or knots=...; got degree=4",
        ),
        (BSpline(3, 5), {}, "got nothing"),
        (BSpline(3, 5), {"intervals": 10, "knots": (-1, 1)}, "got intervals=10, knots="),
        (BSpline(3, knots=FREE), {"intervals": 7}, "multiple of 5, got 7"),
        (BSpline(3, knots=FREE), {"knots": (-1, 0, 1)}, "not nested"),
        (Chebyshev(5), {"degree": 4}, "not nested"),
        (Chebyshev(5), {"intervals": 10}, "refined by one of: degree=...; got intervals=10"),
        (Fourier(3), {"modes": 2}, "not nested"),
        (Gaussian(4), {"centres": 5}, "not nested"),
        (Symbolic("x"), {"degree": 3}, "refined by one of: nothing"),
    ],
)
def test_refined_refuses(basis, how, message):
    with pytest.raises(ValueError, match=message):
        basis.refined(**how)


# --- fitting ----------------------------------------------------------------------------------


@every_member
def test_fit_recovers_a_member(basis):
    coefficients = np.linspace(0.5, -1.0, basis.size)

    def member(s):
        return coefficients @ basis.evaluate(torch.from_numpy(s), 0)[0].numpy()

    fitted = basis.fit(member)
    assert fitted.shape == (basis.size,)
    s = np.linspace(-1, 1, 101)
    assert_close(fitted @ basis.evaluate(torch.from_numpy(s), 0)[0].numpy(), member(s), 1e-10)


@pytest.mark.parametrize("degree", range(8))
def test_fit_of_a_spline_converges_at_the_order_degree_plus_one(degree):
    intervals = np.array([12, 16, 24, 32])
    errors = [fit_error(BSpline(degree, int(g)), lambda s: np.sin(3 * s + 0.5)) for g in intervals]
    slope = -np.polyfit(np.log(intervals), np.log(errors), 1)[0]
    assert abs(slope - (degree + 1)) < 0.4


def test_fit_on_free_knots_converges_too():
    coarse = BSpline(3, knots=FREE)
    errors = [
        fit_error(coarse.refined(intervals=5 * m), lambda s: np.sin(3 * s)) for m in (4, 8, 16)
    ]
    slope = np.log(errors[0] / errors[-1]) / np.log(4)
    assert abs(slope - 4) < 0.4


@pytest.mark.parametrize("basis", [Chebyshev(20), Legendre(20), Jacobi(20, 0.5, 0.5)], ids=repr)
def test_fit_of_polynomials_is_spectral(basis):
    assert fit_error(basis, lambda s: np.exp(np.sin(2 * s))) < 1e-8
    assert fit_error(Chebyshev(40), lambda s: np.exp(np.sin(2 * s))) < 1e-13


def fit_error(basis, f):
    s = np.linspace(-1, 1, 2001)
    return np.abs(basis.fit(f) @ basis.evaluate(torch.from_numpy(s), 0)[0].numpy() - f(s)).max()


def test_fit_takes_torch_functions_and_constants_and_points():
    basis = Chebyshev(12)
    np.testing.assert_allclose(basis.fit(torch.sin), basis.fit(np.sin), atol=1e-14)
    np.testing.assert_allclose(basis.fit(lambda s: s.sin()), basis.fit(np.sin), atol=1e-14)
    np.testing.assert_allclose(basis.fit(lambda s: 2.0), 2 * np.eye(13)[0], atol=1e-13)
    line = Chebyshev(1).fit(lambda s: 3 * s, points=np.array([-0.5, 0.5]))
    np.testing.assert_allclose(line, [0, 3], atol=1e-14)


def test_fit_refuses_bad_values():
    with pytest.raises(ValueError, match="one value per point"):
        Chebyshev(3).fit(lambda s: np.zeros(2))
    with pytest.raises(ValueError, match="finite"), np.errstate(divide="ignore", invalid="ignore"):
        Chebyshev(3).fit(lambda s: np.log(s))


@every_member
def test_identity_is_exact_or_refused(basis):
    s = torch.linspace(-1.4, 1.4, 29, dtype=torch.float64)
    bumps = Fourier | Gaussian | MexicanHat | Morlet | DoG | Symbolic | PeriodicSpline
    if isinstance(basis, bumps) or basis.degree == 0:
        with pytest.raises(ValueError, match="does not contain the identity") as raised:
            basis.identity()
        assert repr(basis) in str(raised.value)
        return
    value = basis.identity() @ basis.evaluate(s, 0)[0].numpy()
    np.testing.assert_allclose(value, s, atol=1e-13)


# --- values as values -------------------------------------------------------------------------


@every_member
def test_dict_round_trip_through_json(basis):
    text = json.dumps(basis.to_dict())
    again = basis_from_dict(json.loads(text))
    assert again == basis
    s = torch.from_numpy(POINTS)
    assert torch.equal(again.evaluate(s, 2), basis.evaluate(s, 2))


@every_member
def test_equality_hash_and_pickle(basis):
    copy = pickle.loads(pickle.dumps(basis))
    assert copy == basis
    assert hash(copy) == hash(basis)
    assert repr(copy) == repr(basis)
    assert sum(basis == other for other in MEMBERS) == 1


@every_member
def test_instances_are_frozen(basis):
    with pytest.raises(AttributeError):
        basis.size = 3
    with pytest.raises(AttributeError):
        basis.family = "other"


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"family": "splines"}, "family must be one of bspline, chebyshev, .*got 'splines'"),
        ({"degree": 3}, "got None"),
        ({"family": "chebyshev"}, "does not fit: .*degree"),
        ({"family": "chebyshev", "degree": 3, "order": 1}, "does not fit: .*order"),
        ({"family": "chebyshev", "degree": -3}, "degree must be an integer >= 0, got -3"),
    ],
)
def test_bad_descriptions(description, message):
    with pytest.raises(ValueError, match=message):
        basis_from_dict(description)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BSpline(degree=-1), "BSpline: degree must be an integer >= 0, got -1"),
        (lambda: BSpline(degree=2.5), r"integer >= 0, got 2\.5"),
        (lambda: BSpline(intervals=0), "intervals must be an integer >= 1, got 0"),
        (lambda: BSpline(knots=(-1, 0.5, 0.5, 1)), "strictly increasing"),
        (lambda: BSpline(knots=(-1, 0.5, 0.2, 1)), "strictly increasing"),
        (lambda: BSpline(knots=(-1, float("nan"), 1)), "strictly increasing"),
        (lambda: BSpline(knots=(-1, 0, 0.9)), "must go from -1 to 1"),
        (lambda: BSpline(knots=(0, 1)), "must go from -1 to 1"),
        (lambda: BSpline(knots=(1,)), "must go from -1 to 1"),
        (lambda: BSpline(knots=3), "sequence of numbers, got 3"),
        (lambda: Chebyshev(-1), "Chebyshev: degree must be an integer >= 0, got -1"),
        (lambda: Legendre("3"), "Legendre: degree must be an integer >= 0, got '3'"),
        (lambda: Jacobi(-1), "Jacobi: degree"),
        (lambda: Jacobi(3, alpha=-1), "alpha must be a finite number > -1, got -1"),
        (lambda: Jacobi(3, beta=float("inf")), "beta must be a finite number"),
        (lambda: Fourier(-1), "modes must be an integer >= 0, got -1"),
        (lambda: Fourier(1, period=0), "period must be a finite number > 0, got 0"),
        (lambda: Gaussian(0), "centres must be an integer >= 1, got 0"),
        (lambda: Gaussian(3, width=-1), "width must be a finite number > 0, got -1"),
        (lambda: Gaussian(3, reach=0.5), "reach must be at least 1, got 0.5"),
        (lambda: MexicanHat(0), "MexicanHat: count must be an integer >= 1, got 0"),
        (lambda: DoG(3, scale="wide"), "DoG: scale must be a finite number > 0, got 'wide'"),
        (lambda: Morlet(3, frequency=0), "frequency must be a finite number > 0, got 0"),
        (lambda: Symbolic("x", scale=float("nan")), "scale must be a finite number, got nan"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@every_member
def test_evaluate_refuses(basis):
    name = type(basis).__name__
    with pytest.raises(ValueError, match=rf"{name}\.evaluate: order must be .* got -1"):
        basis.evaluate(torch.zeros(2), -1)
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.int64"):
        basis.evaluate(torch.zeros(2, dtype=torch.int64), 0)


def test_fit_with_derivatives_recovers_members_and_smooths_what_does_not_fit():
    def line(s):
        return 1.0 * s

    slopes = (lambda s: 1.0, lambda s: 0.0)
    for basis in (BSpline(3, 40), Chebyshev(5)):
        np.testing.assert_allclose(basis.fit(line, derivatives=slopes), basis.identity(), atol=1e-9)
    # A periodic basis cannot hold a line: by values alone it oscillates about it.
    basis, s = Fourier(10), torch.linspace(-1, 1, 2001, dtype=torch.float64)
    second = basis.evaluate(s, 2)[2].numpy()
    rough, smooth = basis.fit(line), basis.fit(line, derivatives=slopes)
    assert np.linalg.norm(smooth @ second) < 0.1 * np.linalg.norm(rough @ second)


def test_bells_beyond_the_ends_carry_slopes_there():
    """With the last bell at an end, 30 bells are 4 % off however they are fitted."""

    def f(s):
        return np.sin(3 * s + 0.4)

    assert fit_error(Gaussian(30, reach=1.0), f) > 1e-2
    assert fit_error(Gaussian(30), f) < 5e-4
    assert fit_error(Gaussian(30, width=1.5 * 2.5 / 29), f) < 1e-6
