"""PyTorch as most people write it: eager, without a compiler."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import contenders
from benchmarks.contenders import SEED, Array, Weights
from benchmarks.work import CLASSES, PIXELS, POOL, SIDE, Training


def use_threads(count: int) -> None:
    """Within an operation."""
    torch.set_num_threads(count)


def make_model(shapes: Sequence[tuple[int, ...]]) -> nn.Sequential:
    """Convolutions with max-pooling, if there are any, then dense layers, all with ReLU; returns logits."""
    convolutions, dense = [shape for shape in shapes if len(shape) == 4], [shape for shape in shapes if len(shape) == 2]
    layers: list[nn.Module] = []
    for channels, window, _, filters in convolutions:
        layers += [nn.Conv2d(channels, filters, window), nn.MaxPool2d(POOL), nn.ReLU()]
    if convolutions:
        layers.append(nn.Flatten())
    for inputs, units in dense:
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def set_weights(model: nn.Sequential, weights: Weights) -> None:
    """Copy weights into a model, whose weights have the outputs first."""
    for layer, (w, b) in zip(layers_with_weights(model), weights, strict=True):
        layer.weight.copy_(torch.from_numpy(np.moveaxis(w, -1, 0)))
        layer.bias.copy_(torch.from_numpy(b))


def layers_with_weights(model: nn.Sequential) -> list[nn.Linear | nn.Conv2d]:
    """In their order."""
    return [layer for layer in model if isinstance(layer, nn.Linear | nn.Conv2d)]


def make_optimizer(training: Training, model: nn.Sequential) -> torch.optim.Optimizer:
    """Fused: all parameters in one call, a fifth faster than the default for the large network."""
    if training.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=0.01, fused=True)
    return torch.optim.SGD(model.parameters(), lr=training.learning_rate, momentum=0.9, fused=True)


class Trainer(contenders.Trainer):
    """Images and labels in tensors, a batch by ``index_select``, scaled as ``float32``."""

    def prepare(self) -> None:  # noqa: D102
        self.image_tensor = torch.from_numpy(self.images)
        if self.work.filters:
            self.image_tensor = self.image_tensor.view(-1, 1, SIDE, SIDE)
        self.label_tensor = torch.from_numpy(self.labels)
        self.chosen = [torch.from_numpy(batch) for batch in self.indices]
        self.model = make_model(self.work.weight_shapes)

    def reset(self) -> None:  # noqa: D102
        set_weights(self.model, self.initial_weights)
        self.optimizer = make_optimizer(self.work, self.model)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """``(n, 784)`` or ``(n, 1, 28, 28) uint8``, and ``(n,)``."""
        for chosen in self.chosen:
            yield self.image_tensor.index_select(0, chosen), self.label_tensor.index_select(0, chosen)

    def train(self) -> None:  # noqa: D102
        self.losses = []
        for pixels, labels in self.batches():
            inputs = pixels.to(torch.float32).mul_(1 / 255)
            loss = functional.cross_entropy(self.model(inputs), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.detach())

    def weights(self) -> Weights:  # noqa: D102
        pairs = [
            (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers_with_weights(self.model)
        ]
        return [(np.moveaxis(w, 0, -1), b) for w, b in pairs]


class Predictor(contenders.Predictor):
    """In ``inference_mode``."""

    def prepare(self) -> None:  # noqa: D102
        self.model = make_model([*pairwise((PIXELS, *self.work.hidden, CLASSES))]).eval()
        set_weights(self.model, self.weights)

    @torch.inference_mode()
    def probabilities(self, images: Array) -> Array:  # noqa: D102
        inputs = torch.from_numpy(images).to(torch.float32).mul_(1 / 255)
        answer: Array = self.model(inputs).softmax(dim=1).numpy()
        return answer


class Warper(contenders.Warper):
    """As torchvision's ``RandomAffine`` and ``ElasticTransform``, but for a whole batch at once.

    Affine grids for all images, plus blurred uniform noise, and one ``grid_sample``. To blur is to multiply by a matrix
    on either side: for images so small a fifth of the time of two convolutions, with the same result. Coordinates are
    −1…1 from the first pixel's centre to the last one's (``align_corners``).
    """

    def prepare(self) -> None:  # noqa: D102
        smoothness = self.work.smoothness
        radius = int(4 * smoothness + 0.5)  # as far as scipy.ndimage's default
        kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / smoothness) ** 2)
        kernel /= kernel.sum()
        places = torch.arange(SIDE)
        distances = places - places[:, None]
        self.blur = torch.where(distances.abs() <= radius, kernel[(distances + radius).clamp(0, 2 * radius)], 0)
        self.per_pixel = 2 / (SIDE - 1)
        # what blurring leaves of the noise's standard deviation, so that the strength is in pixels
        self.amplitude = self.work.elastic / (float((kernel**2).sum()) * math.sqrt(1 / 3))

    @torch.inference_mode()
    def warp(self, images: Array) -> Array:  # noqa: D102
        random = torch.Generator().manual_seed(SEED)
        batches = torch.from_numpy(images).split(self.work.batch_size)
        warped: Array = torch.cat([self._warp_batch(batch, random) for batch in batches]).numpy()
        return warped

    def _warp_batch(self, images: Tensor, random: torch.Generator) -> Tensor:
        inputs = images.to(torch.float32).mul_(1 / 255).unsqueeze(1)  # (n, 1, 28, 28)
        shape = [len(images), 1, SIDE, SIDE]
        grid = functional.affine_grid(self._affine(len(images), random), shape, align_corners=True)
        grid += self._elastic(len(images), random)
        return functional.grid_sample(inputs, grid, align_corners=True).squeeze(1)

    def _affine(self, count: int, random: torch.Generator) -> Tensor:
        """``(n, 2, 3)``: rotation · shear · scale, and a shift."""
        angle, scale, shear, right, down = torch.empty(5, count).uniform_(-1, 1, generator=random)
        angle = angle * math.radians(self.work.rotation)
        scale = 1 / (1 + scale * self.work.scale)
        shear = shear * self.work.shear
        cos, sin = torch.cos(angle), torch.sin(angle)
        shift = self.work.shift * self.per_pixel
        rows = [scale * cos, scale * (cos * shear - sin), right * shift]
        rows += [scale * sin, scale * (sin * shear + cos), down * shift]
        return torch.stack(rows, dim=1).view(count, 2, 3)

    def _elastic(self, count: int, random: torch.Generator) -> Tensor:
        """``(n, 28, 28, 2)``: smoothed noise."""
        noise = torch.empty(count, 2, SIDE, SIDE).uniform_(-1, 1, generator=random)
        noise = self.blur @ noise @ self.blur
        return noise.mul_(self.amplitude * self.per_pixel).permute(0, 2, 3, 1)
