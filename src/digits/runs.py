"""A training run on disk: checkpoints beside the model while it lasts, and the model file when it has finished.

``training.py`` knows no files; this module gives its events to whoever shows them and sees to it that a kill, a Ctrl-C
or a full disk loses next to nothing and that an old model is replaced by a finished one only.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

from digits.atomic_files import require_writable
from digits.data_preprocessing import validation_size
from digits.datasets import Dataset
from digits.errors import DigitsError, Interrupted
from digits.evaluation import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, evaluate, fit_temperature
from digits.model_files import (
    initial_network,
    load_checkpoint,
    require_saveable,
    save_checkpoint,
    save_model,
    teacher_of,
)
from digits.recipes import Recipe
from digits.training import MOST_THREADS, Event, Finished, TrainingDiverged, WorkerFailed, train

CHECKPOINT_SECONDS = 1.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.02  # of the time may go into writing them


@dataclass(frozen=True)
class Interruption:
    """What an interrupted run left: its settings, and the checkpoint to go on from."""

    recipe: Recipe
    seed: int
    threads: int | None
    checkpoint: dict[str, Any]


def checkpoint_path(model_path: Path) -> Path:
    """Where the checkpoint of a run lies: beside the model that it will make."""
    return model_path.with_name(model_path.name + ".checkpoint")


def find_interruption(model_path: Path) -> Interruption | None:
    """What an interrupted run left beside a model, or None.

    Raises:
        DigitsError: if nothing can be written there, or what is there cannot be read.
    """
    require_writable(model_path)
    path = checkpoint_path(model_path)
    require_writable(path)
    if not path.exists():
        return None
    checkpoint = load_checkpoint(path)
    recipe, seed, threads = (checkpoint.get(name) for name in ("recipe", "seed", "threads"))
    damaged = _remove_it(path, "the checkpoint is damaged.")
    if not isinstance(recipe, dict) or not isinstance(seed, int) or not isinstance(threads, int | None):
        raise damaged
    if seed < 0 or (threads is not None and not 1 <= threads <= MOST_THREADS):
        raise damaged
    try:
        return Interruption(Recipe.from_dict(recipe), seed, threads, checkpoint)
    except DigitsError as error:
        raise damaged from error


def _remove_it(path: Path, what: str) -> DigitsError:
    return DigitsError(f"{path}: {what[:-1]}; to begin anew, remove the file.")


class Run:
    """One training run that ends in a model file.

    Args:
        recipe: how.
        seed: of the initial weights, dropout and the order of the images.
        train_set: what to learn from.
        test_set: what to measure on, once, at the end; not measured where it has no labels.
        path: the model file to write when training has finished.
        resume_from: the checkpoint of an interrupted run.
        threads: parts of each batch; see ``Training``.

    Attributes:
        training: the iterator of events underneath.
        results: what was measured, once finished; the JSON of ``digits train``.
        replaced: where the checkpoint of an interrupted run is kept that this run does not go on with, or None.

    Raises:
        DigitsError: before any work, if the model could not be written there or the checkpoint is of another run.
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        train_set: Dataset,
        test_set: Dataset,
        path: Path,
        resume_from: dict[str, Any] | None = None,
        threads: int | None = None,
    ) -> None:
        require_saveable(path)
        require_writable(checkpoint_path(path))
        self.recipe = recipe
        self.seed = seed
        self.test_set = test_set
        self.path = path
        self.source = train_set.source
        self.network = initial_network(recipe, seed)
        try:
            self.training = train(
                self.network,
                train_set,
                recipe,
                seed=seed,
                resume_from=resume_from,
                threads=threads,
                teacher=teacher_of(recipe),
            )
        except WorkerFailed:
            raise
        except DigitsError as error:
            raise _remove_it(checkpoint_path(path), str(error)) if resume_from else error from None
        self.held_out = validation_size(len(train_set), recipe.validation)
        self.results: dict[str, Any] = {}
        self.replaced: Path | None = None
        if resume_from is None and checkpoint_path(path).exists():
            self.replaced = checkpoint_path(path).with_suffix(".checkpoint.old")
            checkpoint_path(path).replace(self.replaced)

    def events(self) -> Iterator[Event]:
        """Train; checkpoint at once and now and then; at the end measure and write the model.

        Raises:
            Interrupted: after SIGINT or SIGTERM, when a checkpoint has been written.
            TrainingDiverged: if the loss stops being finite. The old model stays.
            WorkerFailed: if another process that it needs is gone. The last checkpoint stays.
        """
        try:
            with _stop_requests() as requests:
                yield from self._events(requests)
        except WorkerFailed as error:
            if not checkpoint_path(self.path).exists():
                raise
            message = f"{str(error)[:-1]}; the work so far is saved in {checkpoint_path(self.path)}, --resume goes on."
            raise WorkerFailed(message) from error
        finally:
            self.training.parallel.end()
        checkpoint_path(self.path).unlink(missing_ok=True)

    def _events(self, requests: list[int]) -> Iterator[Event]:
        """Train, checkpoint and finish, until a signal asks to stop."""
        self._save_checkpoint()
        for event in self._trained():
            if isinstance(event, Finished):
                self._finish(event)
            yield event
            if isinstance(event, Finished):
                break
            if requests:
                self._save_checkpoint()
                done = f"after {self.training.epoch} of {self.recipe.epochs} epochs"
                message = f"Stopped {done}; the work so far is saved in {checkpoint_path(self.path)}."
                raise Interrupted(message, leave=signal.SIGTERM in requests)
            if monotonic() >= self._next_checkpoint:
                self._save_checkpoint()

    def _trained(self) -> Iterator[Event]:
        """The events of training. Of a run that diverged nothing is kept: to go on would end the same way."""
        try:
            yield from self.training
        except TrainingDiverged:
            checkpoint_path(self.path).unlink(missing_ok=True)
            raise

    def _save_checkpoint(self) -> None:
        began = monotonic()
        save_checkpoint(checkpoint_path(self.path), self.training.checkpoint())
        ended = monotonic()
        self._next_checkpoint = ended + max(CHECKPOINT_SECONDS, (ended - began) / CHECKPOINT_SHARE)

    def _finish(self, event: Finished) -> None:
        self._set_temperature()
        test = evaluate(self.network, self.test_set.images, self.test_set.labels) if self.test_set.has_labels else None
        measured = {
            "epochs": event.epochs,
            "parameters": self.network.parameters.size,
            "train_seconds": event.seconds,
            "validation_accuracy": event.validation_accuracy,
            "temperature": self.network.temperature,
            "test_accuracy": test.accuracy if test else None,
            "test_error_percent": test.error_percent if test else None,
        }
        self.results = {"recipe": self.recipe.name, "seed": self.seed, **measured, "model": str(self.path)}
        save_model(self.path, self.network, recipe=self.recipe, seed=self.seed, results=measured, data=self.source)

    def _set_temperature(self) -> None:
        """Fit it on the held-out images; where there are none, or they do not determine it, take the recipe's."""
        self.network.temperature = self.recipe.temperature
        images, labels = self.training.validation
        if len(images):
            fitted = fit_temperature(self.network.logits(images), labels)
            if LOWEST_TEMPERATURE < fitted < HIGHEST_TEMPERATURE:
                self.network.temperature = fitted


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list, so that a step is never cut in two; a second SIGINT is an ordinary one.

    A signal that this process was told to ignore stays ignored. Outside of the main thread nothing is collected.
    """
    requests: list[int] = []

    def request(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        requests.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {}
    if threading.current_thread() is threading.main_thread():  # only it may handle signals
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, request)
    try:
        yield requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
