"""The tables of the manual, made from what was measured, so that nobody copies a figure by hand.

``docs/runs`` has what ``digits train --json`` and ``digits evaluate --json`` printed, a file a run. In a page, a table
stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; ``make_outputs.py`` writes it there, and a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import report
from digits.model_files import shipped_models
from digits.recipes import RECIPES

DOCS = Path(__file__).parent
RUNS = DOCS / "runs"
TABLE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
Results = dict[str, Any]


def with_tables(text: str) -> str:
    """The page, each of its tables as it should be."""
    return TABLE.sub(lambda match: f"{match[1]}{TABLES[match['name']]()}{match[3]}", text)


def runs(recipe: str, what: str = "train") -> list[Results]:
    """What was measured with a recipe, seed by seed."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in RUNS.glob(f"{what}-{recipe}-[0-9]*.json")]
    return sorted(found, key=lambda run: int(run["seed"]))


def measured(recipe: str) -> dict[str, float]:
    """The means over the seeds, as ``digits.recipes.MEASURED`` has them."""
    of_recipe = runs(recipe)
    return {
        "test_error_percent": round(mean(run["test_error_percent"] for run in of_recipe), 2),
        "train_seconds": round(mean(run["train_seconds"] for run in of_recipe), 1),
    }


def recipes_table() -> str:
    """Error and time of each recipe: means, spread, extremes."""
    rows = []
    for name, recipe in RECIPES.items():
        of_recipe = runs(name)
        errors = [run["test_error_percent"] for run in of_recipe]
        seconds = [run["train_seconds"] for run in of_recipe]
        several = len(errors) > 1
        spread = f" ± {stdev(errors):.2f}" if several else ""
        time = duration(mean(seconds)) + f" ({duration(min(seconds))} to {duration(max(seconds))})" * several
        seeds = f"{len(errors)} seeds" if several else "1 seed"
        rows.append(
            [name, recipe.describe(), f"{of_recipe[0]['parameters']:,}", f"{mean(errors):.2f} %{spread}", seeds, time]
        )
    return table(["recipe", "network", "parameters", "test error", "of", "training time"], rows)


def seeds_table(what: str = "train") -> str:
    """Each run."""
    rows = [
        [name, str(run["seed"]), f"{run['test_error_percent']:.2f} %", duration(run["train_seconds"])]
        for name in RECIPES
        for run in runs(name, what)
    ]
    return table(["recipe", "seed", "test error", "training time"], rows)


def evaluation(model: str) -> Results:
    """What ``digits evaluate --corruptions --attacks`` printed of a model."""
    found: Results = json.loads((RUNS / f"evaluate-{model}.json").read_text(encoding="utf-8"))
    return found


def opinions_table() -> str:
    """One network and several, one view of each image and several."""
    rows = []
    for name, (about, command) in OPINIONS.items():
        found = json.loads((RUNS / f"opinions-{name}.json").read_text(encoding="utf-8"))
        rows.append([about, f"{found['error_percent']:.2f} %", f"`digits evaluate {command}`"])
    return table(["who answers", "test error", "command"], rows)


def reading_table() -> str:
    """How well pictures are read."""
    found = json.loads((RUNS / "reading.json").read_text(encoding="utf-8"))
    rows = [[row["what"], f"{row['right']} of {row['of']}", f"{100 * row['right'] / row['of']:.1f} %"] for row in found]
    return table(["what", "right", ""], rows)


def foreign_table() -> str:
    """How well what is nobody's MNIST is read, and letters told from digits, with and without *robust*'s training."""
    rows = []
    for name in ("cnn", "robust"):
        found = json.loads((RUNS / f"foreign-{name}.json").read_text(encoding="utf-8"))
        shares = [found[what] for what in ("digits of fonts", "optdigits")]
        read = [f"{100 * share['right'] / share['of']:.1f} %, {share['refused']} refused" for share in shares]
        told = [f"{found[what]['auroc']:.3f}" for what in ("letters unlike digits", "letters", "scribbles")]
        rows.append([name, *read, *told])
    heads = [
        "model",
        "digits of fonts",
        "optdigits",
        "AUROC of letters unlike digits",
        "of all letters",
        "of scribbles",
    ]
    return table(heads, rows)


