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
from digits.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
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


@PRECISIONS
def test_cross_entropy_with_probabilities_as_targets_agrees(dtype: Any) -> None:
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(50, 10)).astype(dtype), random.dirichlet(np.ones(10), 50).astype(dtype)
    tensor = torch.tensor(logits, requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(tensor, torch.from_numpy(targets))
    theirs.backward()
    loss, gradients = SoftmaxCrossEntropy()(logits, targets)
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


# -- images --------------------------------------------------------------------------------------------------

IMAGE = (2, 9, 10)
IMAGE_STACKS: dict[str, Callable[[], list[Layer]]] = {
    "convolution": lambda: [Conv2D(4, 3), Flatten(), Dense(10)],
    "padding": lambda: [Conv2D(4, 5, padding=2), Tanh(), Conv2D(3, 4, padding=1), Flatten(), Dense(10)],
    "the largest": lambda: [MaxPool2D(2), Flatten(), Dense(10)],
    "the largest of three by three": lambda: [Conv2D(4, 3, padding=1), MaxPool2D(3), ReLU(), Flatten(), Dense(10)],
    "the mean": lambda: [Conv2D(4, 2), AvgPool2D(2), Flatten(), Dense(10)],
    "normalisation": lambda: [Conv2D(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(7), BatchNorm(), Tanh(), Dense(10)],
    "normalisation with other settings": lambda: [BatchNorm(decay=0.7, epsilon=0.01), Flatten(), Dense(10)],
    "all": lambda: [
        Conv2D(6, 3, padding=1), BatchNorm(), MaxPool2D(2), LeakyReLU(0.1), Conv2D(5, 3, padding=2), BatchNorm(),
        AvgPool2D(2), Sigmoid(), Flatten(), Dense(12), BatchNorm(), ReLU(), Dense(10),
    ],
}  # fmt: skip


def torch_image_layer(layer: Layer) -> Any:
    """The same in PyTorch, where the outputs' axis is the weights' first."""
    if isinstance(layer, Conv2D | Dense):
        dtype = torch.from_numpy(layer.weights).dtype
        if isinstance(layer, Conv2D):
            channels = layer.input_shape[0]
            module = torch.nn.Conv2d(channels, layer.filters, layer.size, padding=layer.padding, dtype=dtype)
        else:
            module = torch.nn.Linear(*layer.input_shape, layer.units, dtype=dtype)
        return filled(module, np.moveaxis(layer.weights, -1, 0), layer.biases)
    if isinstance(layer, BatchNorm):
        kind = torch.nn.BatchNorm2d if len(layer.input_shape) == 3 else torch.nn.BatchNorm1d
        dtype = torch.from_numpy(layer.scales).dtype
        module = kind(layer.input_shape[0], eps=layer.epsilon, momentum=1 - layer.decay, dtype=dtype)
        return filled(module, layer.scales, layer.shifts)
    if isinstance(layer, MaxPool2D):
        return torch.nn.MaxPool2d(layer.size)
    if isinstance(layer, AvgPool2D):
        return torch.nn.AvgPool2d(layer.size)
    if isinstance(layer, Flatten):
        return torch.nn.Flatten()
    return torch_layer(layer, iter(()))


def filled(module: Any, weights: Array, biases: Array) -> Any:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights)))
        module.bias.copy_(torch.from_numpy(biases))
    return module


def image_pair(layers: list[Layer], dtype: Any) -> tuple[NeuralNetwork, Any]:
    network = NeuralNetwork(layers, IMAGE, seed=0, dtype=dtype)
    network.parameters += np.random.default_rng(0).normal(0, 0.2, network.parameters.shape)
    return network, torch.nn.Sequential(*map(torch_image_layer, layers))


def images(dtype: Any, count: int = 13, seed: int = 1) -> tuple[Array, Array]:
    """Half of them blank where MNIST's are, at the border and here and there: the pixels of many windows tie."""
    random = np.random.default_rng(seed)
    pictures = random.random((count, *IMAGE))
    pictures[::2] = np.round(pictures[::2])
    pictures[:, :, :3], pictures[0] = 0, 0
    return pictures.astype(dtype), random.integers(0, 10, count)


