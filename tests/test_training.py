"""Training, as facts about its events and about the weights it ends with."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController

from digits import Dataset, NeuralNetwork, train
from digits.activations import Array, softmax
from digits.augmentation import Augmentation
from digits.blas_threads import _libraries
from digits.data_preprocessing import Batches
from digits.errors import DigitsError
from digits.layers import Activation, Dense
from digits.model_files import load_checkpoint, load_model, save_checkpoint
from digits.optimizers import OPTIMIZERS, SCHEDULES
from digits.recipes import USUAL_WARPS, Recipe
from digits.training import TEACHER_TEMPERATURE, EpochEnd, Finished, Step, Training, TrainingDiverged

RECIPE = Recipe(
    hidden=(16,), dropout=0.2, optimizer="adamw", learning_rate=0.01, schedule="one-cycle",
    batch_size=64, epochs=3, weight_average=0.9,
)  # fmt: skip
NOISY = replace(RECIPE, convolutions="4x3 pool 4x3 pool", batch_norm=True, batch_size=90, epochs=2)
STEPS = 3 * 8  # 500 images to train on, in batches of 64


def begin(dataset: Dataset, recipe: Recipe = RECIPE, seed: int = 0, **kwargs: object) -> Training:
    return train(recipe.network(seed), dataset, recipe, seed=seed, **kwargs)


def finish(training: Training) -> np.ndarray:
    for _ in training:
        pass
    return training.network.parameters


def test_the_events_are_steps_epochs_and_one_end(small_set: Dataset) -> None:
    events = list(begin(small_set))
    assert [type(event) for event in events] == ([Step] * 8 + [EpochEnd]) * 3 + [Finished]
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, STEPS + 1))
    assert events[-1].steps == STEPS
    assert events[-1].validation_accuracy == events[-2].validation_accuracy


def test_the_loss_falls_and_the_digits_are_learnt(small_set: Dataset) -> None:
    training = begin(small_set, replace(RECIPE, epochs=15))
    finish(training)
    losses = [epoch.loss for epoch in training.history]
    assert losses[-1] < losses[0] / 3
    assert training.history[-1].train_accuracy > 0.9
    assert training.history[-1].validation_accuracy > 0.7  # guessing gives 0.1


def test_one_seed_gives_one_network_and_another_seed_another(small_set: Dataset) -> None:
    first = finish(begin(small_set))
    assert np.array_equal(first, finish(begin(small_set)))
    assert not np.array_equal(first, finish(begin(small_set, seed=1)))


@pytest.mark.parametrize("augmentation", [Augmentation(), USUAL_WARPS], ids=["", "warped"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@settings(max_examples=8, deadline=None)
@given(stop=st.integers(0, STEPS + 3))
def test_a_resumed_run_has_the_weights_of_one_never_stopped(
    small_set: Dataset, optimizer: str, augmentation: Augmentation, stop: int
) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, augmentation=augmentation)
    whole = begin(small_set, recipe)
    stopped = begin(small_set, recipe)
    for _ in range(stop):
        next(stopped)
    resumed = begin(small_set, recipe, resume_from=stopped.checkpoint())
    assert np.array_equal(finish(resumed), finish(whole))
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]


def test_the_number_of_cores_does_not_change_a_small_networks_weights(small_set: Dataset) -> None:
    blas = ThreadpoolController().select(user_api="blas")
    recipe = replace(RECIPE, hidden=(256, 128), batch_size=256)
    weights = []
    for threads in (1, 4):
        with blas.limit(limits=threads):
            training = begin(small_set, recipe)
            weights.append(finish(training))
            assert {library["num_threads"] for library in blas.info()} == {threads}  # left as it was
    assert np.array_equal(*weights)


def test_as_many_threads_compute_as_one_asks_for(small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of BLAS in dense networks. With convolutions a part of the batch each, and BLAS keeps to one."""
    seen = []
    _libraries.cache_clear()  # other tests may have loaded SciPy since, which has a BLAS of its own
    blas = ThreadpoolController().select(user_api="blas")
    step = Training._step

    def watched(training: Training, *batch: np.ndarray) -> Step:
        seen.extend((library["num_threads"], 1 + len(training.parallel.workers)) for library in blas.info())
        return step(training, *batch)

    monkeypatch.setattr(Training, "_step", watched)
    large = replace(RECIPE, hidden=(4096,), epochs=1, batch_size=400, validation=0)
    convolutional = replace(RECIPE, convolutions="2x3 pool", epochs=1)
    cases: list[tuple[Recipe, int | None, tuple[int, int]]] = [
        (RECIPE, None, (1, 1)),
        (RECIPE, 2, (2, 1)),
        (large, None, (3, 1)),
        (large, 2, (2, 1)),
        (convolutional, None, (1, 2)),
        (convolutional, 1, (1, 1)),
        (convolutional, 3, (1, 3)),
    ]
    with blas.limit(limits=3):
        for recipe, threads, expected in cases:
            next(begin(small_set, recipe, threads=threads))
            assert set(seen) == {expected}
            seen.clear()


