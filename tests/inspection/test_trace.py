from __future__ import annotations

from math import log

import numpy as np
import pytest
from small_networks import image_for, networks

from digits import NeuralNetwork
from digits.gradient_check import central_differences, check_gradients, relative_error
from digits.inspection import influence, take_step, trace, values

ALL = pytest.mark.parametrize("network", networks(), ids=repr)


@ALL
def test_a_frozen_network_trains_as_the_network_infers(network: NeuralNetwork) -> None:
    images = np.random.default_rng(0).random((3, *network.input_shape))
    assert network.frozen().forward(images.copy()) == pytest.approx(network.logits(images), abs=1e-12)


@ALL
def test_its_gradients_are_right(network: NeuralNetwork) -> None:
    images = np.random.default_rng(1).random((3, *network.input_shape))
    errors = check_gradients(network.frozen(), images, np.array([0, 3, 1]))
    assert max(errors.values()) < 1e-6


@ALL
def test_a_frozen_network_shares_nothing(network: NeuralNetwork) -> None:
    before, statistics = network.parameters.copy(), network.statistics.copy()
    take_step(network.frozen(), image_for(network), 1, 0.5)
    assert np.array_equal(network.parameters, before)
    assert np.array_equal(network.statistics, statistics)


@ALL
def test_values_run_from_the_pixels_to_the_logits(network: NeuralNetwork) -> None:
    image = image_for(network)
    found = values(network.frozen(), image)
    assert len(found) == len(network.layers) + 1
    assert np.array_equal(found[0], image)
    assert found[-1] == pytest.approx(network.logits(image[np.newaxis])[0], abs=1e-12)
    assert [one.shape for one in found[1:]] == [layer.output_shape for layer in network.layers]


@ALL
def test_loss_and_gradients_are_those_of_training(network: NeuralNetwork) -> None:
    frozen, image = network.frozen(), image_for(network)
    traced = trace(frozen, image, 2)
    gradients = frozen.gradients.copy()
    assert frozen.loss_and_gradients(image[np.newaxis], np.array([2])) == pytest.approx(traced.loss, abs=1e-15)
    assert np.array_equal(frozen.gradients, gradients)
    assert traced.loss == pytest.approx(-log(traced.probabilities[2]), abs=1e-12)
    truth = np.eye(4)[2]
    assert traced.gradients[-1] == pytest.approx(traced.probabilities - truth, abs=1e-12)


@ALL
def test_the_gradient_of_the_pixels_equals_the_central_difference(network: NeuralNetwork) -> None:
    frozen, image = network.frozen(), image_for(network)
    traced = trace(frozen, image, 2)
    numeric = central_differences(lambda: trace(frozen, image, 2).loss, image)
    assert relative_error(traced.gradients[0], numeric) < 1e-6


@ALL
def test_every_gradient_is_the_sum_of_what_it_does_through_the_next_layer(network: NeuralNetwork) -> None:
    """The chain rule, term by term, against ``backward``."""
    traced = trace(network.frozen(), image_for(network), 1)
    for layer in range(-1, len(network.layers) - 1):
        for unit in range(traced.values[layer + 1].size):
            found = influence(traced, layer, unit)
            assert found is not None
            assert found.slopes @ found.gradients == pytest.approx(found.gradient, abs=1e-12)
            assert found.gradient == traced.gradients[layer + 1].reshape(-1)[unit]
    assert influence(traced, len(network.layers) - 1, 0) is None


@ALL
def test_a_small_step_lowers_the_loss_by_as_much_as_the_slope_says(network: NeuralNetwork) -> None:
    frozen, image, rate = network.frozen(), image_for(network), 1e-6
    step = take_step(frozen, image, 3, rate)
    after = trace(frozen, image, 3).loss
    assert step.loss - after == pytest.approx(rate * step.slope, rel=1e-2)


def test_a_label_that_the_network_does_not_know_is_refused() -> None:
    network = networks()[0].frozen()
    with pytest.raises(ValueError, match="the label must lie in 0…3; got 4"):
        trace(network, image_for(network), 4)
