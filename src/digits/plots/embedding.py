"""From many dimensions to two, so that what is alike lies together: principal components and t-SNE, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from digits.activations import Array

STEPS = 300
EXAGGERATED_STEPS = 80  # in which alike points attract each other more, so that clusters form
EXAGGERATION = 12.0
MOMENTUM = 0.8


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
    """Lay points out in a plane so that neighbours stay neighbours (t-SNE, van der Maaten and Hinton 2008).

    Two points are neighbours with a probability P by their distance, and with Q by their distance in the plane. The
    plane's are moved to make KL(P‖Q) small, by gradient descent from the first two principal components, as Kobak and
    Berens 2019 advise: so nothing is random. All pairs are compared, so n should be no more than a few thousand.

    Args:
        points: ``(n, dimensions)``.
        perplexity: about how many neighbours a point has; less where there are few points.

    Returns:
        ``(n, 2)``. Near and far mean something in it; directions, and the sizes of gaps, do not.
    """
    count = len(points)
    start = np.zeros((count, 2))
    components = principal_components(points, 2)
    start[:, : components.shape[1]] = components
    if count < 4:  # too few to have neighbours to tell apart
        return start
    alike = _neighbour_probabilities(points, min(perplexity, (count - 1) / 3)).astype(np.float32)
    places: Array = (1e-4 * start / (start[:, 0].std() or 1)).astype(np.float32)
    moves = np.zeros_like(places)
    rate = max(count / EXAGGERATION, 50)  # Belkina et al. 2019
    for step in range(STEPS):
        exaggeration = EXAGGERATION if step < EXAGGERATED_STEPS else 1.0
        moves = MOMENTUM * moves - rate * _divergence_gradients(places, alike, exaggeration)
        places = places + moves
    return places.astype(np.float64)


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
