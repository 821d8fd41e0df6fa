"""The menu, typed at through a pipe and at a real terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import PROJECT
from digits.menu import describe_layers
from digits.model_files import load_model, save_model
from digits.recipes import RECIPES, Recipe

pty = pytest.importorskip("pty")  # not on Windows

MENU = [sys.executable, "-m", "digits"]


def type_into(text: str, folder: Path, command: list[str] = MENU) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_command_of_the_readme_answers_through_a_pipe() -> None:
    result = type_into("1\n0 1 2\n3\n", PROJECT, [sys.executable, "src/main.py"])
    assert result.returncode == 0
    assert "model          model.pkl (recipe standard)" in result.stdout
    assert "right on its test set" in result.stdout
    assert "embedded MNIST, test" in result.stdout
    for index, digit in enumerate((7, 2, 1)):
        assert f"test image {index}: {digit}" in result.stdout
    assert "Goodbye" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_main_py_finds_the_project_from_any_folder(folder: Path) -> None:
    result = type_into("3\n", folder, [sys.executable, str(PROJECT / "src" / "main.py")])
    assert "model          model.pkl (recipe standard)" in result.stdout


@pytest.mark.parametrize("text", ["0 1 2", "0,1,2", "0-2", " 0, 1-2 "])
def test_indices_are_taken_in_every_usual_form(folder: Path, text: str) -> None:
    output = type_into(f"1\n{text}\n3\n", folder).stdout
    assert re.findall(r"test image (\d+): (\d)", output) == [("0", "7"), ("1", "2"), ("2", "1")]
    assert "3 of 3 right" in output


def test_each_of_the_ten_probabilities_is_shown_beside_the_digit(folder: Path) -> None:
    output = type_into("1\n0\n3\n", folder).stdout
    shown = [float(value) for value in re.findall(r"^.*?\d [█ ]{24} +([\d.]+)%$", output, re.MULTILINE)]
    assert len(shown) == 10
    assert sum(shown) == pytest.approx(100, abs=0.1)
    assert "▓" in output


@pytest.mark.parametrize("wrong", ["abc", "10000", "5-1", "-1", "1.5", "٣", "0-99999999999999999999", "\x00"])
def test_wrong_indices_get_a_sentence_and_the_menu_again(folder: Path, wrong: str) -> None:
    result = type_into(f"1\n{wrong}\n3\n", folder)
    assert result.returncode == 0
    assert "Goodbye" in result.stdout
    assert "Traceback" not in result.stderr
    assert re.search(r"no image|no list of indices|backwards", result.stdout)


def test_wrong_choices_and_the_end_of_input_are_survived(folder: Path) -> None:
    result = type_into("7\n\nhello\n[/b]\n1\n", folder)
    assert result.returncode == 0
    assert "test image" not in result.stdout
    assert "'7' is not on the menu" in result.stdout
    assert "Goodbye" in result.stdout


def test_the_figure_is_offered_after_predictions_and_saved(folder: Path) -> None:
    output = type_into("1\n0 1\nf\n3\n", folder).stdout
    assert "Save a figure" in output
    assert (folder / "figures" / "predictions.png").stat().st_size > 10_000


def test_retraining_replaces_the_model_with_the_users_own_data(small_files: Path) -> None:
    result = type_into("2\n1\n0\n3\n", small_files)
    assert result.returncode == 0
    assert "Training on data/train.csv, 600 images" in result.stdout
    assert "epoch 18/18" in result.stderr
    model = load_model(small_files / "model.pkl")
    assert model.data == "data/train.csv"
    assert f"{model.results['test_accuracy']:.2%} right on its test set; layers: 784-256-128-10" in result.stdout
    assert "test image 0:" in result.stdout


def test_a_damaged_model_does_not_keep_anybody_from_retraining(small_files: Path) -> None:
    (small_files / "model.pkl").write_text("not a model")
    result = type_into("1\n2\n1\n0\n3\n", small_files)
    assert "no model that can be read" in result.stdout
    assert "test image 0:" in result.stdout
    assert load_model(small_files / "model.pkl").seed == 0


CONVOLUTIONAL = Recipe(convolutions="4x5 pool 6x3 3x1 pool", hidden=(8,), batch_norm=True, dropout=0.1)


@pytest.mark.parametrize("recipe", [*RECIPES.values(), CONVOLUTIONAL], ids=lambda recipe: recipe.name)
def test_a_network_is_described_as_its_recipe_describes_it(recipe: Recipe) -> None:
    network = recipe.network(seed=0)
    assert describe_layers(network) == recipe.describe()
    assert describe_layers(network.folded()) == recipe.describe()


def test_the_menu_works_with_a_convolutional_model(folder: Path) -> None:
    save_model(folder / "model.pkl", CONVOLUTIONAL.network(seed=0), recipe=CONVOLUTIONAL)
    output = type_into("1\n0 1\n3\n", folder).stdout
    assert "layers: conv 5×5×4 – pool – conv 3×3×6 – conv 1×1×3 – pool – 8 – 10\n" in output
    assert re.findall(r"test image (\d+): \d", output) == ["0", "1"]


class Terminal:
    """The menu at a pseudo-terminal."""

    def __init__(self, folder: Path) -> None:
        self.process_id, self.terminal = pty.fork()
        if not self.process_id:
            os.chdir(folder)
            os.execve(MENU[0], MENU, os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"})
        self.screen = ""

    def wait_for(self, text: str, seconds: float = 30) -> None:
        assert self.shows(text, seconds), f"{text!r} did not appear in {self.screen!r}"

    def shows(self, text: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while text not in self.screen and time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.screen += os.read(self.terminal, 65536).decode(errors="replace")
        return text in self.screen

    def type(self, text: str) -> None:
        self.screen = ""
        os.write(self.terminal, text.encode())

    def insist(self, key: str, text: str) -> None:
        """Type a key until it is answered: a Ctrl-C between Python's prompt and its reading waits for the next key."""
        for _ in range(10):
            self.type(key)
            if self.shows(text, 3):
                return
        self.wait_for(text, 0)

    def exit_status(self) -> int:
        _, status = os.waitpid(self.process_id, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def test_a_terminal_gets_colours_and_ctrl_c_leaves_politely(folder: Path) -> None:
    terminal = Terminal(folder)
    terminal.wait_for("Your choice")
    terminal.type("1\n")
    terminal.wait_for("Which of the images")
    terminal.type("0\n")
    terminal.wait_for("Your choice")
    assert "\x1b[38;2;" in terminal.screen  # each pixel in its own grey
    terminal.type("1\n")
    terminal.wait_for("Which of the images")
    terminal.insist("\x03", "Back to the menu")
    terminal.wait_for("Your choice")
    terminal.insist("\x03", "Interrupted")
    assert terminal.exit_status() == 130


def test_ctrl_c_while_retraining_keeps_the_old_model_and_offers_to_go_on(folder: Path) -> None:
    terminal = Terminal(folder)
    terminal.wait_for("Your choice")
    assert "interrupted training" not in terminal.screen
    terminal.type("2\n")
    terminal.wait_for("epoch  1/18", seconds=60)
    os.kill(terminal.process_id, signal.SIGINT)
    terminal.wait_for("Stopped after")
    terminal.wait_for("Go on with the interrupted training")
    assert not (folder / "model.pkl").exists()
    terminal.type("3\n")
    terminal.wait_for("Goodbye")
    assert terminal.exit_status() == 0


def test_a_model_made_up_by_somebody_does_not_keep_the_menu_from_opening(folder: Path) -> None:
    network = Recipe(hidden=(4,)).network(seed=0)
    results = {"test_accuracy": "very good"}
    save_model(folder / "model.pkl", network, recipe=Recipe(name="[/b]\x1b[31m"), results=results)
    result = type_into("1\n0\n3\n", folder)
    assert result.returncode == 0
    assert "(recipe [/b]\N{REPLACEMENT CHARACTER}[31m)" in result.stdout
    assert "test image 0:" in result.stdout
    network.parameters[:] = 1e38
    save_model(folder / "model.pkl", network)
    result = type_into("1\n0\n3\n", folder)
    assert "not finite numbers" in result.stdout
    assert result.stderr == ""
