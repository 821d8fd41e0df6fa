"""``digits studio``: the page in the browser."""

from __future__ import annotations

import click

from digits.cli.messages import say
from digits.cli.options import model_option
from digits.errors import DigitsError


@click.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The first port to try; 0 is any."
)
@click.option("--no-browser", is_flag=True, help="Print the address, but open no browser.")
def studio(model: str | None, host: str, port: int, no_browser: bool) -> None:
    """Draw digits in the browser, and see everything the network does.

    The page is served by this machine and for this machine only, unless --host says otherwise.

    \b
    Examples:
      digits studio
      digits studio --model my-model.pkl
      digits studio --port 9000 --no-browser
    """
    try:
        from digits.studio.serving import serve
        from digits.studio.settings import Settings
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in ("fastapi", "starlette", "uvicorn", "pydantic"):
            raise
        raise DigitsError('the studio needs FastAPI and uvicorn; type: pip install "digits[studio]".') from error
    serve(Settings(host=host, port=port, model=model), open_browser=not no_browser, say=say)
