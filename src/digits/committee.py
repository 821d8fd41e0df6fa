"""Several opinions are better than one: of several networks, or of one network on several views of an image.

The logits are averaged, which is the geometric mean of the probabilities: who is sure that it is no 7 counts for more
than who is not sure that it is one. Its loss is never above the members' mean loss (Heskes 1998, "Selecting weighting
factors in logarithmic opinion pools"). Networks that were trained from other random numbers make other mistakes (Hansen
and Salamon 1990); so does one network that sees an image turned, moved or distorted a little, for each of these *views*
is an image of the same digit (Simard, Steinkraus and Platt 2003 train on such images, Ciresan et al. 2012 average over
them too). It costs as many times the work, so nothing does it unless asked, and every figure says when it was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from digits.activations import Array, softmax
from digits.augmentation import Augmentation, warp
from digits.data_preprocessing import SIDE, as_inputs
from digits.neural_network import NeuralNetwork

VIEW_WARPS = Augmentation(rotation=3, scale=0.036, shear=0.03, shift=0.45, elastic=0.3)  # 0.3 of those of training


class Committee:
    """Networks that answer together, each about several views of the image.

    It answers as a network does: ``predict_proba`` and ``predict``, safe in several threads at once. The views are the
    image as it is, and the same warps for every image, so an answer depends on nothing but the image.

    Args:
        networks: at least one.
        views: of each image, at least one, which is the image itself.

    Raises:
        ValueError: if there is no network or no view.
    """

    def __init__(self, networks: Sequence[NeuralNetwork], views: int = 1) -> None:
        if not networks or views < 1:
            raise ValueError(f"a committee has at least one network and one view; got {len(networks)} and {views}")
        self.networks = list(networks)
        self.views = views

    def __repr__(self) -> str:
        return f"Committee({len(self.networks)} networks, {self.views} views)"

    @property
    def inference_batch(self) -> int:
        """How many images to infer at once."""
        return min(network.inference_batch for network in self.networks)

    def predict_proba(self, images: Array) -> Array:
        """``(n, 10)``: the geometric mean of the probabilities, normalised. Images as a network takes them."""
        inputs = as_inputs(images, (SIDE, SIDE), np.dtype(np.float32))
        shape = (2, *inputs.shape)
        warps = np.moveaxis(_view_coordinates(self.views - 1), 1, 0)
        places = (np.broadcast_to(coordinates[:, np.newaxis], shape) for coordinates in warps)
        views = [inputs, *(warp(inputs, coordinates).clip(0, 1) for coordinates in places)]
        answers = [network.logits(view) / network.temperature for network in self.networks for view in views]
        return softmax(np.mean(answers, axis=0))

    def predict(self, images: Array) -> Array:
        """``(n,)``: the most probable digit of each image."""
        predictions: Array = self.predict_proba(images).argmax(axis=1)
        return predictions


@lru_cache
def _view_coordinates(count: int) -> Array:
    """``(2, count, 28, 28)``: where each pixel of each warped view looks; always the same."""
    return VIEW_WARPS.coordinates(count, np.random.default_rng(0))
