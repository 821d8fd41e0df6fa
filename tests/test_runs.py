"""Training runs on disk, with real processes that are really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from digits import Dataset
from digits.datasets import export
from digits.errors import DigitsError, Interrupted
from digits.model_files import load_checkpoint, load_model, save_checkpoint, save_model
from digits.recipes import Recipe
from digits.runs import Run, checkpoint_path, find_interruption
from digits.training import TrainingDiverged, WorkerFailed

resource = pytest.importorskip("resource")  # not on Windows

COMMAND = (
    sys.executable, "-m", "digits", "train", "--train-data", "train.csv", "--test-data", "test.csv",
    "--hidden", "256", "--batch-size", "16", "--epochs", "150", "--seed", "5",
)  # fmt: skip
QUIET = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # small products: threads would only fight other tests for the cores


def start(arguments: Sequence[str] = (), **kwargs: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments], env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs
    )


def complete(arguments: Sequence[str] = ()) -> None:
    process = start(arguments)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def errors_of(arguments: Sequence[str]) -> str:
    process = start(arguments)
    _, errors = process.communicate()
    assert process.returncode == 1
    return errors


@pytest.fixture
def data_folder(folder: Path, small_set: Dataset) -> Path:
    export(small_set, "train", "csv", folder)
    export(Dataset(small_set.images[:50], small_set.labels[:50]), "test", "csv", folder)
    return folder


def weights(path: str = "model.pkl") -> np.ndarray:
    return load_model(path).network.parameters


def wait_for(path: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it started, where the system has a list of them."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def test_a_convolutional_run_has_a_process_that_helps(data_folder: Path) -> None:
    process = start(CONVOLUTIONAL)
    wait_for(data_folder / "model.pkl.checkpoint")
    count = len(workers_of(process))
    process.kill()
    process.communicate()
    if sys.platform == "linux":
        assert count == 1


def test_a_run_whose_helper_is_killed_says_so_and_can_be_resumed(data_folder: Path) -> None:
    complete(["--model", "whole.pkl", *CONVOLUTIONAL])
    process = start(CONVOLUTIONAL)
    wait_for(data_folder / "model.pkl.checkpoint")
    for worker in workers_of(process):
        os.kill(worker, signal.SIGKILL)
    _, errors = process.communicate()
    if sys.platform == "linux":
        assert process.returncode == 1
        assert "training in several processes failed: a process that computed a part of each batch is gone; " in errors
        assert "the work so far is saved in model.pkl.checkpoint, --resume goes on." in errors
        assert "Traceback" not in errors
    complete(["--resume", *CONVOLUTIONAL])
    assert np.array_equal(weights(), weights("whole.pkl"))


def test_a_resumed_run_whose_helper_cannot_start_keeps_its_checkpoint(
    folder: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(convolutions="2x3 pool", epochs=2)
    events = Run(recipe, 0, small_set, small_set, Path("model.pkl")).events()
    next(events)
    del events
    saved = find_interruption(Path("model.pkl"))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(WorkerFailed) as told:
        Run(recipe, 0, small_set, small_set, Path("model.pkl"), saved.checkpoint, saved.threads)
    assert "remove" not in str(told.value)
    assert "--threads" not in str(told.value)  # a checkpoint is of as many as it is
    with pytest.raises(WorkerFailed, match="--threads 1 does without"):
        Run(recipe, 0, small_set, small_set, Path("model.pkl"))


def kill_and_resume(kills: int, random: np.random.Generator, arguments: Sequence[str]) -> int:
    """Start a run, kill it again and again at random moments, let it finish; return how often it was killed."""
    old = Path("model.pkl").read_bytes()
    killed = 0
    while True:
        process = start(["--resume", *arguments])
        try:
            process.wait(timeout=random.uniform(0.2, 3.0) if killed < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        _, errors = process.communicate()
        if process.returncode == -signal.SIGKILL:
            untouched = Path("model.pkl").read_bytes() == old
            assert untouched or np.array_equal(weights(), weights("whole.pkl")), "an unfinished run replaced the model"
            continue
        assert process.returncode == 0, errors
        return killed


CONVOLUTIONAL = ("--convolutions", "2x3 pool 4x3 pool", "--batch-norm", "--hidden", "16", "--epochs", "60")
kinds_of_runs = pytest.mark.parametrize(
    "arguments", [(), ("--augment", "--epochs", "40"), CONVOLUTIONAL], ids=["", "warped", "convolutional"]
)


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
@kinds_of_runs
def test_killed_and_resumed_gives_the_weights_of_a_run_never_stopped(
    data_folder: Path, kills: int, arguments: Sequence[str]
) -> None:
    complete(["--model", "whole.pkl", *arguments])
    random = np.random.default_rng()
    killed = 0
    while killed < kills:  # a run may finish before it was killed as often as wanted: then another begins
        save_model("model.pkl", Recipe(hidden=(8,)).network(seed=1))
        killed += kill_and_resume(kills - killed, random, arguments)
        assert np.array_equal(weights(), weights("whole.pkl"))
        assert not checkpoint_path(Path("model.pkl")).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@kinds_of_runs
def test_ctrl_c_saves_says_how_to_go_on_and_exits_with_130(
    data_folder: Path, number: signal.Signals, arguments: Sequence[str]
) -> None:
    complete(["--model", "whole.pkl", *arguments])
    save_model("model.pkl", Recipe(hidden=(8,)).network(seed=1))
    old = Path("model.pkl").read_bytes()
    process = start(arguments)
    wait_for(data_folder / "model.pkl.checkpoint")
    for worker in workers_of(process):  # an init system ends all of a service's processes, in any order
        os.kill(worker, number)
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert "Stopped after" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert output == ""
    assert Path("model.pkl").read_bytes() == old
    complete(["--resume", *arguments])
    assert np.array_equal(weights(), weights("whole.pkl"))


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # a model of 256 hidden units has 814 kB


def test_a_run_goes_on_with_as_many_threads_as_it_began_with(data_folder: Path) -> None:
    process = start(["--threads", "2"])
    wait_for(data_folder / "model.pkl.checkpoint")
    process.kill()
    process.communicate()
    assert find_interruption(Path("model.pkl")).threads == 2
    assert "other settings (threads)" in errors_of(["--resume", "--threads", "1"])
    complete(["--resume", "--epochs", "150"])


def test_a_full_disk_leaves_the_old_model_whole(data_folder: Path) -> None:
    save_model("model.pkl", Recipe(hidden=(8,)).network(seed=1))
    old = Path("model.pkl").read_bytes()
    process = start(preexec_fn=limit_file_size)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "cannot write model.pkl" in errors
    assert "Traceback" not in errors
    assert Path("model.pkl").read_bytes() == old
    assert sorted(path.name for path in data_folder.iterdir()) == ["model.pkl", "test.csv", "train.csv"]


def test_a_run_ends_in_a_model_that_tells_where_it_came_from(folder: Path, small_set: Dataset) -> None:
    recipe = Recipe(hidden=(16,), epochs=2)
    run = Run(recipe, 7, small_set, small_set, Path("model.pkl"))
    assert [type(event).__name__ for event in run.events()][-1] == "Finished"
    model = load_model("model.pkl")
    assert (model.recipe, model.seed, model.data) == (recipe, 7, "600 images")
    assert model.results["test_accuracy"] == run.results["test_accuracy"]
    assert np.array_equal(model.network.parameters, run.network.parameters)
    assert set(run.results) == {
        "recipe", "seed", "epochs", "parameters", "train_seconds", "validation_accuracy", "test_accuracy",
        "temperature", "test_error_percent", "model",
    }  # fmt: skip


def test_a_test_set_without_labels_is_not_measured(folder: Path, small_set: Dataset) -> None:
    run = Run(Recipe(hidden=(16,), epochs=1), 0, small_set, Dataset(small_set.images), Path("model.pkl"))
    list(run.events())
    assert run.results["test_accuracy"] is None
    assert run.results["test_error_percent"] is None


def test_an_interrupted_run_leaves_a_checkpoint_and_no_model(folder: Path, small_set: Dataset) -> None:
    run = Run(Recipe(hidden=(16,), epochs=2), 0, small_set, small_set, Path("model.pkl"))
    events = run.events()
    next(events)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Interrupted, match=r"after 0 of 2 epochs.*model\.pkl\.checkpoint"):
        next(events)
    assert not Path("model.pkl").exists()
    assert find_interruption(Path("model.pkl")).checkpoint["batch"] == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_killed_in_its_first_moments_is_the_one_that_is_resumed(folder: Path, small_set: Dataset) -> None:
    """Not the older one that was interrupted here before, which is kept aside."""
    older = Run(Recipe(hidden=(8,), epochs=2), 0, small_set, small_set, Path("model.pkl"))
    next(older.events())
    newer = Run(Recipe(hidden=(16,), epochs=2), 1, small_set, small_set, Path("model.pkl"))
    next(newer.events())  # killed here
    saved = find_interruption(Path("model.pkl"))
    assert (saved.recipe.hidden, saved.seed) == ((16,), 1)
    assert newer.replaced == Path("model.pkl.checkpoint.old")
    assert newer.replaced.exists()


def test_what_diverged_cannot_be_gone_on_with(folder: Path, small_set: Dataset) -> None:
    run = Run(Recipe(hidden=(8,), learning_rate=1e30), 0, small_set, small_set, Path("model.pkl"))
    with pytest.raises(TrainingDiverged):
        list(run.events())
    assert not list(folder.iterdir())


def test_a_file_that_is_no_model_is_not_replaced_by_one(data_folder: Path, small_set: Dataset) -> None:
    before = Path("train.csv").read_bytes()
    with pytest.raises(DigitsError, match=r"train.csv exists and is no model"):
        Run(Recipe(), 0, small_set, small_set, Path("train.csv"))
    assert Path("train.csv").read_bytes() == before


def test_a_format_that_needs_a_missing_library_is_refused_before_the_training(
    folder: Path, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits.model_files.find_spec", lambda name: None)
    with pytest.raises(DigitsError, match=r'pip install "digits\[safetensors\]"'):
        Run(Recipe(), 0, small_set, small_set, Path("model.safetensors"))
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        {"seed": "x"}, {"seed": -1}, {"recipe": None}, {"recipe": {"batch_size": 2.5}}, {"epoch": 99}, {"epoch": "1"},
        {"batch": -3}, {"batch": 10**9}, {"history": [{}]}, {"learning_rate": "x"}, {"parameters": np.zeros(1)},
        {"threads": 0}, {"threads": -1}, {"threads": "x"},
        {"parameters": [1]}, {"optimizer": {"steps": "x"}}, {"optimizer": {"velocity": np.zeros(3)}}, {"random": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_checkpoint_that_was_tampered_with_is_a_sentence(
    folder: Path, small_set: Dataset, damage: dict[str, object]
) -> None:
    recipe = Recipe(hidden=(8,), epochs=2, optimizer="momentum")
    run = Run(recipe, 0, small_set, small_set, Path("model.pkl"))
    next(run.events())
    saved = load_checkpoint("model.pkl.checkpoint")
    save_checkpoint("model.pkl.checkpoint", {k: v for k, v in (saved | damage).items() if v is not None})
    with pytest.raises(DigitsError, match=r"model\.pkl\.checkpoint.*\.$"):  # noqa: PT012  either may notice it
        found = find_interruption(Path("model.pkl"))
        Run(found.recipe, found.seed, small_set, small_set, Path("model.pkl"), found.checkpoint)
