"""What is printed: images in characters, durations, and tables that stay whole on every terminal."""

from __future__ import annotations

import io
import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from rich.console import Console

from digits.evaluation import Evaluation
from digits.recipes import RECIPES, Recipe
from digits.terminal import (
    draw_image,
    show_attacks,
    show_corruptions,
    show_evaluation,
    show_models,
    show_recipes,
    show_work,
)
from digits.terminal.console import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from digits.model_files import TrainedModel


def console(encoding: str = "utf-8", **kwargs: object) -> Console:
    return Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=100, **kwargs)


@pytest.mark.parametrize("colours", [None, "truecolor"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_an_image_is_14_lines_of_28_characters_in_the_terminals_own_alphabet(
    colours: str | None, encoding: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    lines = draw_image(image, console(encoding, color_system=colours, force_terminal=bool(colours)))
    assert [len(line.plain) for line in lines] == [28] * 14
    for line in lines:
        line.plain.encode(encoding)


def test_more_ink_is_never_a_lighter_character() -> None:
    shades = " ░▒▓█"
    for value in range(0, 255, 5):
        image = np.full((28, 28), value, np.uint8)
        lighter, darker = (draw_image(i, console())[0].plain[0] for i in (image, image + 5))
        assert shades.index(lighter) <= shades.index(darker)


@pytest.mark.parametrize(("value", "character"), [(0, " "), (255, "█")])
def test_paper_is_empty_and_ink_is_full(value: int, character: str) -> None:
    assert draw_image(np.full((28, 28), value, np.uint8), console())[3].plain == character * 28


TOLD = [
    (0.2, "0 s"),
    (59.4, "59 s"),
    (59.6, "1 min 00 s"),
    (61, "1 min 01 s"),
    (599.4, "9 min 59 s"),
    (599.6, "10 min"),
    (3400, "57 min"),
    (3599, "1 h 00 min"),
    (7260, "2 h 01 min"),
]


@pytest.mark.parametrize(("seconds", "text"), TOLD)
def test_durations_are_told_as_people_tell_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# -- tables


def plain_console(width: int, encoding: str = "utf-8") -> Console:
    return Console(
        file=io.TextIOWrapper(io.BytesIO(), encoding, errors="replace"),
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )


def printed(show: Callable[[Console], None], width: int = 120, encoding: str = "utf-8") -> list[str]:
    """The lines that are printed, without blanks at their ends."""
    where = plain_console(width, encoding)
    show(where)
    where.file.flush()
    return [line.rstrip() for line in where.file.buffer.getvalue().decode(encoding).splitlines()]


def row(lines: list[str], *start: str) -> list[str]:
    """The words of the one line that begins with these."""
    (found,) = (line.split() for line in lines if line.split()[: len(start)] == list(start))
    return found


def words(lines: list[str]) -> list[str]:
    return " ".join(lines).split()


def some_evaluation() -> Evaluation:
    """200 images, four misread: the three that it is least sure of, and the one that it is surest of."""
    confidences = np.linspace(0.3, 0.995, 200)
    labels = np.arange(200) % 10
    predictions = labels.copy()
    predictions[[0, 1, 2, 199]] += 1
    probabilities = np.repeat((1 - confidences)[:, np.newaxis] / 9, 10, axis=1)
    probabilities[np.arange(200), predictions % 10] = confidences
    return Evaluation(probabilities, labels)


def test_an_evaluation_says_how_sure_the_network_is() -> None:
    evaluation = some_evaluation()
    lines = printed(lambda console: show_evaluation(evaluation, console, temperature=1.234))
    error = 100 * evaluation.calibration().expected_error
    assert f"How sure it is: expected calibration error {error:.2f} %, temperature 1.23." in lines
    assert row(lines, "100%")[1:] == ["200", "30.00%", "4", "of", "4", "2.00", "%"]
    assert row(lines, "99%")[1:] == ["198", "30.70%", "2", "of", "4", "1.01", "%"]
    assert row(lines, "95%")[1:] == ["190", "33.49%", "1", "of", "4", "0.53", "%"]


def test_a_network_without_a_temperature_has_none_shown() -> None:
    lines = printed(lambda console: show_evaluation(some_evaluation(), console))
    assert "temperature" not in " ".join(lines)


def test_half_a_mistake_is_told_where_equal_confidence_leaves_the_order_open() -> None:
    evaluation = Evaluation(np.full((200, 10), 0.1), np.repeat([0, 1], [150, 50]))  # a quarter is wrong
    lines = printed(lambda console: show_evaluation(evaluation, console))
    assert row(lines, "99%")[3:6] == ["49.5", "of", "50"]
    assert row(lines, "95%")[3:6] == ["47.5", "of", "50"]


def model(**results: float) -> TrainedModel:
    """Stands in for a model: its summary is all that is shown."""
    size = {"parameters": 1_234_567, "bytes": 4_938_268}
    about = {"recipe": None, "seed": None, "temperature": 1.0, **size, **results}
    return cast("TrainedModel", SimpleNamespace(summary=lambda: about))


def test_a_model_of_which_nothing_is_known_is_listed_all_the_same() -> None:
    lines = printed(lambda console: show_models({"mine": model()}, console))
    assert row(lines, "mine") == ["mine", "–", "–", "1,234,567", "4,938", "kB", "–", "–", "1.00"]


def test_a_model_is_listed_with_error_size_time_seed_and_temperature() -> None:
    fitted = model(recipe="cnn", seed=3, test_error_percent=0.42, train_seconds=3410, temperature=1.0849)
    lines = printed(lambda console: show_models({"cnn": fitted}, console))
    assert row(lines, "cnn") == ["cnn", "cnn", "0.42", "%", "1,234,567", "4,938", "kB", "57", "min", "3", "1.08"]


NETWORK = "conv 5×5×16 – pool – conv 5×5×32 – pool – 128 – 10"


def recipe(name: str, **expected: float) -> Recipe:
    """Stands in for a recipe with a network that is no list of sizes."""
    about = "what it is in so many words that they do not fit into one line of the table"
    shown = SimpleNamespace(name=name, about=about, describe=lambda: NETWORK, expected=lambda: expected)
    return cast("Recipe", shown)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_of_a_recipe_no_word_is_left_out(width: int) -> None:
    shown = [recipe("best-cnn", test_error_percent=0.25, train_seconds=3550), recipe("ensemble")]
    lines = printed(lambda console: show_recipes(shown, console), width)
    assert max(map(len, lines)) <= width
    for word in (*NETWORK.split(), "best-cnn", "ensemble", "table", "0.25", "59", "min"):
        assert word in words(lines)
    assert row(lines, "ensemble")[-2:] == ["–", "–"]


def test_every_recipe_there_is_can_be_shown() -> None:
    lines = printed(lambda console: show_recipes(list(RECIPES.values()), console), width=200)
    for name in RECIPES:
        assert RECIPES[name].describe() in " ".join(row(lines, name))


MODELS = ("quick", "plain", "standard", "best-mlp", "cnn", "best-cnn", "ensemble", "mine")


def test_the_mean_of_corruptions_leaves_the_clean_images_out() -> None:
    errors = {"quick": {"shot_noise": 2.0, "clean": 1.0, "fog": 5.0}, "cnn": {"shot_noise": 1.5, "clean": 0.5}}
    lines = printed(lambda console: show_corruptions(errors, console))
    assert [line.split()[0] for line in lines if line and "─" not in line] == ["test", "clean", "shot", "fog", "mean"]
    assert row(lines, "clean") == ["clean", "1.00", "0.50"]
    assert row(lines, "shot", "noise") == ["shot", "noise", "2.00", "1.50"]
    assert row(lines, "fog") == ["fog", "5.00", "–"]
    assert row(lines, "mean")[-2:] == ["3.50", "–"]  # a mean over fewer kinds would not compare


def test_attacks_are_rows_by_strength_and_models_are_columns() -> None:
    errors = {
        "quick": {"FGSM": [(0.1, 20.0), (0.2, 60.5)], "PGD": [(0.1, 90.0)]},
        "cnn": {"FGSM": [(0.1, 10.0)], "PGD": [(0.1, 80.0), (0.3, 100.0)]},
    }
    lines = printed(lambda console: show_attacks(errors, console))
    assert row(lines, "FGSM", "0.1")[2:] == ["20.00", "10.00"]
    assert row(lines, "FGSM", "0.2")[2:] == ["60.50", "–"]
    assert row(lines, "PGD", "0.1")[2:] == ["90.00", "80.00"]
    assert row(lines, "PGD", "0.3")[2:] == ["–", "100.00"]


@pytest.mark.parametrize(("errors", "bold"), [([1.0, 2.0], ["1.00"]), ([1.0, 1.0], []), ([1.0], [])])
def test_the_least_error_of_several_is_bold_unless_all_are_alike(errors: list[float], bold: list[str]) -> None:
    where = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard", soft_wrap=True)
    show_corruptions({name: {"fog": error} for name, error in zip(MODELS, errors, strict=False)}, where)
    (line,) = (line for line in where.file.getvalue().splitlines() if "fog" in line)
    assert re.findall(r"\x1b\[1m *([\d.]+)", line) == bold


TABLES: dict[str, Callable[[Console], None]] = {
    "evaluation": lambda console: show_evaluation(some_evaluation(), console, 1.1),
    "models": lambda console: show_models(
        dict.fromkeys(MODELS, model(test_error_percent=0.25, train_seconds=3, temperature=1)), console
    ),
    "recipes": lambda console: show_recipes(
        [recipe(name, test_error_percent=1, train_seconds=300) for name in MODELS], console
    ),
    "corruptions": lambda console: show_corruptions(
        {name: {"clean": 0.25, "impulse_noise": 12.34} for name in MODELS}, console
    ),
    "attacks": lambda console: show_attacks({name: {"FGSM": [(0.1, 12.34)]} for name in MODELS}, console),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("width", [30, 60, 80])
def test_a_narrow_terminal_gets_every_number_of_a_wide_one(table: str, width: int) -> None:
    def numbers(lines: list[str]) -> list[str]:
        return sorted(word for word in words(lines) if re.fullmatch(r"[\d.,]+%?", word))

    narrow = printed(TABLES[table], width)
    assert numbers(narrow) == numbers(printed(TABLES[table], 200))
    assert "…" not in " ".join(narrow)


def test_columns_move_together_before_lines_grow_longer_than_the_terminal() -> None:
    table = printed(TABLES["evaluation"], 60)
    assert max(len(line) for line in table if "─" in line) <= 60


@pytest.mark.parametrize("table", TABLES)
def test_a_terminal_without_unicode_or_colours_gets_every_table(table: str) -> None:
    lines = printed(TABLES[table], encoding="ascii")
    assert words(lines)
    assert "\x1b" not in "".join(lines)


# -- work that takes its time


def terminal() -> Console:
    screen = {"TERM": "xterm"}  # whatever the tests themselves run in
    return Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None, _environ=screen)


def wait_for(text: str, console: Console) -> None:
    deadline = time.monotonic() + 30
    while text not in console.file.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("parts", [None, 3])
def test_work_is_shown_on_a_terminal_and_gone_when_it_is_done(parts: int | None) -> None:
    console = terminal()
    with show_work("reading 3 images", console, parts, patience=0) as advance:
        advance()
        wait_for("reading 3 images", console)
    assert console.file.getvalue().endswith("\x1b[2K")  # the line is erased


def test_work_that_is_interrupted_leaves_nothing_behind_either() -> None:
    console = terminal()

    def work() -> None:
        with show_work("reading", console, patience=0):
            wait_for("reading", console)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert console.file.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize("console", [terminal(), Console(file=io.StringIO())], ids=["soon done", "through a pipe"])
def test_nothing_is_shown_of_work_that_is_soon_done_or_has_no_terminal(console: Console) -> None:
    with show_work("reading 3 images", console, parts=1, patience=0 if not console.is_terminal else 3600) as advance:
        advance()
    assert console.file.getvalue() == ""
