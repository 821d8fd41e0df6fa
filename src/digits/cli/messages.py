"""What a command says: its results on standard output, and all else on standard error."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def say(message: str) -> None:
    """Tell the person something that is no result."""
    from digits.terminal import printable

    click.echo(printable(message), err=True)


def print_json(value: Any) -> None:
    """Print the one JSON object of a command."""
    import json

    click.echo(json.dumps(value, indent=2, allow_nan=False))


def working(what: str, parts: int | None = None) -> AbstractContextManager[Callable[[], None]]:
    """Show on a terminal that something takes its time; see ``digits.terminal.show_work``."""
    from digits.terminal import make_console, show_work

    return show_work(what, make_console(stderr=True), parts)
