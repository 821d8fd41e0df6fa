"""What was measured: of one network on one set of images, and of several networks side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from digits.terminal.console import make_table, print_table, printable

if TYPE_CHECKING:
    from rich.table import Table

    from digits.evaluation import Evaluation

CLEAN = "clean"  # the images as they are, among those that were corrupted


def show_evaluation(evaluation: Evaluation, console: Console, temperature: float | None = None) -> None:
    """Print accuracy, the confusion matrix, the worst mistakes, and how sure the network is.

    Args:
        evaluation: of one network.
        console: where to.
        temperature: what its logits were divided by; None if nothing was fitted.
    """
    console.print(
        f"{evaluation.accuracy:.2%} right: {evaluation.mistake_count:,} of {evaluation.count:,} images are misread"
        f" (error {evaluation.error_percent:.2f} %)"
    )
    _show_confusion(evaluation, console)
    _show_worst_mistakes(evaluation, console)
    _show_sureness(evaluation, console, temperature)


def _show_confusion(evaluation: Evaluation, console: Console) -> None:
    console.print("\nWhat each digit is read as:")
    table = make_table("digit", *map(str, range(10)), "right")
    for digit, (row, share) in enumerate(zip(evaluation.confusion.tolist(), evaluation.per_digit, strict=True)):
        counts = [Text(str(n) if n else "·", style="" if n and n != row[digit] else "dim") for n in row]
        table.add_row(str(digit), *counts, "–" if share is None else f"{share:.2%}")
    print_table(table, console)


def _show_worst_mistakes(evaluation: Evaluation, console: Console) -> None:
    worst = evaluation.mistakes(limit=10).tolist()
    if worst:
        console.print("The worst mistakes, those made with most confidence:")
        table = make_table("test image", "is a", "read as", "confidence", text_columns=0)
        for index in worst:
            truth, answer = evaluation.labels[index], evaluation.predictions[index]
            table.add_row(str(index), str(truth), str(answer), f"{evaluation.confidences[index]:.2%}")
        print_table(table, console)


def _show_sureness(evaluation: Evaluation, console: Console, temperature: float | None) -> None:
    from digits.evaluation import COVERAGES

    error = f"expected calibration error {100 * evaluation.calibration().expected_error:.2f} %"
    at = "" if temperature is None else f", temperature {temperature:.2f}"
    console.print(f"How sure it is: {error}{at}.\nIf it answers only where it is surest:")
    curve = evaluation.risk_coverage()
    table = make_table("answered", "images", "confidence from", "mistakes left", "error", text_columns=0)
    for coverage in (1, *COVERAGES):
        left = f"{curve.errors_at(coverage):,.1f}".removesuffix(".0")  # equal confidence may leave half a mistake
        table.add_row(
            f"{coverage:.0%}",
            f"{curve.answered_at(coverage):,}",
            f"{curve.threshold_at(coverage):.2%}",
            f"{left} of {evaluation.mistake_count:,}",
            f"{100 * curve.risk_at(coverage):.2f} %",
        )
    print_table(table, console)


def show_corruptions(errors: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """Print the error of each model on each kind of corrupted images, and the mean over all kinds but "clean".

    Args:
        errors: model → kind of corruption → error in percent. The mean of a model that lacks a kind is not shown.
        console: where to.
    """
    kinds = list(dict.fromkeys(kind for of_model in errors.values() for kind in of_model))
    corrupted = [kind for kind in kinds if kind != CLEAN]
    table = make_table("test error in %", *map(printable, errors))
    for kind in sorted(kinds, key=lambda kind: kind != CLEAN):  # the clean images first, the others in their order
        _add_errors(table, [kind.replace("_", " ")], [of_model.get(kind) for of_model in errors.values()])
    table.add_section()
    _add_errors(table, ["mean of corruptions"], [_mean(of_model, corrupted) for of_model in errors.values()])
    print_table(table, console)


def _mean(errors: Mapping[str, float], kinds: Sequence[str]) -> float | None:
    if not kinds or not all(kind in errors for kind in kinds):
        return None
    return sum(errors[kind] for kind in kinds) / len(kinds)


def show_attacks(errors: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], console: Console) -> None:
    """Print the error of each model under each attack of each strength.

    Args:
        errors: model → name of the attack → pairs of epsilon, the most by which a pixel (0…1) is changed, and the error
            in percent.
        console: where to.
    """
    found = {
        model: {(attack, epsilon): error for attack, pairs in attacks.items() for epsilon, error in pairs}
        for model, attacks in errors.items()
    }
    rows = dict.fromkeys(row for of_model in found.values() for row in of_model)
    table = make_table("attack", "epsilon", *map(printable, errors))
    before = None
    for attack, epsilon in rows:
        if before not in (None, attack):
            table.add_section()
        _add_errors(table, [attack, f"{epsilon:g}"], [of_model.get((attack, epsilon)) for of_model in found.values()])
        before = attack
    print_table(table, console)


def _add_errors(table: Table, row: Iterable[str], errors: Sequence[float | None]) -> None:
    """Add a row of errors in percent, the least of several in bold."""
    known = [error for error in errors if error is not None]
    cells = []
    for error in errors:
        best = error is not None and error == min(known) < max(known)
        cells.append(Text("–" if error is None else f"{error:.2f}", style="bold" if best else ""))
    table.add_row(*row, *cells)
