"""PyTorch, eager, with all channels of a pixel side by side: convolutions on a CPU are faster so."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.peers import pytorch


class Trainer(pytorch.Trainer):
    """Model and inputs in ``torch.channels_last``; what is computed from them is so, too."""

    def prepare(self) -> None:  # noqa: D102
        super().prepare()
        self.model = self.model.to(memory_format=torch.channels_last)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """``(n, 1, 28, 28) uint8`` and ``(n,)``."""
        for pixels, labels in super().batches():
            yield pixels.to(memory_format=torch.channels_last), labels
