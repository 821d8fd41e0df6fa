"""Whole programs: how long they take to start, and how much memory they need."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.measurement import Measurement
from benchmarks.processes import ROOT, WorkerError, run_alone
from benchmarks.rows import BASELINE, QUICK_CSV_ROWS, MemoryRow, StartRow

MEGABYTE = 1e6


def start_times(rows: list[StartRow], repetitions: int) -> dict[str, Measurement]:
    """Whole processes in turns, ``BASELINE`` first, after a turn that fills the disk's caches and writes bytecode."""
    commands = {"baseline": BASELINE, **{row.name: row.arguments for row in rows}}
    found = {name: Measurement() for name in commands}
    for turn in range(-1, repetitions):
        for name, arguments in commands.items():
            try:
                seconds, _ = run_alone(*with_entry_point(arguments))
            except WorkerError as error:
                found[name].problem = str(error)
                continue
            if turn >= 0:
                found[name].seconds.append(seconds)
    return found


def with_entry_point(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """``-m digits`` becomes the installed script, where there is one: it is what users start."""
    if arguments[:2] != ("-m", "digits"):
        return arguments
    script = shutil.which("digits", path=str(Path(sys.executable).parent))
    return (script, *arguments[2:]) if script else arguments


def peak_memory(row: MemoryRow, *, quick: bool) -> tuple[float, float]:
    """Train with the command ``digits train``; return its peak resident megabytes and its seconds.

    Raises:
        WorkerError: if the command fails.
    """
    count = min(row.csv_rows, QUICK_CSV_ROWS) if quick else row.csv_rows
    with tempfile.TemporaryDirectory(prefix="digits-benchmarks-") as folder:
        environment = {**os.environ, "DIGITS_CACHE": str(Path(folder, "cache")), "PYTHONPATH": python_path()}
        options = [*row.options, "--model", "model.pkl"]
        if quick:
            options += ["--epochs", "1"]
        if count:
            run_alone("-m", "benchmarks.csv_file", str(Path(folder, "train.csv")), str(count))
            options += ["--train-data", "train.csv"]
        began = perf_counter()
        _, peak = run_alone("-m", "digits", "train", *options, cwd=folder, env=environment)
        return peak / MEGABYTE, perf_counter() - began


def python_path() -> str:
    """What the interpreter is to look through, as it would at the root of the repository."""
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(str(ROOT / part) for part in given.split(os.pathsep) if part)
