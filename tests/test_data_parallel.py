"""A batch in parts: the parts make up the whole, and no bit depends on which process is faster."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
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
needs_signals = pytest.mark.skipif(os.name != "posix", reason="stops processes by signals")
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
    parallel = DataParallel(network, parts, 40)
    for size in (40, count):  # what a larger batch left behind does not count
        images, labels = batch(size, dtype=np.float64)
        loss = parallel.forward_backward(images, labels)
    assert loss == pytest.approx(whole.forward_backward(images, labels), rel=1e-13)
    assert np.abs(network.gradients - whole.gradients).max() < 1e-14 * count
    assert np.abs(whole.gradients).max() > 0.01


def test_one_part_is_the_network_itself_bit_for_bit() -> None:
    alone, network = noisy(), noisy()
    images, labels = batch(33)
    assert DataParallel(network, 1, 33).forward_backward(images, labels) == alone.forward_backward(images, labels)
    assert np.array_equal(network.gradients, alone.gradients)
    assert np.array_equal(network.statistics, alone.statistics)
    assert network.random.bit_generator.state == alone.random.bit_generator.state


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_logits_are_those_of_the_network_in_the_images_order(count: int) -> None:
    network = noisy(np.float64)
    parallel = DataParallel(network, 2, 40)
    parallel.forward_backward(*batch(40, dtype=np.float64))
    images, _ = batch(count, seed=1, dtype=np.float64)
    for any_network in (network, noisy(np.float64, seed=5)):
        together = any_network.logits(images)
        assert np.allclose(parallel.logits(any_network, images), together, rtol=1e-12, atol=1e-14)


def test_the_parts_see_every_step_of_the_optimizer() -> None:
    network = NeuralNetwork(STACKS["dense"][0](), (30,), dtype=np.float64)
    whole = NeuralNetwork(STACKS["dense"][0](), (30,), dtype=np.float64)
    parallel = DataParallel(network, 2, 17)
    optimizers = Momentum(0.1), Momentum(0.1)
    for step in range(10):
        images, labels = batch(17, seed=step, dtype=np.float64)
        parallel.forward_backward(images, labels)
        whole.forward_backward(images, labels)
        for optimizer, each in zip(optimizers, (network, whole), strict=True):
            optimizer.step(each.parameters, each.gradients)
    assert np.allclose(network.parameters, whole.parameters, rtol=1e-11, atol=1e-13)


# -- noise and normalisation ---------------------------------------------------------------------------------


def test_each_part_drops_out_other_units() -> None:
    """A weight whose unit was dropped has no gradient; so the gradients show who dropped what."""
    network = NeuralNetwork([Dropout(0.5), Dense(2)], (1000,), seed=3)
    parallel = DataParallel(network, 3, 3)
    parallel.forward_backward(np.ones((3, 1000), np.float32), np.zeros(3, int))  # one image a part
    theirs = [worker.desk.gradients for worker in parallel.workers]
    own = network.gradients - theirs[0] - theirs[1]
    masks = [np.abs(gradients[:2000:2]) > 0.01 for gradients in (own, *theirs)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.mean(masks[one] == masks[other]) == pytest.approx(0.5, abs=0.1)


def test_normalisation_is_by_part_and_the_running_averages_are_the_parts_mean() -> None:
    """So-called ghost batches: the statistics of a part are those it would have alone."""
    network = NeuralNetwork([BatchNorm(), Dense(4)], (30,), dtype=np.float64)
    alone = [network.astype(np.float64) for _ in range(2)]
    images, labels = batch(20, dtype=np.float64)
    parallel = DataParallel(network, 2, 20)
    loss = parallel.forward_backward(images, labels)
    parts = [slice(0, 10), slice(10, 20)]
    losses = [each.forward_backward(images[p], labels[p]) for each, p in zip(alone, parts, strict=True)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-12)
    assert np.allclose(network.gradients, (alone[0].gradients + alone[1].gradients) / 2, rtol=1e-12, atol=1e-15)
    expected = (alone[0].statistics + alone[1].statistics) / 2
    assert np.allclose(network.statistics, expected, rtol=1e-12)
    whole_means = 0.1 * images.mean(axis=0)
    assert np.allclose(network.layers[0].running_means, whole_means, rtol=1e-12)  # parts of equal size


# -- processes -----------------------------------------------------------------------------------------------


def three_steps(parts: int = 2, before: Callable[[DataParallel], None] = lambda parallel: None) -> list[Array]:
    network = noisy(seed=1)
    parallel = DataParallel(network, parts, 33)
    before(parallel)
    optimizer = Momentum(0.1)
    losses = []
    for step, count in enumerate((33, 33, 5)):
        losses.append(parallel.forward_backward(*batch(count, seed=step)))
        optimizer.step(network.parameters, network.gradients)
    return [network.parameters, network.gradients, network.statistics, np.array(losses)]


def comes_true(condition: Callable[[], Any], seconds: float = 10) -> bool:
    """Whether it does in this time."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(condition())


