"""The manual is true: its commands exist, its code is the program's, its pictures and pages are there."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex
import textwrap
from pathlib import Path

import click
import pytest

from digits.cli import digits
from digits.recipes import RECIPES
from docs import tables

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
TEXTS = [path for path in [ROOT / "README.md", *PAGES] if path.exists()]

FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
QUOTED = re.compile(r'^```python title="([\w.]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
SHELLS = ("bash", "console", "sh", "shell")


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def commands_of(text: str) -> list[list[str]]:
    """The words after ``digits`` of every such command in the shell blocks and the inline code of a page."""
    shown = [
        line.removeprefix("$ ")
        for language, block in FENCE.findall(text)
        if language in SHELLS
        for line in block.splitlines()
        if language != "console" or line.startswith("$ ")
    ]
    shown += re.findall(r"(?<!`)`(digits [^`\n]+)`(?!`)", FENCE.sub("", text))
    words = [shlex.split(part, comments=True) for line in shown for part in line.split("|")]
    return [line[1:] for line in words if line[:1] == ["digits"]]


def check_command(words: list[str]) -> None:
    """Parse as click does, without running anything.

    Raises:
        click.ClickException: if there is no such command or option, or a value is not one.
    """
    command: click.Command = digits
    context = click.Context(digits)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, words = found, words[1:]
    if words and not isinstance(command, click.Group):
        command.make_context("digits", words, resilient_parsing=False)


PLACEHOLDERS = {"…", "COMMAND", "[--json]"}


@pytest.mark.parametrize("page", TEXTS, ids=names(TEXTS))
def test_every_command_shown_is_a_real_one(page: Path) -> None:
    for words in commands_of(page.read_text(encoding="utf-8")):
        if not words or PLACEHOLDERS.intersection(words):
            continue
        if words[-1] in ("--help", "-h", "--version"):
            words = words[:-1]
        try:
            check_command(words)
        except click.MissingParameter:  # named in a sentence, without its arguments
            continue
        except click.ClickException as error:
            pytest.fail(f"digits {' '.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("words", [["fly"], ["train", "--wings", "2"], ["data", "burn"], ["train", "--epochs", "many"]])
def test_a_command_that_does_not_exist_is_noticed(words: list[str]) -> None:
    with pytest.raises(click.ClickException):
        check_command(words)


def test_every_option_of_every_command_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    context = click.Context(digits)
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", manual, re.DOTALL | re.MULTILINE))
    for name in digits.list_commands(context):
        assert name in sections, f"{name} has no section in docs/commands.md"
        command = digits.get_command(context, name)
        assert command is not None
        parts = (
            [command.get_command(context, part) for part in command.commands]
            if isinstance(command, click.Group)
            else [command]
        )
        for part in parts:
            assert part is not None
            for parameter in part.params:
                if isinstance(parameter, click.Option):
                    assert parameter.opts[-1] in sections[name], f"{name} {parameter.opts[-1]}"


def test_every_recipe_is_named_with_its_results_and_in_the_commands() -> None:
    results, commands = ((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("results.md", "commands.md"))
    for name, recipe in RECIPES.items():
        row = rf"^\| {name} \| .* \| {recipe.expected()['test_error_percent']:.2f} %"
        assert re.search(row, results, re.MULTILINE), name
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", commands), name


@pytest.mark.parametrize("page", TEXTS, ids=names(TEXTS))
def test_code_quoted_from_the_source_is_in_the_source(page: Path) -> None:
    for name, block in QUOTED.findall(page.read_text(encoding="utf-8")):
        source = without_indentation(inspect.getsource(find(name)))
        for piece in re.split(r"^# …\n", block, flags=re.MULTILINE):
            assert without_indentation(piece) in source, f"{page.name} quotes {name} otherwise than it is"


def find(name: str) -> object:
    """``digits.layers.Dense.forward`` → that function."""
    words = name.split(".")
    found: object = importlib.import_module(".".join(words[:2]))
    for word in words[2:]:
        found = getattr(found, word)
    return found


def without_indentation(code: str) -> str:
    return "\n".join(line.strip() for line in textwrap.dedent(code).strip().splitlines())


def test_how_it_learns_quotes_every_part_of_the_core() -> None:
    text = (ROOT / "docs" / "how-it-learns.md").read_text(encoding="utf-8")
    modules = {name.split(".")[1] for name, _ in QUOTED.findall(text)}
    assert modules >= {"activations", "layers", "losses", "neural_network", "optimizers", "gradient_check"}


@pytest.mark.parametrize("page", TEXTS, ids=names(TEXTS))
def test_tables_are_what_was_measured(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.with_tables(text) == text, "run python docs/make_outputs.py"


def test_the_benchmarks_were_measured_in_full() -> None:
    found = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert not found["quick"]
    assert not any(row["failed"] or row["not_measured"] for row in found["rows"])


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_page_is_in_the_navigation(page: Path) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert f": {page.name}\n" in navigation + "\n"


@pytest.mark.parametrize("page", TEXTS, ids=names(TEXTS))
def test_every_picture_and_page_that_is_linked_to_exists(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if target and not (page.parent / target).exists()] == []


def test_every_picture_is_shown_somewhere_and_is_light() -> None:
    shown = "".join(page.read_text(encoding="utf-8") for page in TEXTS)
    pictures = sorted((ROOT / "docs" / "images").glob("*"))
    assert len(pictures) > 5
    for picture in pictures:
        assert f"images/{picture.name}" in shown, f"{picture.name} is shown nowhere"
        assert picture.stat().st_size < 150_000


def test_the_layers_of_the_architecture_are_those_that_are_enforced() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^layers = \[\n(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed
    layers = "\n".join(re.findall(r'"([^"]+)"', listed.group(1)))
    assert layers in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_program_in_getting_started_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(page) if language == "python"]
    assert len(blocks) == 2
    names_in_it: dict[str, object] = {}
    exec("\n".join(blocks), names_in_it)
    assert "network" in names_in_it
    assert (tmp_path / "mine.pkl").exists()


@pytest.mark.parametrize("page", TEXTS, ids=names(TEXTS))
def test_no_place_is_left_to_be_filled_in(page: Path) -> None:
    assert not re.search(r"@@|TODO|TBD", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_is_said_to_reach_is_what_was_measured(name: str) -> None:
    assert RECIPES[name].expected() == tables.measured(name)


@pytest.mark.parametrize("name", RECIPES)
def test_the_runs_that_are_kept_are_of_the_recipe(name: str) -> None:
    """Nobody changes a recipe and keeps what the old one reached."""
    for run in tables.runs(name):
        assert run["recipe"] == name
        assert run["epochs"] == RECIPES[name].epochs
        assert run["parameters"] == RECIPES[name].network(seed=0).parameters.size
