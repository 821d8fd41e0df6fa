"""``digits evaluate``, and two commands beside it: the shipped models, and whether the gradients are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits.cli.messages import print_json, say, working
from digits.cli.options import SEED, file_type, json_option, model_option, require_plots, test_data_option
from digits.cli.robustness import Robustness, measure_attacks, measure_corruptions
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.datasets import Dataset
    from digits.evaluation import Evaluation
    from digits.neural_network import NeuralNetwork

MOST_VIEWS = 100
MOST_COMPARED = 4  # beside the first: more are hard to tell apart in a figure


@click.command()
@model_option
@test_data_option
@click.option(
    "--with",
    "partners",
    multiple=True,
    metavar="FILE|NAME",
    help="Another model to answer together with the first: the mean of their logits. May be repeated.",
)
@click.option(
    "--views",
    type=click.IntRange(1, MOST_VIEWS),
    default=1,
    metavar="N",
    help="Average over N views of each image: itself and slight warps of it. [default: 1]",
)
@click.option("--corruptions", is_flag=True, help="Measure on fifteen kinds of spoilt images, too.")
@click.option("--attacks", is_flag=True, help="Measure on images changed on purpose (FGSM, PGD), too.")
@click.option(
    "--compare",
    multiple=True,
    metavar="FILE|NAME",
    help="Another model beside the first, with --corruptions or --attacks; up to four times.",
)
@click.option("--plots", type=file_type, metavar="DIR", help="Draw the figures into this folder.")
@json_option
def evaluate(
    model: str | None,
    test_data: Path | None,
    partners: tuple[str, ...],
    views: int,
    corruptions: bool,
    attacks: bool,
    compare: tuple[str, ...],
    plots: Path | None,
    as_json: bool,
) -> None:
    """Accuracy, confusion, the worst mistakes on the test set, and how sure the network is.

    \b
    Examples:
      digits evaluate
      digits evaluate --plots figures
      digits evaluate --model mine.pkl --test-data data/test.csv --json
      digits evaluate --model best-cnn --with cnn --views 16
      digits evaluate --corruptions --attacks --compare mine.pkl --plots figures
    """
    from digits.committee import Committee
    from digits.datasets import load_test
    from digits.evaluation import evaluate as measure

    if compare and not (corruptions or attacks):
        raise click.UsageError("--compare is for the tables of --corruptions and --attacks; give one of them, too.")
    if (partners or views > 1) and (corruptions or attacks):
        raise click.UsageError("--corruptions and --attacks measure single networks; leave out --with and --views.")
    if len(compare) > MOST_COMPARED:
        raise click.UsageError(f"--compare can be given {MOST_COMPARED} times at most; got {len(compare)}.")
    if corruptions:
        import digits.corruptions  # noqa: F401  says now, not after the work, what to install
    if plots:
        require_plots(plots)
    networks = load_networks(model, *partners, *compare)
    name, network = next(iter(networks.items()))
    test_set = load_test(test_data)
    labels = test_set.labels
    say(f"test data: {test_set.source}")
    members = list(networks.values()) if partners else [network]
    together = Committee(members, views) if len(members) * views > 1 else network
    alone = network if together is network else None
    temperature = None if partners else network.temperature
    with working(f"reading {len(test_set):,} images"):
        evaluation = measure(together, test_set.images, labels)
    robustness = Robustness(
        measure_corruptions(networks, test_set) if corruptions else {},
        measure_attacks(networks, test_set) if attacks else {},
    )
    if plots:
        draw_figures(plots, alone, test_set, evaluation, robustness)
    if as_json:
        found = evaluation.to_dict() | {"temperature": temperature} | robustness.to_dict(name)
        if compare:
            others = {other: networks[other] for other in networks if other != name}
            found["compared"] = {
                other: {"temperature": of_other.temperature} | robustness.to_dict(other)
                for other, of_other in others.items()
            }
        print_json(found)
    else:
        from digits.terminal import make_console, show_evaluation

        console = make_console()
        show_evaluation(evaluation, console, temperature)
        robustness.show(console)


def load_networks(*names: str | None) -> dict[str, NeuralNetwork]:
    """Load models, by the names that tables have for them."""
    from digits.model_files import load_model

    networks = {}
    for wanted in names:
        trained = load_model(wanted)
        say(f"model: {trained.name}")
        name = trained.name.removeprefix("shipped model ")
        if name in networks:
            raise DigitsError(f"{name} is named twice; name another model.")
        networks[name] = trained.network
    return networks


def draw_figures(
    folder: Path, network: NeuralNetwork | None, test_set: Dataset, evaluation: Evaluation, robustness: Robustness
) -> None:
    """Draw all that was measured into a folder."""
    from digits.plots import evaluation_figures, save

    with working("drawing"):
        figures = evaluation_figures(network, test_set.images, evaluation) | robustness.figures(test_set)
        for name, figure in figures.items():
            save(figure, folder / f"{name}.png")
    for name in figures:
        say(f"saved {folder / name}.png")


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the trained models that are shipped."""
    from digits.model_files import load_model, shipped_models
    from digits.terminal import make_console, show_models

    shipped = {name: load_model(path) for name, path in shipped_models().items()}
    if as_json:
        print_json({"models": [{"name": name, **model.summary()} for name, model in shipped.items()]})
    else:
        show_models(shipped, make_console())


@click.command("check-gradients")
@click.option("--seed", type=SEED, default=0, metavar="N", help="Of the networks and images. [default: 0]")
@json_option
def check_gradients(seed: int, as_json: bool) -> None:
    """Compare backpropagation with central differences, for every kind of layer.

    \b
    Example:
      digits check-gradients
    """
    from digits.gradient_check import TOLERANCE, check_all
    from digits.terminal import make_console, show_gradient_checks

    with working("checking"):
        checks = check_all(seed)
    worst = max(check.max_relative_error for check in checks)
    if as_json:
        each = {check.name: check.max_relative_error for check in checks}
        print_json({"max_relative_error": worst, "checks": each})
    else:
        show_gradient_checks(checks, make_console())
    if not worst <= TOLERANCE:
        raise DigitsError(f"backpropagation is wrong: a relative error of {worst:.1e}, above {TOLERANCE:.0e}.")
