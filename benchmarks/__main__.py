"""The command ``python -m benchmarks``: measures, prints the table, writes the JSON, draws the figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import commands, growth, report, results, rows
from benchmarks.processes import (
    WorkerError,
    interleave,
    run_alone,
    start_workers,
    tuning_variables,
    use_cores,
)

REPETITIONS, QUICK_REPETITIONS = 7, 1
BUSY = 0.3  # load, the mean of a minute, from which figures are doubtful
STARTS, QUICK_STARTS = 21, 1
JSON, FIGURES = Path("benchmarks/results.json"), Path("docs/images")
PROFILE_BEFORE = Path(__file__).parent / "step_profile_before.json"

Say = Callable[[str], None]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options; a name that no row has is an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="digits beside other programs.")
    parser.add_argument(
        "--only", nargs="+", action="extend", default=[], metavar="NAME", help="groups or rows, as --list names them"
    )
    parser.add_argument("--quick", action="store_true", help="little work, no targets: only proves that all works")
    parser.add_argument("--repetitions", type=int, metavar="N", help=f"of each contender [default: {REPETITIONS}]")
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"[default: {JSON} if everything is measured]")
    parser.add_argument("--figures", type=Path, metavar="DIR", help=f"[default: {FIGURES} if everything is measured]")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="to measure on [default: 2]")
    parser.add_argument("--keep-environment", action="store_true", help="keep variables that tune BLAS and OpenMP")
    parser.add_argument("--list", action="store_true", help="list the names and end")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.only) - set(rows.names()))
    if unknown:
        parser.error(f"there is no row named {', '.join(unknown)}; --list names all")
    if options.cores < 1 or (options.repetitions is not None and options.repetitions < 1):
        parser.error("--cores and --repetitions must be at least 1")
    options.repetitions = options.repetitions or (QUICK_REPETITIONS if options.quick else REPETITIONS)
    if not options.quick and not options.only:  # a part of the truth must not replace the whole
        options.json = options.json or JSON
        options.figures = options.figures or FIGURES
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status: 1 if a row proves nothing."""
    options = parse(arguments)
    console, progress = Console(), Console(stderr=True)
    if options.list:
        console.print("\n".join(rows.names()), highlight=False)
        return 0

    def say(message: str) -> None:
        progress.print(message, style="dim", highlight=False, soft_wrap=True)

    prepare_environment(options, say)
    found = measure(options, say)
    console.width = max(console.width, 150)  # a table that is folded cannot be read
    report.print_table(found["rows"], console)
    console.print(report.describe_machine(found["machine"]), highlight=False)
    if options.json:
        report.write_json(found, options.json)
        say(f"wrote {options.json}")
    if options.figures:
        draw(found, options.figures, say)
    failed = [row["name"] for row in found["rows"] if row["failed"]]
    if failed:
        progress.print(f"[bold red]FAILED[/]: {', '.join(failed)}. What these rows say proves nothing.")
    return 1 if failed else 0


def prepare_environment(options: argparse.Namespace, say: Say) -> None:
    """Take away what would tune one side of a comparison, and keep to the cores that are asked for."""
    tuning = [] if options.keep_environment else tuning_variables(os.environ)
    for name in tuning:
        say(f"without {name}={os.environ.pop(name)}")
    if os.getloadavg()[0] > BUSY:
        say(f"other programs are busy (load {os.getloadavg()[0]:.1f}): threads that wait for each other will wait long")
    cores = use_cores(options.cores)
    if cores != options.cores:
        say(f"{cores} cores, not {options.cores}: this process has no more, or the system cannot choose")


def measure(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Everything that is asked for, as it stands in the JSON."""
    found: dict[str, Any] = {
        "quick": options.quick,
        "repetitions": options.repetitions,
        "load_before": round(os.getloadavg()[0], 2),
        "machine": written_by("benchmarks.machine"),
        "rows": [*group_rows(options, say), *start_rows(options, say), *memory_rows(options, say)],
    }
    if rows.wanted("growth", options.only):
        count = min(options.repetitions, 5)
        found["growth"] = growth.measure(count, quick=options.quick, say=say)
    if rows.wanted("profile", options.only):
        say("profile")
        found["profile"] = {
            "before": json.loads(PROFILE_BEFORE.read_text(encoding="utf-8")) if PROFILE_BEFORE.exists() else None,
            "now": written_by("benchmarks.step_profile", *(["--quick"] if options.quick else [])),
        }
    return found


def group_rows(options: argparse.Namespace, say: Say) -> list[dict[str, Any]]:
    """All rows whose contenders do one work in turns."""
    found = []
    for group in rows.GROUPS:
        chosen = [row for row in group.rows if rows.wanted(f"{group.name}/{row.peer}", options.only)]
        if not chosen:
            continue
        peers = [results.OURS, *(row.peer for row in chosen)]
        say(f"{group.name}: {', '.join(peers)}")
        work = group.quick if options.quick else group.work
        with start_workers(peers, group.threads) as workers:
            measured = interleave(workers, work, options.repetitions)
        found += [results.compared(group, row, measured, quick=options.quick) for row in chosen]
    return found


def start_rows(options: argparse.Namespace, say: Say) -> list[dict[str, Any]]:
    """Starting a process."""
    chosen = [row for row in rows.STARTS if rows.wanted(row.name, options.only)]
    if not chosen:
        return []
    say(f"start: {', '.join(row.about for row in chosen)}")
    measured = commands.start_times(chosen, QUICK_STARTS if options.quick else max(STARTS, options.repetitions))
    return [results.started(row, measured, quick=options.quick) for row in chosen]


def memory_rows(options: argparse.Namespace, say: Say) -> list[dict[str, Any]]:
    """Peak memory."""
    found = []
    for row in rows.MEMORY:
        if not rows.wanted(row.name, options.only):
            continue
        count = min(row.csv_rows, rows.QUICK_CSV_ROWS) if options.quick else row.csv_rows
        say(f"memory: {row.about.format(rows=count)}")
        megabytes, problem = None, ""
        try:
            megabytes, _ = commands.peak_memory(row, quick=options.quick)
        except WorkerError as error:
            problem = str(error)
        found.append(results.remembered(row, megabytes, problem, count, quick=options.quick))
    return found


def written_by(module: str, *arguments: str) -> Any:
    """What a module of this package writes when it is run on its own."""
    with tempfile.TemporaryDirectory(prefix="digits-benchmarks-") as folder:
        file = Path(folder, "answer.json")
        run_alone("-m", module, "--json", str(file), *arguments)
        return json.loads(file.read_text(encoding="utf-8"))


def draw(found: dict[str, Any], folder: Path, say: Say) -> None:
    """The figures, where Matplotlib is installed."""
    try:
        from benchmarks import figures
    except ImportError as error:
        say(f"no figures: {error}")
        return
    for path in figures.draw(found, folder):
        say(f"drew {path}")


if __name__ == "__main__":
    sys.exit(main())
