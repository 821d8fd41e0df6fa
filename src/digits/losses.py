"""The loss: softmax and cross-entropy in one piece.

Together they are simpler than apart. With z the logits of one image, p = softmax(z) and t its label,

    loss      L = −log p_t = log Σⱼ exp(zⱼ) − z_t
    gradient  ∂L/∂zᵢ = pᵢ − [i = t]

(Bishop 2006, equation 4.109): the prediction minus the truth. A batch's loss is the mean over its images, so each
image's gradient is divided by their number.

What belongs to none of K classes has the label K. Its target is 1/K for each of them ("outlier exposure", Hendrycks,
Mazeika and Dietterich 2019), so L = log Σⱼ exp(zⱼ) − mean(z), and ∂L/∂zᵢ = pᵢ − 1/K.
"""

from __future__ import annotations

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
            labels: ``(n,)`` integers from 0 to classes − 1, or ``classes`` for what belongs to none.
            count: of the images over which the mean is taken, where these are only a part of them; n by default.

        Returns:
            The mean loss in nats (of a part: its share in the mean), and ∂loss/∂logits: the same array as ``logits``.
        """
        count = count or len(logits)
        classes = logits.shape[1]
        none = np.flatnonzero(labels == classes)
        rows, columns = np.arange(len(logits)), np.minimum(labels, classes - 1) if len(none) else labels
        logits -= logits.max(axis=1, keepdims=True)
        label_logits = logits[rows, columns]  # (n,), a copy
        label_logits[none] = logits[none].mean(axis=1)
        exponentials = np.exp(logits, out=logits)
        sums = exponentials.sum(axis=1, keepdims=True)  # (n, 1), each at least exp(0) = 1
        loss = float((np.log(sums[:, 0]) - label_logits).sum()) / count
        gradients = np.divide(exponentials, count * sums, out=logits)  # the probabilities, over n
        shares = gradients[none] - 1 / (count * classes)
        gradients[rows, columns] -= 1 / count
        gradients[none] = shares
        return loss, gradients