def halted(parallel: DataParallel, which: int, seconds: float) -> threading.Timer:
    """Stop one worker, and let it go on after a while."""
    process = parallel.workers[which].process
    process.send_signal(signal.SIGSTOP)
    timer = threading.Timer(seconds, process.send_signal, [signal.SIGCONT])
    timer.start()
    return timer


@needs_signals
def test_no_bit_depends_on_which_process_is_faster() -> None:
    expected = three_steps(3)
    for which in range(2):
        run = three_steps(3, lambda parallel, which=which: halted(parallel, which, 0.3))  # type: ignore[misc]
        assert all(np.array_equal(one, other) for one, other in zip(run, expected, strict=True))


def test_the_number_of_parts_matters_so_it_belongs_to_a_run() -> None:
    assert not np.array_equal(three_steps(1)[0], three_steps(2)[0])


@needs_signals
def test_the_first_part_does_not_wait_for_the_others() -> None:
    """It is done, its gradients are there, while the other's process stands still."""
    network = noisy()
    parallel = DataParallel(network, 2, 6)
    parallel.forward_backward(*batch(6))
    network.gradients[...] = 0
    seen: list[bool] = []

    def look() -> None:
        seen.append(comes_true(lambda: network.gradients.any()))
        parallel.workers[0].process.send_signal(signal.SIGCONT)

    parallel.workers[0].process.send_signal(signal.SIGSTOP)
    looking = threading.Thread(target=look)
    looking.start()
    parallel.forward_backward(*batch(6))
    looking.join()
    assert seen == [True]


