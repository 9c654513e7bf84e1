"""One slab's system: Jacobians against differences, orders of convergence, Newton's outcome."""

import numpy as np
import pytest

from kanpde.control import Control
from kanpde.solving.slab_march import March, MarchSettings, march
from kanpde.solving.slab_newton import newton
from kanpde.solving.slab_space import SplineSpace
from kanpde.solving.slab_step import SlabStep, State
from kanpde.solving.slab_system import Residual, System
from kanpde.solving.slab_time import RadauRule

U, UT, UTT, UX, UXX = (0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 1), (0, 0, 2)
V, VT, VX = (1, 0, 0), (1, 1, 0), (1, 0, 1)


def residual(parts, value, partials) -> Residual:
    return Residual("r", parts, value, partials)


ZERO = residual((U,), lambda x, t, u: u, lambda x, t, u: [1.0])


def heat(nu: float = 1.0) -> System:
    """u_t = nu u_xx with sin(pi x) exp(-nu pi^2 t)."""
    equation = residual(
        (UT, UXX), lambda x, t, ut, uxx: ut - nu * uxx, lambda x, t, ut, uxx: [1.0, -nu]
    )
    return System(
        0,
        1,
        0,
        1,
        (equation,),
        left=((0, ZERO),),
        right=((0, ZERO),),
        initial=((lambda x: np.sin(np.pi * x),),),
    )


def nonlinear_system(periodic: bool) -> System:
    """Two unknowns, one of second order in time, with everything a condition may hold."""
    first = residual(
        (U, UT, UTT, UX, UXX, VX),
        lambda x, t, u, ut, utt, ux, uxx, vx: (
            utt + 0.3 * ut**2 - (1 + u**2) * uxx + ux * vx + x * t
        ),
        lambda x, t, u, ut, utt, ux, uxx, vx: [-2 * u * uxx, 0.6 * ut, 1.0, vx, -1 - u**2, ux],
    )
    second = residual(
        (U, V, VT, VX),
        lambda x, t, u, v, vt, vx: vt + np.sin(u) * vx + v**3,
        lambda x, t, u, v, vt, vx: [np.cos(u) * vx, 3 * v**2, 1.0, np.sin(u)],
    )
    robin = residual(
        (U, UX, UT, V),
        lambda x, t, u, ux, ut, v: ux + u**2 + 0.1 * ut + v - t,
        lambda x, t, u, ux, ut, v: [2 * u, 1.0, 0.1, 1.0],
    )
    inflow = residual((V,), lambda x, t, v: v - np.cos(t), lambda x, t, v: [1.0])
    ends = {} if periodic else {"left": ((0, robin), (1, inflow)), "right": ((0, ZERO),)}
    return System(-1, 1, 0, 1, (first, second), periodic=periodic, **ends)


@pytest.mark.parametrize("periodic", [False, True])
def test_the_jacobian_is_the_derivative_of_the_residual(periodic) -> None:
    system = nonlinear_system(periodic)
    assert system.time_orders == (2, 1)
    rng = np.random.default_rng(0)
    space = SplineSpace(-1 + 2 * np.linspace(0, 1, 13) ** 1.3, 4, periodic)
    state = State(space, *(rng.standard_normal((2, space.size, 2))))
    step = SlabStep(system, state, RadauRule(3), 0.2, 0.4, points=4)
    stages = rng.standard_normal((space.size, 3, 2))
    factor = step.jacobian(stages)
    direction = rng.standard_normal(stages.shape)
    h = 1e-6
    change = (step.residual(stages + h * direction) - step.residual(stages - h * direction)) / (
        2 * h
    )
    if not periodic:  # the rows of nonlinear conditions are scaled anew at each field
        rows = [(0, 0)]
        exact = _row_derivative(step, stages, direction)
        for index, unknown in rows:
            change[index, :, unknown] = exact
    found = factor.solve(change.ravel()).reshape(stages.shape)
    np.testing.assert_allclose(found, direction, atol=1e-5)


def _row_derivative(step, stages, direction) -> np.ndarray:
    """Return the derivative of the first condition's rows with the scale held fixed."""
    condition = step._conditions[0]
    h = 1e-6
    up, _ = step._condition(condition, stages + h * direction)
    down, _ = step._condition(condition, stages - h * direction)
    _, entries = step._condition(condition, stages)
    return (up - down) / (2 * h) / np.abs(entries).max(axis=(0, 1, 2))


def solved(system: System, cells: int, degree: int, stages: int, slabs: int) -> float:
    """Return the error at the end of equal slabs on even knots, relative."""
    space = SplineSpace(np.linspace(system.lower, system.upper, cells + 1), degree, system.periodic)
    functions = system.initial[0]
    c = space.projected(lambda x: np.stack([f(x) for f in functions], axis=-1))
    rates = c[:, 1:] if len(functions) > 1 else np.zeros((space.size, 1))
    state = State(space, c[:, :1], rates)
    end, length = 0.5, 0.5 / slabs
    for k in range(slabs):
        step = SlabStep(
            system, state, RadauRule(stages), k * length, length, points=degree // 2 + 2
        )
        guess = np.repeat(state.values[:, None], stages, axis=1)
        found = newton(step, guess, np.ones(1), 1e-13)
        assert found.converged
        state = step.end(found.stages)
    nodes = space.nodes(np.linspace(0.1, 0.9, 5))
    values = space.values(state.values[:, 0], space.table(nodes, 0)[:, 0])
    exact = EXACT[system.equations[0].name](nodes, end)
    return float(np.linalg.norm(values - exact) / np.linalg.norm(exact))


