"""From many dimensions to two, so that what is alike lies together: principal components and t-SNE, in NumPy.

``layer_points`` are images as a layer of a network sees them; ``images_to_embed`` says which to take of many.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from digits.activations import Array
from digits.evaluation import Evaluation
from digits.explanation import activations
from digits.neural_network import NeuralNetwork

MOST_POINTS = 1200  # t-SNE compares all pairs: of so many, in a few seconds
MOST_MISTAKES = 300  # of them
STEPS = 300
EXAGGERATED_STEPS = 80  # in which alike points attract each other more, so that clusters form
EXAGGERATION = 12.0
MOMENTUM = 0.8


def images_to_embed(evaluation: Evaluation, seed: int = 0) -> Array:
    """Choose up to 1,200 images: mistakes, all or 300 of them, and right ones drawn at random.

    Args:
        evaluation: of the images.
        seed: of the choice.

    Returns:
        ``(n,)``: the numbers of the images, in order.
    """
    random = np.random.default_rng(seed)
    wrong = np.flatnonzero(evaluation.predictions != evaluation.labels)
    right = np.flatnonzero(evaluation.predictions == evaluation.labels)
    some_wrong = random.permutation(wrong)[:MOST_MISTAKES]
    some_right = random.permutation(right)[: MOST_POINTS - len(some_wrong)]
    return np.sort(np.concatenate([some_wrong, some_right]))


def layer_points(network: NeuralNetwork, images: Array, depth: int) -> Array:
    """``(n, units) float64``: images as points, with the outputs of the first ``depth`` layers as their coordinates.

    Args:
        network: of any kind.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1. At least one.
        depth: 0 for the pixels themselves, ``explanation.last_hidden(network)`` for what the last layer sees.
    """
    seen = activations(network, images, depth)
    return seen.reshape(len(seen), -1).astype(np.float64)


def principal_components(points: Array, count: int) -> Array:
    """Project points onto the directions in which they differ most (Pearson 1901).

    Args:
        points: ``(n, dimensions)``.
        count: how many directions at most.

    Returns:
        ``(n, count)``, or fewer columns where there are no more; the first varies most. A direction has no sign of its
        own: it is turned so that its point farthest from the middle lies on the positive side.
    """
    centred = points - points.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    projected: Array = (left * lengths)[:, :count]
    farthest = projected[np.abs(projected).argmax(axis=0), np.arange(projected.shape[1])]
    projected *= np.where(farthest < 0, -1, 1)
    return projected


def tsne(points: Array, perplexity: float = 30.0) -> Array:
    """Lay points out in a plane so that neighbours stay neighbours: where ``tsne_steps`` ends, ``(n, 2)``."""
    for places in tsne_steps(points, perplexity):  # noqa: B007  the last is wanted
        pass
    return places


def tsne_steps(points: Array, perplexity: float = 30.0) -> Iterator[Array]:
    """Lay points out in a plane so that neighbours stay neighbours (t-SNE, van der Maaten and Hinton 2008).

    Two points are neighbours with a probability P by their distance, and with Q by their distance in the plane. The
    plane's are moved to make KL(P‖Q) small, by gradient descent from the first two principal components, as Kobak and
    Berens 2019 advise: so nothing is random. All pairs are compared, so n should be no more than a few thousand.

    Args:
        points: ``(n, dimensions)``.
        perplexity: about how many neighbours a point has; less where there are few points.

    Yields:
        ``(n, 2) float64``: where the points start, then where each of ``STEPS`` steps moves them; fewer than four
        points stay at the start. Near and far mean something in it; directions, and the sizes of gaps, do not.
    """
    count = len(points)
    start = np.zeros((count, 2))
    components = principal_components(points, 2)
    start[:, : components.shape[1]] = components
    yield start
    if count < 4:  # too few to have neighbours to tell apart
        return
    alike = _neighbour_probabilities(points, min(perplexity, (count - 1) / 3)).astype(np.float32)
    places: Array = (1e-4 * start / (start[:, 0].std() or 1)).astype(np.float32)
    moves = np.zeros_like(places)
    rate = max(count / EXAGGERATION, 50)  # Belkina et al. 2019
    for step in range(STEPS):
        exaggeration = EXAGGERATION if step < EXAGGERATED_STEPS else 1.0
        moves = MOMENTUM * moves - rate * _divergence_gradients(places, alike, exaggeration)
        places = places + moves
        yield places.astype(np.float64)


def _neighbour_probabilities(points: Array, perplexity: float) -> Array:
    """``(n, n)``, sum 1: equation 1, made symmetric; each point's width is found by bisection for the perplexity."""
    distances = _squared_distances(points.astype(np.float64))
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)  # the same probabilities, and no underflow of all of a row
    scale = np.where(np.isfinite(distances), distances, 0).mean(axis=1, keepdims=True)
    distances /= np.where(scale > 0, scale, 1)
    low, high = np.full((len(points), 1), -10.0), np.full((len(points), 1), 10.0)  # log₁₀ of 1/2σ²
    for _ in range(25):
        middle = (low + high) / 2
        likely = np.exp(-distances * 10**middle)
        likely /= likely.sum(axis=1, keepdims=True)
        entropy = -np.sum(likely * np.log(np.maximum(likely, 1e-300)), axis=1, keepdims=True)
        too_wide = entropy > np.log(perplexity)
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    probabilities: Array = (likely + likely.T) / (2 * len(points))
    return probabilities


def _divergence_gradients(places: Array, alike: Array, exaggeration: float) -> Array:
    """∂KL(P‖Q)/∂y (equation 5): 4·Σⱼ (pᵢⱼ − qᵢⱼ)·(yᵢ − yⱼ)/(1 + |yᵢ − yⱼ|²)."""
    near = _squared_distances(places)
    near += 1
    np.reciprocal(near, out=near)
    np.fill_diagonal(near, 0)
    pull = near * (-1 / near.sum(dtype=np.float64)).astype(near.dtype)
    pull += alike * np.float32(exaggeration)
    pull *= near
    gradients: Array = 4 * (pull.sum(axis=1, keepdims=True) * places - pull @ places)
    return gradients


def _squared_distances(points: Array) -> Array:
    """``(n, n)``: |a|² + |b|² − 2·a·b, which rounding must not make negative."""
    lengths = np.einsum("nd,nd->n", points, points)
    distances: Array = points @ points.T
    distances *= -2
    distances += lengths
    distances += lengths[:, np.newaxis]
    np.maximum(distances, 0, out=distances)
    return distances