def test_the_others_do_not_wait_for_the_first_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are done, their gradients are there, before it has begun."""
    network = noisy()
    parallel = DataParallel(network, 3, 6)
    forward_backward = network.forward_backward
    seen: list[bool] = []

    def waiting(*arguments: Any) -> float:
        seen.append(comes_true(lambda: all(worker.desk.gradients.any() for worker in parallel.workers)))
        return forward_backward(*arguments)

    monkeypatch.setattr(network, "forward_backward", waiting)
    parallel.forward_backward(*batch(6))
    assert seen == [True]


def test_targets_go_to_the_parts_as_labels_do() -> None:
    whole, network = (NeuralNetwork(STACKS["convolution"][0](), (1, 5, 6), dtype=np.float64) for _ in range(2))
    images, labels = batch(9, dtype=np.float64)
    targets = np.full((9, 4), 0.1)
    targets[np.arange(9), labels] = 0.7
    parallel = DataParallel(network, 2, 9)
    for what in (targets, labels, targets):
        assert parallel.forward_backward(images, what) == pytest.approx(whole.forward_backward(images, what), rel=1e-13)
        assert np.allclose(network.gradients, whole.gradients, rtol=1e-12, atol=1e-15)


def test_a_worker_that_is_gone_is_told_in_a_sentence() -> None:
    parallel = DataParallel(noisy(), 2, 6)
    parallel.forward_backward(*batch(6))
    parallel.workers[0].process.kill()
    parallel.workers[0].process.wait()
    with pytest.raises(ChildProcessError, match="a process that computed a part of each batch is gone"):
        parallel.forward_backward(*batch(6))


def test_a_mistake_in_another_part_is_told_and_the_worker_goes_on() -> None:
    images, labels = batch(6)
    expected = DataParallel(noisy(), 2, 6).forward_backward(images, labels)
    wrong = np.append(labels[:5], 99)
    network = noisy()
    parallel = DataParallel(network, 2, 6)
    kept = parallel.random_states(), network.statistics.copy()
    with pytest.raises(ChildProcessError, match="could not be computed: IndexError"):
        parallel.forward_backward(images, wrong)
    parallel.restore(*kept)
    assert parallel.forward_backward(images, labels) == expected


@needs_signals
def test_a_step_after_an_interrupted_one_waits_until_the_worker_is_done() -> None:
    """Else it would find the next part on its desk while it still computes the last one."""
    network, fresh = noisy(), noisy()
    parallel, expected = DataParallel(network, 2, 6), DataParallel(fresh, 2, 6)
    images, labels = batch(6)
    mistaken = np.insert(labels[1:], 0, 99)  # in the first part
    with pytest.raises(IndexError):
        expected.forward_backward(images, mistaken)
    expected.random_states()  # now its worker is done
    process = parallel.workers[0].process
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(IndexError):
        parallel.forward_backward(images, mistaken)
    threading.Timer(0.2, process.send_signal, [signal.SIGCONT]).start()
    assert parallel.forward_backward(images, labels) == expected.forward_backward(images, labels)
    assert np.array_equal(network.statistics, fresh.statistics)
    assert np.array_equal(network.gradients, fresh.gradients)


@pytest.mark.parametrize("count", [0, 7])
def test_an_empty_batch_and_one_larger_than_was_said_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"a batch has 1 to 6 images here; got {count}"):
        DataParallel(noisy(), 2, 6).forward_backward(*batch(count))


def test_all_parts_overflow_as_quietly_as_one_asks_for(capfd: pytest.CaptureFixture[str]) -> None:
    """NumPy's ``errstate`` is a thread's own; training sets it once and reports in words."""
    network = NeuralNetwork([Dense(8), ReLU(), Dense(4)], (30,))
    network.parameters *= np.float32(1e30)
    parallel = DataParallel(network, 2, 8)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(parallel.forward_backward(*batch(8)))
        assert not np.isfinite(parallel.logits(network, batch(8)[0])).all()
    assert capfd.readouterr().err == ""


def test_what_another_process_cannot_make_is_refused() -> None:
    class Twice(ReLU):
        pass

    class Clever(NeuralNetwork):
        pass

    for network, name in (
        (NeuralNetwork([Dense(8), Twice(), Dense(4)], (30,)), "Twice"),
        (Clever([Dense(8), Dense(4)], (30,)), "Clever"),
        (noisy().frozen(), "FrozenBatchNorm"),
    ):
        with pytest.raises(ValueError, match=f"another process cannot make a {name}, which is none"):
            DataParallel(network, 2, 8)
        assert np.isfinite(DataParallel(network, 1, 8).forward_backward(*batch(8)))


def test_a_worker_that_cannot_start_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    if false := shutil.which("false"):
        monkeypatch.setattr(sys, "executable", false)
        with pytest.raises(ChildProcessError, match="is gone"):
            DataParallel(noisy(), 3, 8)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError):
        DataParallel(noisy(), 3, 8)


def test_a_constructor_that_fails_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Second(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            if started:
                raise BlockingIOError("no more processes")
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Second)
    with pytest.raises(BlockingIOError) as kept:
        DataParallel(noisy(), 3, 8)
    assert [process.poll() for process in started] == [0]
    assert kept.value is not None  # with its traceback, in which the object lives on


def test_a_worker_imports_what_the_trainer_can_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what lies about in the working directory, nor what comes later on the trainer's path."""
    for name in ("json", "typing"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*filter(None, sys.path), str(tmp_path), tmp_path])  # a Path, which nobody reads
    assert np.isfinite(DataParallel(noisy(), 2, 6).forward_backward(*batch(6)))


def test_what_a_start_up_file_prints_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert np.isfinite(DataParallel(noisy(), 2, 6).forward_backward(*batch(6)))


def test_there_is_nothing_to_compute_with_after_the_end() -> None:
    network = noisy()
    parallel = DataParallel(network, 2, 6)
    states, statistics = parallel.random_states(), network.statistics.copy()
    parallel.close()
    network.random.random()
    after = parallel.random_states()
    for use in (lambda: parallel.forward_backward(*batch(6)), lambda: parallel.restore(states, statistics + 1)):
        with pytest.raises(ValueError, match="the workers have ended"):
            use()
    assert parallel.random_states() == after
    assert np.array_equal(network.statistics, statistics)


