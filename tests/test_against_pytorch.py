"""The same networks in PyTorch: loss, gradients, and whole runs of the optimizers agree.

Needs PyTorch, which the project itself does not: ``pip install torch``. Without it these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from digits.activations import Array
from digits.layers import Activation, Dense, Layer, LeakyReLU, ReLU, Sigmoid, Tanh
from digits.losses import SoftmaxCrossEntropy
from digits.neural_network import NeuralNetwork
from digits.optimizers import SGD, AdamW, Momentum, Nesterov, Optimizer

torch = pytest.importorskip("torch")

TOLERANCE = {np.float64: 1e-11, np.float32: 1e-5}  # relative to the largest number of each array
PRECISIONS = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
STACKS: dict[str, Callable[[], list[Layer]]] = {
    "no hidden layer": lambda: [Dense(10)],
    "relu": lambda: [Dense(20), ReLU(), Dense(10)],
    "leaky relu": lambda: [Dense(20), LeakyReLU(0.2), Dense(10)],
    "sigmoid": lambda: [Dense(20), Sigmoid(), Dense(10)],
    "tanh": lambda: [Dense(20), Tanh(), Dense(10)],
    "mixed": lambda: [
        Dense(30),
        ReLU(),
        Dense(25),
        Tanh(),
        Dense(20),
        LeakyReLU(),
        Dense(15),
        Sigmoid(),
        Dense(10),
    ],
    "an activation last": lambda: [Dense(20), ReLU(), Dense(10), Tanh()],
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small are faster so, and the runs repeatable."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pair(layers: list[Layer], dtype: Any) -> tuple[NeuralNetwork, Any]:
    """A network of ours and the same in PyTorch, with the same parameters."""
    network = NeuralNetwork(layers, input_shape=(40,), seed=0, dtype=dtype)
    network.parameters += np.random.default_rng(0).normal(0, 0.1, network.parameters.shape)
    sizes = pairwise([40, *(layer.units for layer in layers if isinstance(layer, Dense))])
    modules = [torch_layer(layer, sizes) for layer in layers]
    return network, torch.nn.Sequential(*modules)


def torch_layer(layer: Layer, sizes: Iterator[tuple[int, int]]) -> Any:
    if isinstance(layer, Dense):
        linear = torch.nn.Linear(*next(sizes), dtype=torch.from_numpy(layer.weights).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.weights.T))
            linear.bias.copy_(torch.from_numpy(layer.biases))
        return linear
    if isinstance(layer, LeakyReLU):
        return torch.nn.LeakyReLU(layer.slope)
    assert isinstance(layer, Activation)
    return getattr(torch.nn, type(layer).__name__)()


def batch(dtype: Any, count: int = 32, seed: int = 1) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    return random.random((count, 40), dtype=dtype), random.integers(0, 10, count)


def flat(model: Any, *, gradients: bool = False) -> Array:
    """PyTorch's parameters or their gradients, as one vector in our order: its weights are ours transposed."""
    tensors = [p.grad if gradients else p.detach() for p in model.parameters()]
    return np.concatenate([tensor.numpy().T.ravel() for tensor in tensors])


def torch_loss_and_gradients(model: Any, images: Any, labels: Array) -> float:
    model.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(torch.as_tensor(images)), torch.from_numpy(labels))
    loss.backward()
    return float(loss.item())


def assert_same(ours: Array, theirs: Array, tolerance: float) -> None:
    assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()


@PRECISIONS
@pytest.mark.parametrize("stack", STACKS)
def test_loss_and_gradients_agree(stack: str, dtype: Any) -> None:
    network, model = pair(STACKS[stack](), dtype)
    images, labels = batch(dtype)
    theirs = torch_loss_and_gradients(model, images, labels)
    assert network.loss_and_gradients(images, labels) == pytest.approx(theirs, rel=TOLERANCE[dtype])
    named, parameters = dict(network.named_parameters()), list(model.parameters())
    start = 0
    for (_, ours), parameter in zip(named.items(), parameters, strict=True):
        gradients = network.gradients[start : start + ours.size].reshape(ours.shape)
        assert_same(gradients, parameter.grad.numpy().T, TOLERANCE[dtype])
        start += ours.size


