"""A studio that runs, and a browser to visit it: for benchmarks, screenshots and tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.processes import python

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE_S = 20.0  # for the studio to end


@contextmanager
def studio(*options: str) -> Iterator[str]:
    """A studio on a free port of this machine, with an empty folder; yields its address, which ends with a slash."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"DIGITS_STUDIO": folder, "PYTHONUNBUFFERED": "1"}
        command = ("-m", "digits", "studio", "--no-browser", "--port", "0", *options)
        with python(*command, env=environment, stderr=subprocess.PIPE) as process:
            try:
                said = []
                for line in process.stderr or ():
                    said.append(line)
                    if found := re.search(r"the studio is at (http://\S+/)", line):
                        yield found[1]
                        return
                raise RuntimeError(f"the studio did not start: {''.join(said)}")
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(PATIENCE_S)
                finally:
                    process.kill()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
