"""The network as a whole: one copy of the parameters, gradients of batches, predictions, threads, memory."""

from __future__ import annotations

import copy
import json
import pickle
import re
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import pytest

from digits.activations import Array
from digits.data_preprocessing import Batches
from digits.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
    layer_from_config,
)
from digits.neural_network import INFERENCE_BATCH, NeuralNetwork
from digits.optimizers import OPTIMIZERS, AdamW, Momentum, Optimizer, WeightAverage


def small_network(dtype: Any = np.float32, seed: int = 0) -> NeuralNetwork:
    return NeuralNetwork([Dense(32), ReLU(), Dense(16), Tanh(), Dense(10)], seed=seed, dtype=dtype)


def convolutional_network(dtype: Any = np.float32, seed: int = 0) -> NeuralNetwork:
    """A network in which every kind of layer for images occurs, its running averages moved from where they began."""
    layers = [
        Conv2D(4, 3, padding=1), BatchNorm(), MaxPool2D(2), ReLU(), Conv2D(6, 3), BatchNorm(), AvgPool2D(2), Tanh(),
        Flatten(), Dropout(0.3), Dense(12), BatchNorm(), ReLU(), Dropout(0.3), Dense(10),
    ]  # fmt: skip
    network = NeuralNetwork(layers, (1, 28, 28), seed=seed, dtype=dtype)
    network.parameters += np.random.default_rng(seed).normal(0, 0.1, network.parameters.shape)
    for each in range(3):
        network.loss_and_gradients(*pictures(6, each))
    return network


either_network = pytest.mark.parametrize("make", [small_network, convolutional_network], ids=["dense", "convolution"])


