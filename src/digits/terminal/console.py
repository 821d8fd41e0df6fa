"""Where things are printed, and what all that is printed has in common: colours, tables, durations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:  # each command imports what it shows; the others do not wait for it
    from rich.console import JustifyMethod
    from rich.table import Table

RIGHT, WRONG = "bold bright_blue", "bold dark_orange"  # told apart by the colour-blind, and by their words
PIPE_WIDTH = 120  # characters of a table where there is no terminal to ask for its width


def make_console(*, stderr: bool = False) -> Console:
    """A console that knows by itself whether it writes to a terminal, and colours nothing it was not told to."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream and stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """A text with a mark for each control character: names from files must not move the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def has_unicode(console: Console) -> bool:
    """Whether it can show more characters than ASCII's."""
    return console.encoding.lower().startswith("utf")


def duration(seconds: float) -> str:
    """A time as people tell it: seconds matter in the first ten minutes only."""
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    if round(seconds) < 600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def make_table(*columns: str, text_columns: int = 1) -> Table:
    """A table without frames, the first columns of text, the others of numbers; only the last of text may wrap."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        justify: JustifyMethod = "left" if position < text_columns else "right"
        table.add_column(column, justify=justify, no_wrap=position != text_columns - 1)
    return table


def print_table(table: Table, console: Console) -> None:
    """Print a table whole.

    Where the terminal is narrow its columns move together and the headings of numbers take several lines. Where that is
    not enough its lines wrap, but no number is left out.
    """
    if _least_width(table, console) > console.width:
        table.padding = 0
        for column in table.columns:
            if column.no_wrap:
                column.header = str(column.header).replace(" ", "\n")
    least = _least_width(table, console)
    if least > console.width:
        table.width = least  # or rich would leave columns out
    console.print(table)


def _least_width(table: Table, console: Console) -> int:
    """In characters, with the texts that may wrap wrapped as far as they can be.

    The other columns are held to the width of their contents: rich would cut these although they may not wrap.
    """
    unlimited = console.options.update(max_width=10_000)
    for column in table.columns:
        if column.no_wrap:
            contents = (column.header, *column.cells)
            column.min_width = max(console.measure(content, options=unlimited).maximum for content in contents)
    return console.measure(table, options=unlimited).minimum