def sureness_table() -> str:
    """How sure the shipped models are."""
    rows = []
    for name in SHIPPED:
        found = evaluation(name)
        mistakes = round(found["count"] * found["error_percent"] / 100)
        left = [f"{found['errors_at_coverage'][coverage]:.0f}" for coverage in ("0.99", "0.95")]
        error = f"{100 * found['expected_calibration_error']:.2f} %"
        rows.append([name, f"{found['temperature']:.2f}", error, str(mistakes), *left])
    return table(["model", "temperature", "calibration error", "mistakes", "left at 99 % answered", "at 95 %"], rows)


def corruptions_table() -> str:
    """Errors by corruption and model, beside networks that saw no warps."""
    columns = {name: evaluation(name)["corruptions"] for name in COMPARED}
    rows = [
        [kind.replace("_", " "), *(f"{errors[kind]:.1f}" for errors in columns.values())]
        for kind in columns["standard"]
    ]
    return table(["test error in %", *(name.replace("-without-warps", " without") for name in columns)], rows)


def attacks_table() -> str:
    """Errors by attack and model."""
    attacks = {name: evaluation(name)["attacks"] for name in SHIPPED}
    heads = [
        "clean" if each["attack"] == "none" else f"{each['attack']} {each['epsilon']:g}" for each in attacks["standard"]
    ]
    rows = [[name, *(f"{each['error_percent']:.1f}" for each in of_model)] for name, of_model in attacks.items()]
    return table(["test error in %", *heads], rows)


def benchmark_table() -> str:
    """The benchmarks, and where they were measured."""
    found = json.loads((DOCS.parent / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    return f"{report.markdown(found['rows'])}\nMeasured on: {report.describe_machine(found['machine'])}.\n"


def duration(seconds: float) -> str:
    """``10.2 s`` or ``4 min 10 s``."""
    whole = round(seconds)
    return f"{seconds:.1f} s" if seconds < 60 else f"{whole // 60} min {whole % 60:02d} s"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Rows of cells as Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


SHIPPED = [name for name in RECIPES if name in shipped_models()]
COMPARED = ("standard-without-warps", "standard", "cnn-without-warps", "gentle-cnn", "cnn", "best-cnn")
OPINIONS = {
    "cnn-views": ("*cnn*, 8 views of each image", "--model cnn --views 8"),
    "best-cnn-views": ("*best-cnn*, 8 views", "--model best-cnn --views 8"),
    "shipped": ("*best-cnn*, *cnn* and *robust*", "--model best-cnn --with cnn --with robust"),
    "shipped-views": ("the same, 8 views", "--model best-cnn --with cnn --with robust --views 8"),
    "three": (
        "*best-cnn*, *deep-cnn* and *shifted-cnn*",
        "--model best-cnn --with deep-cnn-0.pkl --with shifted-cnn-0.pkl",
    ),
    "three-views": (
        "the same, 8 views",
        "--model best-cnn --with deep-cnn-0.pkl --with shifted-cnn-0.pkl --views 8",
    ),
    "ensemble": (
        "*ensemble*: these and a second seed of *shifted-cnn*",
        "--model best-cnn --with deep-cnn-0.pkl --with shifted-cnn-0.pkl --with shifted-cnn-1.pkl",
    ),
    "ensemble-views": (
        "*ensemble*, 8 views",
        "--model best-cnn --with deep-cnn-0.pkl --with shifted-cnn-0.pkl --with shifted-cnn-1.pkl --views 8",
    ),
}
TABLES: dict[str, Callable[[], str]] = {
    "recipes": recipes_table,
    "seeds": seeds_table,
    "again": partial(seeds_table, "again"),
    "opinions": opinions_table,
    "reading": reading_table,
    "foreign": foreign_table,
    "sureness": sureness_table,
    "corruptions": corruptions_table,
    "attacks": attacks_table,
    "benchmarks": benchmark_table,
}
