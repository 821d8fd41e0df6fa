"""Running a command as a person would, in this process, for the tests of the commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from digits.cli import main

PROJECT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Result:
    status: int
    output: str
    errors: str


class Commands:
    """``run("predict", 0, 1)`` is ``digits predict 0 1``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: Any) -> Result:
        self.monkeypatch.setattr(sys, "argv", ["digits", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        output, errors = self.capsys.readouterr()
        return Result(exit_.value.code or 0, output, errors)