def pictures(count: int, seed: int = 0) -> tuple[Array, Array]:
    """``(count, 28, 28) uint8`` of noise, and labels."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 28, 28), dtype=np.uint8), random.integers(0, 10, count, dtype=np.uint8)


def gradients_of(network: NeuralNetwork, images: Array, labels: Array) -> Array:
    network.loss_and_gradients(images, labels)
    return network.gradients.copy()


# -- parameters ----------------------------------------------------------------------------------------------


def test_the_parameters_are_the_only_copy_of_the_weights() -> None:
    network = small_network()
    images, labels = pictures(4)
    first = network.layers[0]
    assert isinstance(first, Dense)
    network.parameters[:] = np.arange(network.parameters.size)
    assert first.weights[0, 1] == 1
    first.biases[0] = -1
    assert network.parameters[784 * 32] == -1
    network.parameters[:] = 0
    assert np.allclose(network.predict_proba(images), 0.1)
    network.loss_and_gradients(images, labels)
    assert np.shares_memory(first.weights_gradients, network.gradients)


def test_parameters_and_gradients_are_flat_contiguous_float32() -> None:
    network = small_network()
    expected = 784 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    for vector in (network.parameters, network.gradients):
        assert vector.shape == (expected,)
        assert vector.dtype == np.float32
        assert vector.flags.c_contiguous
    named = dict(network.named_parameters())
    assert list(named) == ["0.weights", "0.biases", "2.weights", "2.biases", "4.weights", "4.biases"]
    assert np.array_equal(np.concatenate([array.ravel() for array in named.values()]), network.parameters)


def test_every_gradient_is_written_anew_at_each_step() -> None:
    network = small_network()
    images, labels = pictures(8)
    expected = gradients_of(network, images, labels)
    network.gradients[:] = np.nan
    assert np.array_equal(gradients_of(network, images, labels), expected)


def test_the_seed_decides_the_weights() -> None:
    assert np.array_equal(small_network(seed=3).parameters, small_network(seed=3).parameters)
    assert not np.array_equal(small_network(seed=3).parameters, small_network(seed=4).parameters)


# -- gradients of batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [None, 7, 100])
def test_a_part_of_a_batch_has_its_share_of_the_mean(count: int | None) -> None:
    network = small_network(np.float64)
    images, labels = pictures(7)
    inputs = images.reshape(7, -1) / 255
    loss = network.loss_and_gradients(images, labels)
    gradients = network.gradients.copy()
    share = 7 / (count or 7)
    assert network.forward_backward(inputs, labels, count) == pytest.approx(loss * share, rel=1e-12)
    assert np.allclose(network.gradients, gradients * share, rtol=1e-12, atol=1e-16)


def test_a_batch_s_gradient_is_the_mean_of_its_images_gradients() -> None:
    network = small_network(np.float64)
    images, labels = pictures(7)
    losses = [network.loss_and_gradients(images[i : i + 1], labels[i : i + 1]) for i in range(7)]
    alone = [gradients_of(network, images[i : i + 1], labels[i : i + 1]) for i in range(7)]
    loss = network.loss_and_gradients(images, labels)
    assert loss == pytest.approx(np.mean(losses), rel=1e-12)
    assert np.allclose(network.gradients, np.mean(alone, axis=0), rtol=1e-9, atol=1e-15)


def test_the_order_of_a_batch_does_not_matter() -> None:
    network = small_network(np.float64)
    images, labels = pictures(50)
    order = np.random.default_rng(0).permutation(50)
    answers, loss = network.predict_proba(images), network.loss_and_gradients(images, labels)
    gradients = network.gradients.copy()
    assert np.allclose(network.predict_proba(images[order]), answers[order], rtol=1e-12)
    assert network.loss_and_gradients(images[order], labels[order]) == pytest.approx(loss, rel=1e-12)
    assert np.allclose(network.gradients, gradients, rtol=1e-9, atol=1e-15)


@either_network
def test_a_shorter_batch_uses_a_slice_of_the_buffers_and_gives_the_right_gradient(
    make: Callable[[], NeuralNetwork],
) -> None:
    network, fresh = make(), make()
    images, labels = pictures(64)
    state = network.random.bit_generator.state
    network.loss_and_gradients(images, labels)
    network.random.bit_generator.state = state
    assert np.array_equal(
        gradients_of(network, images[:13], labels[:13]), gradients_of(fresh, images[:13], labels[:13])
    )
    memory = [dict(layer._memory) for layer in network.layers]
    network.loss_and_gradients(images, labels)
    for layer, before in zip(network.layers, memory, strict=True):
        assert all(layer._memory[name] is array for name, array in before.items())


@either_network
def test_a_longer_batch_than_any_before_is_no_trouble(make: Callable[[], NeuralNetwork]) -> None:
    network, fresh = make(), make()
    images, labels = pictures(64)
    network.loss_and_gradients(images[:5], labels[:5])
    network.random.bit_generator.state = fresh.random.bit_generator.state
    assert np.array_equal(gradients_of(network, images, labels), gradients_of(fresh, images, labels))


def test_an_activation_may_come_last() -> None:
    """The loss overwrites the logits it is given, and must not overwrite what Tanh needs to go backward."""
    network = NeuralNetwork([Dense(3), Tanh()], input_shape=(2,), dtype=np.float64)
    images, labels = np.array([[0.3, 0.9]]), np.array([1])
    network.parameters[:] = np.linspace(-1, 1, network.parameters.size)
    y = network.logits(images)
    logit_gradients = network.predict_proba(images) - np.eye(3)[labels]
    biases_gradients = gradients_of(network, images, labels)[-3:]
    assert np.allclose(biases_gradients, logit_gradients * (1 - y**2))


# -- what may be an image ------------------------------------------------------------------------------------

FORMS: dict[str, Callable[[Array], Array]] = {
    "(n, 784) uint8": lambda images: images.reshape(-1, 784),
    "(n, 28, 28) float32": lambda images: images.astype(np.float32) / 255,
    "(n, 784) float32": lambda images: images.reshape(-1, 784).astype(np.float32) / 255,
    "(n, 28, 28) float64": lambda images: images / 255,
    "not contiguous": lambda images: np.asfortranarray(images),
    "read-only": lambda images: np.broadcast_to(images, images.shape),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_image_in_many_forms_gives_one_answer_and_one_gradient(form: str) -> None:
    network = small_network()
    images, labels = pictures(6)
    images.reshape(-1)[:256] = np.arange(256)  # so that each value there is occurs
    other = FORMS[form](images)
    kept = other.copy()
    assert np.array_equal(network.predict_proba(other), network.predict_proba(images))
    assert np.array_equal(gradients_of(network, other, labels), gradients_of(network, images, labels))
    assert np.array_equal(other, kept)


@pytest.mark.parametrize("value", [0, 255])
def test_blank_and_full_images_are_no_special_case(value: int) -> None:
    images = np.full((1, 28, 28), value, np.uint8)
    network = small_network()
    assert np.array_equal(network.predict_proba(images), network.predict_proba(images / 255))


# -- predicting ----------------------------------------------------------------------------------------------


def test_predict_is_the_most_probable_class() -> None:
    network = small_network()
    images, _ = pictures(100)
    probabilities = network.predict_proba(images)
    assert probabilities.shape == (100, 10)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(network.predict(images), probabilities.argmax(axis=1))


def test_predictions_of_a_convolutional_network_do_not_depend_on_the_batch() -> None:
    """However few images fit at once into the arrays of patches."""
    network = convolutional_network(np.float64)
    images, _ = pictures(70)
    at_once = network.logits(images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.neural_network.INFERENCE_NUMBERS", 30 * 9 * 28 * 28)  # the first layer's patches
        assert np.allclose(network.logits(images), at_once, rtol=1e-10, atol=1e-12)
        patch.setattr("digits.neural_network.INFERENCE_NUMBERS", 1)
        assert np.allclose(network.logits(images), at_once, rtol=1e-10, atol=1e-12)


def test_the_temperature_divides_the_logits_of_probabilities_only() -> None:
    network = small_network(np.float64)
    images, _ = pictures(20)
    logits, before = network.logits(images), network.predict_proba(images)
    network.temperature = 2.5
    assert np.array_equal(network.logits(images), logits)
    softened = np.exp(logits / 2.5)
    expected = softened / softened.sum(axis=1, keepdims=True)
    assert np.allclose(network.predict_proba(images), expected, rtol=1e-12)
    assert (network.predict_proba(images).max(axis=1) < before.max(axis=1)).all()
    assert np.array_equal(network.predict(images), before.argmax(axis=1))


def test_the_temperature_is_no_part_of_the_loss() -> None:
    network, hot = small_network(), small_network()
    hot.temperature = 3.0
    batch = pictures(8)
    assert hot.loss_and_gradients(*batch) == network.loss_and_gradients(*batch)
    assert np.array_equal(hot.gradients, network.gradients)


def test_many_images_are_answered_like_each_alone() -> None:
    network = small_network()
    images, _ = pictures(2 * INFERENCE_BATCH + 7)
    together = network.predict_proba(images)
    for i in (0, INFERENCE_BATCH - 1, INFERENCE_BATCH, 2 * INFERENCE_BATCH + 6):
        assert np.allclose(network.predict_proba(images[i : i + 1])[0], together[i], rtol=1e-5)


@either_network
def test_no_images_have_no_answers(make: Callable[[], NeuralNetwork]) -> None:
    network = make()
    nothing = np.empty((0, 28, 28), np.uint8)
    assert network.predict_proba(nothing).shape == (0, 10)
    assert network.predict(nothing).shape == (0,)


NETWORKS_OF_THREADS: dict[str, tuple[Callable[[], NeuralNetwork], int]] = {
    "dense": (lambda: NeuralNetwork([Dense(64), ReLU(), Dropout(0.5), Dense(32), Sigmoid(), Dense(10)]), 97),
    "convolution": (convolutional_network, 3),
}


@pytest.mark.parametrize(("make", "more"), NETWORKS_OF_THREADS.values(), ids=NETWORKS_OF_THREADS)
def test_eight_threads_at_once_get_what_one_gets(make: Callable[[], NeuralNetwork], more: int) -> None:
    network = make()
    batches = [pictures(20 + more * i, seed=i)[0] for i in range(8)]
    alone = [network.predict_proba(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for result, expected in zip(pool.map(network.predict_proba, batches), alone, strict=True):
                assert np.array_equal(result, expected)


def test_predicting_amid_a_training_step_changes_nothing() -> None:
    network = NeuralNetwork([Dense(16), ReLU(), Dropout(0.5), Dense(10)])
    images, labels = pictures(20)
    state = network.random.bit_generator.state
    expected = gradients_of(network, images, labels)
    after = network.random.bit_generator.state
    parameters = network.parameters.copy()

    network.random.bit_generator.state = state
    _, logit_gradients = network.loss(network.forward((images / 255).reshape(-1, 784).astype(np.float32)), labels)
    network.gradients[:] = 0
    network.predict_proba(pictures(100, seed=1)[0])
    assert not network.gradients.any()
    network.backward(logit_gradients)
    assert np.array_equal(network.gradients, expected)
    assert network.random.bit_generator.state == after
    assert np.array_equal(network.parameters, parameters)


def test_a_wrong_shape_is_named_as_it_is_however_many_images() -> None:
    for count in (3, 3000):
        with pytest.raises(ValueError, match=rf"got \({count}, 3\)"):
            NeuralNetwork([Dense(10)]).predict(np.zeros((count, 3)))


# -- statistics ----------------------------------------------------------------------------------------------


def test_statistics_are_one_flat_vector_too() -> None:
    network = convolutional_network()
    named = dict(network.named_statistics())
    expected = [f"{layer}.running_{kind}" for layer in (1, 5, 11) for kind in ("means", "variances")]
    assert list(named) == expected
    assert [array.size for array in named.values()] == [4, 4, 6, 6, 12, 12]
    assert np.array_equal(np.concatenate(list(named.values())), network.statistics)
    assert network.statistics.dtype == network.dtype
    network.statistics[:] = np.arange(network.statistics.size)
    assert np.array_equal(network.layers[1].running_variances, [4, 5, 6, 7])
    assert not np.may_share_memory(network.statistics, network.parameters)


def test_without_normalisation_there_are_none() -> None:
    network = small_network()
    assert network.statistics.shape == (0,)
    assert list(network.named_statistics()) == []


# -- copies --------------------------------------------------------------------------------------------------

COPIES: dict[str, Callable[[NeuralNetwork], NeuralNetwork]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "astype": lambda network: network.astype(network.dtype),
}


@either_network
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_has_everything_and_shares_nothing(make: Callable[[], NeuralNetwork], how: str) -> None:
    network = make()
    network.temperature = 1.75
    other = COPIES[how](network)
    batch = pictures(9, seed=7)
    assert other.temperature == 1.75
    assert np.array_equal(other.statistics, network.statistics)
    assert np.array_equal(other.predict_proba(batch[0]), network.predict_proba(batch[0]))
    assert other.loss_and_gradients(*batch) == network.loss_and_gradients(*batch)  # the same units drop out
    assert np.array_equal(other.gradients, network.gradients)
    assert np.array_equal(other.statistics, network.statistics)
    kept = [vector.copy() for vector in (network.parameters, network.gradients, network.statistics)]
    for vector in (other.parameters, other.gradients, other.statistics):
        vector += 1
    vectors = (network.parameters, network.gradients, network.statistics)
    assert all(np.array_equal(one, same) for one, same in zip(vectors, kept, strict=True))
    assert all(np.shares_memory(array, other.statistics) for _, array in other.named_statistics())


def test_a_copy_in_another_precision_shares_nothing() -> None:
    network = convolutional_network()
    network.temperature = 0.5
    other = network.astype(np.float64)
    assert other.dtype == other.parameters.dtype == other.statistics.dtype == np.float64
    assert np.array_equal(other.parameters, network.parameters)
    assert np.array_equal(other.statistics, network.statistics)
    assert other.temperature == 0.5
    images, _ = pictures(5)
    assert other.logits(images).dtype == np.float64
    assert np.allclose(other.logits(images), network.logits(images), rtol=1e-3, atol=1e-4)
    other.parameters += 1
    assert np.array_equal(network.parameters, convolutional_network().parameters)


def test_two_networks_over_the_same_vectors_are_one() -> None:
    """As the processes of a training share them."""
    one, other = convolutional_network(), convolutional_network()
    other.lay_out(one.parameters, one.gradients, one.statistics)
    batch = pictures(9)
    one.parameters += 1
    assert np.array_equal(other.logits(batch[0]), one.logits(batch[0]))
    assert np.array_equal(other.layers[0].weights, one.layers[0].weights)
    one.loss_and_gradients(*batch)
    kept = one.gradients.copy()
    one.gradients[...] = 0
    other.loss_and_gradients(*batch)
    assert np.array_equal(one.gradients, kept)


# -- folded --------------------------------------------------------------------------------------------------


def kinds(network: NeuralNetwork) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def with_statistics(layers: list[Layer], input_shape: tuple[int, ...], dtype: Any = np.float64) -> NeuralNetwork:
    """A network whose parameters and running averages are random, and no variance negative."""
    network = NeuralNetwork(layers, input_shape, dtype=dtype)
    random = np.random.default_rng(0)
    network.parameters[...] = random.normal(size=network.parameters.size)
    network.statistics[...] = random.uniform(0.5, 2, network.statistics.size)
    return network


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_folded_network_answers_alike_with_less(dtype: Any) -> None:
    network = convolutional_network(dtype)
    network.temperature = 1.5
    folded = network.folded()
    expected = "Conv2D MaxPool2D ReLU Conv2D AvgPool2D Tanh Flatten Dense ReLU Dense"
    assert " ".join(kinds(folded)) == expected
    assert folded.dtype == network.dtype
    assert folded.temperature == 1.5
    assert folded.statistics.size == 0
    images, _ = pictures(30)
    tolerance = {np.float32: 1e-4, np.float64: 1e-11}[dtype]
    assert np.allclose(folded.logits(images), network.logits(images), rtol=tolerance, atol=tolerance)
    assert np.allclose(folded.predict_proba(images), network.predict_proba(images), rtol=tolerance, atol=tolerance)


def test_to_fold_leaves_the_network_as_it_was_and_shares_nothing() -> None:
    network = convolutional_network()
    images, labels = pictures(10)
    kept = network.parameters.copy(), network.statistics.copy(), network.logits(images)
    folded = network.folded()
    folded.parameters += 1
    assert np.array_equal(network.parameters, kept[0])
    assert np.array_equal(network.statistics, kept[1])
    assert np.array_equal(network.logits(images), kept[2])
    network.loss_and_gradients(images, labels)  # and can be trained on


def test_a_folded_network_may_have_another_precision() -> None:
    network = convolutional_network()
    images, _ = pictures(10)
    folded = network.folded(np.float64)
    assert folded.dtype == folded.logits(images).dtype == np.float64
    assert np.allclose(folded.logits(images), network.astype(np.float64).logits(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "input_shape", "expected"),
    [
        ([BatchNorm(), Dense(5), ReLU(), Dense(3)], (6,), "BatchNorm Dense ReLU Dense"),
        ([Dense(5), ReLU(), BatchNorm(), Dense(3)], (6,), "Dense ReLU BatchNorm Dense"),
        ([Dense(5), BatchNorm(), BatchNorm(), Dense(3)], (6,), "Dense BatchNorm Dense"),
        ([Dense(5), BatchNorm(), BatchNorm(), BatchNorm()], (6,), "Dense BatchNorm BatchNorm"),
        ([Dense(5), Dropout(0.5), BatchNorm(), Tanh(), Dense(3)], (6,), "Dense Tanh Dense"),
        ([Dropout(0.5), BatchNorm(), Dropout(0.5), Dense(3)], (6,), "BatchNorm Dense"),
        ([Dense(3), BatchNorm()], (6,), "Dense"),
        ([Conv2D(3, 2), BatchNorm(), Flatten(), BatchNorm(), Dense(3)], (2, 3, 4), "Conv2D Flatten BatchNorm Dense"),
        ([Conv2D(3, 2), MaxPool2D(2), BatchNorm(), Flatten()], (1, 3, 3), "Conv2D MaxPool2D BatchNorm Flatten"),
        ([Conv2D(3, 3, padding=1), BatchNorm(), Flatten()], (1, 3, 3), "Conv2D Flatten"),
        ([Dense(4), ReLU(), Dense(3)], (6,), "Dense ReLU Dense"),
    ],
    ids=repr,
)
def test_normalisation_is_folded_where_it_follows_weights_and_stays_elsewhere(
    layers: list[Layer], input_shape: tuple[int, ...], expected: str
) -> None:
    network = with_statistics([layer.fresh() for layer in layers], input_shape)
    folded = network.folded()
    assert " ".join(kinds(folded)) == expected
    images = np.random.default_rng(1).random((20, *input_shape))
    assert np.allclose(folded.logits(images), network.logits(images), rtol=1e-10, atol=1e-12)
    again = folded.folded()
    assert np.allclose(again.logits(images), network.logits(images), rtol=1e-10, atol=1e-12)


@either_network
def test_what_is_folded_keeps_its_settings(make: Callable[[], NeuralNetwork]) -> None:
    network = make()
    kept = [layer.config() for layer in network.layers if not isinstance(layer, BatchNorm | Dropout)]
    assert [layer.config() for layer in network.folded().layers] == kept


def test_a_network_is_made_again_from_its_config() -> None:
    layers: list[Layer] = [Dense(8, "he"), Tanh(), Dropout(0.25), Dense(3)]
    network = NeuralNetwork(layers, input_shape=(6,), seed=5)
    config = json.loads(json.dumps(network.config()))
    layers = [layer_from_config(layer) for layer in config["layers"]]
    again = NeuralNetwork(layers, tuple(config["input_shape"]), seed=5)
    assert again.config() == network.config()
    assert np.array_equal(again.parameters, network.parameters)
    assert again.input_shape == (6,)


def test_a_network_says_what_it_is() -> None:
    network = NeuralNetwork([Dense(128), ReLU(), Dense(10)])
    assert repr(network) == "NeuralNetwork(784 → Dense(128) → ReLU() → Dense(10); 101,770 parameters)"
    network = NeuralNetwork([Conv2D(2, 3), Flatten(), Dense(10)], (1, 28, 28))
    expected = "NeuralNetwork(1×28×28 → Conv2D(2, 3) → Flatten() → Dense(10); 13,550 parameters)"
    assert repr(network) == expected


# -- what is refused -----------------------------------------------------------------------------------------

IMAGE, LABEL = np.zeros((2, 784), np.uint8), np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGE, LABEL[:1], "labels must be 2 integers, one for each image; got shape (1,), uint8"),
        (IMAGE, LABEL[:, None], "labels must be 2 integers, one for each image; got shape (2, 1), uint8"),
        (IMAGE, [0.0, 1.0], "labels must be 2 integers, one for each image; got shape (2,), float64"),
        (IMAGE, [0, 10], "labels must lie in 0…9; got 0…10"),
        (IMAGE, [-1, 3], "labels must lie in 0…9; got -1…3"),
        (IMAGE[:0], LABEL[:0], "the batch is empty: its mean loss would be 0/0"),
        (np.zeros((2, 32, 32)), LABEL, "images must have shape (n, 784) or (n, 28, 28); got (2, 32, 32)"),
    ],
)
def test_a_batch_that_is_none_is_refused(images: Array, labels: Any, message: str) -> None:
    network = small_network()
    with pytest.raises(ValueError, match=re.escape(message)):
        network.loss_and_gradients(images, labels)
    assert not network.gradients.any()


@pytest.mark.parametrize(
    ("layers", "input_shape", "message"),
    [
        ([], (784,), "a network needs at least one layer"),
        ([Conv2D(10, 28)], (1, 28, 28), "its outputs have shape (10, 1, 1)"),
        ([ReLU()], (28, 28), "the last layer must return one logit a class; its outputs have shape (28, 28)"),
    ],
)
def test_layers_that_make_no_network_are_refused(layers: list[Layer], input_shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        NeuralNetwork(layers, input_shape)


# -- training ------------------------------------------------------------------------------------------------


def test_a_hidden_layer_learns_what_none_can() -> None:
    """XOR (Minsky and Papert 1969)."""
    images, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])

    def after_training(layers: list[Layer]) -> NeuralNetwork:
        network = NeuralNetwork(layers, input_shape=(2,), seed=0)
        optimizer = Momentum(0.1)
        for _ in range(500):
            network.loss_and_gradients(images, labels)
            optimizer.step(network.parameters, network.gradients)
        return network

    deep = after_training([Dense(8), Tanh(), Dense(2)])
    assert deep.predict_proba(images)[np.arange(4), labels].min() > 0.95
    shallow = after_training([Dense(2)])
    assert np.mean(shallow.predict(images) == labels) < 1
    assert np.allclose(shallow.predict_proba(images), 0.5, atol=0.01)  # the best a straight line can do


@pytest.fixture
def small_ufunc_buffers() -> Iterator[None]:
    """NumPy's loops work through a buffer of their own, 8192 numbers long whatever the arrays; make it 16."""
    before = np.setbufsize(16)
    yield
    np.setbufsize(before)


