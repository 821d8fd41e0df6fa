"""The gradient check agrees with the formulas as they are, and notices each mistake planted in one."""

from __future__ import annotations

import numpy as np
import pytest

from digits import gradient_check
from digits.activations import Array
from digits.gradient_check import (
    MARGIN,
    TOLERANCE,
    central_differences,
    check_all,
    check_gradients,
    check_loss,
    distance_to_kinks,
    draw_batch,
    networks_to_check,
    relative_error,
)
from digits.layers import (
    LAYERS,
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
)
from digits.layers.convolution import col2im
from digits.layers.layer import batch_first, batch_last
from digits.layers.normalisation import by_channel
from digits.losses import SoftmaxCrossEntropy
from digits.neural_network import NeuralNetwork

CAUGHT = 1e-3  # a mistake must show a thousand times above the tolerance


VECTOR, IMAGE = (6,), (2, 5, 6)


def network_of(*layers: Layer, input_shape: tuple[int, ...] = VECTOR, seed: int = 0) -> NeuralNetwork:
    network = NeuralNetwork(layers, input_shape, seed=seed, dtype=np.float64)
    network.parameters += np.random.default_rng(seed).normal(0, 0.5, network.parameters.shape)
    return network


def errors_of(network: NeuralNetwork, seed: int = 1) -> dict[str, float]:
    return check_gradients(network, *draw_batch(network, np.random.default_rng(seed)))


# -- the formulas are right ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_every_gradient_equals_its_central_difference(seed: int) -> None:
    checks = check_all(seed)
    assert len(checks) == 1 + len(networks_to_check(seed))
    assert {check.name: check.max_relative_error for check in checks if check.max_relative_error > 1e-7} == {}


def test_every_kind_of_layer_is_checked() -> None:
    checked = {type(layer) for network in networks_to_check() for layer in network.layers}
    assert checked == set(LAYERS.values())


def test_every_parameter_array_and_the_inputs_are_checked() -> None:
    network = network_of(Dense(5), ReLU(), Dense(4))
    assert set(errors_of(network)) == {"0.weights", "0.biases", "2.weights", "2.biases", "inputs"}
    network = network_of(Conv2D(3, 3), BatchNorm(), Flatten(), Dense(4), input_shape=IMAGE)
    expected = {"0.weights", "0.biases", "1.scales", "1.shifts", "3.weights", "3.biases", "inputs"}
    assert set(errors_of(network)) == expected


@pytest.mark.parametrize("network", networks_to_check(), ids=repr)
def test_no_checked_gradient_is_trivially_zero(network: NeuralNetwork) -> None:
    network.loss_and_gradients(*draw_batch(network, np.random.default_rng(0)))
    for layer in network.layers:
        for name in layer.parameter_shapes(layer.input_shape):
            assert getattr(layer, f"{name}_gradients").any()


def test_a_check_leaves_the_network_as_it_was() -> None:
    network = network_of(Dense(5), Tanh(), Dropout(0.5), Dense(4))
    images, labels = draw_batch(network, np.random.default_rng(0))
    images.flags.writeable = False
    before = network.parameters.copy(), network.random.bit_generator.state
    check_gradients(network, images, labels)
    assert np.array_equal(network.parameters, before[0])
    assert network.random.bit_generator.state == before[1]


def test_a_float32_network_is_refused() -> None:
    network = NeuralNetwork([Dense(3)], input_shape=(2,))
    with pytest.raises(ValueError, match="gradients can be checked in float64 only; the network is float32"):
        check_gradients(network, np.zeros((1, 2)), np.array([0]))


