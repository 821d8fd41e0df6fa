"""One training run: a thread while it runs, and nothing but files while it does not.

The thread asks the library's ``Training`` for one event after the other. Between two events it measures, keeps
snapshots, and looks whether it should pause; nobody else touches the training. What it found lies in the record, from
which any number of readers take what is new to them, whenever they come: so no reader can hold it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, Literal

from digits.datasets import Dataset
from digits.errors import DigitsError
from digits.evaluation import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, fit_temperature
from digits.forking import fork
from digits.neural_network import NeuralNetwork
from digits.optimizers import OPTIMIZERS
from digits.studio.failures import NotThere
from digits.studio.run_folder import RunFolder
from digits.studio.run_measures import Observer, answer_to
from digits.studio.run_record import Parent, RunRecord, RunSettings, RunUpdate, Status, View
from digits.studio.thinning import Thinned, stride_for
from digits.training import EpochEnd, Event, Finished, Step, Training, TrainingDiverged, train

MOST_SNAPSHOTS = 48
MOST_SNAPSHOT_BYTES = 96 * 2**20  # of a run
MOST_MEASURES = 150
MEASURE_SECONDS = 0.5  # between measures where steps are slow
MEASURING_SHARE = 0.3  # of the time may go into measures,
MEASURING_GRACE = 5.0  # once so many seconds went into them: short runs have all
SAVE_SECONDS = 3.0  # between savings while it runs
VIEW_SECONDS = 0.2  # between pictures
GIVING_WAY_SECONDS = 0.02  # that a step waits for people who draw: so a training goes on, however many do
PATIENCE = 60.0  # seconds that a step and its saving may take before pausing is given up

Until = Literal["step", "epoch", "end"]
_ENDED = {
    "finished": "finished",
    "stopped": "been stopped",
    "diverged": "diverged",
    "failed": "failed",
}
_UPDATED = {"status", "message", "step", "epoch", "learning_rate", "pace", "seconds", "revision", "version"}


def at_once(seconds: float) -> None:
    """Give way to nobody."""


@dataclass
class Cursor:
    """What a reader of a run has seen already."""

    version: int = -1
    step: int = -1
    revision: int = -1
    view_step: int = -1


class TrainingRun:
    """A run, on disk and, while it runs, in a thread.

    Args:
        folder: with its files.
        record: what is known of it.
        train_set: MNIST's training set.

    Attributes:
        record: as above; changed by the thread only while it runs.
        removed: whether it was deleted.
    """

    def __init__(self, folder: RunFolder, record: RunRecord, train_set: Dataset) -> None:
        self.folder = folder
        self.record = record
        self.train_set = train_set
        self.removed = False
        self._lock = threading.RLock()  # of what is in memory; nobody writes a file under it
        self._writing = threading.Lock()
        self._view: View | None = None
        self._thread: threading.Thread | None = None
        self._pause = threading.Event()
        self._unsaved: dict[int, dict[str, Any]] = {}
        self._measures = Thinned(
            MOST_MEASURES, record.first_step, record.measure_stride, {each.step: each for each in record.measures}
        )
        self._snapshots = Thinned(
            self._most_snapshots(), record.first_step, record.snapshot_stride, dict.fromkeys(record.snapshots)
        )

    # -- beginnings --------------------------------------------------------------------------------------------

    @classmethod
    def begin(
        cls, folder: RunFolder, record: RunRecord, train_set: Dataset, checkpoint: dict[str, Any] | None = None
    ) -> TrainingRun:
        """Make a new run's files.

        Args:
            folder: for them.
            record: with its settings.
            train_set: MNIST's training set.
            checkpoint: of another run, changed for this one's settings by ``fork``; by default it begins at step 0.

        Raises:
            DigitsError: if it cannot be made from these settings.
        """
        run = cls(folder, record, train_set)
        training = run._training(checkpoint)
        record.first_step = training.steps
        left = record.total_steps - training.steps
        run._measures = Thinned(MOST_MEASURES, training.steps, stride_for(left, MOST_MEASURES))
        run._snapshots = Thinned(run._most_snapshots(), training.steps, stride_for(left, run._most_snapshots()))
        record.snapshots = []
        observer = Observer(training)
        run._note(training, observer)
        run._observe(training, observer, snapshot=True)
        run._save(training)
        return run

    @classmethod
    def reopen(cls, folder: RunFolder, train_set: Dataset) -> TrainingRun:
        """Take up a run that an earlier studio left; one that ran then is paused.

        Raises:
            DigitsError: if its files are damaged.
        """
        record = folder.read_record()
        present = folder.present()
        steps = -(-record.settings.images // min(record.settings.batch_size, record.settings.images))
        record.step = present["epoch"] * steps + present["batch"]
        record.measures = [measure for measure in record.measures if measure.step <= record.step]
        record.snapshots = sorted(step for step in folder.snapshots() if step <= record.step)
        if record.status == "running":
            record.status = "paused"
        return cls(folder, record, train_set)

    def forked(self, step: int, settings: RunSettings) -> tuple[dict[str, Any], Parent]:
        """The checkpoint that a fork begins with, and where it leaves this run.

        Raises:
            NotThere: if that step was not kept.
            DigitsError: if the settings cannot go on from there.
        """
        own = self.record.settings
        if (settings.images, settings.seed, settings.sorted_by_digit) != (own.images, own.seed, own.sorted_by_digit):
            raise DigitsError("a fork goes on in the same images, in the same order; begin a new run to change them.")
        checkpoint = fork(self._checkpoint(step), settings.recipe(), own.images)
        epoch = checkpoint["epoch"] + checkpoint["batch"] / -(-own.images // settings.batch_size)
        return checkpoint, Parent(run=self.record.id, step=step, epoch=epoch)

    def _training(self, checkpoint: dict[str, Any] | None) -> Training:
        settings = self.record.settings
        recipe = settings.recipe()
        network = recipe.network(settings.seed)
        if settings.zero_weights:
            network.parameters[...] = 0
        data = settings.data(self.train_set)
        training = train(network, data, recipe, seed=settings.seed, resume_from=checkpoint, threads=1)
        training.batches.shuffle = not settings.sorted_by_digit
        return training

    # -- what a person does ------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether it trains; where it does not, its files are the present."""
        return self.record.status == "running"

    def start(self, until: Until = "end", give_way: Callable[[float], None] = at_once) -> None:
        """Go on, in a thread: for a step, to the end of the epoch, or to the end.

        Args:
            until: which.
            give_way: called between two steps, with the seconds it may take.

        Raises:
            DigitsError: if it is over.
        """
        if self.is_running:
            return
        self._wait()  # for the thread before, which may be writing its last record
        with self._lock:
            if self.record.status != "paused":
                raise DigitsError(f"the run has {_ENDED[self.record.status]}; fork it to go on from a snapshot.")
            self._pause.clear()
            self.record.status = "running"
            self._changed()
            self._thread = threading.Thread(
                target=self._work, args=(until, give_way), name=f"run {self.record.id}", daemon=True
            )
            self._thread.start()

    def ask_to_pause(self) -> None:
        """Let it pause after the step under way, and do not wait for that."""
        self._pause.set()

    def pause(self) -> None:
        """Pause after the step under way, and wait for that.

        Raises:
            DigitsError: if the step takes too long.
        """
        self.ask_to_pause()
        self._wait()

    def _wait(self) -> None:
        """Until the thread is over."""
        thread = self._thread
        if thread is not None:
            thread.join(PATIENCE)
            if thread.is_alive():
                raise DigitsError("the run is still busy with a long step; it pauses as soon as it is over.")

    def stop(self) -> None:
        """End it for good where it stands; its snapshots stay."""
        self.pause()
        with self._lock:
            if self.record.status == "paused":
                self.record.status = "stopped"
                self._changed()
        self._write_record()

    def change(self, *, name: str | None = None, learning_rate: float | None = None, pace: float | None = None) -> None:
        """Change what may be changed on the run; None leaves it.

        Args:
            name: what it is called.
            learning_rate: the highest of the schedule, from the next step on.
            pace: steps a second at most; 0 for as many as can be.
        """
        with self._lock:
            if name is not None:
                self.record.name = name
            if learning_rate is not None:
                self.record.learning_rate = learning_rate
            if pace is not None:
                self.record.pace = pace
            self._changed()
        self._write_record()

    def watch(self, specimen: list[int] | None) -> None:
        """Watch another digit, from now on and, at the snapshots, from the beginning.

        Args:
            specimen: its 784 pixels, or None for none.
        """
        steps = sorted(self._snapshots.kept)
        answers = {} if specimen is None else {step: self._answer(step, specimen) for step in steps}
        with self._lock:
            self.record.specimen = specimen
            for measure in self.record.measures:
                measure.answer = answers.get(measure.step)
            self.record.revision += 1
            self._changed()
        self._write_record()

    def remove(self) -> None:
        """Stop it and remove its files."""
        self.pause()
        with self._writing:
            self.removed = True
            self.folder.remove()

    # -- what a person sees ------------------------------------------------------------------------------------

    def copy(self) -> RunRecord:
        """The record as it is now."""
        with self._lock:
            return self.record.model_copy(deep=True)

    def view(self, step: int | None = None) -> View:
        """What the network is, or was at a step that was kept.

        Raises:
            NotThere: if it was not.
        """
        with self._lock:
            if self.is_running and step is None and self._view is not None:
                return self._view
        training = self._training(self._checkpoint(self.record.step if step is None else step))
        observer = Observer(training)
        measure = observer.measure(self.record.specimen)
        known = next((each for each in self.copy().measures if each.step == training.steps), None)
        if known:  # what is known of the time between two measures only
            measure.batch_loss, measure.images_per_second = known.batch_loss, known.images_per_second
            measure.learning_rate = known.learning_rate
        return observer.view(measure)

    def network(self, step: int | None = None) -> NeuralNetwork:
        """The network as it is, or was at a step that was kept, its temperature fitted on the validation images.

        Raises:
            NotThere: if it was not.
        """
        training = self._training(self._checkpoint(self.record.step if step is None else step))
        network = training.measured
        images, labels = training.validation
        fitted = fit_temperature(network.logits(images), labels)
        if LOWEST_TEMPERATURE < fitted < HIGHEST_TEMPERATURE:  # the ends mean that the images do not determine it
            network.temperature = fitted
        return network

    def news(self, cursor: Cursor) -> RunUpdate | None:
        """What has changed since a reader looked last; None if nothing has. The cursor moves on."""
        with self._lock:
            if cursor.version == self.record.version:
                return None
            record = self.record
            whole = cursor.revision != record.revision
            view = self._view if self._view and self._view.step != cursor.view_step else None
            update = RunUpdate(
                **record.model_dump(include=_UPDATED),
                snapshots=list(record.snapshots),
                whole=whole,
                measures=[each for each in record.measures if whole or each.step > cursor.step],
                view=view,
            )
            cursor.version, cursor.revision = record.version, record.revision
            cursor.step = record.measures[-1].step
            cursor.view_step = view.step if view else cursor.view_step
            return update

    def _checkpoint(self, step: int) -> dict[str, Any]:
        """The checkpoint of a step that was kept, or of the present one."""
        with self._lock:
            unsaved = self._unsaved.get(step)
            kept = step in self._snapshots.kept
            present = step == self.record.step and not self.is_running
        try:
            if unsaved is not None or kept:
                return unsaved or self.folder.snapshot(step)
            if present:
                return self.folder.present()
        except DigitsError as error:  # thinned out meanwhile
            raise NotThere(f"the snapshot of step {step} is gone; choose another.") from error
        if self.is_running and step == self.record.step:
            raise DigitsError("the run is training; pause it, or choose a snapshot.")
        raise NotThere(f"there is no snapshot of step {step} in this run; choose another.")

    def _answer(self, step: int, specimen: list[int]) -> list[float] | None:
        try:
            return answer_to(self._training(self._checkpoint(step)).measured, specimen)
        except NotThere:
            return None

    # -- the thread --------------------------------------------------------------------------------------------

    def _work(self, until: Until, give_way: Callable[[float], None]) -> None:
        """What the thread does: train from the present checkpoint on, and save."""
        status: Status = "failed"
        message: str | None = "a mistake in the program ended the run; its snapshots are there."
        training: Training | None = None
        try:
            training = self._training(self.folder.present())
            status, message = self._train(training, until, give_way), None
        except TrainingDiverged as diverged:
            status, message = "diverged", str(diverged)
        except (DigitsError, MemoryError) as error:
            message = str(error) or "there was not enough memory."
        finally:
            try:
                if training is not None:
                    self._save(training)
            except DigitsError as error:
                status, message = "failed", str(error)
            with self._lock:
                self.record.status, self.record.message = status, message
                self._changed()
            with suppress(DigitsError):  # what is in memory says why
                self._write_record()

    def _train(
        self, training: Training, until: Until, give_way: Callable[[float], None]
    ) -> Literal["paused", "finished"]:
        """Train until it is paused or over."""
        observer, tally = Observer(training), _Tally()
        saved = viewed = monotonic()
        while True:
            training.learning_rate = self.record.learning_rate
            began = perf_counter()
            event = next(training)
            tally.add(event, perf_counter() - began)
            self._note(training, observer)
            done = isinstance(event, Finished) or self._pause.is_set() or _is_reached(until, event, training)
            due = isinstance(event, Step) and self._is_due(training.steps, tally)
            if due or (done and self.record.measures[-1].step != training.steps):
                wanted = due and self._snapshots.wants(training.steps)
                began = perf_counter()
                self._observe(training, observer, *tally.take(training.batches.batch_size), snapshot=wanted)
                tally.measuring += perf_counter() - began
                if not done and monotonic() - viewed >= VIEW_SECONDS:
                    self._show(observer)
                    viewed = monotonic()
            if done:
                self._show(observer)
                return "finished" if isinstance(event, Finished) else "paused"
            give_way(GIVING_WAY_SECONDS)
            if monotonic() - saved >= SAVE_SECONDS:
                self._save(training)
                saved = monotonic()
            if self.record.pace and isinstance(event, Step) and self._pause.wait(1 / self.record.pace):
                self._show(observer)
                return "paused"

    def _is_due(self, step: int, tally: _Tally) -> bool:
        """Whether to measure at this step: if it is one of those that are kept, or steps are slow, and time is left."""
        if self.record.pace:
            return True
        slow = monotonic() - tally.measured >= MEASURE_SECONDS
        has_time = tally.measuring <= MEASURING_GRACE + MEASURING_SHARE * tally.training
        return has_time and (slow or self._measures.wants(step))

    def _note(self, training: Training, observer: Observer) -> None:
        """Say where it stands."""
        with self._lock:
            self.record.step, self.record.epoch = training.steps, observer.epoch
            self.record.seconds = training.seconds + training.epoch_seconds
            self._changed()

    def _observe(
        self,
        training: Training,
        observer: Observer,
        batch_loss: float | None = None,
        images_per_second: float | None = None,
        *,
        snapshot: bool,
    ) -> None:
        """Measure, and keep a snapshot where one is wanted."""
        measure = observer.measure(self.record.specimen, batch_loss, images_per_second)
        checkpoint = training.checkpoint() if snapshot else None
        with self._lock:
            self._measures.add(measure.step, measure)
            self.record.measures = list(self._measures.kept.values())
            self.record.measure_stride = self._measures.stride
            self.record.validation_accuracy = measure.validation_accuracy
            if checkpoint is not None:
                self._snapshots.add(measure.step, None)
                self._unsaved[measure.step] = checkpoint
                self._unsaved = {step: kept for step, kept in self._unsaved.items() if step in self._snapshots.kept}
                self.record.snapshots = sorted(self._snapshots.kept)
                self.record.snapshot_stride = self._snapshots.stride
            self._changed()

    def _show(self, observer: Observer) -> None:
        """Make the pictures that go with the last measure."""
        view = observer.view(self.record.measures[-1])
        with self._lock:
            self._view = view
            self._changed()

    def _save(self, training: Training) -> None:
        """Write what a later studio needs to go on; only the thread does, or nobody but the maker has the run yet."""
        checkpoint = training.checkpoint()
        with self._lock:
            unsaved = dict(self._unsaved)
        for step, snapshot in unsaved.items():
            self.folder.write_snapshot(step, snapshot)
        self.folder.write_present(checkpoint)
        with self._lock:
            self._unsaved = {step: kept for step, kept in self._unsaved.items() if step not in unsaved}
        self._write_record()
        for step in self.folder.snapshots() - set(self.record.snapshots):
            self.folder.remove_snapshot(step)

    def _write_record(self) -> None:
        with self._writing:
            if not self.removed:
                self.folder.write_record(self.copy())

    def _changed(self) -> None:
        self.record.version += 1

    def _most_snapshots(self) -> int:
        """So many that all of them fit into the bytes that a run may take."""
        settings = self.record.settings
        vectors = 1 + len(OPTIMIZERS[settings.optimizer].vectors) + bool(settings.weight_average)
        size = 4 * self.record.parameters * vectors
        return max(3, min(MOST_SNAPSHOTS, MOST_SNAPSHOT_BYTES // size))


class _Tally:
    """What happened since the last measure, and how long everything took."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.seconds = 0.0  # of the steps since the last measure
        self.training = 0.0  # seconds of all events
        self.measuring = 0.0  # seconds of all measures
        self.measured = monotonic()

    def add(self, event: Event, seconds: float) -> None:
        self.training += seconds
        if isinstance(event, Step):
            self.losses.append(event.loss)
            self.seconds += seconds

    def take(self, batch_size: int) -> tuple[float | None, float | None]:
        """The mean loss of the batches and the images a second; None if there was no step."""
        loss = rate = None
        if self.losses:
            loss = sum(self.losses) / len(self.losses)
            rate = len(self.losses) * batch_size / max(self.seconds, 1e-9)
        self.losses.clear()
        self.seconds = 0.0
        self.measured = monotonic()
        return loss, rate


def _is_reached(until: Until, event: Event, training: Training) -> bool:
    """Whether this is where to pause. The end of an epoch belongs to its last step, the finish to the last epoch."""
    if until == "end" or training.epoch == training.recipe.epochs:
        return False
    if isinstance(event, EpochEnd):
        return True
    return until == "step" and training.batch < len(training.batches)