def torch_statistics(model: Any) -> list[Array]:
    normalisations = [module for module in model if hasattr(module, "running_mean")]
    return [t.numpy() for module in normalisations for t in (module.running_mean, module.running_var)]


LOOSER = {np.float64: 1e-10, np.float32: 1e-4}  # for normalisation divides by small numbers, and the sums are longer


@PRECISIONS
@pytest.mark.parametrize("stack", IMAGE_STACKS)
def test_networks_of_images_have_the_same_loss_and_all_the_same_gradients(stack: str, dtype: Any) -> None:
    network, model = image_pair(IMAGE_STACKS[stack](), dtype)
    pictures, labels = images(dtype)
    inputs = torch.tensor(pictures, requires_grad=True)
    theirs = torch_loss_and_gradients(model, inputs, labels)
    loss, logit_gradients = network.loss(network.forward(pictures), labels)
    assert loss == pytest.approx(theirs, rel=LOOSER[dtype])
    assert_same(network.backward(logit_gradients, need_input_gradients=True), inputs.grad.numpy(), LOOSER[dtype])
    largest = max(float(parameter.grad.abs().max()) for parameter in model.parameters())
    start = 0
    for (_, ours), parameter in zip(network.named_parameters(), model.parameters(), strict=True):
        gradients = network.gradients[start : start + ours.size].reshape(ours.shape)
        expected = np.moveaxis(parameter.grad.numpy(), 0, -1)
        assert np.abs(gradients - expected).max() <= LOOSER[dtype] * largest
        start += ours.size


@PRECISIONS
@pytest.mark.parametrize("stack", [name for name in IMAGE_STACKS if name == "all" or "normalisation" in name])
def test_running_averages_and_the_finished_networks_agree(stack: str, dtype: Any) -> None:
    network, model = image_pair(IMAGE_STACKS[stack](), dtype)
    for seed in range(5):
        pictures, labels = images(dtype, count=7 + seed, seed=seed)
        network.loss_and_gradients(pictures, labels)
        torch_loss_and_gradients(model, pictures, labels)
    theirs = torch_statistics(model)
    assert theirs
    for (_, ours), expected in zip(network.named_statistics(), theirs, strict=True):
        assert_same(ours, expected, LOOSER[dtype])
    model.eval()
    pictures, _ = images(dtype, seed=9)
    logits = model(torch.from_numpy(pictures)).detach().numpy()
    assert_same(network.logits(pictures), logits, LOOSER[dtype])
    assert_same(network.folded().logits(pictures), logits, LOOSER[dtype])


def test_a_window_of_a_blank_image_gives_its_gradient_to_the_pixel_that_pytorch_chooses() -> None:
    network, model = image_pair([MaxPool2D(3), Flatten(), Dense(10)], np.float64)
    pictures, labels = np.zeros((4, *IMAGE)), np.arange(4)
    inputs = torch.tensor(pictures, requires_grad=True)
    torch_loss_and_gradients(model, inputs, labels)
    _, logit_gradients = network.loss(network.forward(pictures), labels)
    ours = network.backward(logit_gradients, need_input_gradients=True)
    assert np.array_equal(ours != 0, inputs.grad.numpy() != 0)
    assert_same(ours, inputs.grad.numpy(), 1e-12)


def test_twenty_steps_of_a_convolutional_network_lead_to_the_same_parameters() -> None:
    network, model = image_pair(IMAGE_STACKS["all"](), np.float64)
    optimizer, torch_optimizer = AdamW(0.01), torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(20):
        pictures, labels = images(np.float64, seed=step)
        loss = network.loss_and_gradients(pictures, labels)
        assert loss == pytest.approx(torch_loss_and_gradients(model, pictures, labels), rel=1e-6)
        optimizer.step(network.parameters, network.gradients)
        torch_optimizer.step()
    named = network.named_parameters()
    for (_, ours), parameter in zip(named, model.parameters(), strict=True):
        assert np.abs(ours - np.moveaxis(parameter.detach().numpy(), 0, -1)).max() < 1e-6
