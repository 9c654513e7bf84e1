"""The laws of the base branches."""

import json
import pickle

import mpmath
import numpy as np
import pytest
import torch

from kanpde.bases import Identity, SiLU, Sine, Tanh, activation_from_dict

REFERENCES = {
    SiLU(): lambda z: z / (1 + mpmath.exp(-z)),
    Tanh(): mpmath.tanh,
    Sine(): mpmath.sin,
    Identity(): lambda z: z,
}
every_activation = pytest.mark.parametrize("activation", REFERENCES, ids=repr)
POINTS = np.array([-30.0, -4.1, -1.0, -0.2, 0.0, 0.7, 2.5, 19.0])


@every_activation
def test_derivatives_match_mpmath(activation):
    table = activation.evaluate(torch.from_numpy(POINTS), 6).numpy()
    assert table.shape == (7, POINTS.size)
    with mpmath.workdps(60):
        for k in range(7):
            exact = [float(mpmath.diff(REFERENCES[activation], mpmath.mpf(z), k)) for z in POINTS]
            np.testing.assert_allclose(table[k], exact, rtol=2e-12, atol=1e-14)


@pytest.mark.parametrize("activation", [SiLU(), Tanh()], ids=repr)
def test_tails_keep_their_digits(activation):
    """Relative accuracy where the derivatives are tiny: no 1 - tanh^2 by subtraction."""
    z = torch.tensor([-20.0], dtype=torch.float64)
    table = activation.evaluate(z, 3).numpy()
    with mpmath.workdps(60):
        exact = [float(mpmath.diff(REFERENCES[activation], mpmath.mpf(-20), k)) for k in range(4)]
    np.testing.assert_allclose(table[:, 0], exact, rtol=1e-12)


@every_activation
def test_derivatives_match_nested_autograd(activation):
    z = torch.from_numpy(POINTS).requires_grad_()
    table = activation.evaluate(z, 5)
    for k in range(5):
        if not table[k].requires_grad:
            slope = torch.zeros_like(z)
        else:
            (slope,) = torch.autograd.grad(
                table[k].sum(), z, retain_graph=True, materialize_grads=True
            )
        np.testing.assert_allclose(slope.numpy(), table[k + 1].detach().numpy(), atol=1e-12)


@every_activation
def test_double_backward(activation):
    z = torch.tensor([-1.3, 0.2, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: activation.evaluate(t, 2), (z,))


@every_activation
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(activation, dtype):
    for shape in [(), (0,), (2, 3)]:
        for order in (0, 1, 3):
            table = activation.evaluate(torch.ones(shape, dtype=dtype), order)
            assert table.shape == (order + 1, *shape)
            assert table.dtype == dtype


@every_activation
def test_round_trips(activation):
    assert activation_from_dict(json.loads(json.dumps(activation.to_dict()))) == activation
    assert pickle.loads(pickle.dumps(activation)) == activation
    assert hash(type(activation)()) == hash(activation)
    assert sum(activation == other for other in REFERENCES) == 1


@every_activation
def test_evaluate_refuses(activation):
    with pytest.raises(ValueError, match="order must be an integer >= 0, got -1"):
        activation.evaluate(torch.zeros(1), -1)
    with pytest.raises(ValueError, match="floating-point"):
        activation.evaluate(torch.zeros(1, dtype=torch.int64), 1)


@pytest.mark.parametrize("bad", [{}, {"family": "relu"}, {"family": "tanh", "gain": 2}])
def test_bad_descriptions(bad):
    with pytest.raises(ValueError, match="one of identity, silu, sine, tanh"):
        activation_from_dict(bad)