# -- kinks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", networks_to_check(), ids=repr)
def test_no_step_crosses_a_kink(network: NeuralNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = draw_batch(network, np.random.default_rng(0))
    drawn = signs_before_kinks(network, images)
    crossings = 0
    forward = network.forward

    def watched(inputs: Array) -> Array:
        nonlocal crossings
        crossings += signs_before_kinks(network, inputs) != drawn
        return forward(inputs)

    monkeypatch.setattr(network, "forward", watched)
    check_gradients(network, images, labels)
    assert crossings == 0


def signs_before_kinks(network: NeuralNetwork, inputs: Array) -> list[bytes]:
    """On which side of its kink each unit is, and which pixel of each window is the largest; for each image."""
    state = network.random.bit_generator.state
    signs = []
    for layer in network.layers:
        if getattr(layer, "kink", False):
            signs.append((inputs > 0).tobytes())
        inputs = layer.forward(inputs)
        if isinstance(layer, MaxPool2D):
            signs.append(np.stack(layer.beaten).tobytes())
    network.random.bit_generator.state = state
    return signs


@pytest.mark.parametrize("activation", [ReLU(), LeakyReLU(0.3)])
def test_a_step_across_a_kink_would_look_like_a_mistake(activation: Layer) -> None:
    network = NeuralNetwork([Dense(4), activation, Dense(3)], input_shape=(2,), dtype=np.float64)
    images = np.zeros((1, 2))  # with biases of 0, every unit is at its kink
    assert distance_to_kinks(network, images) == 0
    assert check_gradients(network, images, np.array([0]))["0.biases"] > CAUGHT


def test_a_step_that_makes_another_pixel_the_largest_would_look_like_a_mistake() -> None:
    network = network_of(MaxPool2D(2), Flatten(), Dense(4), input_shape=(1, 2, 2))
    images = np.full((1, 1, 2, 2), 0.5)  # all pixels are the largest
    assert distance_to_kinks(network, images) == 0
    assert check_gradients(network, images, np.array([0]))["inputs"] > CAUGHT


def test_images_are_drawn_away_from_kinks() -> None:
    network = network_of(Dense(50), ReLU(), Dense(4))
    random = np.random.default_rng(0)
    near = [distance_to_kinks(network, random.random((5, 6))) for _ in range(50)]
    assert min(near) < MARGIN  # so it does happen, and
    for seed in range(50):
        images, _ = draw_batch(network, np.random.default_rng(seed))
        assert distance_to_kinks(network, images) > MARGIN


def test_a_network_that_is_always_at_a_kink_is_given_up() -> None:
    network = NeuralNetwork([Dense(3, "zeros"), ReLU()], input_shape=(2,), dtype=np.float64)
    with pytest.raises(ValueError, match=r"found no images that keep 0\.001 away from the kinks of NeuralNetwork"):
        draw_batch(network, np.random.default_rng(0))


# -- the measure ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("analytic", "numeric", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([0.0, 0.0], [0.0, 0.0], 0),
        ([0.0, 0.0], [0.0, 1e-9], 1),  # a forgotten gradient fails however small it is
        ([0.0, 1e-9], [0.0, 0.0], 1),
        ([1.0], [-1.0], 2),
        ([1e-12, 1.0], [0.0, 1.0], 1e-12),
    ],
)
def test_relative_error(analytic: list[float], numeric: list[float], error: float) -> None:
    assert relative_error(np.array(analytic), np.array(numeric)) == pytest.approx(error)


@pytest.mark.parametrize(("analytic", "numeric"), [([np.nan, 1], [1, 1]), ([1, 1], [1, np.nan])])
def test_a_gradient_that_is_not_a_number_never_passes(analytic: list[float], numeric: list[float]) -> None:
    assert not relative_error(np.array(analytic), np.array(numeric)) <= TOLERANCE


def test_central_differences_of_a_known_function() -> None:
    x = np.array([[0.5, 1.0, 2.0], [3.0, -1.0, 0.0]])
    before = x.copy()
    assert central_differences(lambda: float(np.sum(x**3)), x) == pytest.approx(3 * before**2, abs=1e-8)
    assert np.array_equal(x, before)


# -- planted mistakes: each must be noticed ------------------------------------------------------------------


class WrongSign(Dense):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.weights_gradients *= -1
        return result


class ForgottenBias(Dense):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.biases_gradients[...] = 0
        return result


class BiasOfOneImage(Dense):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.biases_gradients[...] = output_gradients[0]
        return result


class TransposedProduct(Dense):  # square, or the shapes would tell
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        super().backward(output_gradients, need_input_gradients)
        return output_gradients @ self.weights


class TransposedWeights(Dense):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.weights_gradients[...] = (self.inputs.T @ output_gradients).T
        return result


class ForgottenMask(ReLU):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        return output_gradients


class SlopeOfInputs(Tanh):
    def derivative(self, outputs: Array, out: Array | None = None) -> Array:
        return super().derivative(np.tanh(outputs), out)


class SigmoidWithoutComplement(Sigmoid):
    def derivative(self, outputs: Array, out: Array | None = None) -> Array:
        return np.multiply(outputs, outputs, out=out)


class ForgottenScale(Dropout):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        output_gradients *= self.mask > 0
        return output_gradients


class MaskDrawnAgain(Dropout):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        output_gradients *= (self.random.random(self.mask.shape) >= self.rate) / (1 - self.rate)
        return output_gradients


class WrongPlace(Conv2D):
    """Its ``col2im`` puts each patch one row too low."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        if need_input_gradients:
            col2im(self.patches, self.padding - 1, batch_last(result))
        return result


class LastPatchOnly(Conv2D):
    """Its pixels take the gradient of one place each, where the windows overlap."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        if need_input_gradients:
            col2im(self.patches[:, -1:, -1:], 1 - self.size, batch_last(result))
        return result