def traced_steps(network: NeuralNetwork, optimizer: Optimizer, batch_size: int) -> int:
    """The most bytes that anything newly made takes at once, from the third step on; the last batch is shorter."""
    average = WeightAverage(network.parameters.copy(), 0.99)
    batches = Batches(*pictures(5 * batch_size + batch_size // 3), batch_size, seed=0).epoch(0)

    def take_steps(steps: int | None) -> int:
        taken = 0
        for images, labels in islice(batches, steps):
            network.forward_backward(images, labels)
            optimizer.step(network.parameters, network.gradients)
            average.update(network.parameters)
            taken += 1
        return taken

    take_steps(2)
    tracemalloc.start()
    try:
        assert take_steps(None) == 4
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


@pytest.mark.usefixtures("small_ufunc_buffers")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_makes_no_arrays(name: str) -> None:
    """From the second step on, a whole step needs a few vectors of one number an image, under 10 kB in all.

    One array of (128, 128) would be 65 kB, a batch of inputs 401 kB, a vector of parameters 941 kB.
    """
    layers: list[Layer] = [Dense(256), ReLU(), Dropout(0.2), Dense(128), ReLU(), Dropout(0.2), Dense(10)]
    optimizer = OPTIMIZERS[name](learning_rate=0.001, weight_decay=0.01)
    assert traced_steps(NeuralNetwork(layers), optimizer, 128) < 10_000


@pytest.mark.usefixtures("small_ufunc_buffers")
def test_a_training_step_of_a_convolutional_network_makes_no_arrays_either() -> None:
    """Only views, which are many, and a few numbers a channel: under 40 kB in all, however large the batch.

    The smallest array of maps here, after the last pooling, would be 295 kB.
    """
    layers = [
        Conv2D(8, 5, padding=2), BatchNorm(), MaxPool2D(2), ReLU(), Dropout(0.1), Conv2D(16, 3), BatchNorm(),
        AvgPool2D(2), LeakyReLU(), Flatten(), Dense(32), BatchNorm(), Tanh(), Dropout(0.2), Dense(10),
    ]  # fmt: skip
    network = NeuralNetwork(layers, (1, 28, 28))
    assert traced_steps(network, AdamW(0.001), 128) < 40_000
