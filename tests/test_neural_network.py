"""The network as a whole: one copy of the parameters, gradients of batches, predictions, threads, memory."""

from __future__ import annotations

import json
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
from digits.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from digits.model_files import layer_from_config
from digits.neural_network import INFERENCE_BATCH, NeuralNetwork
from digits.optimizers import OPTIMIZERS, Momentum, WeightAverage


def small_network(dtype: Any = np.float32, seed: int = 0) -> NeuralNetwork:
    return NeuralNetwork([Dense(32), ReLU(), Dense(16), Tanh(), Dense(10)], seed=seed, dtype=dtype)


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


def test_a_shorter_batch_uses_a_slice_of_the_buffers_and_gives_the_right_gradient() -> None:
    network, fresh = small_network(), small_network()
    images, labels = pictures(64)
    network.loss_and_gradients(images, labels)
    assert np.array_equal(
        gradients_of(network, images[:13], labels[:13]), gradients_of(fresh, images[:13], labels[:13])
    )
    buffers = [dict(layer._buffers) for layer in network.layers]
    network.loss_and_gradients(images, labels)
    for layer, before in zip(network.layers, buffers, strict=True):
        assert all(layer._buffers[name] is buffer for name, buffer in before.items())


def test_a_longer_batch_than_any_before_is_no_trouble() -> None:
    network, fresh = small_network(), small_network()
    images, labels = pictures(64)
    network.loss_and_gradients(images[:5], labels[:5])
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


def test_many_images_are_answered_like_each_alone() -> None:
    network = small_network()
    images, _ = pictures(2 * INFERENCE_BATCH + 7)
    together = network.predict_proba(images)
    for i in (0, INFERENCE_BATCH - 1, INFERENCE_BATCH, 2 * INFERENCE_BATCH + 6):
        assert np.allclose(network.predict_proba(images[i : i + 1])[0], together[i], rtol=1e-5)


def test_no_images_have_no_answers() -> None:
    network = small_network()
    nothing = np.empty((0, 28, 28), np.uint8)
    assert network.predict_proba(nothing).shape == (0, 10)
    assert network.predict(nothing).shape == (0,)


def test_eight_threads_at_once_get_what_one_gets() -> None:
    network = NeuralNetwork([Dense(64), ReLU(), Dropout(0.5), Dense(32), Sigmoid(), Dense(10)])
    batches = [pictures(50 + 97 * i, seed=i)[0] for i in range(8)]
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


# -- copies --------------------------------------------------------------------------------------------------


def test_a_copy_in_another_precision_shares_nothing() -> None:
    network = small_network()
    other = network.astype(np.float64)
    assert other.dtype == other.parameters.dtype == np.float64
    assert np.array_equal(other.parameters, network.parameters)
    other.parameters += 1
    assert np.array_equal(network.parameters, small_network().parameters)


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


@pytest.mark.usefixtures("small_ufunc_buffers")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_makes_no_arrays(name: str) -> None:
    """From the second step on, a whole step needs a few vectors of one number an image, under 10 kB in all.

    One array of (128, 128) would be 65 kB, a batch of inputs 401 kB, a vector of parameters 941 kB.
    """
    layers: list[Layer] = [Dense(256), ReLU(), Dropout(0.2), Dense(128), ReLU(), Dropout(0.2), Dense(10)]
    network = NeuralNetwork(layers)
    optimizer = OPTIMIZERS[name](learning_rate=0.001, weight_decay=0.01)
    average = WeightAverage(network.parameters.copy(), 0.99)
    batches = Batches(*pictures(5 * 128 + 50), batch_size=128, seed=0).epoch(0)  # the last batch is shorter

    def take_steps(steps: int | None) -> int:
        taken = 0
        for images, labels in islice(batches, steps):
            network.loss_and_gradients(images, labels)
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
    assert peak < 10_000
