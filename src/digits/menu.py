"""The menu: test predictions on chosen images, retrain the model, exit.

It asks with ``input`` and takes one line for each question, so that it works the same through a pipe.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from digits.datasets import Dataset, describe_source, load_test, load_train
from digits.errors import DigitsError, Interrupted
from digits.layers import AvgPool2D, Conv2D, Dense, Layer, MaxPool2D
from digits.model_files import TrainedModel, load_model
from digits.neural_network import NeuralNetwork
from digits.predictions import Prediction, answer, columns, from_test_set, parse_indices
from digits.recipes import RECIPES
from digits.runs import Run, checkpoint_path, find_interruption
from digits.terminal import TrainingDisplay, make_console, printable, show_predictions
from digits.version import __version__

FIGURE = Path("figures") / "predictions.png"
RECIPE = "quick"  # what "retrain" follows


def describe_layers(network: NeuralNetwork) -> str:
    """The layers as ``Recipe.describe`` has them, but of the network itself: a file may claim any recipe."""
    words = [word for layer in network.layers if (word := _describe_layer(layer))]
    if len(network.input_shape) == 1 and all(word.isdecimal() for word in words):
        return "-".join([str(network.input_shape[0]), *words])
    return " – ".join(words)


def _describe_layer(layer: Layer) -> str:
    """A word or two for a layer that shapes the network; none for the others."""
    if isinstance(layer, Dense):
        return str(layer.units)
    if isinstance(layer, Conv2D):
        return f"conv {layer.size}×{layer.size}×{layer.filters}"
    return "pool" if isinstance(layer, AvgPool2D | MaxPool2D) else ""


class Menu:
    """One session at the menu.

    Attributes:
        path: the model file that retraining replaces.
        answers: the last predictions, which a figure can be drawn of.
    """

    def __init__(self) -> None:
        self.console: Console = make_console()
        self.path = Path("model.pkl")
        self.model: TrainedModel | None = None
        self.answers: list[Prediction] = []

    def run(self) -> None:
        """Show the menu until the user leaves it."""
        self._load_model()
        self._show_head()
        with suppress(EOFError):  # the end of input means exit, at whatever question it comes
            while (choice := self._ask(self._choices()).strip().lower()) not in ("3", "q", "exit", "quit"):
                self._do(choice)
        self.console.print("Goodbye.")

    def _do(self, choice: str) -> None:
        actions = {"1": self._predict, "2": self._retrain, "r": self._resume, "f": self._save_figure}
        if choice not in actions:
            self.console.print(f"{choice!r} is not on the menu." if choice else "Type a number of the menu.")
            return
        try:
            actions[choice]()
        except (DigitsError, OSError) as problem:
            self._complain(problem)
        except Interrupted as interruption:
            if interruption.leave:
                raise
            self.console.print(f"{interruption} The old model stays.")
        except KeyboardInterrupt:
            self.console.print("\nBack to the menu; Ctrl-C there leaves.")

    # -- what is shown -------------------------------------------------------------------------------------------

    def _show_head(self) -> None:
        self.console.print(
            Text(f"digits {__version__}", style="bold").append(
                ": handwritten digits, recognised by a neural network in NumPy", style="not bold"
            )
        )
        self.console.print()
        if self.model:
            self._show_model(self.model)
        self.console.print(f"  test data      {describe_source('test')}")
        self.console.print(f"  training data  {describe_source('train')}")

    def _show_model(self, model: TrainedModel) -> None:
        accuracy = model.results.get("test_accuracy")
        known = f"{accuracy:.2%} right on its test set" if isinstance(accuracy, float) else "accuracy unknown"
        recipe = model.recipe.name if model.recipe else "unknown"
        self.console.print(f"  model          {printable(model.name)} (recipe {printable(recipe)})")
        self.console.print(f"                 {known}; layers: {describe_layers(model.network)}")

    def _choices(self) -> str:
        lines = ["", "  1  Test predictions on specific image indices"]
        if self.answers:
            lines.append("  f  Save a figure of the last predictions")
        lines.append(f"  2  Retrain the model, by the recipe {RECIPE}")
        if checkpoint_path(self.path).exists():
            lines.append("  r  Go on with the interrupted training")
        return "\n".join([*lines, "  3  Exit", "", "Your choice: "])

    def _complain(self, problem: Exception) -> None:
        self.console.print(Text(f"Error: {printable(str(problem))}", style="bold"))

    def _ask(self, question: str) -> str:
        """Ask for a line.

        Raises:
            EOFError: if there is none.
        """
        try:
            line = input(question)
        except (EOFError, RuntimeError) as error:  # RuntimeError: there is no standard input at all
            self.console.print()
            raise EOFError from error
        if not sys.stdin.isatty():
            self.console.print(printable(line))  # what was piped in, where a person would have seen it typed
        return line

    # -- what is done --------------------------------------------------------------------------------------------

    def _load_model(self) -> None:
        try:
            self.model = load_model()
        except DigitsError as problem:  # a damaged model.pkl must not keep anybody from retraining it
            self._complain(problem)

    def _predict(self) -> None:
        if not self.model:
            raise DigitsError("there is no model that can be read; retrain it first.")
        test_set = load_test()
        text = self._ask(f"Which of the images 0 to {len(test_set) - 1}? (e.g. 0 1 2 or 10-20): ")
        if not text.strip():
            return
        questions = from_test_set(parse_indices(text, len(test_set)), test_set)
        self.answers = answer(self.model.network, questions)
        show_predictions(self.answers, self.console)

    def _save_figure(self) -> None:
        if not self.answers:
            raise DigitsError("there are no predictions yet; choose 1 first.")
        from digits.plots import predictions, save

        save(predictions(*columns(self.answers)), FIGURE)
        self.console.print(f"Saved {FIGURE.resolve()}")

    def _retrain(self) -> None:
        self._train(Run(RECIPES[RECIPE], 0, self._train_set(), load_test(), self.path))

    def _resume(self) -> None:
        saved = find_interruption(self.path)
        if saved is None:
            raise DigitsError("no interrupted training is saved here; choose 2 to train anew.")
        data = self._train_set(), load_test()
        self._train(Run(saved.recipe, saved.seed, *data, self.path, saved.checkpoint, saved.threads))

    def _train_set(self) -> Dataset:
        train_set = load_train()
        self.console.print(
            f"Training on {train_set.source}, {len(train_set):,} images. Ctrl-C stops; the old model stays."
        )
        return train_set

    def _train(self, run: Run) -> None:
        if run.replaced:
            self.console.print(f"The interrupted training is kept in {run.replaced}.")
        with TrainingDisplay(run.training, make_console(stderr=True)) as display:
            for event in run.events():
                display.show(event)
        replaced = self.model
        self._load_model()
        if self.model:
            self._show_model(self.model)
        if replaced and replaced.recipe and _accuracy(replaced) > _accuracy(self.model):
            self.console.print(
                f"  The model before was {_accuracy(replaced):.2%} right."
                f" To train one like it: digits train --recipe {replaced.recipe.name}"
            )


def _accuracy(model: TrainedModel | None) -> float:
    """What a model's file says of it; 0 where it says nothing."""
    accuracy = model.results.get("test_accuracy") if model else None
    return accuracy if isinstance(accuracy, float) else 0.0
