"""The pictures of the README and of the page on performance, from the results.

    python -m benchmarks.figures benchmarks/results.json docs/images      draws them again, without measuring

Colours are those of Okabe and Ito (2008), as everywhere in the project, and nothing is said by colour alone.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from PIL import Image

from benchmarks.report import amount, describe_machine
from digits.plots import BLUE, GREY, INK, PALE, STYLE, VERMILION, WIDTH

DPI = 150  # 1200 pixels: sharp in a column of 900
ROW, HEADING, GAP = 0.22, 0.23, 0.07  # inches: of a row, of a heading, after a work
LABEL, INDENT, RATIO, TARGET, TIMES = -0.79, 0.05, 1.04, 1.19, 1.41  # where columns begin, in widths of the axes
LABELS = {"digits": "digits", "pytorch": "PyTorch, eager", "floor": "bare np.matmul"}
LINES: dict[str, tuple[str, str, Any]] = {
    "digits": (BLUE, "o", "-"),
    "pytorch": (VERMILION, "s", "--"),
    "floor": (GREY, "^", ":"),
}
PANELS = {
    "width": "units in the hidden layer",
    "batch_size": "images in a batch",
    "images": "images in the training set",
}
PARTS = {  # as in benchmarks.step_profile; products dark, what comes with them light
    "forward: dense layers": ("#0072B2", "dense layers, forward"),
    "backward: dense layers": ("#56B4E9", "dense layers, backward"),
    "forward: activations": ("#D55E00", "activations, forward"),
    "backward: activations": ("#E69F00", "activations, backward"),
    "loss": ("#CC79A7", "loss"),
    "optimizer": ("#009E73", "optimizer"),
    "batch": ("#F0E442", "batch: gather, scale"),
    "rest": ("#B0B0B0", "calls and checks"),
}
WORKS = {"epoch-small": "784-128-10, batch 64, momentum", "epoch-large": "784-1024-512-10, batch 128, AdamW"}


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw what there are results for; return the files."""
    drawn = []
    parts: dict[str, tuple[bool, Callable[[dict[str, Any]], Figure]]] = {
        "benchmarks": (any(row["ratio"] is not None for row in results["rows"]), ratios),
        "growth": ("growth" in results, growth),
        "step_profile": ("profile" in results, step_profile),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (there, make) in parts.items():
        if there:
            with rc_context(STYLE):
                drawn.append(save(make(results), folder / f"{name}.png"))
    return drawn


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG of few colours: half the bytes, and nobody sees it."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI)
    colours = Image.open(picture).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)
    return path


def new_figure(title: str, height: float, note: str) -> Figure:
    """A sentence above, a grey note below."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold")
    figure.supxlabel(note, x=0.012, ha="left", fontsize=7.5, color=GREY)
    return figure


# -- ratios ------------------------------------------------------------------------------------------------------------


def ratios(results: dict[str, Any]) -> Figure:
    """Each row's ratio, with its spread as a line and its target as a tick."""
    rows = [row for row in results["rows"] if row["ratio"] is not None]
    works = list(dict.fromkeys(row["work"] for row in rows))
    inside = ROW * len(rows) + (HEADING + GAP) * len(works)
    height = inside + 1.36
    figure = Figure(figsize=(WIDTH, height))
    note = f"Medians of {results['repetitions']} repetitions in turns. {describe_machine(results['machine'])}."
    figure.text(0.012, 1 - 0.12 / height, ratios_title(rows), va="top", fontsize=11, fontweight="bold")
    figure.text(0.012, 0.1 / height, note, fontsize=7.5, color=GREY)
    axes = figure.add_axes((0.315, 0.78 / height, 0.385, inside / height))
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    y = 0.0
    for work in works:
        behind = {"color": "white", "pad": 1}  # a long heading covers the grid, not the other way round
        axes.text(LABEL, y, work, fontweight="bold", bbox=behind, **beside)
        y += HEADING
        for row in (row for row in rows if row["work"] == work):
            draw_ratio(axes, y, row)
            axes.text(LABEL + INDENT, y, row["against"], **beside)
            y += ROW
        y += GAP
    axes.set(ylim=(y - ROW / 2, -ROW), xscale="log", yticks=[])
    style_ratio_axis(axes, rows)
    return figure


