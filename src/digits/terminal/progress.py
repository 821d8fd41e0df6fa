"""What moves on a terminal while something takes its time: a training, or other work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from time import monotonic
from typing import Self

from rich.console import Console

from digits.terminal.console import duration
from digits.training import EpochEnd, Event, Step, Training

FRAME_SECONDS = 0.1  # between two pictures of the progress bar
PATIENCE = 1.0  # seconds that work may take without a word


@contextmanager
def show_work(
    what: str, console: Console, parts: int | None = None, patience: float = PATIENCE
) -> Iterator[Callable[[], None]]:
    """Show on a terminal, once a block takes longer, what it does and for how long already; elsewhere nothing.

    Args:
        what: is done, e.g. "reading 10,000 images".
        console: where to; the block may print nothing there.
        parts: of the work, where they are counted.
        patience: seconds before anything is shown.

    Yields:
        A function to call after each part.
    """
    if not console.is_interactive:
        yield lambda: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn()
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(what, total=parts)
    later = Timer(patience, progress.start)
    later.start()
    try:
        yield lambda: progress.advance(task)
    finally:
        later.cancel()
        later.join()
        progress.stop()


class TrainingDisplay:
    """Shows a training run: a line for each epoch and, on a terminal, a bar that moves.

    Use it as a context manager and give it each event.
    """

    def __init__(self, training: Training, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # 5 ms: only to train

        self.training = training
        self.console = console
        self.began = monotonic()
        self.steps_before = training.steps
        self.next_frame = 0.0
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[left]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        epoch = f"{min(training.epoch + 1, training.recipe.epochs)}/{training.recipe.epochs}"
        self.task = self.progress.add_task("", total=training.total_steps, epoch=epoch, loss=0.0, left="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        """Show what happened."""
        if isinstance(event, EpochEnd):
            self.console.print(self._epoch_line(event))
        elif isinstance(event, Step) and self.console.is_terminal and monotonic() >= self.next_frame:
            epoch = f"{event.epoch}/{self.training.recipe.epochs}"
            self.progress.update(
                self.task, completed=event.step, epoch=epoch, loss=event.loss, left=self._time_left(), refresh=True
            )
            self.next_frame = monotonic() + FRAME_SECONDS

    def _epoch_line(self, event: EpochEnd) -> str:
        width = len(str(self.training.recipe.epochs))
        parts = [
            f"epoch {event.epoch:>{width}}/{self.training.recipe.epochs}",
            f"loss {event.loss:.4f}",
            f"training {event.train_accuracy:.2%}",
        ]
        if event.validation_accuracy is not None:
            parts.append(f"validation {event.validation_accuracy:.2%}")
        parts += [f"{event.images_per_second:,.0f} images/s", self._time_left()]
        return "  ".join(parts)

    def _time_left(self) -> str:
        done = self.training.steps - self.steps_before
        missing = self.training.total_steps - self.training.steps
        if not missing:
            return "done"
        return f"{duration((monotonic() - self.began) / max(done, 1) * missing)} left"
