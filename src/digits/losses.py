"""The loss: softmax and cross-entropy in one piece.

Together they are simpler than apart. With z the logits of one image, p = softmax(z) and t its label,

    loss      L = −log p_t = log Σⱼ exp(zⱼ) − z_t
    gradient  ∂L/∂zᵢ = pᵢ − [i = t]

(Bishop 2006, equation 4.109): the prediction minus the truth. A batch's loss is the mean over its images, so each
image's gradient is divided by their number.

A label is the certain case of a target q, the probabilities that the answer ought to have. For any of them

    loss      L = −Σⱼ qⱼ·log pⱼ = log Σⱼ exp(zⱼ) − Σⱼ qⱼ·zⱼ
    gradient  ∂L/∂zᵢ = pᵢ − qᵢ

What belongs to none of K classes has the label K, and the target 1/K for each of them ("outlier exposure", Hendrycks,
Mazeika and Dietterich 2019). Where one network teaches another, its probabilities are the target ("distillation",
Hinton, Vinyals and Dean 2015).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from digits.activations import Array


class SoftmaxCrossEntropy:
    """The mean cross-entropy of a batch between softmax(logits) and the labels, with its gradient.

    Safe for logits up to ±1e30 and more: the row's largest logit is subtracted before exp, and the logarithm is taken
    of a sum that is at least 1, never of a probability that may have become 0.
    """

    def __call__(self, logits: Array, labels: Array, count: int | None = None) -> tuple[float, Array]:
        """Compute the loss, and turn the logits into their gradient, in place.

        Args:
            logits: ``(n, classes)``, floating point; overwritten with the gradient.
            labels: ``(n,)`` integers from 0 to classes − 1, or ``classes`` for what belongs to none; or the targets
                themselves, ``(n, classes)`` probabilities.
            count: of the images over which the mean is taken, where these are only a part of them; n by default.

        Returns:
            The mean loss in nats (of a part: its share in the mean), and ∂loss/∂logits: the same array as ``logits``.
        """
        count = count or len(logits)
        classes, rows = logits.shape[1], np.arange(len(logits))
        targets = None if labels.ndim == 1 and (labels < classes).all() else _targets(labels, classes, logits.dtype)
        logits -= logits.max(axis=1, keepdims=True)
        expected = logits[rows, labels] if targets is None else (targets * logits).sum(axis=1)  # (n,), no view
        exponentials = np.exp(logits, out=logits)
        sums = exponentials.sum(axis=1, keepdims=True)  # (n, 1), each at least exp(0) = 1
        loss = float((np.log(sums[:, 0]) - expected).sum()) / count
        gradients = np.divide(exponentials, count * sums, out=logits)  # the probabilities, over n
        if targets is None:
            gradients[rows, labels] -= 1 / count
        else:
            gradients -= targets / count
        return loss, gradients


def _targets(labels: Array, classes: int, dtype: np.dtype[Any]) -> Array:
    """What the probabilities ought to be: ``(n, classes)``."""
    if labels.ndim == 2:
        return labels
    of_label = np.concatenate([np.eye(classes, dtype=dtype), np.full((1, classes), 1 / classes, dtype)])
    targets: Array = of_label[labels]
    return targets
