"""A training run on disk: checkpoints beside the model while it lasts, and the model file when it has finished.

``training.py`` knows no files; this module gives its events to whoever shows them and sees to it that a kill, a Ctrl-C
or a full disk loses next to nothing and that an old model is replaced by a finished one only.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

from digits.atomic_files import require_writable
from digits.data_preprocessing import validation_size
from digits.datasets import Dataset
from digits.errors import Interrupted
from digits.evaluation import evaluate
from digits.model_files import load_checkpoint, save_checkpoint, save_model
from digits.recipes import Recipe
from digits.training import Event, Finished, train

CHECKPOINT_SECONDS = 1.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.02  # of the time may go into writing them


def checkpoint_path(model_path: Path) -> Path:
    """Where the checkpoint of a run lies: beside the model that it will make."""
    return model_path.with_name(model_path.name + ".checkpoint")


def saved_checkpoint(model_path: Path) -> dict[str, Any] | None:
    """The checkpoint that an interrupted run left beside a model, or None.

    Raises:
        DigitsError: if there is one that cannot be read.
    """
    path = checkpoint_path(model_path)
    return load_checkpoint(path) if path.exists() else None


class Run:
    """One training run that ends in a model file.

    Args:
        recipe: how.
        seed: of the initial weights, dropout and the order of the images.
        train_set: what to learn from.
        test_set: what to measure on, once, at the end; not measured where it has no labels.
        path: the model file to write when training has finished.
        resume_from: the checkpoint of an interrupted run.

    Attributes:
        training: the iterator of events underneath.
        results: what was measured, once finished; the JSON of ``digits train``.

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
    ) -> None:
        require_writable(path)
        self.recipe = recipe
        self.seed = seed
        self.test_set = test_set
        self.path = path
        self.source = train_set.source
        self.network = recipe.network(seed)
        self.training = train(self.network, train_set, recipe, seed=seed, resume_from=resume_from)
        self.held_out = validation_size(len(train_set), recipe.validation)
        self.results: dict[str, Any] = {}
        self._next_checkpoint = monotonic() + CHECKPOINT_SECONDS

    def events(self) -> Iterator[Event]:
        """Train; checkpoint now and then; at the end measure and write the model.

        Raises:
            Interrupted: after SIGINT or SIGTERM, when a checkpoint has been written.
            TrainingDiverged: if the loss stops being finite. The old model stays.
        """
        with _stop_requested() as stop:
            for event in self.training:
                if isinstance(event, Finished):
                    self._finish(event)
                yield event
                if stop.is_set() and not isinstance(event, Finished):
                    self._save_checkpoint()
                    done = f"epoch {self.training.epoch + 1} of {self.recipe.epochs}"
                    raise Interrupted(f"Stopped in {done}; the work so far is saved in {checkpoint_path(self.path)}.")
                if monotonic() >= self._next_checkpoint and not isinstance(event, Finished):
                    self._save_checkpoint()
        checkpoint_path(self.path).unlink(missing_ok=True)

    def _save_checkpoint(self) -> None:
        began = monotonic()
        save_checkpoint(checkpoint_path(self.path), self.training.checkpoint())
        ended = monotonic()
        self._next_checkpoint = ended + max(CHECKPOINT_SECONDS, (ended - began) / CHECKPOINT_SHARE)

    def _finish(self, event: Finished) -> None:
        test = evaluate(self.network, self.test_set.images, self.test_set.labels) if self.test_set.has_labels else None
        self.results = {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "epochs": event.epochs,
            "parameters": self.network.parameters.size,
            "train_seconds": event.seconds,
            "validation_accuracy": event.validation_accuracy,
            "test_accuracy": test.accuracy if test else None,
            "test_error_percent": test.error_percent if test else None,
            "model": str(self.path),
        }
        measured = {k: v for k, v in self.results.items() if k not in ("recipe", "seed", "model")}
        save_model(self.path, self.network, recipe=self.recipe, seed=self.seed, results=measured, data=self.source)


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into a flag, so that a step is never cut in two; a second SIGINT is an ordinary one."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop
        return

    def request(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
