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
from digits.layers import Activation, Layer, Shape, count_parameters
from digits.losses import SoftmaxCrossEntropy

INFERENCE_BATCH = 1024  # images at once in predict: enough for fast products, little enough to stay in the cache


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
        self._lay_out_parameters()
        self._initialize()

    def __repr__(self) -> str:
        parts = ["×".join(map(str, self.input_shape)), *map(repr, self.layers)]
        return f"NeuralNetwork({' → '.join(parts)}; {self.parameters.size:,} parameters)"

    def _lay_out_parameters(self) -> None:
        """Make the two flat vectors and hand each layer its views."""
        shapes = [layer.parameter_shapes(layer.input_shape) for layer in self.layers]
        size = sum(prod(shape) for of_layer in shapes for shape in of_layer.values())
        self.parameters = aligned_zeros((size,), self.dtype)
        self.gradients = aligned_zeros((size,), self.dtype)
        start = 0
        for layer, of_layer in zip(self.layers, shapes, strict=True):
            for name, shape in of_layer.items():
                end = start + prod(shape)
                setattr(layer, name, self.parameters[start:end].reshape(shape))
                setattr(layer, f"{name}_gradients", self.gradients[start:end].reshape(shape))
                start = end

    def _initialize(self) -> None:
        """Let each layer draw its parameters; it may choose how by the activation between it and the next layer's."""
        for position, layer in enumerate(self.layers):
            after = self.layers[position + 1 :]
            decisive = (a for a in after if isinstance(a, Activation) or a.parameter_shapes(a.input_shape))
            following = next(decisive, None)
            layer.initialize(self.random, following if isinstance(following, Activation) else None)

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """Each parameter array with its name, e.g. ``("0.weights", (784, 128))``; views, not copies."""
        for position, layer in enumerate(self.layers):
            for name in layer.parameter_shapes(layer.input_shape):
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

    def forward_backward(self, inputs: Array, labels: Array) -> float:
        """Do the same for a batch of ``Batches``: to check each pixel and label again would take 5 % of a step."""
        loss, logit_gradients = self.loss(self.forward(inputs), labels)
        self.backward(logit_gradients)
        return loss

    def forward(self, inputs: Array) -> Array:
        """Training's forward pass: ``(n, *input_shape)`` → logits ``(n, classes)``."""
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

    def logits(self, images: Array) -> Array:
        """``(n, classes)``: the scores before softmax. Safe to call from several threads at once."""
        images = np.asarray(images)
        if images.ndim > 1 and len(images) > INFERENCE_BATCH:
            check_shape(images, self.input_shape)
            starts = range(0, len(images), INFERENCE_BATCH)
            return np.concatenate([self.logits(images[start : start + INFERENCE_BATCH]) for start in starts])
        inputs = as_inputs(images, self.input_shape, self.dtype)
        for layer in self.layers:
            inputs = layer.infer(inputs)
        return inputs

    def predict_proba(self, images: Array) -> Array:
        """``(n, classes)``: the probability of each digit for each image. Safe to call from several threads at once."""
        return softmax(self.logits(images))

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

    def __getstate__(self) -> dict[str, Any]:
        """Let ``copy`` and ``pickle`` build the network anew: its layers' weights must be views into *its* vector."""
        layers = [layer.fresh() for layer in self.layers]
        network = {"layers": layers, "input_shape": self.input_shape, "dtype": self.dtype}
        return network | {"parameters": self.parameters, "random": self.random.bit_generator.state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        NeuralNetwork.__init__(self, state["layers"], state["input_shape"], dtype=state["dtype"])
        self.parameters[...] = state["parameters"]
        self.random.bit_generator.state = state["random"]
