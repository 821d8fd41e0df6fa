"""What the commands and the menu show on a terminal: digits drawn in characters, bars, tables, progress.

Through a pipe the same words come without colours and without anything that moves. One subject a file: ``console``
(where it is printed), ``predictions``, ``progress`` (of a training, or other work), ``tables`` (of models, recipes,
data and gradients), ``measures`` (of one network, and of several side by side).
"""

from digits.terminal.console import make_console, printable
from digits.terminal.measures import show_attacks, show_corruptions, show_evaluation
from digits.terminal.predictions import draw_image, show_prediction, show_prediction_line, show_predictions
from digits.terminal.progress import TrainingDisplay, show_work
from digits.terminal.tables import show_data_info, show_gradient_checks, show_models, show_recipes

__all__ = [
    "TrainingDisplay",
    "draw_image",
    "make_console",
    "printable",
    "show_attacks",
    "show_corruptions",
    "show_data_info",
    "show_evaluation",
    "show_gradient_checks",
    "show_models",
    "show_prediction",
    "show_prediction_line",
    "show_predictions",
    "show_recipes",
    "show_work",
]
