from __future__ import annotations

import numpy as np
import pytest
from small_networks import image_for, networks

from digits import Dataset, NeuralNetwork
from digits.activations import Array
from digits.gradient_check import TOLERANCE
from digits.inspection import Favourites, check_output, check_parameters, favourite_steps, parameter_positions, trace
from digits.inspection.units import parameter_range
from digits.layers import Dense, ReLU
from digits.model_files import load_model

ALL = pytest.mark.parametrize("network", networks(), ids=repr)


@ALL
def test_every_gradient_of_every_unit_equals_its_central_difference(network: NeuralNetwork) -> None:
    frozen = network.frozen()
    before = frozen.parameters.copy()
    traced = trace(frozen, image_for(network), 1)
    for layer in range(len(network.layers)):
        start, end = parameter_range(frozen, layer)
        checks = check_parameters(traced, np.arange(start, end))
        assert {check.verdict for check in checks} <= {"agrees"}
        assert [check.gradient for check in checks] == list(frozen.gradients[start:end])
        assert [check.value for check in checks] == list(before[start:end])
        for unit in range(traced.values[layer + 1].size):
            assert check_output(traced, layer, unit).verdict == "agrees"
    assert np.array_equal(frozen.parameters, before)


@pytest.mark.parametrize(("model", "layer"), [("standard", 0), ("standard", 2), ("cnn", 0), ("cnn", 12)])
def test_the_gradients_of_shipped_models_equal_theirs(model: str, layer: int, mnist: tuple[Dataset, Dataset]) -> None:
    network = load_model(model).stored.frozen(np.float64)
    traced = trace(network, mnist[1].images[0], 3)  # it is a 7
    checks = check_parameters(traced, parameter_positions(network, layer, 1)[:40])
    largest = max(abs(check.gradient) for check in checks)
    for check in checks:
        assert abs(check.gradient - check.numeric) <= TOLERANCE * max(largest, 0.01 * np.abs(network.gradients).max())


def test_a_difference_across_a_kink_is_called_so() -> None:
    network = NeuralNetwork([Dense(1), ReLU(), Dense(2)], (1,), dtype=np.float64)
    network.parameters[...] = [1, -0.5 + 2e-6, 1, -1, 0, 0]  # at x = 0.5 the unit is 0.000002 above its kink
    checks = check_parameters(trace(network, np.array([0.5]), 0), np.array([0, 1]))
    assert [check.verdict for check in checks] == ["kink", "kink"]


def test_a_wrong_gradient_is_found() -> None:
    network = networks()[0].frozen()
    traced = trace(network, image_for(network), 1)
    network.gradients[0] *= 1.01
    assert check_parameters(traced, np.array([0]))[0].verdict == "differs"


def test_a_gradient_below_the_rounding_of_the_loss_is_called_so() -> None:
    network = NeuralNetwork([Dense(2)], (1,), dtype=np.float64)
    network.parameters[...] = [11, -11, 0, 0]
    checks = check_parameters(trace(network, np.array([1.0]), 0), np.array([0, 1]))
    assert all(check.verdict in {"agrees", "rounding"} for check in checks)
    assert any(check.verdict == "rounding" for check in checks)


def test_parameters_of_two_layers_at_once_are_refused() -> None:
    network = networks()[0].frozen()
    with pytest.raises(ValueError, match="must belong to one layer"):
        check_parameters(trace(network, image_for(network), 0), np.array([0, network.parameters.size - 1]))
    assert check_parameters(trace(network, image_for(network), 0), np.array([], np.intp)) == []


# -- favourites


def favourites_of(network: NeuralNetwork, images: Array, count: int = 8) -> list[Favourites]:
    """Go through the steps to their result."""
    steps, shares = favourite_steps(network, images, count), [0.0]
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            assert shares == sorted(shares)
            assert shares[-1] == 1
            return end.value


@ALL
def test_favourites_are_the_images_with_the_largest_outputs(network: NeuralNetwork) -> None:
    images = np.random.default_rng(5).random((40, *network.input_shape))
    found = favourites_of(network, images, count=6)
    outputs = images
    for layer, favourites in zip(network.layers, found, strict=True):
        outputs = layer.infer(outputs)
        units = outputs.max(axis=(2, 3)) if outputs.ndim == 4 else outputs
        assert favourites.outputs == pytest.approx(-np.sort(-units, axis=0)[:6].T)
        assert np.take_along_axis(units.T, favourites.indices, axis=1) == pytest.approx(favourites.outputs)


def test_favourites_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    network = networks()[0]
    images = np.random.default_rng(6).random((50, *network.input_shape))
    whole = favourites_of(network, images)
    monkeypatch.setattr("digits.neural_network.INFERENCE_BATCH", 7)
    for one, other in zip(whole, favourites_of(network, images), strict=True):
        assert np.array_equal(one.indices, other.indices)
