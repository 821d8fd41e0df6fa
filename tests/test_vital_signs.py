"""Gradients by layer and dead units, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, NeuralNetwork, Recipe
from digits.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sigmoid
from digits.vital_signs import dead_shares, vital_signs


def test_gradients_are_those_of_the_loss(small_set: Dataset) -> None:
    network = Recipe(hidden=(16, 8)).network(0)
    signs = vital_signs(network, small_set.images[:50], small_set.labels[:50])
    network.loss_and_gradients(small_set.images[:50], small_set.labels[:50])
    weighted = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert signs.gradients == pytest.approx([np.sqrt((layer.weights_gradients**2).mean()) for layer in weighted])
    assert signs.weights == pytest.approx([np.sqrt((layer.weights**2).mean()) for layer in weighted])


def test_with_zero_weights_everything_is_dead(small_set: Dataset) -> None:
    network = Recipe(hidden=(16, 8)).network(0)
    network.parameters[:] = 0
    signs = vital_signs(network, small_set.images[:50], small_set.labels[:50])
    assert signs.dead == [1.0, 1.0]
    assert signs.gradients == [0.0, 0.0, 0.0]


def test_gradients_fade_in_deep_sigmoid_networks(small_set: Dataset) -> None:
    network = Recipe(hidden=(32,) * 10, activation="sigmoid").network(0)
    gradients = vital_signs(network, small_set.images[:50], small_set.labels[:50]).gradients
    assert gradients[0] < 1e-4 * gradients[-1]


def test_a_unit_is_dead_where_a_bias_keeps_it_from_ever_being_active(small_set: Dataset) -> None:
    network = NeuralNetwork([Dense(10), ReLU(), Dense(5), Sigmoid(), Dense(10)], seed=0)
    network.layers[0].biases[:3] = -1e6
    network.layers[0].biases[3:] = 5
    network.layers[2].biases[0] = 1e6  # and so far that its slope is 0
    assert dead_shares(network, small_set.images[:50]) == pytest.approx([0.3, 0.2])


def test_a_unit_of_a_convolution_is_a_channel(small_set: Dataset) -> None:
    layers = [Conv2D(4, 3), BatchNorm(), MaxPool2D(2), ReLU(), Flatten(), Dense(10)]
    network = NeuralNetwork(layers, (1, 28, 28), seed=0)
    network.layers[0].weights[:, :, :, 1] = 0
    network.layers[0].biases[1] = -1
    assert dead_shares(network, small_set.images[:20]) == pytest.approx([0.25])