class TurnedFilters(Conv2D):
    """Its filters are turned by 180° on the way back, as in a true convolution, but not on the way forth."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        super().backward(output_gradients, need_input_gradients)
        turned = self.weights[:, ::-1, ::-1].reshape(-1, self.filters)
        gradients = batch_last(output_gradients).reshape(self.filters, -1)
        patches = (turned @ gradients).reshape(self.patches.shape)
        out = np.empty((*self.input_shape, len(output_gradients)))
        col2im(patches, self.padding, out)
        return batch_first(out)


class TransposedWindow(Conv2D):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.weights_gradients[...] = self.weights_gradients.swapaxes(1, 2).copy()
        return result


class BiasOfOnePlace(Conv2D):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        of_place = output_gradients[:, :, 0, 0].sum(axis=0)
        result = super().backward(output_gradients, need_input_gradients)
        self.biases_gradients[...] = of_place
        return result


class GradientForAll(MaxPool2D):
    """Each pixel of the window takes the gradient, not the largest only."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        input_gradients = self._input_gradients(len(output_gradients))
        for gradients in self._positions(input_gradients):
            gradients[...] = output_gradients
        return input_gradients


class WhoeverLed(MaxPool2D):
    """Whoever was the largest so far takes it, also if beaten later."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        input_gradients = self._input_gradients(len(output_gradients))
        first, *others = self._positions(input_gradients)
        first[...] = output_gradients
        for gradients, beaten in zip(others, self.beaten, strict=True):
            gradients[...] = output_gradients * beaten
        return input_gradients


class SumForMean(AvgPool2D):
    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        return super().backward(output_gradients * self.size**2, need_input_gradients)


class WrongOrder(Flatten):
    """Its gradients come back row by row before channel by channel."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        channels, height, width = self.input_shape
        return output_gradients.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)


class WithoutTheMeansPart(BatchNorm):
    """It forgets that μ depends on every x."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        mean = by_channel(output_gradients).mean(axis=1)
        result = super().backward(output_gradients, need_input_gradients)
        by_channel(result)[...] += (self.scales / np.sqrt(self.variances + self.epsilon) * mean)[:, np.newaxis]
        return result


class WithoutTheVariancesPart(BatchNorm):
    """It forgets that σ depends on every x."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        gradients = by_channel(output_gradients)
        slopes = self.scales / np.sqrt(self.variances + self.epsilon)
        wrong = slopes[:, np.newaxis] * (gradients - gradients.mean(axis=1, keepdims=True))
        result = super().backward(output_gradients, need_input_gradients)
        by_channel(result)[...] = wrong
        return result


class ScalesOfTheCentred(BatchNorm):
    """∂L/∂γ is taken with x − μ, not with x̂."""

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        result = super().backward(output_gradients, need_input_gradients)
        self.scales_gradients *= np.sqrt(self.variances + self.epsilon)
        return result


class WithoutMean(SoftmaxCrossEntropy):
    def __call__(self, logits: Array, labels: Array, count: int | None = None) -> tuple[float, Array]:
        loss, gradients = super().__call__(logits, labels, count)
        gradients *= len(gradients)
        return loss, gradients


class WrongLossSign(SoftmaxCrossEntropy):
    def __call__(self, logits: Array, labels: Array, count: int | None = None) -> tuple[float, Array]:
        loss, gradients = super().__call__(logits, labels, count)
        gradients *= -1
        return loss, gradients


class WithoutTruth(SoftmaxCrossEntropy):
    def __call__(self, logits: Array, labels: Array, count: int | None = None) -> tuple[float, Array]:
        loss, gradients = super().__call__(logits, labels, count)
        gradients[np.arange(len(labels)), labels] += 1 / len(labels)
        return loss, gradients


