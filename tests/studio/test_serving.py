"""The studio as a process: started, used, and ended with Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from fastapi import FastAPI

from commands import PROJECT, Commands
from digits.errors import DigitsError
from digits.studio import serving
from digits.studio.run_folder import RunFolder
from digits.studio.settings import Settings


@contextmanager
def studio(folder: Path, *options: str, script: str | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A studio in a process of its own, begun by a script or as usual, and the address that it printed."""
    environment = os.environ | {"DIGITS_STUDIO": str(folder / "studio"), "PYTHONPATH": str(PROJECT / "src")}
    program = ["-c", script] if script else ["-m", "digits"]
    command = [sys.executable, *program, "studio", "--no-browser", *options]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        said = ""
        while not (found := re.search(r"the studio is at (\S+);", said)):
            line = process.stderr.readline()
            assert line, f"it ended: {said}"
            said += line
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_it_answers_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with studio(tmp_path, "--port", "0", "--model", "quick") as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(f"{address}api/models", timeout=20) as response:
            assert json.load(response)["default"] == "quick"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output) == (0, "")
        assert errors.splitlines() == ["the studio is closed."]


def test_clients_that_never_read_hold_up_no_training_and_ctrl_c_saves_it(tmp_path: Path) -> None:
    settings = {"hidden": [64], "batch_size": 10, "epochs": 200, "images": 5000}
    with studio(tmp_path, "--port", "0", "--model", "quick", script=SMALL_BUFFERS) as (process, address):
        ask(f"{address}api/runs", {"name": "long", "settings": settings})
        ask(f"{address}api/runs/1/start", {})
        sockets = [never_reads(address, "/api/runs/1/events") for _ in range(5)]
        time.sleep(1.5)  # in which all buffers on the way to them fill
        before = ask(f"{address}api/runs/1")["step"]
        time.sleep(0.5)
        seen = ask(f"{address}api/runs/1")["step"]
        assert seen > before
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        for each in sockets:
            assert each.recv(2**20).startswith(b"HTTP/1.1 101")  # so it was followed
            each.close()
    assert process.returncode == 0
    assert errors.endswith("the studio is closed.\n")
    assert "Traceback" not in errors
    folder = RunFolder(tmp_path / "studio" / "runs" / "1")
    record, checkpoint = folder.read_record(), folder.present()
    assert record.status == "paused"
    assert seen <= record.step < record.total_steps
    assert 500 * checkpoint["epoch"] + checkpoint["batch"] == record.step


SMALL_BUFFERS = """
import socket
from digits.cli import main
from digits.studio import serving

def free_socket(*address, make=serving.free_socket):
    listener = make(*address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # what it accepts has as little
    return listener

serving.free_socket = free_socket
main()
"""


def ask(url: str, sent: dict[str, object] | None = None) -> Any:
    """The answer to a GET, or to a POST of what is sent."""
    body = None if sent is None else json.dumps(sent).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def never_reads(address: str, path: str) -> socket.socket:
    """A WebSocket's client that asks, and then takes nothing."""
    port = int(address.rstrip("/").rpartition(":")[2])
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(("127.0.0.1", port))
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return client


def test_another_port_is_taken_where_one_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        listener = serving.free_socket("127.0.0.1", taken)
        with listener:
            assert taken < listener.getsockname()[1] < taken + serving.PORTS


def test_a_port_that_is_taken_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serving._Server, "run", lambda *_: None)
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        serving.serve(Settings(port=taken, model="quick", folder=tmp_path), open_browser=False, say=said.append)
    port = int(re.search(r"using (\d+)", said[0])[1])  # type: ignore[index]
    assert said == [
        f"port {taken} is taken; using {port}.",
        f"the studio is at http://127.0.0.1:{port}/; Ctrl-C ends it.",
        "the studio is closed.",
    ]


def test_all_ports_taken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PORTS", 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(DigitsError, match="give another with --port"):
            serving.free_socket("127.0.0.1", other.getsockname()[1])


def test_a_host_of_another_machine_is_said() -> None:
    with pytest.raises(DigitsError, match=r"192\.0\.2\.1 is no address of this machine"):
        serving.free_socket("192.0.2.1", 0)


def test_others_need_a_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serving._Server, "run", lambda *_: None)
    said: list[str] = []
    settings = Settings(host="0.0.0.0", port=0, model="quick", folder=tmp_path)
    serving.serve(settings, open_browser=False, say=said.append)
    assert re.fullmatch(r"the studio is at http://127\.0\.0\.1:\d+/\?token=[\w-]{32}; Ctrl-C ends it\.", said[0])


def test_the_browser_opens_when_the_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Queue[str] = Queue()
    monkeypatch.setattr(serving.webbrowser, "open", opened.put)

    async def ready(self: serving.uvicorn.Server, sockets: object = None) -> None:
        assert opened.empty()
        self.started = True

    monkeypatch.setattr(serving.uvicorn.Server, "startup", ready)
    asyncio.run(serving._Server(serving._config(FastAPI()), open_page="http://127.0.0.1:8000/").startup())
    assert opened.get(timeout=10) == "http://127.0.0.1:8000/"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("::1", "http://[::1]:8000/"),
        ("::", "http://[::1]:8000/"),
        ("studio.example", "http://studio.example:8000/"),
    ],
)
def test_addresses_can_be_typed_into_a_browser(host: str, address: str) -> None:
    assert serving.address(Settings(host=host)) == address


def test_without_fastapi_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, run: Commands) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "digits.studio.serving", raising=False)
    result = run("studio")
    assert result.status == 1
    assert 'pip install "digits[studio]"' in result.errors


def test_a_model_that_is_not_there_is_said(run: Commands) -> None:
    result = run("studio", "--model", "nothing.pkl", "--no-browser", "--port", "0")
    assert result.status == 1
    assert "there is no model nothing.pkl" in result.errors
