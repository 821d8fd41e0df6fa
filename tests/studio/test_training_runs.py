"""Training runs: pausing, going back, forking and closing the studio change no bit of what comes out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from digits import Dataset, DigitsError
from digits.studio import training_run, training_runs
from digits.studio.failures import NotThere
from digits.studio.run_folder import RunFolder
from digits.studio.run_record import RunRecord, RunSettings
from digits.studio.training_run import Cursor, TrainingRun
from digits.studio.training_runs import TrainingRuns

SETTINGS = RunSettings(hidden=[16], optimizer="momentum", learning_rate=0.05, batch_size=50, epochs=3, images=500)
STEPS = 30
ENDLESS = SETTINGS.model_copy(update={"epochs": 200})
SECONDS = 30.0


@pytest.fixture
def runs(tmp_path: Path, mnist: tuple[Dataset, Dataset]) -> Iterator[TrainingRuns]:
    opened = TrainingRuns(tmp_path / "runs", lambda: mnist[0])
    yield opened
    opened.close()


@pytest.fixture
def reopen(tmp_path: Path, mnist: tuple[Dataset, Dataset], runs: TrainingRuns) -> Iterator[Callable[[], TrainingRuns]]:
    later = TrainingRuns(tmp_path / "runs", lambda: mnist[0])

    def begin() -> TrainingRuns:
        runs.close()
        return later

    yield begin
    later.close()


def wait(run: TrainingRun) -> RunRecord:
    """Until a run runs no more."""
    deadline = time.monotonic() + SECONDS
    while run.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.pause()  # until its record is written
    return run.copy()


def go(runs: TrainingRuns, run: TrainingRun, until: training_run.Until = "end") -> RunRecord:
    return wait(runs.start(run.record.id, until))


def test_between_two_steps_it_gives_way(tmp_path: Path, mnist: tuple[Dataset, Dataset]) -> None:
    gave_way: list[float] = []
    opened = TrainingRuns(tmp_path / "runs", lambda: mnist[0], gave_way.append)
    go(opened, opened.begin(SETTINGS, "polite"))
    opened.close()
    assert len(gave_way) >= STEPS - 1
    assert set(gave_way) == {training_run.GIVING_WAY_SECONDS}


def weights(run: TrainingRun, step: int | None = None) -> np.ndarray:
    return run.network(step).parameters


@pytest.fixture
def uninterrupted(runs: TrainingRuns) -> TrainingRun:
    run = runs.begin(SETTINGS, "uninterrupted")
    assert go(runs, run).status == "finished"
    return run


# -- bit for bit ---------------------------------------------------------------------------------------------------


def test_steps_and_epochs_one_by_one_give_the_same_weights(runs: TrainingRuns, uninterrupted: TrainingRun) -> None:
    run = runs.begin(SETTINGS, "by hand")
    assert [go(runs, run, "step").step for _ in range(3)] == [1, 2, 3]
    assert go(runs, run, "epoch").step == 10
    assert [go(runs, run, "step").step for _ in range(10)] == list(range(11, 21))
    assert run.record.status == "paused"
    record = go(runs, run, "epoch")
    assert (record.status, record.step, record.epoch) == ("finished", STEPS, 3)
    assert np.array_equal(weights(run), weights(uninterrupted))


def test_a_closed_studio_goes_on_as_if_it_had_never_been_closed(
    runs: TrainingRuns, uninterrupted: TrainingRun, reopen: Callable[[], TrainingRuns]
) -> None:
    run = runs.begin(SETTINGS, "interrupted")
    run.change(pace=100)
    runs.start(run.record.id, "end")
    time.sleep(0.08)
    runs.close()
    later = reopen()
    again = later.get(run.record.id)
    assert again.record == run.record
    assert again.record.status == "paused"
    assert 0 < again.record.step < STEPS
    again.change(pace=0)
    assert go(later, again).status == "finished"
    assert np.array_equal(weights(again), weights(uninterrupted))


def test_a_killed_studio_goes_on_from_the_last_saving(
    runs: TrainingRuns, uninterrupted: TrainingRun, reopen: Callable[[], TrainingRuns], tmp_path: Path
) -> None:
    run = runs.begin(SETTINGS, "killed")
    go(runs, run, "epoch")
    record = run.copy()
    record.status, record.step = "running", 12  # as a later saving of the record alone would say
    record.measures.append(record.measures[-1].model_copy(update={"step": 12}))
    RunFolder(tmp_path / "runs" / str(record.id)).write_record(record)
    later = reopen()
    again = later.get(record.id)
    assert (again.record.status, again.record.step) == ("paused", 10)
    assert again.record.measures[-1].step == 10
    go(later, again)
    assert np.array_equal(weights(again), weights(uninterrupted))


@pytest.mark.parametrize("step", [0, 1, 17, 29])
def test_a_fork_with_the_same_settings_repeats_the_run(
    runs: TrainingRuns, uninterrupted: TrainingRun, step: int
) -> None:
    fork = runs.fork(uninterrupted.record.id, step, SETTINGS, "again")
    assert (fork.record.step, fork.record.first_step) == (step, step)
    assert fork.record.parent is not None
    assert fork.record.parent.run == uninterrupted.record.id
    assert np.array_equal(weights(fork), weights(uninterrupted, step))
    go(runs, fork)
    assert np.array_equal(weights(fork), weights(uninterrupted))
    assert fork.record.measures[-1].validation_loss == uninterrupted.record.measures[-1].validation_loss


def test_a_fork_with_other_settings_leaves_the_run_alone(runs: TrainingRuns, uninterrupted: TrainingRun) -> None:
    before = weights(uninterrupted)
    other = SETTINGS.model_copy(update={"optimizer": "adamw", "learning_rate": 0.002, "batch_size": 25, "epochs": 4})
    fork = runs.fork(uninterrupted.record.id, 15, other, "adamw")
    assert fork.record.epoch == 1.5
    assert go(runs, fork).epoch == 4
    assert not np.array_equal(weights(fork), before)
    assert np.array_equal(weights(uninterrupted), before)


def test_what_is_measured_changes_nothing(
    runs: TrainingRuns, uninterrupted: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"dropout": 0.3, "batch_norm": True, "weight_average": 0.9})
    often = runs.begin(settings, "measured often")
    go(runs, often)
    monkeypatch.setattr(training_run, "MOST_MEASURES", 3)
    monkeypatch.setattr(training_run, "MOST_SNAPSHOTS", 3)
    seldom = runs.begin(settings, "measured seldom")
    go(runs, seldom)
    assert len(seldom.record.measures) <= 3 < len(often.record.measures)
    assert np.array_equal(weights(seldom), weights(often))


# -- the time machine ----------------------------------------------------------------------------------------------


def test_snapshots_show_the_network_as_it_was(runs: TrainingRuns, uninterrupted: TrainingRun) -> None:
    first, late = uninterrupted.view(0), uninterrupted.view(29)
    assert (first.step, late.step, late.epoch) == (0, 29, 2.9)
    assert first.weights.data != late.weights.data
    assert first.confusion is not None
    assert late.confusion is not None
    assert np.sum(first.confusion) == np.sum(late.confusion) == 100
    assert np.trace(late.confusion) > np.trace(first.confusion)
    assert late.measure == next(each for each in uninterrupted.record.measures if each.step == 29)
    assert uninterrupted.view().step == STEPS


def test_a_step_that_was_not_kept_is_not_there(runs: TrainingRuns, uninterrupted: TrainingRun) -> None:
    with pytest.raises(NotThere, match="no snapshot of step 1000"):
        uninterrupted.view(1000)


def test_snapshots_stay_within_their_bounds(
    runs: TrainingRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.begin(SETTINGS, "bytes")
    size = (tmp_path / "runs" / "1" / "0.snapshot").stat().st_size
    runs.delete(1)
    monkeypatch.setattr(training_run, "MOST_SNAPSHOT_BYTES", 6 * size)
    monkeypatch.setattr(training_run, "SAVE_SECONDS", 0.0)
    run = runs.begin(SETTINGS, "bytes")
    go(runs, run)
    files = list((tmp_path / "runs" / str(run.record.id)).glob("*.snapshot"))
    assert 3 <= len(files) <= 6
    assert sorted(int(file.stem) for file in files) == run.record.snapshots
    *grid, _ = run.record.snapshots
    assert grid == list(range(0, grid[-1] + 1, run.record.snapshot_stride))


def test_another_digit_is_watched_back_to_the_beginning(
    runs: TrainingRuns, mnist: tuple[Dataset, Dataset], uninterrupted: TrainingRun
) -> None:
    _, test = mnist
    assert all(measure.answer is None for measure in uninterrupted.record.measures)
    uninterrupted.watch(test.images[0].reshape(-1).tolist())
    record = uninterrupted.copy()
    answers = {each.step: each.answer for each in record.measures if each.answer}
    assert sorted(answers) == record.snapshots
    assert answers[20] == pytest.approx(uninterrupted.view(20).measure.answer)
    watched = runs.begin(SETTINGS, "watched from the beginning", record.specimen)
    go(runs, watched)
    assert {each.step: each.answer for each in watched.record.measures} == answers
    uninterrupted.watch(None)
    assert all(measure.answer is None for measure in uninterrupted.record.measures)


# -- while it runs -------------------------------------------------------------------------------------------------


def test_readers_get_what_is_new_to_them(runs: TrainingRuns) -> None:
    run = runs.begin(SETTINGS, "read")
    quick, slow = Cursor(), Cursor()
    seen: list[int] = []
    for _ in range(5):
        go(runs, run, "step")
        news = run.news(quick)
        assert news is not None
        seen += [measure.step for measure in news.measures]
        assert run.news(quick) is None
    assert seen == list(range(6))
    news = run.news(slow)
    assert news is not None
    assert [measure.step for measure in news.measures] == seen
    assert news.view is not None
    run.watch([0] * 784)
    news = run.news(quick)
    assert news is not None
    assert news.whole
    assert [measure.step for measure in news.measures] == seen


def test_the_present_of_a_training_run_is_had_when_it_pauses(
    runs: TrainingRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs only snapshots can be saved, and whoever asks is told so."""
    run = runs.begin(ENDLESS, "running")
    go(runs, run, "step")
    monkeypatch.setattr(TrainingRun, "is_running", True)
    with pytest.raises(DigitsError, match=r"the run is training; pause it, or choose a snapshot\."):
        run.network()