@pytest.mark.parametrize("how", ["close", "del"])
def test_neither_thread_nor_process_nor_file_outlives_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(threading.enumerate())
    network = noisy()
    own = network.parameters
    parallel = DataParallel(network, 3, 6)
    assert not list(tmp_path.iterdir())
    parallel.forward_backward(*batch(6))
    parallel.logits(network, batch(6)[0])
    threads = set(threading.enumerate()) - before
    processes = [worker.process for worker in parallel.workers]
    assert threads
    assert [process.poll() for process in processes] == [None, None]
    if how == "close":
        states = parallel.random_states()
        parallel.close()
        assert parallel.random_states() == states
        assert [process.poll() for process in processes] == [0, 0]
    del parallel
    gc.collect()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert [process.poll() for process in processes] == [0, 0]
    assert network.parameters is own  # which never moved


TRAINER = """
from test_data_parallel import DataParallel, batch, noisy
parallel = DataParallel(noisy(), 2, 6)
parallel.forward_backward(*batch(6))
print("going", flush=True)
while True:
    parallel.forward_backward(*batch(6))
"""


@needs_signals
@pytest.mark.parametrize("blow", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_whatever_ends_the_trainer_ends_the_workers(blow: str) -> None:
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER], cwd=Path(__file__).parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert trainer.stdout is not None
    trainer.stdout.readline()
    trainer.send_signal(getattr(signal, blow))
    _, errors = trainer.communicate(timeout=10)  # and the worker's end, which has the same stderr
    assert errors.count(b"Traceback") == (blow == "SIGINT")  # the trainer's own


@needs_signals
@pytest.mark.parametrize("blow", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_stops_a_group_of_processes_is_the_trainer_s_affair(blow: str) -> None:
    """As a terminal, a scheduler or an init system sends it: the trainer may still want to save what it has."""
    parallel = DataParallel(noisy(), 2, 6)
    before = parallel.random_states()
    parallel.workers[0].process.send_signal(getattr(signal, blow))
    assert parallel.random_states() == before


# -- checkpoints ---------------------------------------------------------------------------------------------


def test_a_restored_run_goes_on_bit_for_bit() -> None:
    network = noisy(seed=4)
    parallel = DataParallel(network, 2, 12)
    parallel.forward_backward(*batch(12))
    states, statistics, parameters = parallel.random_states(), network.statistics.copy(), network.parameters.copy()
    expected = [parallel.forward_backward(*batch(12, seed=seed)) for seed in (1, 2)]

    other = noisy(seed=99)
    other.parameters[...] = parameters
    resumed = DataParallel(other, 2, 12)
    resumed.restore(states, statistics)
    assert [resumed.forward_backward(*batch(12, seed=seed)) for seed in (1, 2)] == expected
    assert np.array_equal(other.gradients, network.gradients)
    assert np.array_equal(other.statistics, network.statistics)


def test_random_states_are_no_views_of_the_running_ones() -> None:
    parallel = DataParallel(noisy(), 2, 12)
    states = parallel.random_states()
    kept = repr(states)
    parallel.forward_backward(*batch(12))
    assert repr(states) == kept
    assert repr(parallel.random_states()) != kept
    assert len(states) == 2


def test_states_of_another_number_of_parts_are_refused() -> None:
    network = noisy()
    states = DataParallel(network, 2, 12).random_states()
    with pytest.raises(ValueError, match="the random states of 2 parts; here are 3"):
        DataParallel(noisy(), 3, 12).restore(states, network.statistics)


@pytest.mark.parametrize("state", ["x", {}, {"bit_generator": "PCG64"}, np.random.MT19937(1).state])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_random_state_is_refused_and_changes_nothing(place: int, state: Any) -> None:
    network = noisy()
    parallel = DataParallel(network, 2, 12)
    states = parallel.random_states()
    wrong = [*states]
    wrong[place] = state
    with pytest.raises((KeyError, TypeError, ValueError)):
        parallel.restore(wrong, network.statistics)
    assert parallel.random_states() == states