@PRECISIONS
@pytest.mark.parametrize("stack", STACKS)
def test_probabilities_and_the_gradient_of_the_images_agree(stack: str, dtype: Any) -> None:
    network, model = pair(STACKS[stack](), dtype)
    images, labels = batch(dtype)
    inputs = torch.tensor(images, requires_grad=True)
    torch_loss_and_gradients(model, inputs, labels)
    _, logit_gradients = network.loss(network.forward(images), labels)
    ours = network.backward(logit_gradients, need_input_gradients=True)
    assert_same(ours, inputs.grad.numpy(), TOLERANCE[dtype])
    probabilities = torch.softmax(model(torch.from_numpy(images)), dim=1).detach().numpy()
    assert_same(network.predict_proba(images), probabilities, TOLERANCE[dtype])


@PRECISIONS
def test_cross_entropy_agrees_even_for_huge_logits(dtype: Any) -> None:
    random = np.random.default_rng(0)
    for scale in (1, 100, 1e4):
        logits, labels = (random.normal(size=(50, 10)) * scale).astype(dtype), random.integers(0, 10, 50)
        tensor = torch.tensor(logits, requires_grad=True)
        theirs = torch.nn.functional.cross_entropy(tensor, torch.from_numpy(labels))
        theirs.backward()
        loss, gradients = SoftmaxCrossEntropy()(logits, labels)
        assert loss == pytest.approx(theirs.item(), rel=TOLERANCE[dtype])
        assert_same(gradients, tensor.grad.numpy(), TOLERANCE[dtype])


OPTIMIZER_PAIRS: dict[str, tuple[Callable[[], Optimizer], Callable[[Any], Any]]] = {
    "sgd": (lambda: SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "sgd with decay": (
        lambda: SGD(0.1, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
    ),
    "momentum": (lambda: Momentum(0.05, 0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "momentum with decay": (
        lambda: Momentum(0.05, 0.8, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.05),
    ),
    "nesterov": (
        lambda: Nesterov(0.05, 0.9),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    ),
    "nesterov with decay": (
        lambda: Nesterov(0.05, 0.9, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.05),
    ),
    "adamw": (lambda: AdamW(0.01), lambda p: torch.optim.AdamW(p, lr=0.01)),
    "adamw with other settings": (
        lambda: AdamW(0.02, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZER_PAIRS)
def test_thirty_steps_lead_to_the_same_parameters(name: str) -> None:
    """In float64, each step on another batch, the learning rate halved on the way."""
    ours, theirs = OPTIMIZER_PAIRS[name]
    network, model = pair([Dense(20), Tanh(), Dense(10)], np.float64)
    start = network.parameters.copy()
    optimizer, torch_optimizer = ours(), theirs(model.parameters())
    for step in range(30):
        if step == 15:
            optimizer.learning_rate /= 2
            torch_optimizer.param_groups[0]["lr"] /= 2
        images, labels = batch(np.float64, seed=step)
        loss = network.loss_and_gradients(images, labels)
        assert loss == pytest.approx(torch_loss_and_gradients(model, images, labels), rel=1e-9)
        optimizer.step(network.parameters, network.gradients)
        torch_optimizer.step()
        assert_same(network.parameters, flat(model), 1e-9)
    assert np.abs(network.parameters - start).max() > 0.05  # it did go somewhere


@pytest.mark.parametrize("name", OPTIMIZER_PAIRS)
def test_twenty_steps_in_float32_stay_together(name: str) -> None:
    ours, theirs = OPTIMIZER_PAIRS[name]
    network, model = pair([Dense(20), Tanh(), Dense(10)], np.float32)
    optimizer, torch_optimizer = ours(), theirs(model.parameters())
    for step in range(20):
        images, labels = batch(np.float32, seed=step)
        network.loss_and_gradients(images, labels)
        torch_loss_and_gradients(model, images, labels)
        optimizer.step(network.parameters, network.gradients)
        torch_optimizer.step()
    assert_same(network.parameters, flat(model), 1e-5)
