"""Embedding: many dimensions become two, and what is alike stays together."""

from __future__ import annotations

import numpy as np
import pytest

from digits.activations import Array
from digits.embedding import (
    STEPS,
    _divergence_gradients,
    _neighbour_probabilities,
    images_to_embed,
    layer_points,
    principal_components,
    tsne,
    tsne_steps,
)
from digits.evaluation import Evaluation
from digits.layers import Dense, ReLU
from digits.neural_network import NeuralNetwork

RANDOM = np.random.default_rng(0)


def test_the_images_to_embed_hold_all_mistakes_and_some_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(500) % 10
    read = np.where(np.arange(500) < 30, (labels + 1) % 10, labels)
    evaluation = Evaluation(np.eye(10)[read], labels)
    assert np.array_equal(images_to_embed(evaluation), np.arange(500))  # so few: all
    monkeypatch.setattr("digits.embedding.MOST_POINTS", 100)
    chosen = images_to_embed(evaluation, seed=1)
    assert len(chosen) == 100
    assert np.array_equal(chosen[:30], np.arange(30))
    assert (np.diff(chosen) > 0).all()
    assert np.array_equal(chosen, images_to_embed(evaluation, seed=1))
    monkeypatch.setattr("digits.embedding.MOST_MISTAKES", 9)
    assert np.count_nonzero(images_to_embed(evaluation) < 30) == 9


def test_the_points_of_no_layer_are_the_pixels_and_those_of_a_layer_its_outputs() -> None:
    network = NeuralNetwork([Dense(6), ReLU(), Dense(10)], seed=0)
    images = RANDOM.integers(0, 256, (5, 28, 28), np.uint8)
    np.testing.assert_allclose(layer_points(network, images, 0), images.reshape(5, 784) / 255, atol=1e-6)
    first = network.layers[0]
    outputs = np.maximum(layer_points(network, images, 0) @ first.weights + first.biases, 0)
    np.testing.assert_allclose(layer_points(network, images, 2), outputs, atol=1e-5)


def test_principal_components_are_the_eigenvectors_of_the_covariance() -> None:
    points = RANDOM.normal(size=(50, 4)) * [5, 1, 3, 0.1]
    components = principal_components(points, 2)
    variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    np.testing.assert_allclose(np.cov(components.T), np.diag(variances[:2]), atol=1e-10)
    turned = principal_components(-points, 2)
    np.testing.assert_allclose(np.abs(turned), np.abs(components), atol=1e-10)
    assert (turned.max(axis=0) > -turned.min(axis=0)).all()


def test_neighbours_have_the_perplexity_that_was_asked_for() -> None:
    alike = _neighbour_probabilities(np.eye(12), 11.0)  # all equally far: each has 11 neighbours
    np.testing.assert_allclose(alike, (1 - np.eye(12)) / (12 * 11), atol=1e-12)
    alike = _neighbour_probabilities(RANDOM.normal(size=(40, 3)), 5.0)
    assert alike.sum() == pytest.approx(1)
    np.testing.assert_array_equal(alike, alike.T)


def test_the_gradient_of_tsne_is_that_of_its_divergence() -> None:
    alike = _neighbour_probabilities(RANDOM.normal(size=(8, 5)), 3.0)
    places = RANDOM.normal(size=(8, 2))

    def divergence(places: Array) -> float:
        near = 1 / (1 + np.square(places[:, np.newaxis] - places).sum(axis=2)) - np.eye(8)
        return float(np.sum(alike * np.log((alike + np.eye(8)) / (near / near.sum() + np.eye(8)))))

    gradients = _divergence_gradients(places, alike, 1.0)
    for place in np.ndindex(places.shape):
        step = np.zeros_like(places)
        step[place] = 1e-5
        slope = (divergence(places + step) - divergence(places - step)) / 2e-5
        assert gradients[place] == pytest.approx(slope, abs=1e-7)


def test_tsne_keeps_clusters_apart_and_draws_nothing_at_random() -> None:
    centres = np.repeat(10 * np.eye(3, 6), 20, axis=0)
    points = centres + RANDOM.normal(size=(60, 6))
    places = tsne(points)
    assert np.array_equal(places, tsne(points))
    distances = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(distances.argmin(axis=1) // 20, np.arange(60) // 20)


def test_the_steps_of_tsne_begin_with_principal_components_and_end_where_tsne_does() -> None:
    points = RANDOM.normal(size=(20, 5))
    steps = list(tsne_steps(points))
    assert len(steps) == 1 + STEPS
    assert np.array_equal(steps[0], principal_components(points, 2))
    assert np.array_equal(steps[-1], tsne(points))
    assert len(list(tsne_steps(points[:3]))) == 1