def test_two_parts_give_the_same_bits_whichever_process_is_faster(small_set: Dataset) -> None:
    first, second = (begin(small_set, NOISY, threads=2) for _ in range(2))
    assert np.array_equal(finish(first), finish(second))
    assert np.array_equal(first.network.statistics, second.network.statistics)
    assert not np.array_equal(first.network.parameters, finish(begin(small_set, NOISY, threads=1)))


@settings(max_examples=6, deadline=None)
@given(stop=st.integers(0, 2 * 6 + 3), threads=st.integers(1, 3))
def test_a_resumed_run_with_noise_and_normalisation_in_parts_goes_on_bit_for_bit(
    small_set: Dataset, stop: int, threads: int
) -> None:
    """Each part has a random state of its own, and the last batch of an epoch is smaller than the others."""
    whole = begin(small_set, NOISY, threads=threads)
    stopped = begin(small_set, NOISY, threads=threads)
    for _ in range(stop):
        next(stopped)
    saved = stopped.checkpoint()
    assert len(saved["random"]) == threads
    resumed = begin(small_set, NOISY, threads=threads, resume_from=saved)
    assert np.array_equal(finish(resumed), finish(whole))
    assert np.array_equal(resumed.network.statistics, whole.network.statistics)
    scores = [[(e.loss, e.train_accuracy, e.validation_loss) for e in run.history] for run in (resumed, whole)]
    assert scores[0] == scores[1]


def test_a_convolutional_network_learns(small_set: Dataset) -> None:
    training = begin(small_set, replace(NOISY, epochs=10, dropout=0.0))
    finish(training)
    assert training.history[-1].train_accuracy > 0.9
    assert training.history[-1].validation_accuracy > 0.7


def test_what_is_measured_with_averaged_weights_has_the_running_averages_too(small_set: Dataset) -> None:
    training = begin(small_set, NOISY)
    finish(training)
    assert np.array_equal(training.measured.statistics, training.network.statistics)
    assert np.array_equal(training.measured.parameters, training.network.parameters)
    assert training.network.statistics.any()


