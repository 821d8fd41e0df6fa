"""All training runs of a studio: begun, forked, limited in number, and saved when the studio closes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digits.datasets import Dataset
from digits.errors import DigitsError
from digits.layers import Activation
from digits.studio.failures import NotThere
from digits.studio.folder_lock import FolderLock
from digits.studio.run_folder import RunFolder
from digits.studio.run_record import Parent, RunRecord, RunSettings
from digits.studio.training_run import TrainingRun, Until, at_once

MOST_RUNS = 12
MOST_RUNNING = 2


class TrainingRuns:
    """The runs of a studio. Safe to use from several threads at once.

    Args:
        folder: where they are kept; those that are there already are taken up, paused. Damaged ones are left alone.
            It is held from the first use on: where another studio has it, every method raises ``DigitsError``.
        load_train_set: loads MNIST's training set, when it is first needed.
        give_way: called between two steps of a training, with the seconds it may take: what waits for what comes first.
    """

    def __init__(
        self, folder: Path, load_train_set: Callable[[], Dataset], give_way: Callable[[float], None] = at_once
    ) -> None:
        self.folder = folder
        self._load_train_set = load_train_set
        self._give_way = give_way
        self._lock = threading.Lock()
        self._held = FolderLock(folder)
        self._runs: dict[int, TrainingRun] | None = None

    def all(self) -> list[TrainingRun]:
        """All runs, in the order they were made."""
        return list(self._known().values())

    def get(self, number: int) -> TrainingRun:
        """A run by its number.

        Raises:
            NotThere: if there is none.
        """
        run = self._known().get(number)
        if run is None:
            raise NotThere(f"there is no run {number}; it may have been deleted.")
        return run

    def begin(self, settings: RunSettings, name: str, specimen: list[int] | None = None) -> TrainingRun:
        """Make a run, paused before its first step.

        Raises:
            DigitsError: if the settings make no sense or take too much, or there are too many runs.
        """
        return self._add(settings, name, specimen)

    def fork(
        self, number: int, step: int, settings: RunSettings, name: str, specimen: list[int] | None = None
    ) -> TrainingRun:
        """Make a run that goes on from a snapshot of another, paused.

        Raises:
            NotThere: if there is no such run or snapshot.
            DigitsError: as in ``begin``, or if the settings cannot go on with these weights.
        """
        run = self.get(number)
        checkpoint, parent = run.forked(step, settings)
        return self._add(settings, name, specimen or run.record.specimen, checkpoint, parent)

    def start(self, number: int, until: Until) -> TrainingRun:
        """Let a run go on.

        Raises:
            NotThere: if there is no such run.
            DigitsError: if it is over, or enough others are running.
        """
        run = self.get(number)
        with self._lock:
            others = sum(each.is_running for each in self._runs.values() if each is not run) if self._runs else 0
            if others >= MOST_RUNNING:
                raise DigitsError(f"{MOST_RUNNING} runs are running already; pause one of them first.")
            run.start(until, self._give_way)
        return run

    def delete(self, number: int) -> None:
        """Remove a run and its files; forks of it stay.

        Raises:
            NotThere: if there is no such run.
        """
        run = self.get(number)
        run.remove()
        with self._lock:
            if self._runs is not None:
                self._runs.pop(number, None)

    def close(self) -> None:
        """Pause all that are running; they are saved then, and another studio may have the folder."""
        runs = (self._runs or {}).values()
        for run in runs:
            run.ask_to_pause()
        for run in runs:
            with suppress(DigitsError):  # one that is too slow is lost from its last saving on
                run.pause()
        self._held.release()

    def _known(self) -> dict[int, TrainingRun]:
        with self._lock:
            if self._runs is None:
                self._held.take()
                self._runs = self._reopened()
            return self._runs

    def _reopened(self) -> dict[int, TrainingRun]:
        runs = {}
        for path in sorted(self.folder.glob("*"), key=lambda path: (len(path.name), path.name)):
            if path.name.isdecimal():
                with suppress(DigitsError, LookupError, TypeError):
                    runs[int(path.name)] = TrainingRun.reopen(RunFolder(path), self._load_train_set())
        return runs

    def _add(
        self,
        settings: RunSettings,
        name: str,
        specimen: list[int] | None,
        checkpoint: dict[str, Any] | None = None,
        parent: Parent | None = None,
    ) -> TrainingRun:
        runs = self._known()
        with self._lock:
            if len(runs) >= MOST_RUNS:
                raise DigitsError(f"there are {MOST_RUNS} runs already; delete one first.")
            record = _new_record(self._free_number(), settings, name)
            record.parent, record.specimen = parent, specimen
            folder = RunFolder(self.folder / str(record.id))
            try:
                run = TrainingRun.begin(folder, record, self._load_train_set(), checkpoint)
            except BaseException:
                folder.remove()
                raise
            runs[record.id] = run
            return run

    def _free_number(self) -> int:
        """One more than any that was used: a number in somebody's address should not come to mean another run."""
        used = [int(path.name) for path in self.folder.glob("*") if path.name.isdecimal()]
        return max(used, default=0) + 1


def _new_record(number: int, settings: RunSettings, name: str) -> RunRecord:
    network = settings.recipe().network(settings.seed)
    steps = -(-settings.images // min(settings.batch_size, settings.images))
    weighted = [layer for layer in network.layers if "weights" in layer.parameter_shapes(layer.input_shape)]
    return RunRecord(
        id=number,
        name=name,
        settings=settings,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        total_steps=settings.epochs * steps,
        parameters=network.parameters.size,
        learning_rate=settings.learning_rate,
        layers=[repr(layer) for layer in weighted],
        activations=[repr(layer) for layer in network.layers if isinstance(layer, Activation)],
        validation_images=settings.validation_images,
    )