EXACT = {
    "heat": lambda x, t: np.sin(np.pi * x) * np.exp(-0.2 * np.pi**2 * t),
    "wave": lambda x, t: np.sin(2 * np.pi * x) * np.cos(2 * np.pi * t),
    "advection": lambda x, t: np.sin(2 * np.pi * (x - t)),
}


def named(system: System, name: str) -> System:
    first = system.equations[0]
    equation = Residual(name, first.parts, first.value, first.partials)
    return System(
        system.lower,
        system.upper,
        system.start,
        system.end,
        (equation,),
        system.left,
        system.right,
        system.periodic,
        system.initial,
    )


def wave() -> System:
    equation = residual(
        (UTT, UXX), lambda x, t, utt, uxx: utt - uxx, lambda x, t, utt, uxx: [1.0, -1.0]
    )
    initial = ((lambda x: np.sin(2 * np.pi * x), np.zeros_like),)
    return System(0, 1, 0, 1, (equation,), left=((0, ZERO),), right=((0, ZERO),), initial=initial)


def advection() -> System:
    equation = residual((UT, UX), lambda x, t, ut, ux: ut + ux, lambda x, t, ut, ux: [1.0, 1.0])
    initial = ((lambda x: np.sin(2 * np.pi * x),),)
    return System(0, 1, 0, 1, (equation,), periodic=True, initial=initial)


SYSTEMS = {"heat": heat(0.2), "wave": wave(), "advection": advection()}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_order_in_time_at_the_end_of_slabs_is_twice_the_stages_less_one(name) -> None:
    system = named(SYSTEMS[name], name)
    coarse, fine = (solved(system, 24, 9, 2, n) for n in (10, 20))
    assert np.log2(coarse / fine) == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_order_in_space_is_at_least_the_degree_plus_one(name) -> None:
    system = named(SYSTEMS[name], name)
    coarse, fine = (solved(system, n, 3, 7, 5) for n in (12, 24))
    assert np.log2(coarse / fine) > 3.7


def test_stiff_modes_are_damped_in_one_long_slab() -> None:
    system = named(heat(0.2), "heat")
    space = SplineSpace(np.linspace(0, 1, 17), 5)
    c = space.projected(lambda x: np.sin(9 * np.pi * x)[..., None])
    step = SlabStep(system, State(space, c, 0 * c), RadauRule(3), 0.0, 100.0, points=4)
    found = newton(step, np.repeat(c[:, None], 3, axis=1), np.ones(1), 1e-12)
    left = space.rms(step.end(found.stages).values)[0] / space.rms(c)[0]
    z = -0.2 * (9 * np.pi) ** 2 * 100
    # Radau IIA with three stages (Hairer and Wanner II, table IV.3.1)
    stability = (1 + 2 * z / 5 + z**2 / 20) / (1 - 3 * z / 5 + 3 * z**2 / 20 - z**3 / 60)
    assert left == pytest.approx(abs(stability), rel=0.05)
    assert left < 5e-4


def test_newton_says_when_it_fails() -> None:
    equation = residual(
        (UT, U),
        lambda x, t, ut, u: ut - np.exp(u) - 1e3 * u**2,
        lambda x, t, ut, u: [1.0, -np.exp(u) - 2e3 * u],
    )
    system = System(0, 1, 0, 1, (equation,), periodic=True, initial=((np.ones_like,),))
    space = SplineSpace(np.linspace(0, 1, 11), 3, periodic=True)
    ones = np.ones((space.size, 1))
    step = SlabStep(system, State(space, ones, 0 * ones), RadauRule(3), 0.0, 1.0, points=4)
    assert not newton(step, np.ones((space.size, 3, 1)), np.ones(1), 1e-10).converged


def test_a_march_conserves_what_the_equation_does() -> None:
    nu = 0.02
    equation = residual(
        (UT, U, UX, UXX),
        lambda x, t, ut, u, ux, uxx: ut + u * ux - nu * uxx,
        lambda x, t, ut, u, ux, uxx: [1.0, ux, u, -nu],
    )
    initial = ((lambda x: 0.3 - np.sin(np.pi * x),),)
    system = System(-1, 1, 0, 1, (equation,), periodic=True, initial=initial)
    found = March(MarchSettings(1e-8, 7, 6, 16, 400))
    march(system, found, Control())
    for slab in found.slabs:
        mass = np.einsum("i,iju->ju", slab.space.integrals, slab.coefficients)
        np.testing.assert_allclose(mass, 0.6, atol=2e-8)
