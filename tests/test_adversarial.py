"""Attacks: they stay within their bounds, follow the true gradient, and a network that is too sure cannot stop them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits import Dataset
from digits.activations import Array
from digits.adversarial import BATCH, attack_errors, fgsm, pgd
from digits.errors import DigitsError
from digits.evaluation import evaluate
from digits.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Tanh
from digits.losses import SoftmaxCrossEntropy
from digits.model_files import load_model
from digits.neural_network import NeuralNetwork

RANDOM = np.random.default_rng(0)
GREY = RANDOM.uniform(0.4, 0.6, (6, 784)).astype(np.float32)  # far from 0 and 1: nothing is clipped
LABELS = np.array([3, 1, 4, 1, 5, 9])
ATTACKS = [fgsm, pgd]


@cache
def quick() -> NeuralNetwork:
    return load_model("quick").network


@pytest.fixture(scope="module")
def digits(mnist: tuple[Dataset, Dataset]) -> Dataset:
    return Dataset(mnist[1].images[:200], mnist[1].labels[:200])


def logits_of_wrong_digits(network: NeuralNetwork, images: Array, labels: Array) -> Array:
    """How far the largest wrong logit lies above the right one, (n,)."""
    logits = network.logits(images)
    right = logits[np.arange(len(labels)), labels].copy()
    logits[np.arange(len(labels)), labels] = -np.inf
    difference: Array = logits.max(axis=1) - right
    return difference


# -- bounds ------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ATTACKS), st.floats(0, 1), st.integers(0, 2**32))
def test_no_pixel_changes_by_more_than_epsilon_nor_leaves_0_to_1(attack, epsilon: float, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (3, 784), np.uint8)
    attacked = attack(quick(), images, LABELS[:3], epsilon)
    assert attacked.dtype == np.float32
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert np.abs(attacked - images / np.float32(255)).max() <= epsilon + 1e-6


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("shape", [(200, 784), (200, 28, 28)])
def test_images_keep_their_shape_and_stay_as_they_are(attack, shape: tuple[int, ...], digits: Dataset) -> None:
    images = (digits.images / 255).astype(np.float32).reshape(shape)
    before = images.copy()
    assert attack(quick(), images, digits.labels, 0.1).shape == shape
    assert np.array_equal(images, before)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_network_is_left_as_it_is(attack, digits: Dataset) -> None:
    network = NeuralNetwork([Dense(20), ReLU(), Dropout(0.5), Dense(10)], seed=0)
    network.gradients[:] = 7
    parameters, state = network.parameters.copy(), network.random.bit_generator.state
    attack(network, digits.images, digits.labels, 0.1)
    assert np.array_equal(network.parameters, parameters)
    assert np.all(network.gradients == 7)
    assert network.random.bit_generator.state == state


@pytest.mark.parametrize(
    ("attack", "arguments", "message"),
    [
        (fgsm, (GREY, LABELS, 1.5), r"epsilon must lie in 0…1, as pixels do; got 1\.5"),
        (pgd, (GREY, LABELS, -0.1), r"epsilon must lie in 0…1, as pixels do; got -0\.1"),
        (pgd, (GREY, LABELS, 0.1, 0), "PGD needs at least one step; got 0"),
        (fgsm, (GREY, LABELS[:5], 0.1), "labels must be 6 integers"),
        (fgsm, (GREY[:, :700], LABELS, 0.1), r"images must have shape .*; got \(6, 700\)"),
    ],
)
def test_a_wrong_argument_is_named(attack, arguments: tuple[Array, Array, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(quick(), *arguments)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_network_gone_wrong_is_said_to_be(attack) -> None:
    network = NeuralNetwork([Dense(10)], seed=0)
    network.parameters[:] = np.inf
    with pytest.raises(DigitsError, match="not finite"):
        attack(network, GREY, LABELS, 0.1)


# -- direction ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network",
    [
        NeuralNetwork([Dense(12), Tanh(), Dense(10)], seed=3),
        NeuralNetwork([Conv2D(3, 5), Tanh(), AvgPool2D(2), Flatten(), Dense(10)], input_shape=(1, 28, 28), seed=3),
    ],
    ids=["dense", "convolutional"],
)
def test_fgsm_steps_by_epsilon_along_the_sign_of_the_central_difference(network: NeuralNetwork) -> None:
    exact, loss = network.astype(np.float64), SoftmaxCrossEntropy()
    steps = fgsm(network, GREY, LABELS, 0.05) - GREY
    assert np.abs(steps) == pytest.approx(0.05, abs=1e-6)
    for pixel in range(0, 784, 49):
        moved = np.repeat(GREY[:1].astype(np.float64), 2, axis=0)
        moved[:, pixel] += (1e-4, -1e-4)
        up, down = (loss(exact.logits(image[np.newaxis]), LABELS[:1])[0] for image in moved)
        assert np.sign(steps[0, pixel]) == np.sign(up - down)


@pytest.mark.parametrize("attack", ATTACKS)
def test_of_two_linear_scores_both_attacks_find_the_worst_image(attack) -> None:
    """z₁ − z₀ is w·x + b, and no x′ within ε of x adds more to it than ε·Σ|w|: worse is impossible."""
    network = NeuralNetwork([Dense(2)], seed=1)
    network.parameters[-2:] = (1000, 0)  # so sure of 0 that PGD never stops early
    labels = np.zeros(len(GREY), int)
    gain = logits_of_wrong_digits(network, attack(network, GREY, labels, 0.1), labels) - logits_of_wrong_digits(
        network, GREY, labels
    )
    weights = network.layers[0].weights
    assert gain == pytest.approx(0.1 * np.abs(weights[:, 1] - weights[:, 0]).sum(), rel=1e-3)


def test_pgd_deceives_a_convolutional_network(digits: Dataset) -> None:
    layers = [Conv2D(4, 5), ReLU(), MaxPool2D(2), Flatten(), Dense(10)]
    network = NeuralNetwork(layers, input_shape=(1, 28, 28), seed=0)
    answers = network.predict(digits.images)  # untrained: what it answers counts as right
    attacked = pgd(network, digits.images, answers, 0.2)
    assert attacked.shape == digits.images.shape
    assert np.mean(network.predict(attacked) != answers) > 0.99


@pytest.mark.parametrize("attack", ATTACKS)
def test_dropout_does_not_blur_an_attack(attack, digits: Dataset) -> None:
    plain, dropping = (NeuralNetwork([Dense(20), ReLU(), *extra, Dense(10)]) for extra in ([], [Dropout(0.5)]))
    dropping.parameters[:] = plain.parameters
    attacked = [attack(network, digits.images, digits.labels, 0.1) for network in (plain, dropping)]
    assert np.array_equal(*attacked)


# -- strength ----------------------------------------------------------------------------------------------


def test_fgsm_hides_the_digit_from_the_network_and_pgd_hides_it_better(digits: Dataset) -> None:
    errors = {"clean": evaluate(quick(), digits.images, digits.labels).error_percent}
    for attack in ATTACKS:
        attacked = attack(quick(), digits.images, digits.labels, 0.1)
        errors[attack.__name__] = evaluate(quick(), attacked, digits.labels).error_percent
    assert errors["clean"] < 5 < 50 < errors["fgsm"] < errors["pgd"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_to_be_very_sure_is_no_defence(attack, digits: Dataset) -> None:
    """Logits a thousand times as large give the same answers, but a loss whose gradient is 0 in float32."""
    sure = quick().astype(np.float32)
    last = sure.layers[-1]
    last.weights *= 1000
    last.biases *= 1000
    right = quick().predict(digits.images) == digits.labels
    _, gradients = SoftmaxCrossEntropy()(sure.logits(digits.images[right]), digits.labels[right])
    assert np.mean(~gradients.any(axis=1)) > 0.9  # so most images would not be attacked at all
    errors = [
        evaluate(network, attack(network, digits.images, digits.labels, 0.1), digits.labels).error_percent
        for network in (quick(), sure)
    ]
    assert errors[1] > 0.8 * errors[0]


def test_silent_units_are_no_defence_against_pgd() -> None:
    """The only unit looks at one pixel; noise in the others silences it, and then nothing has a gradient."""
    network = NeuralNetwork([Dense(1), ReLU(), Dense(10)])
    first, last = network.layers[0], network.layers[2]
    network.parameters[:] = 0
    first.weights[:], first.weights[0], first.biases[:] = -0.01, 1, 0.05
    last.weights[0, 1], last.biases[0] = 1, 0.1  # a 1 where the unit says more than 0.1, else a 0
    black, zeros = np.zeros((100, 784), np.float32), np.zeros(100, int)
    noisy = np.clip(np.random.default_rng(0).uniform(-0.3, 0.3, black.shape), 0, 1)
    assert not np.any(network.logits(noisy.astype(np.float32))[:, 1])
    assert np.mean(network.predict(pgd(network, black, zeros, 0.3)) == 1) > 0.5


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_one_image_does_not_depend_on_the_others(attack) -> None:
    """Nor where batch normalisation cannot be folded into weights before it."""
    network = NeuralNetwork([BatchNorm(), Dense(10)], seed=0)
    network.forward(GREY)  # moves the running averages
    together = attack(network, GREY, LABELS, 0.1)
    assert np.allclose(attack(network, GREY[:1], LABELS[:1], 0.1), together[:1], atol=1e-6)
    assert np.abs(together[0] - GREY[0]).max() > 0.05


def test_pgd_leaves_an_image_where_the_network_first_misreads_it(digits: Dataset) -> None:
    few, many = (pgd(quick(), digits.images, digits.labels, 0.3, steps) for steps in (20, 40))
    assert np.all(quick().predict(many) != digits.labels)
    assert np.abs(many - digits.images / np.float32(255)).max() <= 0.3 + 1e-6
    assert np.mean(quick().predict(few) != digits.labels) > 0.99


def test_the_seed_decides_where_pgd_starts(digits: Dataset) -> None:
    first, again, other = (pgd(quick(), digits.images, digits.labels, 0.1, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("attack", ATTACKS)
def test_batches_leave_no_seam(attack, mnist: tuple[Dataset, Dataset]) -> None:
    images, labels = mnist[1].images[: BATCH + 5], mnist[1].labels[: BATCH + 5]
    attacked = attack(quick(), images, labels, 0.05)
    assert attacked.shape == images.shape
    assert np.all(np.abs(attacked - images / np.float32(255)).max(axis=(1, 2)) > 0.01)


def test_errors_grow_with_epsilon_and_are_those_of_the_attacked_images(digits: Dataset) -> None:
    results = list(attack_errors(quick(), digits.images, digits.labels, (0.02, 0.1, 0.2), steps=10, seed=2))
    assert [result[:2] for result in results] == [(a, e) for a in ("FGSM", "PGD") for e in (0.02, 0.1, 0.2)]
    for weaker, stronger in pairwise(results):
        assert weaker.attack != stronger.attack or weaker.error_percent < stronger.error_percent
    attacked = pgd(quick(), digits.images, digits.labels, 0.1, steps=10, seed=2)
    assert results[4].error_percent == evaluate(quick(), attacked, digits.labels).error_percent