@pytest.mark.parametrize(
    ("layers", "where"),
    [
        ([WrongSign(4)], "0.weights"),
        ([ForgottenBias(4)], "0.biases"),
        ([BiasOfOneImage(4)], "0.biases"),
        ([TransposedWeights(6), Tanh(), Dense(4)], "0.weights"),
        ([Dense(5), Tanh(), TransposedProduct(5), Tanh(), Dense(4)], "0.weights"),
        ([TransposedProduct(6), Tanh(), Dense(4)], "inputs"),
        ([Dense(8), ForgottenMask(), Dense(4)], "0.weights"),
        ([Dense(8), SlopeOfInputs(), Dense(4)], "0.weights"),
        ([Dense(8), SigmoidWithoutComplement(), Dense(4)], "0.weights"),
        ([Dense(8), Tanh(), ForgottenScale(0.5), Dense(4)], "0.weights"),
        ([Dense(8), Tanh(), MaskDrawnAgain(0.5), Dense(4)], "0.weights"),
    ],
    ids=lambda value: type(value[0]).__name__ if isinstance(value, list) else value,
)
def test_a_mistake_in_a_layer_is_noticed(layers: list[Layer], where: str) -> None:
    errors = errors_of(network_of(*layers))
    assert errors[where] > CAUGHT
    last = f"{len(layers) - 1}.weights"
    assert last == where or errors[last] < TOLERANCE  # the check says where: what comes after the mistake is right


AFTER = (Flatten, lambda: Dense(4))  # what makes logits of images


@pytest.mark.parametrize(
    ("layers", "where"),
    [
        ([Conv2D(3, 2), Tanh(), WrongPlace(2, 2, padding=1)], "0.weights"),
        ([WrongPlace(3, 3, padding=1)], "inputs"),
        ([LastPatchOnly(3, 3)], "inputs"),
        ([TurnedFilters(3, 3, padding=1)], "inputs"),
        ([Conv2D(3, 2), Tanh(), TurnedFilters(3, 3, padding=1)], "0.weights"),
        ([TransposedWindow(3, 3)], "0.weights"),
        ([BiasOfOnePlace(3, 3)], "0.biases"),
        ([GradientForAll(2)], "inputs"),
        ([Conv2D(3, 3, padding=1), WhoeverLed(2)], "0.weights"),
        ([Conv2D(3, 3, padding=1), SumForMean(2)], "0.weights"),
        ([Conv2D(3, 2), Tanh(), WithoutTheMeansPart(), Tanh()], "0.weights"),
        ([WithoutTheVariancesPart()], "inputs"),
        ([Conv2D(3, 2), ScalesOfTheCentred(), Tanh()], "1.scales"),
    ],
    ids=lambda value: " ".join(type(layer).__name__ for layer in value) if isinstance(value, list) else value,
)
def test_a_mistake_in_a_layer_of_images_is_noticed(layers: list[Layer], where: str) -> None:
    network = network_of(*layers, *(make() for make in AFTER), input_shape=IMAGE)
    errors = errors_of(network)
    assert errors[where] > CAUGHT
    assert errors[f"{len(layers) + 1}.weights"] < TOLERANCE


def test_a_mistake_in_the_order_of_flatten_is_noticed() -> None:
    network = network_of(Conv2D(3, 2), Tanh(), WrongOrder(), Dense(4), input_shape=IMAGE)
    errors = errors_of(network)
    assert errors["0.weights"] > CAUGHT
    assert errors["3.weights"] < TOLERANCE


@pytest.mark.parametrize("loss", [WithoutMean(), WrongLossSign(), WithoutTruth()], ids=lambda loss: type(loss).__name__)
def test_a_mistake_in_the_loss_is_noticed(loss: SoftmaxCrossEntropy) -> None:
    assert check_loss(loss, np.random.default_rng(0)) > CAUGHT
    network = network_of(Dense(5), Tanh(), Dense(4))
    network.loss = loss
    assert min(errors_of(network).values()) > CAUGHT


def test_a_mistake_turns_up_in_check_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_complement(self: Sigmoid, outputs: Array, out: Array | None = None) -> Array:
        return np.positive(outputs, out=out)

    monkeypatch.setattr(Sigmoid, "derivative", without_complement)
    wrong = {check.name for check in check_all() if check.max_relative_error > CAUGHT}
    assert wrong == {name for name in map(_name, networks_to_check()) if "Sigmoid" in name}


def test_a_mistake_in_col2im_turns_up_in_check_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def off_by_one(patches: Array, padding: int, out: Array, of_rows: Array) -> None:
        col2im(patches, padding, out, of_rows)
        out[...] = np.roll(out, 1, axis=2)

    monkeypatch.setattr("digits.layers.convolution.col2im", off_by_one)
    wrong = {check.name for check in check_all() if check.max_relative_error > CAUGHT}
    assert wrong == {name for name in map(_name, networks_to_check()) if "Conv2D" in name}


def _name(network: NeuralNetwork) -> str:
    return " → ".join(map(repr, network.layers))


def test_the_step_is_near_the_best() -> None:
    """With ten times more or less the check still works: the result hangs on no lucky number."""
    for step in (1e-4, 1e-6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gradient_check, "STEP", step)
            assert max(check.max_relative_error for check in check_all()) < TOLERANCE
