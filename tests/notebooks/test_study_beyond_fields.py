"""The study of KAN layers in other networks: equal sizes, and better than what is no network."""

import pytest

NAME = "studies/beyond_fields.ipynb"
PAIRS = [
    ("convolutional KAN", "convolutional network"),
    ("transformer with a KAN", "transformer"),
    ("temporal KAN [5, 6, 1]", "MLP [5, 41, 1]"),
]


def sizes_agree(found):
    for kan, usual in PAIRS:
        ratio = found[f"parameters {kan}"] / found[f"parameters {usual}"]
        assert 0.95 < ratio < 1.05


def test_networks_of_equal_size_are_compared(run_notebook):
    found = run_notebook(
        NAME,
        train_images=6,
        test_images=2,
        epochs=6,
        rates=[0.01],
        seeds=[0],
        train_waves=2,
        test_waves=2,
        time_steps=10,
        iterations=15,
    )
    sizes_agree(found)
    for cell in ("temporal KAN [5, 6, 1]", "MLP [5, 41, 1]"):
        assert found[f"one step {cell}"] < 0.1 * found["one step linear stencil"]
        assert found[f"rolled {cell}"] < 0.1 * found["rolled linear stencil"]


@pytest.mark.slow
def test_the_full_settings(run_notebook):
    found = run_notebook(NAME)
    sizes_agree(found)
    for name in [name for pair in PAIRS[:2] for name in pair]:
        assert found[f"error {name}"] < found["trivial"]
    for cell in ("temporal KAN [5, 6, 1]", "MLP [5, 41, 1]"):
        assert found[f"rolled {cell}"] < found["rolled central differences"]
