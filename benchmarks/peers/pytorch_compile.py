"""PyTorch with ``torch.compile``: the whole step in one graph.

Gradients by ``torch.func``, so that the update can be in the graph as well: half as long again if only the model
and the loss are compiled and the optimizer is PyTorch's fused one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value
from torch.nn import functional

from benchmarks.peers import pytorch

Tensors = dict[str, Tensor]
Step = Callable[[Tensors, list[Tensors], Tensor, Tensor, Tensor], Tensor]


class Trainer(pytorch.Trainer):
    """Parameters and the optimizer's vectors are changed in place, in the graph."""

    def prepare(self) -> None:  # noqa: D102
        super().prepare()
        self.parameters = {name: value.detach() for name, value in self.model.named_parameters()}
        self.state = [{name: torch.zeros_like(value) for name, value in self.parameters.items()} for _ in range(2)]
        self.step_number = torch.zeros(())
        make_step = make_adamw_step if self.work.optimizer == "adamw" else make_momentum_step
        self.step = torch.compile(make_step(self.model, self.work.learning_rate), dynamic=False)

    def reset(self) -> None:  # noqa: D102
        pytorch.set_weights(self.model, self.initial_weights)
        for vectors in self.state:
            for vector in vectors.values():
                vector.zero_()
        self.step_number.zero_()

    @torch.no_grad()
    def train(self) -> None:  # noqa: D102
        arguments = self.parameters, self.state, self.step_number
        self.losses = [self.step(*arguments, pixels, labels) for pixels, labels in self.batches()]


def loss_and_gradients(model: nn.Module, parameters: Tensors, pixels: Tensor, labels: Tensor) -> tuple[Tensors, Tensor]:
    """Scaling included."""

    def loss(parameters: Tensors) -> Tensor:
        logits = functional_call(model, parameters, (pixels.to(torch.float32) * (1 / 255),))
        return functional.cross_entropy(logits, labels)

    found: tuple[Tensors, Tensor] = grad_and_value(loss)(parameters)
    return found


def make_momentum_step(model: nn.Module, learning_rate: float) -> Step:
    """v ← 0.9·v + g, θ ← θ − η·v."""

    def step(parameters: Tensors, state: list[Tensors], _number: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
        gradients, loss = loss_and_gradients(model, parameters, pixels, labels)
        for name, parameter in parameters.items():
            velocity = state[0][name]
            velocity.mul_(0.9).add_(gradients[name])
            parameter.sub_(velocity, alpha=learning_rate)
        return loss

    return step


def make_adamw_step(model: nn.Module, learning_rate: float) -> Step:
    """As ``torch.optim.AdamW`` with its defaults; the step's number is a tensor, or each would be compiled anew."""
    beta1, beta2, epsilon, decay = 0.9, 0.999, 1e-8, 0.01

    def step(parameters: Tensors, state: list[Tensors], number: Tensor, pixels: Tensor, labels: Tensor) -> Tensor:
        gradients, loss = loss_and_gradients(model, parameters, pixels, labels)
        number.add_(1)
        step_size = learning_rate / (1 - beta1**number)
        correction = torch.sqrt(1 - beta2**number)
        for name, parameter in parameters.items():
            mean, mean_square = state[0][name], state[1][name]
            mean.lerp_(gradients[name], 1 - beta1)
            mean_square.mul_(beta2).addcmul_(gradients[name], gradients[name], value=1 - beta2)
            parameter.mul_(1 - learning_rate * decay)
            parameter.sub_(step_size * mean / (mean_square.sqrt() / correction + epsilon))
        return loss

    return step