def test_the_learning_rate_changes_on_the_run(runs: TrainingRuns) -> None:
    run = runs.begin(SETTINGS, "changed")
    go(runs, run, "epoch")
    run.change(learning_rate=0.01, name="slower")
    record = go(runs, run)
    rates = {measure.step: measure.learning_rate for measure in record.measures}
    assert (rates[10], rates[11], rates[30]) == (0.05, 0.01, 0.01)
    assert record.name == "slower"


def test_it_runs_no_faster_than_its_pace(runs: TrainingRuns) -> None:
    run = runs.begin(ENDLESS, "slow")
    run.change(pace=20)
    runs.start(run.record.id, "end")
    time.sleep(0.5)
    run.pause()
    assert 1 <= run.record.step <= 12


def test_a_diverged_run_says_so_and_can_be_forked_from_before(runs: TrainingRuns) -> None:
    run = runs.begin(SETTINGS.model_copy(update={"learning_rate": 1000.0, "activation": "leaky-relu"}), "too high")
    record = go(runs, run)
    assert record.status == "diverged"
    assert record.message is not None
    assert "is too high" in record.message
    run.view()
    with pytest.raises(DigitsError, match="the run has diverged; fork it"):
        runs.start(run.record.id, "end")
    fork = runs.fork(run.record.id, 0, SETTINGS, "rescued")
    assert go(runs, fork).status == "finished"


