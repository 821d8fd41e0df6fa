"""What a studio is told when it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

PAGE = Path(__file__).parent / "page"
PORT = 8000


def own_folder() -> Path:
    """Where the studio keeps runs and models: ``$DIGITS_STUDIO`` if it is set, else where this system keeps data."""
    chosen = os.environ.get("DIGITS_STUDIO")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("digits", appauthor=False) / "studio"


@dataclass(frozen=True)
class Settings:
    """How a studio is set up.

    Attributes:
        host: the address to listen on.
        port: the port to listen on, or the first to try.
        token: what a client must know, where others than this machine can reach the server; None asks for nothing.
        model: the file or shipped name of the model to begin with; None as for every command.
        folder: where training runs and saved models are kept.
        page: the folder of the built page.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None
    model: str | None = None
    folder: Path = field(default_factory=own_folder)
    page: Path = PAGE

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address, or the name ``localhost``, means this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