def ratios_title(rows: list[dict[str, Any]]) -> str:
    """What the figure says, of the rows that matter most."""
    by_name = {row["name"]: row["ratio"] for row in rows}
    told = {
        "epoch-small/pytorch": "PyTorch's time",
        "epoch-small/jax": "JAX's",
        "epoch-small/scikit-learn": "scikit-learn's",
    }
    parts = [f"{by_name[name]:.2f} of {whose}" for name, whose in told.items() if name in by_name]
    return f"An epoch takes digits {', '.join(parts)}" if parts else "The time that digits takes, relative to others"


def draw_ratio(axes: Axes, y: float, row: dict[str, Any]) -> None:
    """A dot on a line, a tick, and all of it as numbers."""
    colour = GREY if row["against"] == LABELS["floor"] else BLUE if row["ratio"] <= 1 else VERMILION
    axes.plot(row["spread"], [y, y], color=colour, linewidth=1, solid_capstyle="butt")
    axes.plot([row["ratio"]], [y], "o", color=colour, markersize=5.5)
    target = ""
    if row["target"] is not None:
        axes.plot([row["target"]] * 2, [y - 0.085, y + 0.085], color=INK, linewidth=1.6, solid_capstyle="butt")
        target = f"≤ {row['target']:.2f} {'✓' if row['met'] else '✗'}"
    times = f"{amount(row['ours'], row['unit'])} / {amount(row['theirs'], row['unit'])}"
    options: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    axes.text(RATIO, y, f"{row['ratio']:.2f}", fontweight="bold", color=colour, **options)
    axes.text(TARGET, y, target, fontsize=8, color=INK, **options)
    axes.text(TIMES, y, times, fontsize=8, color=GREY, **options)


def style_ratio_axis(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """A logarithmic axis with round numbers, and what its two sides mean."""
    shown = [value for row in rows for value in (*row["spread"], row["target"]) if value]
    low, high = min(*shown, 0.4) / 1.15, max(*shown, 2.0) * 1.15
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(
        FixedLocator([v for v in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= v <= high])
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", linewidth=0.8)
    axes.axvline(1, color=GREY, linewidth=1, zorder=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "time of digits / time of the other\nthin line: lowest and highest pair · black tick: target", fontsize=8
    )
    options: dict[str, Any] = {"va": "bottom", "fontsize": 8, "color": GREY}
    axes.text(0.95, 1.0, "digits is faster", ha="right", transform=axes.get_xaxis_transform(), **options)
    axes.text(1.06, 1.0, "slower", ha="left", transform=axes.get_xaxis_transform(), **options)
    for x, heading in ((RATIO, "ratio"), (TARGET, "target"), (TIMES, "digits / other")):
        axes.text(x, 1.0, heading, transform=axes.transAxes, **options)


# -- growth ------------------------------------------------------------------------------------------------------------


def growth(results: dict[str, Any]) -> Figure:
    """Time of an epoch over three things, on logarithmic axes."""
    found = results["growth"]
    note = "784-128-10, batch 64, momentum, 60,000 images, where the axis does not say otherwise."
    if any(point["steps"] < point["epoch_steps"] for points in found.values() for point in points):
        steps = max(p["steps"] for points in found.values() for p in points if p["steps"] < p["epoch_steps"])
        note += f" Hollow: extrapolated from {steps} steps."
    figure = new_figure(growth_title(found["width"]), 3.3, f"{note}\n{describe_machine(results['machine'])}.")
    panels = figure.subplots(1, 3)
    for axes, (panel, label) in zip(panels, PANELS.items(), strict=True):
        for peer in LINES:
            draw_line(axes, found[panel], peer)
        style_growth_axes(axes, [point["value"] for point in found[panel]])
        axes.set_xlabel(label)
    panels[0].set_ylabel("time of an epoch")
    handles = [
        Line2D([], [], color=c, marker=m, linestyle=s, markersize=4, label=LABELS[p]) for p, (c, m, s) in LINES.items()
    ]
    panels[2].legend(handles=handles, frameon=False, fontsize=8, loc="upper left", borderaxespad=0)
    return figure


def growth_title(points: list[dict[str, Any]]) -> str:
    """Up to which width digits is ahead."""
    both = [p for p in points if {"digits", "pytorch"} <= p["seconds"].keys()]
    ahead = [p["value"] for p in both if p["seconds"]["digits"] < p["seconds"]["pytorch"]]
    behind = [p["value"] for p in both if p["seconds"]["digits"] >= p["seconds"]["pytorch"]]
    if both and not behind:
        return f"Ahead of PyTorch at every width from {min(ahead):,} to {max(ahead):,}"
    if ahead and behind and max(ahead) < min(behind):
        return f"Ahead of PyTorch up to {max(ahead):,} units, behind it from {min(behind):,} on"
    return "How the time of an epoch grows"


def draw_line(axes: Axes, points: list[dict[str, Any]], peer: str) -> None:
    """One contender: medians with their spread; hollow where extrapolated."""
    colour, marker, style = LINES[peer]
    shown = [point for point in points if peer in point["seconds"]]
    axes.plot([p["value"] for p in shown], [p["seconds"][peer] for p in shown], style, color=colour, linewidth=1.5)
    for point in shown:
        whole = point["steps"] == point["epoch_steps"]
        axes.plot([point["value"]] * 2, point["spread"][peer], color=colour, linewidth=0.8)
        fill = colour if whole else "white"
        axes.plot(point["value"], point["seconds"][peer], marker, color=colour, markerfacecolor=fill, markersize=4)


def style_growth_axes(axes: Axes, values: list[int]) -> None:
    """Logarithmic, with the values that were measured below and times in words beside."""
    axes.set(xscale="log", yscale="log")
    shown = values if len(values) <= 5 else values[::2]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / 1000:,.0f}k" if value >= 5000 else f"{value:g}")
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, "s")))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(color=PALE, linewidth=0.8)