def test_a_stopped_run_keeps_its_snapshots(runs: TrainingRuns, reopen: Callable[[], TrainingRuns]) -> None:
    run = runs.begin(ENDLESS, "stopped")
    runs.start(run.record.id, "end")
    time.sleep(0.1)
    run.stop()
    assert run.record.status == "stopped"
    with pytest.raises(DigitsError, match="been stopped"):
        runs.start(run.record.id, "end")
    again = reopen().get(run.record.id)
    assert again.record.status == "stopped"
    assert again.view(again.record.snapshots[-1]).step == again.record.snapshots[-1]


def test_a_mistake_in_the_thread_ends_the_run_in_one_sentence(
    runs: TrainingRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.begin(SETTINGS, "out of memory")

    def fail(self: object) -> None:
        raise MemoryError

    monkeypatch.setattr("digits.training.Training.__next__", fail)
    record = go(runs, run)
    assert (record.status, record.message) == ("failed", "there was not enough memory.")


def test_a_disk_that_is_full_ends_the_run_in_one_sentence(runs: TrainingRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.begin(SETTINGS, "too much")

    def fail(*_: object) -> None:
        raise DigitsError("cannot write it: no space left on device.")

    with monkeypatch.context() as full:
        full.setattr(RunFolder, "write_present", fail)
        full.setattr(RunFolder, "write_record", fail)
        record = go(runs, run)
    assert (record.status, record.message) == ("failed", "cannot write it: no space left on device.")
    with pytest.raises(DigitsError, match="the run has failed"):
        runs.start(run.record.id, "end")
    assert run.view(0).step == 0


def test_a_second_studio_in_the_same_folder_is_told_of_the_first(
    runs: TrainingRuns, tmp_path: Path, mnist: tuple[Dataset, Dataset]
) -> None:
    run = runs.begin(SETTINGS, "mine")
    second = TrainingRuns(tmp_path / "runs", lambda: mnist[0])
    for use in (second.all, lambda: second.get(1), lambda: second.begin(SETTINGS, "too")):
        with pytest.raises(DigitsError, match="another studio has its training runs"):
            use()
    runs.close()
    assert [each.record.name for each in second.all()] == [run.record.name]
    second.close()


# -- mistakes made famous ------------------------------------------------------------------------------------------


def test_with_zero_weights_nothing_but_the_last_biases_learn(runs: TrainingRuns) -> None:
    run = runs.begin(SETTINGS.model_copy(update={"zero_weights": True}), "zero")
    record = go(runs, run)
    assert record.measures[-1].gradients == [0.0, 0.0]
    assert record.measures[-1].dead == [1.0]
    assert np.count_nonzero(weights(run)) == 10


def test_sorted_digits_are_met_in_order_and_the_last_one_wins(runs: TrainingRuns) -> None:
    mistake = {"sorted_by_digit": True, "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 10}
    run = runs.begin(SETTINGS.model_copy(update=mistake), "sorted")
    labels = run._training(None).batches.labels
    assert np.array_equal(labels, np.sort(labels))
    go(runs, run, "epoch")
    confusion = run.view().confusion
    assert confusion is not None
    assert np.sum(confusion, axis=0)[9] > 60  # of 100 images that have all digits alike


# -- limits --------------------------------------------------------------------------------------------------------


def test_two_run_at_once(runs: TrainingRuns) -> None:
    first, second, third = (runs.begin(ENDLESS, f"run {n}") for n in range(3))
    for run in (first, second):
        run.change(pace=10)
        runs.start(run.record.id, "end")
    with pytest.raises(DigitsError, match="2 runs are running already"):
        runs.start(third.record.id, "end")
    runs.start(first.record.id, "end")  # it is running: nothing happens
    first.pause()
    runs.start(third.record.id, "step")


def test_there_are_twelve_runs_at_most(runs: TrainingRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_runs, "MOST_RUNS", 2)
    runs.begin(SETTINGS, "one")
    runs.begin(SETTINGS, "two")
    with pytest.raises(DigitsError, match="2 runs already; delete one"):
        runs.begin(SETTINGS, "three")
    runs.delete(1)
    assert runs.begin(SETTINGS, "three").record.id == 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden": [1024, 1024]}, "1,863,690 parameters; here at most 1,000,000"),
        ({"convolutions": "64x7 64x7 pool", "hidden": [8], "batch_size": 1024}, "too much memory"),
    ],
)
def test_what_would_take_too_much_is_refused(
    runs: TrainingRuns, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(DigitsError, match=sentence):
        runs.begin(RunSettings.model_validate(SETTINGS.model_dump() | changes), "large")
    assert not list((tmp_path / "runs").glob("[0-9]*"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden": [32]}, "its layers stay"),
        ({"images": 400}, "in the same images"),
        ({"seed": 1}, "in the same images"),
        ({"epochs": 1}, "needs more"),
    ],
)
def test_a_fork_that_cannot_go_on_is_refused(
    runs: TrainingRuns, uninterrupted: TrainingRun, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(DigitsError, match=sentence):
        runs.fork(uninterrupted.record.id, 20, SETTINGS.model_copy(update=changes), "impossible")


def test_a_deleted_run_is_gone(runs: TrainingRuns, tmp_path: Path) -> None:
    run = runs.begin(ENDLESS, "deleted")
    runs.start(run.record.id, "end")
    runs.delete(run.record.id)
    assert not (tmp_path / "runs" / str(run.record.id)).exists()
    with pytest.raises(NotThere, match="no run 1"):
        runs.get(1)


def test_damaged_runs_are_left_alone(
    runs: TrainingRuns, uninterrupted: TrainingRun, reopen: Callable[[], TrainingRuns], tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    for name in ("2", "3", "4"):
        shutil.copytree(folder / "1", folder / name)
    (folder / "2" / "run.json").write_text("{")
    (folder / "3" / "present.checkpoint").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (folder / "4" / "run.json").unlink()
    (folder / "notes").mkdir()
    later = reopen()
    assert [run.record.id for run in later.all()] == [1]
    assert later.begin(SETTINGS, "new").record.id == 5
