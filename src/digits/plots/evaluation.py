"""All figures of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digits.plots.confidence import reliability_diagram, risk_coverage
from digits.plots.hidden_layer import hidden_layer_map
from digits.plots.learning import first_layer_weights, pixel_weights
from digits.plots.mistakes import accuracy_by_digit, confusion_matrix, worst_mistakes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from digits.activations import Array
    from digits.evaluation import Evaluation
    from digits.neural_network import NeuralNetwork


def evaluation_figures(network: NeuralNetwork | None, images: Array, evaluation: Evaluation) -> dict[str, Figure]:
    """Make all figures of ``digits evaluate --plots``, by the name of their file without its ending.

    Args:
        network: that was evaluated. Its weights are left out where they cannot be shown as pictures. None if several
            answered together: then there is no figure of what only a single network has.
        images: those that were evaluated, in the same order.
        evaluation: of them.
    """
    curve = evaluation.risk_coverage()
    figures = {
        "confusion_matrix": confusion_matrix(evaluation),
        "accuracy_by_digit": accuracy_by_digit(evaluation),
        "worst_mistakes": worst_mistakes(images, evaluation),
        "reliability_diagram": reliability_diagram(evaluation),
        "risk_coverage": risk_coverage(curve.coverage, curve.risk),
    }
    if network is None:
        return figures
    figures["hidden_layer_map"] = hidden_layer_map(network, images, evaluation)
    if pixel_weights(network) is not None:
        figures["first_layer_weights"] = first_layer_weights(network)
    return figures
