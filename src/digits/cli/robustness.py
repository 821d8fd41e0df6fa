"""Two options of ``digits evaluate``: how networks stand up to corruptions, and to attacks.

What is measured is a ``Robustness`` of one network or of several side by side, each with the name of its model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digits.cli.messages import say, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from digits.adversarial import AttackError
    from digits.datasets import Dataset
    from digits.neural_network import NeuralNetwork

ATTACKED = 1000  # images, the first of the test set: PGD reads and changes each of them 60 times
EXAMPLES = 5  # images in the figure of corruptions
NO_ATTACK = "none"


@dataclass(frozen=True)
class Robustness:
    """The errors of networks on images that are not as they should be.

    Attributes:
        corruptions: model → kind of corruption → percentage of images misread; empty where not measured.
        attacks: model → the error without an attack, then those of each attack and ε; empty where not measured.
    """

    corruptions: dict[str, dict[str, float]]
    attacks: dict[str, list[AttackError]]

    def to_dict(self, model: str) -> dict[str, Any]:
        """What was measured of one model, as the JSON of ``digits evaluate`` has it."""
        found: dict[str, Any] = {}
        if self.corruptions:
            from digits.corruptions import mean_error

            found["corruptions"] = self.corruptions[model] | {"mean": mean_error(self.corruptions[model])}
        if self.attacks:
            found["attacks"] = [error._asdict() for error in self.attacks[model]]
        return found

    def show(self, console: Console) -> None:
        """Print a table for each option."""
        from digits.terminal import show_attacks, show_corruptions

        if self.corruptions:
            console.print("Images spoilt in fifteen ways:")
            show_corruptions(self.corruptions, console)
        if self.attacks:
            console.print("Images changed on purpose, by at most epsilon a pixel; test error in %:")
            show_attacks({model: _by_attack(errors) for model, errors in self.attacks.items()}, console)

    def figures(self, test_set: Dataset) -> dict[str, Any]:
        """Make the Matplotlib figures, by the name of their file without its ending."""
        from digits.plots import attack_errors, corruption_errors, corruption_examples

        figures = {}
        if self.corruptions:
            figures["corruption_errors"] = corruption_errors(self.corruptions)
            figures["corruption_examples"] = corruption_examples(_examples(test_set))
        if self.attacks:
            figures["attack_errors"] = attack_errors({model: _curves(errors) for model, errors in self.attacks.items()})
        return figures


def measure_corruptions(networks: Mapping[str, NeuralNetwork], test_set: Dataset) -> dict[str, dict[str, float]]:
    """Measure each network on the clean images and on fifteen kinds of spoilt ones."""
    from digits.corruptions import CORRUPTIONS, corruption_errors

    say(f"corruptions: {len(CORRUPTIONS)} kinds of {len(test_set):,} images …")
    errors: dict[str, dict[str, float]] = {name: {} for name in networks}
    with working("corruptions", parts=(1 + len(CORRUPTIONS)) * len(networks)) as advance:
        for name, network in networks.items():
            for kind, error in corruption_errors(network, test_set.images, test_set.labels):
                errors[name][kind] = error
                advance()
    return errors


def measure_attacks(networks: Mapping[str, NeuralNetwork], test_set: Dataset) -> dict[str, list[AttackError]]:
    """Measure each network on the first images as they are, and as each attack changes them."""
    from digits.adversarial import EPSILONS, AttackError, attack_errors
    from digits.evaluation import evaluate

    images, labels = test_set.images[:ATTACKED], test_set.labels[:ATTACKED]
    say(f"attacks: FGSM and PGD on the first {len(images):,} images …")
    errors: dict[str, list[AttackError]] = {}
    with working("attacks", parts=2 * len(EPSILONS) * len(networks)) as advance:
        for name, network in networks.items():
            errors[name] = [AttackError(NO_ATTACK, 0.0, evaluate(network, images, labels).error_percent)]
            for error in attack_errors(network, images, labels):
                errors[name].append(error)
                advance()
    return errors


def _by_attack(errors: list[AttackError]) -> dict[str, list[tuple[float, float]]]:
    """Attack → pairs of ε and error in percent."""
    found: dict[str, list[tuple[float, float]]] = {}
    for error in errors:
        found.setdefault(error.attack, []).append((error.epsilon, error.error_percent))
    return found


def _curves(errors: list[AttackError]) -> dict[str, list[tuple[float, float]]]:
    """The same, each attack beginning at ε = 0 with the error without an attack."""
    found = _by_attack(errors)
    start = found.pop(NO_ATTACK)
    return {attack: start + pairs for attack, pairs in found.items()}


def _examples(test_set: Dataset) -> dict[str, Any]:
    """The first few images, clean and spoilt in each way."""
    from digits.corruptions import CLEAN, CORRUPTIONS, corrupt

    images = test_set.images[:EXAMPLES]
    return {CLEAN: images} | {name: corrupt(images, name) for name in CORRUPTIONS}
