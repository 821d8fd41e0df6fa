"""Figures of confidence: whether the network knows when it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from digits.evaluation import wilson_interval
from digits.plots.style import BAR, BLUE, DASHES, GREY, INK, drawing, new_figure, percent, show_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from digits.activations import Array
    from digits.evaluation import Evaluation

LEAST_COVERAGE = 0.8  # shown: below, hardly anything is wrong
MARKED = (0.9, 0.95, 0.99, 1.0)


@drawing()
def reliability_diagram(evaluation: Evaluation) -> Figure:
    """Show how often the network is right when it is so and so sure (Guo et al. 2017, figure 1)."""
    bins = evaluation.calibration()
    sure, right = percent(evaluation.confidences.mean(dtype=np.float64)), percent(evaluation.accuracy)
    error = f"{100 * bins.expected_error:.2f} %"
    title = f"The network is {sure} sure on average, and right {right} of the time (ECE {error})"
    note = "ECE: expected calibration error (Guo et al. 2017). Pale bars: 95 % intervals (Wilson 1927)."
    figure = new_figure(title, 6.4, note)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=DASHES)
    top.text(0.03, 0.93, "above the line: right more often than it claims", color=GREY, fontsize=8)
    top.text(0.97, 0.03, "below the line: surer than it should be", color=GREY, fontsize=8, ha="right")
    for claimed, right, count in zip(bins.confidence, bins.accuracy, bins.counts, strict=True):
        if count:
            show_interval(top, claimed, right, *wilson_interval(right * count, count))
    top.set(ylabel="share read right", xlim=(0, 1), ylim=(0, 1.02))
    top.grid()
    width = 1 / len(bins.counts)
    bars = bottom.bar((np.arange(len(bins.counts)) + 0.5) * width, bins.counts, width=0.9 * width, color=BAR)
    bottom.bar_label(bars, labels=[f"{n:,}" if n else "" for n in bins.counts], fontsize=8, padding=1)
    bottom.set(ylabel="images", xlabel="confidence: the probability of the answer", yticks=[])
    bottom.margins(y=0.25)
    return figure


@drawing()
def risk_coverage(coverage: Array, risk: Array) -> Figure:
    """Show how many answers are wrong if only the surest are given (El-Yaniv and Wiener 2010).

    Args:
        coverage: ``(n,)``: shares of the images that are answered, the surest first, ascending to 1.
        risk: ``(n,)``: the share of wrong answers among those given.

    Raises:
        ValueError: if there is not one risk for each coverage, or none.
    """
    coverage, risk = np.asarray(coverage), np.asarray(risk)
    if coverage.shape != risk.shape or coverage.ndim != 1 or not coverage.size:
        raise ValueError(f"there must be one risk for each coverage; got shapes {risk.shape} and {coverage.shape}")
    note = "Answered first are the images of which the network is surest. Marked: 90, 95, 99 and 100 % answered."
    figure = new_figure(_risk_title(coverage, risk), 4.2, note)
    axes = figure.add_subplot()
    shown = coverage >= LEAST_COVERAGE
    axes.plot(100 * coverage[shown], 100 * risk[shown], color=BLUE, drawstyle="steps-post")
    for place in (_place(coverage, share) for share in MARKED):
        x, y = 100 * coverage[place], 100 * risk[place]
        axes.plot(x, y, "o", color=BLUE, markersize=6, clip_on=False)
        axes.annotate(f"{y:.2f} %", (x, y), (-6, 5), textcoords="offset points", ha="right", color=INK)
    lowest = 100 * LEAST_COVERAGE
    axes.set(xlim=(lowest, 100), xticks=range(round(lowest), 101, 5), ylim=(0, max(115 * risk[shown].max(), 0.01)))
    axes.set(xlabel=f"answered (%); the axis starts at {lowest:.0f} %", ylabel="wrong among those answered (%)")
    axes.grid(axis="y")
    return figure


def _risk_title(coverage: Array, risk: Array) -> str:
    """What it gains not to answer the least sure images."""
    if not risk[-1]:
        return "None of the answers is wrong"
    most = _place(coverage, 0.99)
    avoided = 1 - risk[most] * coverage[most] / (risk[-1] * coverage[-1])
    least = f"{100 * (1 - coverage[most]):.0f} %"
    return f"Leaving the least sure {least} unanswered avoids {100 * avoided:.0f} % of the mistakes"


def _place(coverage: Array, share: float) -> int:
    """The last place where no more than this share is answered, or the first one."""
    return max(0, int(np.searchsorted(coverage, share + 1e-9, side="right")) - 1)
