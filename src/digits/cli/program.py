"""The program ``digits``: all commands together, and how each of them ends."""

from __future__ import annotations

import sys

import click

from digits.cli.data import data
from digits.cli.evaluate import check_gradients, evaluate, models
from digits.cli.messages import say
from digits.cli.predict import explain, predict, submission
from digits.cli.read import read
from digits.cli.studio import studio
from digits.cli.train import recipes, train
from digits.errors import DigitsError, Interrupted
from digits.version import __version__


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="digits")
@click.pass_context
def digits(context: click.Context) -> None:
    """Handwritten digits, recognised by a neural network written from scratch in NumPy.

    Without a command, the menu opens.

    \b
    Examples:
      digits                          the menu
      digits predict 0 1 2            three test images
      digits read shopping.jpg        the digits on a photo
      digits studio                   draw in the browser
      digits train --hidden 128,64    train a network of your own
      digits evaluate --plots figures
    """
    if context.invoked_subcommand is None:
        from digits.menu import Menu

        Menu().run()


for command in (train, evaluate, predict, read, explain, studio, submission, data, check_gradients, recipes, models):
    digits.add_command(command)


def main() -> None:
    """Run the command line; never end in a traceback over what a user did."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?", and goes on
    sys.exit(_run())


def _run() -> int:
    try:
        result = digits.main(standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except DigitsError as error:
        return _fail(f"Error: {error}", 1)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Interrupted as error:
        return _fail(f"{error} To go on, type the same command with --resume.", 130)
    except (KeyboardInterrupt, click.Abort):
        return _fail("Interrupted.", 130)
    except MemoryError:
        return _fail("Error: there is not enough memory for this; use a smaller network or fewer images.", 1)
    except OSError as error:  # of standard output, as a rule: files have sentences of their own
        sys.stdout = None  # or Python would try to write the rest when it exits
        return 0 if isinstance(error, BrokenPipeError) else _fail(f"Error: {error.strerror or error}.", 1)
    return result if isinstance(result, int) else 0


def _fail(message: str, status: int) -> int:
    say(message)
    return status
