"""The table for people, and the JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

FORMAT = 1  # of the JSON


def to_json(results: dict[str, Any]) -> str:
    """All results as JSON; what is not a finite number is an error."""
    return json.dumps({"format": FORMAT, **results}, indent=1, allow_nan=False) + "\n"


def write_json(results: dict[str, Any], path: Path) -> None:
    """Write it, and make the folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(results), encoding="utf-8")


def amount(value: float | None, unit: str) -> str:
    """0.00031 s → "310 µs"."""
    if value is None:
        return "–"
    if unit == "MB":
        return f"{value:,.0f} MB"
    factor, name = (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "µs")
    return f"{value * factor:.3g} {name}" if value * factor < 1000 else f"{value * factor:,.0f} {name}"


def verdict(row: dict[str, Any]) -> str:
    """In one word, coloured."""
    if row["failed"]:
        return "[bold red]FAILED[/]"
    if row["not_measured"]:
        return "[yellow]not measured[/]"
    return {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row["met"]]


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows; a line between works."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("work", "against"):
        shown.add_column(heading, overflow="fold")
    for heading in ("ours", "theirs", "ratio", "spread", "target", "floor"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for row, previous in zip(rows, [None, *rows[:-1]], strict=True):
        same = previous is not None and previous["work"] == row["work"]
        spread = f"{row['spread'][0]:.2f}…{row['spread'][1]:.2f}" if row["spread"] else "–"
        goal = amount(row["target"], "MB") if row["unit"] == "MB" else format(row["target"] or 0, ".2f")
        cells = [
            amount(row["ours"], row["unit"]),
            amount(row["theirs"], row["unit"]),
            "–" if row["ratio"] is None else f"{row['ratio']:.2f}",
            spread,
            "–" if row["target"] is None else f"≤ {goal}",
            amount(row["floor"], row["unit"]),
        ]
        shown.add_row("" if same else escape(row["work"]), escape(row["against"]), *cells, verdict(row))
    return shown


def print_table(rows: list[dict[str, Any]], console: Console) -> None:
    """The table, and below it why rows are empty or prove nothing."""
    console.print(table(rows))
    for row in rows:
        if row["not_measured"]:
            console.print(f"[yellow]not measured[/] {row['name']}: {escape(row['not_measured'])}", highlight=False)
    for row in rows:
        if row["failed"]:
            console.print(f"[bold red]FAILED[/] {row['name']}: {escape(row['failed'])}", highlight=False)


def describe_machine(machine: dict[str, Any]) -> str:
    """In one line, for the table and the figures."""
    kernels = ", ".join(f"{pool['internal_api']} {pool['version']} {pool['architecture']}" for pool in machine["blas"])
    return f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {kernels}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as they stand in docs/performance.md, which a test compares with the JSON."""
    lines = ["| work | against | ours | theirs | ratio | spread | target |", "| --- " * 7 + "|"]
    for row, previous in zip(rows, [None, *rows[:-1]], strict=True):
        same = previous is not None and previous["work"] == row["work"]
        spread = f"{row['spread'][0]:.2f} to {row['spread'][1]:.2f}" if row["spread"] else ""
        goal = amount(row["target"], "MB") if row["unit"] == "MB" else format(row["target"] or 0, ".2f")
        target = "" if row["target"] is None else f"≤ {goal}: {'met' if row['met'] else '**missed**'}"
        ratio = row["failed"] or row["not_measured"] or ("" if row["ratio"] is None else f"**{row['ratio']:.2f}**")
        cells = ["" if same else row["work"], row["against"], amount(row["ours"], row["unit"])]
        cells += [amount(row["theirs"], row["unit"]) if row["theirs"] else "", ratio, spread, target]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