def test_warps_fade_at_the_end_of_training(small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    epoch = Batches.epoch

    def watched(batches: Batches, number: int, start: int = 0, strength: float = 1.0) -> object:
        seen.append(strength)
        return epoch(batches, number, start, strength)

    monkeypatch.setattr(Batches, "epoch", watched)
    finish(begin(small_set, replace(RECIPE, augmentation=USUAL_WARPS, ease_off=0.5, epochs=4)))
    assert seen == [1.0, 1.0, 1.0, 0.5]


def test_warped_images_are_learnt_otherwise_and_by_each_seed_alike(small_set: Dataset) -> None:
    recipe = replace(RECIPE, augmentation=USUAL_WARPS)
    first = finish(begin(small_set, recipe))
    assert np.array_equal(first, finish(begin(small_set, recipe)))
    assert not np.array_equal(first, finish(begin(small_set)))


def test_waiting_for_a_batch_is_training_time(small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("digits.training.perf_counter", lambda: clock[0])
    training = begin(small_set)
    make = training.batches._make

    def slowly(*arguments: object) -> object:
        clock[0] += 1.0
        return make(*arguments)

    monkeypatch.setattr(training.batches, "_make", slowly)
    finish(training)
    assert training.seconds == STEPS


@pytest.mark.parametrize(("recipe", "threads"), [(RECIPE, 1), (NOISY, 2)], ids=["dense", "convolution"])
def test_a_checkpoint_survives_the_disk_bit_for_bit(
    small_set: Dataset, folder: object, recipe: Recipe, threads: int
) -> None:
    stopped = begin(small_set, recipe, threads=threads)
    for _ in range(9):
        next(stopped)
    save_checkpoint("a.checkpoint", stopped.checkpoint())
    resumed = begin(small_set, recipe, threads=threads, resume_from=load_checkpoint("a.checkpoint"))
    assert np.array_equal(finish(resumed), finish(begin(small_set, recipe, threads=threads)))


def test_a_checkpoint_shares_nothing_with_the_run(small_set: Dataset) -> None:
    training = begin(small_set, NOISY)
    next(training)
    saved = training.checkpoint()
    kept = copy.deepcopy(saved)
    finish(training)
    for name in ("parameters", "statistics"):
        assert np.array_equal(saved[name], kept[name])
    assert len(saved["averages"]) == 2  # of both
    assert all(np.array_equal(one, other) for one, other in zip(saved["averages"], kept["averages"], strict=True))
    assert saved["random"] == kept["random"]
    assert np.array_equal(finish(begin(small_set, NOISY, resume_from=saved)), training.network.parameters)


@pytest.mark.parametrize("other", ["recipe", "seed", "data", "threads"])
def test_a_checkpoint_of_another_run_is_refused(small_set: Dataset, other: str) -> None:
    saved = begin(small_set).checkpoint()
    recipe = replace(RECIPE, epochs=4) if other == "recipe" else RECIPE
    data = Dataset(small_set.images[::-1], small_set.labels[::-1]) if other == "data" else small_set
    with pytest.raises(DigitsError, match=rf"other settings \({other}\)"):
        begin(data, recipe, 1 if other == "seed" else 0, threads=2 if other == "threads" else None, resume_from=saved)


def test_a_damaged_checkpoint_is_refused(small_set: Dataset) -> None:
    saved = begin(small_set).checkpoint()
    for name in saved:
        with pytest.raises(DigitsError, match="damaged"):
            begin(small_set, resume_from={key: value for key, value in saved.items() if key != name})
    with pytest.raises(DigitsError, match="damaged"):
        begin(small_set, resume_from=saved | {"parameters": saved["parameters"][1:]})
    with pytest.raises(DigitsError, match="damaged"):
        begin(small_set, resume_from=saved | {"random": saved["random"] * 2})


@pytest.mark.parametrize("state", ["x", {}, {"bit_generator": "PCG64"}])
def test_a_checkpoint_with_a_damaged_state_of_another_part_is_refused(small_set: Dataset, state: object) -> None:
    saved = begin(small_set, NOISY, threads=2).checkpoint()
    with pytest.raises(DigitsError, match="damaged"):
        begin(small_set, NOISY, threads=2, resume_from=saved | {"random": [saved["random"][0], state]})


def test_a_helper_that_is_gone_is_told_in_a_sentence(small_set: Dataset) -> None:
    training = begin(small_set, NOISY, threads=2)
    next(training)
    training.parallel.workers[0].process.kill()
    training.parallel.workers[0].process.wait()
    for use in (training.checkpoint, lambda: next(training)):
        with pytest.raises(DigitsError, match=r"training in several processes failed: .* is gone\."):
            use()


def test_nothing_is_left_of_the_helpers_when_training_has_finished(small_set: Dataset) -> None:
    training = begin(small_set, replace(NOISY, epochs=1), threads=2)
    workers = [worker.process for worker in training.parallel.workers]
    assert len(workers) == 1
    for _ in training:
        pass
    assert workers[0].poll() == 0
    assert len(training.checkpoint()["random"]) == 2


@pytest.mark.parametrize("part", [slice(1), slice(1, None), None], ids=["one number", "one too few", "a matrix"])
def test_a_checkpoint_with_statistics_of_another_shape_is_damaged(small_set: Dataset, part: slice | None) -> None:
    """One number, or a matrix of one row, would fit by broadcasting."""
    saved = begin(small_set, NOISY).checkpoint()
    parameters, statistics = saved["averages"]
    for changes in ({"statistics": saved["statistics"][part]}, {"averages": [parameters, statistics[part]]}):
        with pytest.raises(DigitsError, match="damaged"):
            begin(small_set, NOISY, resume_from=saved | changes)


def test_the_held_out_images_teach_nothing(small_set: Dataset) -> None:
    """Only the answers to them may change when they do."""
    images = small_set.images.copy()
    images[500:] = 255 - images[500:]
    other = Dataset(images, small_set.labels)
    assert np.array_equal(finish(begin(small_set)), finish(begin(other)))


def test_with_none_held_out_all_images_are_used_and_nothing_is_validated(small_set: Dataset) -> None:
    training = begin(small_set, replace(RECIPE, validation=0))
    events = list(training)
    assert len(training.batches) == 10
    assert events[-1].validation_accuracy is None
    assert training.history[0].validation_loss is None


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_has_the_learning_rate_of_its_schedule(small_set: Dataset, schedule: str) -> None:
    steps = [e for e in begin(small_set, replace(RECIPE, schedule=schedule)) if isinstance(e, Step)]
    expected = [0.01 * SCHEDULES[schedule]((step.step - 1) / STEPS) for step in steps]
    assert [step.learning_rate for step in steps] == expected


def test_the_learning_rate_may_be_changed_on_the_run(small_set: Dataset) -> None:
    training = begin(small_set, replace(RECIPE, optimizer="sgd", schedule="constant", weight_average=0.0))
    next(training)
    before = training.network.parameters.copy()
    training.learning_rate = 1e-12
    assert next(training).learning_rate == 1e-12
    assert np.allclose(training.network.parameters, before, atol=1e-9)


def test_averaged_weights_are_those_that_were_measured_and_those_one_ends_with(small_set: Dataset) -> None:
    training = begin(small_set)
    events = list(training)
    accuracy = np.mean(training.network.predict(small_set.images[500:]) == small_set.labels[500:])
    assert events[-1].validation_accuracy == accuracy


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loss_that_explodes_stops_the_run_and_says_what_to_change(small_set: Dataset, threads: int) -> None:
    """In words, and without a warning of any thread."""
    training = begin(small_set, replace(RECIPE, optimizer="sgd", learning_rate=1e30, dropout=0.0), threads=threads)
    with pytest.raises(TrainingDiverged, match=r"epoch 1, step \d+\): the learning rate of 1e\+30 is too high"):
        finish(training)


def test_an_explosion_in_the_last_step_is_noticed_too(small_set: Dataset) -> None:
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e30, epochs=1, batch_size=10_000)
    with pytest.raises(TrainingDiverged):
        finish(begin(small_set, recipe))


# -- teachers ------------------------------------------------------------------------------------------------

TAUGHT = replace(RECIPE, dropout=0.0, epochs=30, teacher="cnn", augmentation=USUAL_WARPS)


def test_a_teacher_is_believed_more_than_the_labels(small_set: Dataset) -> None:
    """All labels say the next digit; the teacher, who learnt from other images, knows better."""
    wrong = Dataset(small_set.images, (small_set.labels + 1) % 10, source="wrong labels")
    teacher = load_model("cnn").network
    training = begin(wrong, TAUGHT, teacher=teacher)
    finish(training)
    held_out = small_set.images[500:]
    agreement = np.mean(training.network.predict(held_out) == teacher.predict(held_out))
    assert agreement > 0.75
    assert training.history[-1].train_accuracy < 0.1


def test_a_teacher_is_asked_about_the_images_that_the_network_sees(small_set: Dataset) -> None:
    training = begin(small_set, TAUGHT, teacher=load_model("cnn").network)
    inputs, labels = next(iter(training.batches.epoch(0)))
    targets = training._targets(inputs, labels)
    logits = load_model("cnn").network.logits(inputs)
    assert np.allclose(targets, softmax(logits / TEACHER_TEMPERATURE), atol=1e-5)
    assert np.mean(targets.argmax(axis=1) == labels) > 0.9


def test_a_taught_network_is_resumed_to_the_same_bits(small_set: Dataset) -> None:
    recipe = replace(TAUGHT, epochs=2)
    teacher = load_model("cnn").network
    whole = finish(begin(small_set, recipe, teacher=teacher))
    stopped = begin(small_set, recipe, teacher=teacher)
    for _ in range(5):
        next(stopped)
    assert np.array_equal(finish(begin(small_set, recipe, resume_from=stopped.checkpoint(), teacher=teacher)), whole)


@pytest.mark.parametrize("recipe", [RECIPE, TAUGHT])
def test_the_recipe_s_teacher_has_to_be_there_and_no_other(small_set: Dataset, recipe: Recipe) -> None:
    teacher = None if recipe.teacher else RECIPE.network(0)
    with pytest.raises(ValueError, match=f"the recipe's teacher is '{recipe.teacher}'"):
        begin(small_set, recipe, teacher=teacher)


# ------------------------------------------------------------------------------------------------------------


def test_a_layer_of_ones_own_can_be_trained_with_every_recipe(small_set: Dataset) -> None:
    """Also with averaged weights, for which the network is copied."""

    class Square(Activation):
        def function(self, inputs: Array, out: Array | None = None) -> Array:
            return np.multiply(inputs, inputs, out=out)

        def derivative(self, outputs: Array, out: Array | None = None) -> Array:
            return np.multiply(2, np.sqrt(outputs, out=out), out=out)

    network = NeuralNetwork([Dense(16), Square(), Dense(10)], seed=0)
    assert isinstance(list(train(network, small_set, RECIPE))[-1], Finished)


def test_a_copy_drops_out_the_same_units(small_set: Dataset) -> None:
    network = RECIPE.network(seed=0)
    twin = copy.deepcopy(network)
    batch = small_set.images[:32], small_set.labels[:32]
    assert network.loss_and_gradients(*batch) == twin.loss_and_gradients(*batch)
    assert np.shares_memory(twin.parameters, twin.layers[0].weights)


def test_a_copy_is_trained_to_the_same_bits_in_parts_too(small_set: Dataset) -> None:
    network = NOISY.network(seed=3)
    twin = copy.deepcopy(network)
    weights = [finish(train(each, small_set, NOISY, threads=2)) for each in (network, twin)]
    assert np.array_equal(*weights)


def test_trainings_in_two_threads_leave_the_number_of_blas_threads_as_it_was(small_set: Dataset) -> None:
    blas = ThreadpoolController().select(user_api="blas")
    with blas.limit(limits=3):
        threads = [threading.Thread(target=finish, args=(begin(small_set, seed=seed),)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {library["num_threads"] for library in blas.info()} == {3}


def test_training_needs_labels(small_set: Dataset) -> None:
    with pytest.raises(DigitsError, match="no labels"):
        begin(Dataset(small_set.images))


@pytest.mark.parametrize("recipe", [RECIPE, NOISY], ids=["dense", "convolution"])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_a_handful_of_images_is_enough(small_set: Dataset, count: int, threads: int, recipe: Recipe) -> None:
    few = Dataset(small_set.images[:count], small_set.labels[:count])
    assert isinstance(list(begin(few, recipe, threads=threads))[-1], Finished)


def test_no_images_are_not_enough() -> None:
    with pytest.raises(DigitsError, match="no images"):
        begin(Dataset(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)))


def test_time_between_events_is_not_training_time(small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("digits.training.perf_counter", lambda: clock[0])
    events = []
    for event in begin(small_set):
        clock[0] += 100.0  # a pause
        events.append(event)
    assert events[-1].seconds == 0.0


def test_seconds_never_run_backwards(small_set: Dataset) -> None:
    training = begin(small_set)
    finish(training)
    assert all(before.seconds < after.seconds for before, after in pairwise(training.history))


def test_events_are_plain_values(small_set: Dataset) -> None:
    """A chart or a socket may keep them: none holds on to the network."""
    import pickle

    for event in begin(small_set):
        assert pickle.load(BytesIO(pickle.dumps(event))) == event
