"""torch.compile is opt-in and agrees: values, derivatives and gradients, in one graph or several.

Libraries that compile by default cannot be differentiated twice; here derivatives are closed forms,
so a compiled evaluation needs none of that.
"""

import shutil
import warnings

import pytest
import sympy
import torch

from kanpde.bases import BSpline, Chebyshev
from kanpde.networks import KAN, MLP, JetLayout, SeparableKAN

NETWORKS = {
    "kan": lambda: KAN([2, 2, 1], basis=BSpline(3, 4), seed=0),
    "mlp": lambda: MLP([2, 4, 1], seed=0),
    "separable": lambda: SeparableKAN(2, [Chebyshev(4)] * 2, seed=0),
    "knots of its own": lambda: KAN([2, 2, 1], basis=BSpline(3, 4), seed=0).inserted(
        {(0, 0, 0): [0.11], (1, 0, 1): [0.3]}
    ),
    "a formula": lambda: KAN([2, 2, 1], basis=BSpline(3, 4), seed=0).with_edge(
        (0, 1, 0), sympy.sin(sympy.Symbol("z"))
    ),
}
COMPILER = any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def compiled_agrees(network, backend: str) -> None:
    layout = JetLayout.of(2, [(2, 0), (0, 2)])
    x = torch.linspace(-0.9, 0.9, 40, dtype=torch.float64).view(20, 2).sin()
    prepared = network.prepare(x, layout)
    parameters = list(network.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler's own modules
        torch._dynamo.reset()
        jets = torch.compile(network.evaluate, backend=backend)(prepared)
        torch._dynamo.reset()
    expected = network.evaluate(prepared)
    torch.testing.assert_close(jets, expected, rtol=1e-12, atol=1e-12)
    # three derivatives in all: two in the jets, the third by autograd through the compiled graph
    weights = torch.linspace(1, 2, jets.numel(), dtype=torch.float64).view(jets.shape)
    for found, wanted in zip(
        torch.autograd.grad((weights * jets).sum(), parameters),
        torch.autograd.grad((weights * expected).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["mlp", "separable"])
def test_a_captured_graph_agrees(name):
    compiled_agrees(NETWORKS[name](), "aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="torch.compile needs a C++ compiler on the CPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_code_agrees(name):
    compiled_agrees(NETWORKS[name](), "inductor")
