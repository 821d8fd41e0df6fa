from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, NeuralNetwork
from digits.errors import DigitsError
from digits.explanation import activations, differentiable, explain, last_hidden, margin_parts, nearest
from digits.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from digits.model_files import load_model


@pytest.fixture(scope="module")
def network() -> NeuralNetwork:
    return load_model("quick").network


@pytest.mark.parametrize("index", [0, 18, 247, 9999])
def test_the_parts_add_up_to_the_margin(network: NeuralNetwork, mnist: tuple[Dataset, Dataset], index: int) -> None:
    parts = explain(network, mnist[1].images[index])
    logits = network.astype(np.float64).logits(mnist[1].images[index : index + 1])[0]
    assert parts.margin == pytest.approx(logits[parts.winner] - logits[parts.runner_up])
    assert parts.contributions.sum() + parts.bias_share == pytest.approx(parts.margin, abs=1e-9)
    assert parts.rest == pytest.approx(0, abs=1e-9)
    assert list(np.argsort(logits)[-2:]) == [parts.runner_up, parts.winner]


def test_paper_says_nothing(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    """Gradient × input is 0 where there is no ink."""
    image = mnist[1].images[0]
    assert not explain(network, image).contributions[image == 0].any()


@pytest.mark.parametrize("activation", [ReLU, LeakyReLU])
def test_without_biases_the_pixels_account_for_everything(activation: type, mnist: tuple[Dataset, Dataset]) -> None:
    network = NeuralNetwork([Dense(32), activation(), Dropout(0.5), Dense(10)], seed=1)  # fresh biases are 0
    parts = explain(network, mnist[1].images[5])
    assert parts.bias_share == 0
    assert parts.contributions.sum() == pytest.approx(parts.margin, abs=1e-12)


@pytest.mark.parametrize("activation", [Sigmoid, Tanh])
def test_what_smooth_activations_bend_is_no_bias(activation: type, mnist: tuple[Dataset, Dataset]) -> None:
    network = NeuralNetwork([Dense(32), activation(), Dense(10)], seed=1)
    parts = explain(network, mnist[1].images[5])
    assert parts.bias_share == 0
    assert abs(parts.rest) > 1e-3
    assert parts.contributions.sum() + parts.rest == pytest.approx(parts.margin, abs=1e-12)


def test_the_network_is_left_as_it_is(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    before = network.parameters.copy()
    explain(network, mnist[1].images[0])
    assert np.array_equal(network.parameters, before)


# -- the margin of any digit over any other


@pytest.mark.parametrize("name", ["quick", "cnn"])
@pytest.mark.parametrize("pair", [(None, None), (3, 5), (5, 3), (None, 9)])
def test_pixels_and_biases_add_up_to_the_margin_exactly(
    mnist: tuple[Dataset, Dataset], name: str, pair: tuple[int | None, int | None]
) -> None:
    """The biases' parts are computed on their own, so that this is no tautology."""
    image = mnist[1].images[18]
    parts = margin_parts(differentiable(load_model(name).network), image, *pair)
    assert parts.margin == parts.logits[parts.winner] - parts.logits[parts.runner_up]
    total = parts.pixels.sum() + sum(share for _, share in parts.biases)
    assert total == pytest.approx(parts.margin, abs=1e-12)
    assert parts.rest == pytest.approx(0, abs=1e-12)
    assert {parts.winner, parts.runner_up} >= {digit for digit in pair if digit is not None}


def test_it_is_what_explain_finds(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    image = mnist[1].images[247]
    parts, whole = margin_parts(differentiable(network), image), explain(network, image)
    assert (parts.winner, parts.runner_up, parts.margin) == (whole.winner, whole.runner_up, whole.margin)
    assert np.array_equal(parts.pixels, whole.contributions)
    assert sum(share for _, share in parts.biases) == pytest.approx(whole.bias_share, abs=1e-12)


def test_swapping_the_digits_swaps_the_signs(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    twin = differentiable(network)
    one, other = (margin_parts(twin, mnist[1].images[3], *pair) for pair in [(4, 9), (9, 4)])
    assert one.margin == -other.margin
    np.testing.assert_allclose(one.pixels, -other.pixels, atol=1e-12)


def test_smooth_activations_leave_a_rest(mnist: tuple[Dataset, Dataset]) -> None:
    twin = differentiable(NeuralNetwork([Dense(16), Sigmoid(), Dense(10)], seed=1))
    parts = margin_parts(twin, mnist[1].images[3])
    assert abs(parts.rest) > 1e-3
    total = parts.pixels.sum() + sum(share for _, share in parts.biases) + parts.rest
    assert total == pytest.approx(parts.margin, abs=1e-12)


def test_a_digit_has_no_margin_over_itself(network: NeuralNetwork) -> None:
    with pytest.raises(DigitsError, match="choose two"):
        margin_parts(differentiable(network), np.zeros((28, 28)), 3, 3)


# -- integrated gradients


@pytest.mark.parametrize("index", [0, 18, 247])
def test_integrated_gradients_add_up_to_what_the_ink_changes(
    network: NeuralNetwork, mnist: tuple[Dataset, Dataset], index: int
) -> None:
    """Completeness, proposition 1 of Sundararajan et al. 2017; the residue is what the steps of the integral leave."""
    image = mnist[1].images[index]
    parts = explain(network, image)
    empty = network.astype(np.float64).logits(np.zeros((1, 784)))[0]
    assert parts.empty_margin == pytest.approx(empty[parts.winner] - empty[parts.runner_up])
    changed = parts.margin - parts.empty_margin
    assert parts.integrated.sum() == pytest.approx(changed, rel=0.01)
    assert parts.residue == pytest.approx(changed - parts.integrated.sum(), abs=1e-12)
    assert not parts.integrated[image == 0].any()


@pytest.mark.parametrize("activation", [Sigmoid, Tanh])
def test_smooth_networks_leave_hardly_a_residue(activation: type[Activation], mnist: tuple[Dataset, Dataset]) -> None:
    network = NeuralNetwork([Dense(16), activation(), Dense(10)], seed=1)
    parts = explain(network, mnist[1].images[3])
    assert abs(parts.residue) < 1e-3 * abs(parts.margin - parts.empty_margin)
    assert not np.allclose(parts.integrated, parts.contributions)


@pytest.mark.parametrize("hidden", [[], [Dense(32), ReLU()], [Dense(32), LeakyReLU()]], ids=len)
def test_where_the_gradient_is_the_same_all_the_way_both_methods_agree(
    hidden: list[Activation], mnist: tuple[Dataset, Dataset]
) -> None:
    """Of a network without biases it is: half the ink is half the logits."""
    layers = [layer.fresh() for layer in hidden]
    parts = explain(NeuralNetwork([*layers, Dense(10)], seed=1), mnist[1].images[5])
    np.testing.assert_allclose(parts.integrated, parts.contributions, atol=1e-12)
    assert parts.empty_margin == 0


def test_an_image_without_ink_needs_no_steps(network: NeuralNetwork) -> None:
    parts = explain(network, np.zeros((28, 28)))
    assert not parts.integrated.any()
    assert parts.residue == 0
    assert parts.margin == parts.empty_margin


# -- activations


def test_the_first_activations_are_those_of_the_network(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    images = mnist[1].images[:1]
    (first, of_first), (second, of_second) = explain(network, images[0]).activations
    assert (first, second) == ("Dense(256) → ReLU()", "Dense(128) → ReLU()")
    np.testing.assert_allclose(of_first, activations(network, images, 2)[0], atol=1e-4)
    np.testing.assert_allclose(of_second, activations(network, images, 4)[0], atol=1e-4)


def test_activations_go_from_the_inputs_to_the_logits(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    images = mnist[1].images[:1100]  # more than a block
    np.testing.assert_allclose(activations(network, images, 0), images.reshape(-1, 784) / 255, atol=1e-7)
    logits = activations(network, images, len(network.layers))
    np.testing.assert_allclose(logits, network.logits(images), atol=1e-4)
    hidden = activations(network, images, last_hidden(network))
    last = network.layers[-1]
    assert isinstance(last, Dense)
    np.testing.assert_allclose(hidden @ last.weights + last.biases, logits, atol=1e-4)


def test_the_last_hidden_layer_is_what_the_last_weights_look_at() -> None:
    assert last_hidden(NeuralNetwork([Dense(10)])) == 0
    assert last_hidden(NeuralNetwork([Dense(8), ReLU(), Dropout(0.5), Dense(10), Dropout(0.5)])) == 3


@pytest.mark.parametrize("depth", [-1, 4])
def test_a_depth_that_is_not_there_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"3 layers; got a depth of {depth}"):
        activations(NeuralNetwork([Dense(8), ReLU(), Dense(10)]), np.zeros((1, 784)), depth)


def test_a_convolutional_network_with_batch_normalisation_is_explained_as_it_infers(
    mnist: tuple[Dataset, Dataset],
) -> None:
    layers = [Conv2D(3, 5), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(8), BatchNorm(), ReLU(), Dense(10)]
    network = NeuralNetwork(layers, (1, 28, 28), seed=1, dtype=np.float64)
    network.statistics[...] = np.random.default_rng(0).uniform(0.1, 1, network.statistics.size)
    image = mnist[1].images[0]
    parts = explain(network, image)
    logits = network.logits(image[np.newaxis])[0]
    assert parts.margin == pytest.approx(logits[parts.winner] - logits[parts.runner_up])
    assert abs(parts.residue) <= 0.01 * abs(parts.margin - parts.empty_margin)
    (first, maps), (second, units) = parts.activations
    assert (first, second) == ("Conv2D(3, 5) → ReLU()", "Dense(8) → ReLU()")
    np.testing.assert_allclose(maps, activations(network, image[np.newaxis], 3)[0])
    np.testing.assert_allclose(units, activations(network, image[np.newaxis], last_hidden(network))[0])


def test_batch_normalisation_that_follows_no_weights_cannot_be_explained() -> None:
    with pytest.raises(DigitsError, match="directly follows layers with weights"):
        explain(NeuralNetwork([BatchNorm(), Dense(10)]), np.zeros((28, 28)))


def test_the_temperature_changes_the_probabilities_only(network: NeuralNetwork) -> None:
    image = np.full((28, 28), 0.5)
    cold, warm = network.folded(), network.folded()
    warm.temperature = 3.0
    assert explain(cold, image).margin == explain(warm, image).margin
    np.testing.assert_allclose(explain(warm, image).probabilities, warm.predict_proba(image[np.newaxis])[0], atol=1e-5)


# -- nearest training images


def test_the_nearest_are_those_with_the_smallest_angle(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    train, test = (part.images[:1100] for part in mnist)
    found = nearest(network, test[7], train, mnist[0].labels[:1100], count=5)
    hidden = activations(network.astype(np.float64), np.concatenate([test[7:8], train]), 4)
    hidden /= np.linalg.norm(hidden, axis=1, keepdims=True)
    distances = 1 - hidden[1:] @ hidden[0]
    assert [neighbour.index for neighbour in found] == list(np.argsort(distances)[:5])
    for neighbour in found:
        assert neighbour.distance == pytest.approx(distances[neighbour.index], abs=1e-5)
        assert neighbour.label == mnist[0].labels[neighbour.index]
        assert np.array_equal(neighbour.image, train[neighbour.index])


def test_an_image_is_nearest_to_itself_and_to_itself_with_less_ink(mnist: tuple[Dataset, Dataset]) -> None:
    """Without biases less ink makes the activations shorter, but does not turn them."""
    network = NeuralNetwork([Dense(32), ReLU(), Dense(10)], seed=1)
    images = mnist[0].images[:50] / 255
    found = nearest(network, images[9], np.concatenate([images, 0.3 * images[9:10]]), np.arange(51), count=3)
    assert {found[0].index, found[1].index} == {9, 50}
    assert found[1].distance == pytest.approx(0, abs=1e-5)
    assert found[2].distance > 0.001


def test_where_nothing_is_active_all_are_equally_far(mnist: tuple[Dataset, Dataset]) -> None:
    dead = NeuralNetwork([Dense(8, "zeros"), ReLU(), Dense(10)])
    found = nearest(dead, mnist[1].images[0], mnist[0].images[:4], mnist[0].labels[:4])
    assert [(neighbour.index, neighbour.distance) for neighbour in found] == [(0, 1), (1, 1), (2, 1), (3, 1)]
