"""Running a studio: a free port, the server, the browser, and a clean end."""

from __future__ import annotations

import errno
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import uvicorn
from fastapi import FastAPI

from digits.errors import DigitsError
from digits.studio.app import create_app
from digits.studio.settings import Settings

PORTS = 20  # that are tried, from the wanted one on
MOST_MESSAGE = 2**16  # bytes of a message on a WebSocket
MOST_AT_ONCE = 256  # connections
LEAVING_SECONDS = 3  # that requests have to end after Ctrl-C
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  to listen everywhere → what that is from here


def serve(settings: Settings, *, open_browser: bool, say: Callable[[str], None]) -> None:
    """Run a studio until Ctrl-C or SIGTERM.

    Args:
        settings: how it is set up; the next free port is taken if the wanted one is not free.
        open_browser: whether to open the page.
        say: shows a line to the person who started it.

    Raises:
        DigitsError: if no port is free, or the model to begin with cannot be read.
    """
    listener = free_socket(settings.host, settings.port)
    with listener:
        port = int(listener.getsockname()[1])
        if settings.port not in (0, port):
            say(f"port {settings.port} is taken; using {port}.")
        token = settings.token or (None if settings.is_local else secrets.token_urlsafe(24))
        settings = replace(settings, port=port, token=token)
        app = create_app(settings)
        say(f"the studio is at {address(settings)}; Ctrl-C ends it.")
        if token and (outside := _outside(settings)):
            say(f"others on the network can reach it at {outside}")
        server = _Server(_config(app), open_page=address(settings) if open_browser else None)
        with suppress(KeyboardInterrupt):  # uvicorn passes it on when all is closed
            server.run([listener])
        say("the studio is closed.")


def free_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on a port, or on the first free one after it; port 0 is any.

    Raises:
        DigitsError: if there is none, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in [port] if port == 0 else range(port, min(port + PORTS, 65536)):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen()
        except PermissionError:
            listener.close()
            raise DigitsError(f"port {number} may not be used; give another with --port.") from None
        except OSError as error:
            listener.close()
            if isinstance(error, socket.gaierror) or error.errno != errno.EADDRINUSE:
                raise DigitsError(f"{host} is no address of this machine; give another with --host.") from None
            continue
        return listener
    raise DigitsError(f"the ports {port} to {port + PORTS - 1} are all taken; give another with --port.")


def address(settings: Settings) -> str:
    """What to type into the browser."""
    host = EVERYWHERE.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.port}/" + (f"?token={settings.token}" if settings.token else "")


def _outside(settings: Settings) -> str | None:
    """The address for others, where the studio listens on all of this machine's; None if there is no network."""
    if settings.host not in EVERYWHERE:
        return address(settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used (RFC 5737)
        except OSError:
            return None
        return address(replace(settings, host=str(probe.getsockname()[0])))


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=MOST_MESSAGE,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=LEAVING_SECONDS,
        server_header=False,
        proxy_headers=False,
    )


class _Server(uvicorn.Server):
    """A server that opens the page as soon as it answers."""

    def __init__(self, config: uvicorn.Config, open_page: str | None) -> None:
        super().__init__(config)
        self.open_page = open_page

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.open_page and self.started:  # in a thread: some browsers return only when they are closed
            threading.Thread(target=webbrowser.open, args=(self.open_page,), daemon=True).start()
