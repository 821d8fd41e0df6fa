"""Tables of what there is: models, recipes, data; and of the gradients' check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from digits.terminal.console import duration, make_table, print_table

if TYPE_CHECKING:
    from digits.gradient_check import GradientCheck
    from digits.model_files import TrainedModel
    from digits.recipes import Recipe


def show_data_info(found: dict[str, Any], console: Console) -> None:
    """Print what ``data_info`` found."""
    table = make_table("part", "source", "images", "labels", *map(str, range(10)), text_columns=2)
    for part in ("train", "test"):
        of_part = found[part]
        counts = of_part["per_digit"] or ["–"] * 10
        labels = "yes" if of_part["labelled"] else "no"
        table.add_row(part, of_part["source"], f"{of_part['count']:,}", labels, *map(str, counts))
    print_table(table, console)
    console.print(f"Parsed files are kept in {found['cache']}")


def show_gradient_checks(checks: Sequence[GradientCheck], console: Console) -> None:
    """Print the largest relative error of each check."""
    from digits.gradient_check import TOLERANCE

    table = make_table("checked", "max. relative error")
    for check in checks:
        table.add_row(check.name, f"{check.max_relative_error:.1e}")
    print_table(table, console)
    worst = max(check.max_relative_error for check in checks)
    console.print(f"maximum relative error {worst:.1e} (at most {TOLERANCE:.0e} is right)")


def show_recipes(recipes: Sequence[Recipe], console: Console) -> None:
    """Print the recipes: the network, what it is in words, the error and the time to expect."""
    table = make_table("recipe", "network, and what it is", "test error", "time", text_columns=2)
    table.columns[1].min_width = 24  # characters, or a long network would take a line a word
    for recipe in recipes:
        expected = recipe.expected()
        about = Text.assemble(recipe.describe(), "\n", (recipe.about, "dim"))
        error = f"{expected['test_error_percent']:.2f} %" if expected else "–"
        time = duration(expected["train_seconds"]) if expected else "–"
        table.add_row(recipe.name, about, error, time)
    print_table(table, console)


def show_models(models: Mapping[str, TrainedModel], console: Console) -> None:
    """Print the shipped models: what each reaches, how large it is, and where it came from."""
    columns = ("model", "recipe", "test error", "parameters", "size", "trained in", "seed", "temperature")
    table = make_table(*columns, text_columns=2)
    for name, model in models.items():
        about = model.summary()
        error, seconds = about.get("test_error_percent"), about.get("train_seconds")
        table.add_row(
            name,
            about["recipe"] or "–",
            "–" if error is None else f"{error:.2f} %",
            f"{about['parameters']:,}",
            f"{about['bytes'] / 1000:,.0f} kB",
            "–" if seconds is None else duration(seconds),
            "–" if about["seed"] is None else str(about["seed"]),
            f"{about['temperature']:.2f}",
        )
    print_table(table, console)