# -- where a step's time goes ------------------------------------------------------------------------------------------


def step_profile(results: dict[str, Any]) -> Figure:
    """A step before, a step now, and the bare products, part by part."""
    before, now = results["profile"]["before"], results["profile"]["now"]
    works = [work for work in WORKS if work in now["works"]]
    note = "Medians of each part. " + (f"Before: {before['code']}.\n" if before and before["code"] else "\n")
    figure = new_figure(
        profile_title(now, before, works[0]), 1.05 + 1.35 * len(works), note + describe_machine(now["machine"]) + "."
    )
    *panels, below = figure.subplots(len(works) + 1, 1, height_ratios=[1.0] * len(works) + [0.32])
    for axes, work in zip(panels, works, strict=True):
        bars = {"now": now["works"][work]["digits"], "bare np.matmul": now["works"][work]["floor"]}
        if before:
            bars = {"before": before["works"][work]["digits"], **bars}
        draw_bars(axes, bars)
        axes.set_title(f"one step of {WORKS[work]}")
    handles = [Patch(color=colour, label=label) for colour, label in PARTS.values()]
    below.axis("off")
    below.legend(handles=handles, loc="center", ncols=4, frameon=False, fontsize=8, borderaxespad=0)
    return figure


def profile_title(now: dict[str, Any], before: dict[str, Any] | None, work: str) -> str:
    """The three totals of the small network."""
    total, bare = (now["works"][work][side]["total"] for side in ("digits", "floor"))
    earlier = f"took {before['works'][work]['digits']['total']:.0f} µs, " if before else ""
    return f"A step of {WORKS[work].split(',')[0]} {earlier}takes {total:.0f} µs; its products alone take {bare:.0f} µs"


def draw_bars(axes: Axes, bars: dict[str, dict[str, float]]) -> None:
    """Horizontal bars of parts; the total at the end."""
    longest = max(parts["total"] for parts in bars.values())
    for y, parts in enumerate(bars.values()):
        left = 0.0
        for part, (colour, _) in PARTS.items():
            width = parts.get(part, 0.0)
            axes.barh(y, width, left=left, height=0.7, color=colour, edgecolor="white", linewidth=0.6)
            if width > 0.06 * longest:
                dark = part in {"forward: dense layers", "forward: activations", "optimizer"}
                axes.text(
                    left + width / 2,
                    y,
                    f"{width:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if dark else INK,
                )
            left += width
        total = parts["total"]
        axes.text(left + 0.008 * longest, y, f"{total:,.0f} µs", va="center", fontsize=8.5, fontweight="bold")
    axes.set(
        yticks=range(len(bars)),
        yticklabels=list(bars),
        ylim=(len(bars) - 0.5, -0.5),
        xlim=(0, 1.1 * longest),
        xticks=[],
    )
    axes.tick_params(axis="y", length=0)
    axes.spines[["bottom", "left"]].set_visible(False)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description="Draws results again.")
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    draw(json.loads(options.results.read_text(encoding="utf-8")), options.folder)


if __name__ == "__main__":
    main()
