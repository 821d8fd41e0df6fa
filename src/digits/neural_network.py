"""The network: a list of layers over one flat vector of parameters.

``network.parameters`` is one contiguous vector and ``network.gradients`` another of the same length; the weights and
biases of each layer are views into them. So whoever works on all parameters at once (an optimizer, weight averaging,
a checkpoint, a gradient check) works on one vector and needs no loop over layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from digits.activations import Array, softmax
from digits.aligned_arrays import aligned_zeros
from digits.data_preprocessing import as_inputs, check_labels, check_shape
from digits.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    FrozenBatchNorm,
    Layer,
    Shape,
    count_parameters,
)
from digits.losses import SoftmaxCrossEntropy

INFERENCE_BATCH = 1024  # images at once in predict: enough for fast products, little enough to stay in the cache
INFERENCE_NUMBERS = 2**21  # in the largest array that these may need: the patches of a convolution are many


class NeuralNetwork:
    """A feed-forward network that ends in softmax.

    Args:
        layers: from the first to the one whose outputs are the logits.
        input_shape: the shape of one image as the first layer wants it, e.g. ``(784,)``.
        seed: of the initial weights and of dropout.
        dtype: ``float32`` to train, ``float64`` to check gradients.

    Attributes:
        parameters: ``(n_parameters,)``: the only copy of all weights and biases.
        gradients: ``(n_parameters,)``: ∂loss/∂parameters, as the last ``loss_and_gradients`` left it.
        statistics: ``(n_statistics,)``: what layers learn by watching, without gradients: batch normalisation's running
            averages.
        temperature: the logits are divided by it before softmax, in ``predict_proba`` only (Guo et al. 2017).
        random: the generator that dropout draws from.

    Raises:
        ValueError: if the layers do not fit together.
    """

    def __init__(
        self, layers: Sequence[Layer], input_shape: Shape = (784,), seed: int = 0, dtype: DTypeLike = np.float32
    ) -> None:
        if not layers:
            raise ValueError("a network needs at least one layer")
        self.layers = list(layers)
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self.random = np.random.default_rng(seed)
        self.loss = SoftmaxCrossEntropy()
        count_parameters(self.layers, self.input_shape)  # fails where they do not fit, before any is taken in
        shape = self.input_shape
        for layer in self.layers:
            shape = layer.connect(shape, self.dtype, self.random)
        if len(shape) != 1:
            raise ValueError(f"the last layer must return one logit a class; its outputs have shape {shape}")
        self.classes = shape[0]
        self._scores = aligned_zeros((self.classes, 0), self.dtype)
        self.temperature = 1.0
        self.lay_out()
        self._initialize()

    def __repr__(self) -> str:
        parts = ["×".join(map(str, self.input_shape)), *map(repr, self.layers)]
        return f"NeuralNetwork({' → '.join(parts)}; {self.parameters.size:,} parameters)"

    def lay_out(
        self, parameters: Array | None = None, gradients: Array | None = None, statistics: Array | None = None
    ) -> None:
        """Take these for the flat vectors, whatever is in them, or new ones of zeros; hand each layer its views."""
        of_parameters = [layer.parameter_shapes(layer.input_shape) for layer in self.layers]
        of_statistics = [layer.statistics_shapes(layer.input_shape) for layer in self.layers]
        self.parameters = self._vector(of_parameters) if parameters is None else parameters
        self.gradients = self._vector(of_parameters) if gradients is None else gradients
        self.statistics = self._vector(of_statistics) if statistics is None else statistics
        self._hand_out("parameters", of_parameters)
        self._hand_out("gradients", of_parameters, suffix="_gradients")
        self._hand_out("statistics", of_statistics)

    def _vector(self, shapes: list[dict[str, Shape]]) -> Array:
        return aligned_zeros((sum(prod(shape) for of_layer in shapes for shape in of_layer.values()),), self.dtype)

    def _hand_out(self, vector: str, shapes: list[dict[str, Shape]], suffix: str = "") -> None:
        rest = getattr(self, vector)
        for layer, of_layer in zip(self.layers, shapes, strict=True):
            of_vector = rest
            for name, shape in of_layer.items():
                setattr(layer, name + suffix, rest[: prod(shape)].reshape(shape))
                rest = rest[prod(shape) :]
            setattr(layer, vector, of_vector[: len(of_vector) - len(rest)])

    def _initialize(self) -> None:
        """Let each layer draw its parameters, as suits the activation between it and the next layer with weights."""
        for position, layer in enumerate(self.layers):
            after = self.layers[position + 1 :]
            decisive = (a for a in after if isinstance(a, Activation) or "weights" in a.parameter_shapes(a.input_shape))
            following = next(decisive, None)
            usual = following.initialization if isinstance(following, Activation) else "glorot"
            layer.initialize(self.random, usual)

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """Each parameter array with its name, e.g. ``("0.weights", (784, 128))``; views, not copies."""
        for position, layer in enumerate(self.layers):
            for name in layer.parameter_shapes(layer.input_shape):
                yield f"{position}.{name}", getattr(layer, name)

    def named_statistics(self) -> Iterator[tuple[str, Array]]:
        """Each array of statistics with its name, e.g. ``("1.running_means", (32,))``; views, not copies."""
        for position, layer in enumerate(self.layers):
            for name in layer.statistics_shapes(layer.input_shape):
                yield f"{position}.{name}", getattr(layer, name)

    def loss_and_gradients(self, images: Array, labels: Array) -> float:
        """Go forward and backward once; fill ``self.gradients``.

        Args:
            images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
            labels: ``(n,)`` integers.

        Returns:
            The mean loss of the batch, in nats.

        Raises:
            ValueError: if the shapes, dtypes or labels are not such.
        """
        inputs = as_inputs(images, self.input_shape, self.dtype)
        return self.forward_backward(inputs, check_labels(labels, len(inputs), self.classes))

    def forward_backward(self, inputs: Array, labels: Array, count: int | None = None) -> float:
        """Do the same for a batch of ``Batches``: to check each pixel and label again would take 5 % of a step.

        ``count`` is the size of the whole batch, where these images are only a part of it: the means of loss and
        gradients are taken over it, so that the parts' add up to the whole's.
        """
        loss, logit_gradients = self.loss(self.forward(inputs), labels, count)
        self.backward(logit_gradients)
        return loss

    def forward(self, inputs: Array) -> Array:
        """Training's forward pass: ``(n, *input_shape)`` or flat ``(n, pixels)`` → logits ``(n, classes)``."""
        inputs = inputs.reshape(len(inputs), *self.input_shape)
        for layer in self.layers:
            inputs = layer.forward(inputs)
        if len(inputs) > self._scores.shape[1]:
            self._scores = aligned_zeros((self.classes, len(inputs)), self.dtype)
        logits = self._scores.T[: len(inputs)]  # with all scores for one digit side by side, the maxima and sums of the
        logits[...] = inputs  # loss are vector instructions, 3 times as fast; a copy, since the loss overwrites it
        return logits

    def backward(self, logit_gradients: Array, need_input_gradients: bool = False) -> Array:
        """Training's backward pass: fill ``self.gradients``; return ∂loss/∂inputs where it is asked for."""
        gradients = logit_gradients
        for layer in self.layers[:0:-1]:
            gradients = layer.backward(gradients)
        return self.layers[0].backward(gradients, need_input_gradients)

    @property
    def inference_batch(self) -> int:
        """How many images to infer at once, so that what the layers need for them stays in the cache."""
        return min(INFERENCE_BATCH, max(1, INFERENCE_NUMBERS // max(layer.infer_size() for layer in self.layers)))

    def logits(self, images: Array) -> Array:
        """``(n, classes)``: the scores before softmax. Safe to call from several threads at once."""
        images = np.asarray(images)
        if images.ndim > 1 and len(images) > self.inference_batch:
            check_shape(images, self.input_shape)
            starts = range(0, len(images), self.inference_batch)
            return np.concatenate([self.logits(images[start : start + self.inference_batch]) for start in starts])
        inputs = as_inputs(images, self.input_shape, self.dtype)
        for layer in self.layers:
            inputs = layer.infer(inputs)
        return inputs

    def predict_proba(self, images: Array) -> Array:
        """``(n, classes)``: the probability of each digit for each image. Safe to call from several threads at once."""
        return softmax(self.logits(images) / self.temperature)

    def predict(self, images: Array) -> Array:
        """``(n,)``: the most probable digit of each image."""
        predictions: Array = self.logits(images).argmax(axis=1)
        return predictions

    def config(self) -> dict[str, Any]:
        """What the network is made of, as plain lists, strings and numbers, for files."""
        return {"input_shape": list(self.input_shape), "layers": [layer.config() for layer in self.layers]}

    def astype(self, dtype: DTypeLike) -> Self:
        """Copy the network in another precision; nothing is shared."""
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__() | {"dtype": dtype})
        return other

    def folded(self, dtype: DTypeLike | None = None) -> Self:
        """Make the network that infers the same with less: no dropout, and no normalisation after a layer with weights.

        In inference batch normalisation is y = s·x + t for each unit or channel; after x = W·u + b, that is
        y = (s·W)·u + (s·b + t), a layer with other weights and biases (Jacob et al. 2018, equation 14).

        Args:
            dtype: of the network that is made; by default the same.
        """
        sources: list[Layer] = []
        linear: dict[int, tuple[Array, Array]] = {}  # position in ``sources`` → s and t of the normalisation after it
        for layer in self.layers:
            last = len(sources) - 1
            after_weights = sources and isinstance(sources[last], Dense | Conv2D) and last not in linear
            if isinstance(layer, BatchNorm) and after_weights:
                linear[last] = layer.as_linear()
            elif not isinstance(layer, Dropout):
                sources.append(layer)
        network = type(self)([layer.fresh() for layer in sources], self.input_shape, dtype=dtype or self.dtype)
        network.temperature = self.temperature
        for position, (source, layer) in enumerate(zip(sources, network.layers, strict=True)):
            for name in (*source.parameter_shapes(source.input_shape), *source.statistics_shapes(source.input_shape)):
                getattr(layer, name)[...] = getattr(source, name)
            if position in linear and isinstance(layer, Dense | Conv2D):
                scales, shifts = linear[position]
                layer.weights *= scales
                layer.biases *= scales
                layer.biases += shifts
        return network

    def frozen(self, dtype: DTypeLike | None = None) -> Self:
        """Make the network whose training passes compute what inference does, layer for layer, on a single image.

        Batch normalisation keeps its running averages instead of normalising by the batch, and dropout drops nothing.
        So ``forward``, ``backward`` and a step of gradient descent are those of the finished network.

        Args:
            dtype: of the network that is made; by default the same. Nothing is shared.
        """
        network = type(self)([_frozen(layer) for layer in self.layers], self.input_shape, dtype=dtype or self.dtype)
        network.parameters[...] = self.parameters
        network.statistics[...] = self.statistics
        network.temperature = self.temperature
        return network

    def __getstate__(self) -> dict[str, Any]:
        """Let ``copy`` and ``pickle`` build the network anew: its layers' weights must be views into *its* vector."""
        layers = [layer.fresh() for layer in self.layers]
        network = {"layers": layers, "input_shape": self.input_shape, "dtype": self.dtype}
        vectors = {"parameters": self.parameters, "statistics": self.statistics}
        return network | vectors | {"random": self.random.bit_generator.state, "temperature": self.temperature}

    def __setstate__(self, state: dict[str, Any]) -> None:
        NeuralNetwork.__init__(self, state["layers"], state["input_shape"], dtype=state["dtype"])
        self.parameters[...] = state["parameters"]
        self.statistics[...] = state["statistics"]
        self.temperature = state["temperature"]
        self.random.bit_generator.state = state["random"]


def _frozen(layer: Layer) -> Layer:
    """The layer that does in training what this one does in inference."""
    if isinstance(layer, BatchNorm):
        return FrozenBatchNorm(layer.decay, layer.epsilon)
    return Dropout(0) if isinstance(layer, Dropout) else layer.fresh()
