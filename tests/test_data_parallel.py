"""A batch in parts: the parts make up the whole, and no bit depends on which thread is faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.data_parallel import DataParallel, cut
from digits.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU, Tanh
from digits.neural_network import NeuralNetwork
from digits.optimizers import Momentum

STACKS: dict[str, tuple[Callable[[], list[Layer]], tuple[int, ...]]] = {
    "dense": (lambda: [Dense(8), ReLU(), Dense(7), Tanh(), Dense(4)], (30,)),
    "convolution": (
        lambda: [Conv2D(3, 3, padding=1), MaxPool2D(2), ReLU(), Conv2D(4, 2), Tanh(), Flatten(), Dense(4)],
        (1, 5, 6),
    ),
}
every_stack = pytest.mark.parametrize(("make", "shape"), STACKS.values(), ids=STACKS)


def noisy(dtype: Any = np.float32, seed: int = 0) -> NeuralNetwork:
    """A network with everything that could differ between parts: noise and running averages."""
    layers = [Conv2D(3, 3), BatchNorm(), ReLU(), Flatten(), Dropout(0.5), Dense(9), BatchNorm(), Tanh(), Dense(4)]
    return NeuralNetwork(layers, (1, 5, 6), seed=seed, dtype=dtype)


def batch(count: int, seed: int = 0, dtype: Any = np.float32) -> tuple[Array, Array]:
    """``(count, 30)`` images as ``Batches`` yields them, and labels."""
    random = np.random.default_rng(seed)
    return random.random((count, 30)).astype(dtype), random.integers(4, size=count)


# -- the parts make up the whole -----------------------------------------------------------------------------


@given(count=st.integers(0, 1000), parts=st.integers(1, 20))
def test_parts_are_all_of_it_once_and_of_nearly_equal_size(count: int, parts: int) -> None:
    slices = cut(count, parts)
    assert [i for part in slices for i in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in slices]
    assert len(sizes) == parts
    assert max(sizes) - min(sizes) <= 1


@every_stack
@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 32, 33])
def test_the_gradients_of_the_parts_add_up_to_the_whole_batch_s(
    make: Callable[[], list[Layer]], shape: tuple[int, ...], parts: int, count: int
) -> None:
    """Also where the batch is odd, or smaller than the parts are many."""
    whole, network = (NeuralNetwork(make(), shape, dtype=np.float64) for _ in range(2))
    parallel = DataParallel(network, parts)
    for size in (40, count):  # what a larger batch left behind does not count
        images, labels = batch(size, dtype=np.float64)
        loss = parallel.forward_backward(images, labels)
    assert loss == pytest.approx(whole.forward_backward(images, labels), rel=1e-13)
    assert np.abs(network.gradients - whole.gradients).max() < 1e-14 * count
    assert np.abs(whole.gradients).max() > 0.01


def test_one_part_is_the_network_itself_bit_for_bit() -> None:
    alone, network = noisy(), noisy()
    images, labels = batch(33)
    assert DataParallel(network, 1).forward_backward(images, labels) == alone.forward_backward(images, labels)
    assert np.array_equal(network.gradients, alone.gradients)
    assert np.array_equal(network.statistics, alone.statistics)
    assert network.random.bit_generator.state == alone.random.bit_generator.state


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_logits_are_those_of_the_network_in_the_images_order(count: int) -> None:
    network = noisy(np.float64)
    parallel = DataParallel(network, 2)
    parallel.forward_backward(*batch(40, dtype=np.float64))
    images, _ = batch(count, seed=1, dtype=np.float64)
    for any_network in (network, noisy(np.float64, seed=5)):
        together = any_network.logits(images)
        assert np.allclose(parallel.logits(any_network, images), together, rtol=1e-12, atol=1e-14)


def test_the_parts_see_every_step_of_the_optimizer() -> None:
    network = NeuralNetwork(STACKS["dense"][0](), (30,), dtype=np.float64)
    whole = NeuralNetwork(STACKS["dense"][0](), (30,), dtype=np.float64)
    parallel = DataParallel(network, 2)
    optimizers = Momentum(0.1), Momentum(0.1)
    for step in range(10):
        images, labels = batch(17, seed=step, dtype=np.float64)
        parallel.forward_backward(images, labels)
        whole.forward_backward(images, labels)
        for optimizer, each in zip(optimizers, (network, whole), strict=True):
            optimizer.step(each.parameters, each.gradients)
    assert all(np.shares_memory(each.parameters, network.parameters) for each in parallel.networks)
    assert np.allclose(network.parameters, whole.parameters, rtol=1e-11, atol=1e-13)


# -- noise and normalisation ---------------------------------------------------------------------------------


def test_the_parts_share_parameters_and_nothing_else() -> None:
    networks = DataParallel(noisy(), 3).networks
    for one, other in ((networks[0], networks[1]), (networks[1], networks[2])):
        assert np.shares_memory(one.parameters, other.parameters)
        for ours, theirs in zip(one.layers, other.layers, strict=True):
            for name in ours.parameter_shapes(ours.input_shape):
                assert np.shares_memory(getattr(ours, name), getattr(theirs, name))
                assert not np.may_share_memory(getattr(ours, f"{name}_gradients"), getattr(theirs, f"{name}_gradients"))
        assert not np.may_share_memory(one.gradients, other.gradients)
        assert not np.may_share_memory(one.statistics, other.statistics)
        assert one.random is not other.random


def test_each_part_drops_out_other_units() -> None:
    network = NeuralNetwork([Dropout(0.5), Dense(2)], (1000,), seed=3)
    parallel = DataParallel(network, 3)
    parallel.forward_backward(np.ones((3, 1000), np.float32), np.zeros(3, int))  # one image a part
    masks = [each.layers[0].mask[0] for each in parallel.networks]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.mean(masks[one] == masks[other]) == pytest.approx(0.5, abs=0.1)


def test_normalisation_is_by_part_and_the_running_averages_are_the_parts_mean() -> None:
    """So-called ghost batches: the statistics of a part are those it would have alone."""
    network = NeuralNetwork([BatchNorm(), Dense(4)], (30,), dtype=np.float64)
    alone = [network.astype(np.float64) for _ in range(2)]
    images, labels = batch(20, dtype=np.float64)
    parallel = DataParallel(network, 2)
    loss = parallel.forward_backward(images, labels)
    parts = [slice(0, 10), slice(10, 20)]
    losses = [each.forward_backward(images[p], labels[p]) for each, p in zip(alone, parts, strict=True)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-12)
    assert np.allclose(network.gradients, (alone[0].gradients + alone[1].gradients) / 2, rtol=1e-12, atol=1e-15)
    expected = (alone[0].statistics + alone[1].statistics) / 2
    for each in parallel.networks:
        assert np.allclose(each.statistics, expected, rtol=1e-12)
    whole_means = 0.1 * images.mean(axis=0)
    assert np.allclose(network.layers[0].running_means, whole_means, rtol=1e-12)  # parts of equal size


# -- threads -------------------------------------------------------------------------------------------------


def three_steps(parts: int = 2, before: Callable[[DataParallel], None] = lambda parallel: None) -> list[Array]:
    network = noisy(seed=1)
    parallel = DataParallel(network, parts)
    before(parallel)
    optimizer = Momentum(0.1)
    losses = []
    for step, count in enumerate((33, 33, 5)):
        losses.append(parallel.forward_backward(*batch(count, seed=step)))
        optimizer.step(network.parameters, network.gradients)
    return [network.parameters, network.gradients, network.statistics, np.array(losses)]


def test_no_bit_depends_on_which_thread_is_faster() -> None:
    def slow_down(which: int) -> Callable[[DataParallel], None]:
        def apply(parallel: DataParallel) -> None:
            forward = parallel.networks[which].forward

            def slow_forward(inputs: Array) -> Array:
                time.sleep(0.005)
                return forward(inputs)

            parallel.networks[which].forward = slow_forward  # type: ignore[method-assign]

        return apply

    runs = [three_steps(3), three_steps(3), *(three_steps(3, slow_down(which)) for which in range(3))]
    for run in runs[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(run, runs[0], strict=True))


def test_the_number_of_parts_matters_so_it_belongs_to_a_run() -> None:
    assert not np.array_equal(three_steps(1)[0], three_steps(2)[0])


def test_the_parts_are_computed_at_the_same_time() -> None:
    """Each waits until all have begun: one after the other, they would wait for ever."""
    parallel = DataParallel(noisy(), 3)
    barrier, seen = threading.Barrier(3, timeout=10), set()
    for network in parallel.networks:

        def forward(inputs: Array, original: Callable[[Array], Array] = network.forward) -> Array:
            barrier.wait()
            seen.add(threading.get_ident())
            return original(inputs)

        network.forward = forward  # type: ignore[method-assign]
    parallel.forward_backward(*batch(6))
    assert len(seen) == 3
    assert threading.get_ident() in seen  # the first part is computed where it was asked for


def test_a_mistake_in_any_part_is_raised() -> None:
    images, labels = batch(6)
    labels[5] = 99
    with pytest.raises(IndexError):
        DataParallel(noisy(), 2).forward_backward(images, labels)


def test_all_parts_overflow_as_quietly_as_one_asks_for() -> None:
    """NumPy's ``errstate`` is a thread's own; training sets it once and reports in words."""
    network = NeuralNetwork([Dense(8), ReLU(), Dense(4)], (30,))
    network.parameters *= np.float32(1e30)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(DataParallel(network, 2).forward_backward(*batch(8)))


def test_no_thread_outlives_the_runs() -> None:
    before = set(threading.enumerate())
    parallel = DataParallel(noisy(), 3)
    parallel.forward_backward(*batch(6))
    its_own = set(threading.enumerate()) - before
    assert its_own
    del parallel
    for thread in its_own:
        thread.join(timeout=10)
        assert not thread.is_alive()


# -- checkpoints ---------------------------------------------------------------------------------------------


def test_a_restored_run_goes_on_bit_for_bit() -> None:
    network = noisy(seed=4)
    parallel = DataParallel(network, 2)
    parallel.forward_backward(*batch(12))
    states, statistics, parameters = parallel.random_states(), network.statistics.copy(), network.parameters.copy()
    expected = [parallel.forward_backward(*batch(12, seed=seed)) for seed in (1, 2)]

    other = noisy(seed=99)
    other.parameters[...] = parameters
    resumed = DataParallel(other, 2)
    resumed.restore(states, statistics)
    assert [resumed.forward_backward(*batch(12, seed=seed)) for seed in (1, 2)] == expected
    assert np.array_equal(other.gradients, network.gradients)
    assert np.array_equal(other.statistics, network.statistics)


def test_random_states_are_no_views_of_the_running_ones() -> None:
    parallel = DataParallel(noisy(), 2)
    states = parallel.random_states()
    kept = repr(states)
    parallel.forward_backward(*batch(12))
    assert repr(states) == kept
    assert repr(parallel.random_states()) != kept
    assert len(states) == 2


def test_states_of_another_number_of_parts_are_refused() -> None:
    network = noisy()
    states = DataParallel(network, 2).random_states()
    with pytest.raises(ValueError, match="zip"):
        DataParallel(noisy(), 3).restore(states, network.statistics)
