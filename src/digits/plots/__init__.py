"""Figures: what a network answers, where it fails, whether it knows, what it has learnt.

Each function takes data and returns a Matplotlib ``Figure``; ``save`` writes one to a file. Figures are made
without pyplot: no global state, no window, no screen needed. All are 8 inches wide, 1600 pixels as PNG.

The colours are those of Okabe and Ito (2008), which people with any colour vision tell apart. Blue is right
or training, vermilion wrong or validation; a word or a mark always says the same.
"""

from __future__ import annotations

from digits.errors import DigitsError

try:
    import matplotlib  # noqa: F401, ICN001  once here, for all modules of the package
except ImportError as error:
    raise DigitsError('figures need Matplotlib; install it with: pip install "digits[plots]"') from error

from digits.plots.answers import predictions
from digits.plots.confidence import reliability_diagram, risk_coverage
from digits.plots.evaluation import evaluation_figures
from digits.plots.explaining import explanation
from digits.plots.hidden_layer import hidden_layer_map
from digits.plots.learning import first_layer_weights, learning_curves
from digits.plots.mistakes import accuracy_by_digit, all_mistakes, confusion_matrix, worst_mistakes
from digits.plots.reading import reading_steps
from digits.plots.robustness import attack_errors, corruption_errors, corruption_examples
from digits.plots.style import (
    BAR,
    BLUE,
    DASHES,
    GREY,
    INK,
    PALE,
    SIGNED_COLOURS,
    STYLE,
    VERMILION,
    WIDTH,
    drawing,
    file_format,
    save,
)

__all__ = [
    "BAR",
    "BLUE",
    "DASHES",
    "GREY",
    "INK",
    "PALE",
    "SIGNED_COLOURS",
    "STYLE",
    "VERMILION",
    "WIDTH",
    "accuracy_by_digit",
    "all_mistakes",
    "attack_errors",
    "confusion_matrix",
    "corruption_errors",
    "corruption_examples",
    "drawing",
    "evaluation_figures",
    "explanation",
    "file_format",
    "first_layer_weights",
    "hidden_layer_map",
    "learning_curves",
    "predictions",
    "reading_steps",
    "reliability_diagram",
    "risk_coverage",
    "save",
    "worst_mistakes",
]
