"""Figures: they hold the right numbers, can be drawn at the promised size, and touch nothing outside."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from digits import plots
from digits.errors import DigitsError
from digits.evaluation import Evaluation
from digits.explanation import Neighbour, explain
from digits.layers import Conv2D, Dense, Dropout, Flatten, ReLU
from digits.neural_network import NeuralNetwork
from digits.training import EpochEnd

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from digits.activations import Array

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (200, 28, 28), np.uint8)
LABELS = np.arange(200) % 10
PROBABILITIES = RANDOM.dirichlet(np.full(10, 0.2), 200)
PROBABILITIES[:120] = 0.001 + 0.99 * np.eye(10)[LABELS[:120]]  # most are right
EVALUATION = Evaluation(PROBABILITIES, LABELS)
ALL_RIGHT = Evaluation(np.eye(10)[[0, 1, 2, 4]], np.array([0, 1, 2, 4]))  # and some digits missing
ALL_WRONG = Evaluation(np.eye(10)[[0, 1, 2]], np.array([3, 3, 3]))
EPOCHS = [EpochEnd(n, 0.5 / n, 1 - 0.1 / n, 0.6 / n, 1 - 0.2 / n, 1e5, n) for n in (1, 2, 3, 4)]
UNVALIDATED = [EpochEnd(n, 0.5 / n, 1 - 0.1 / n, None, None, 1e5, n) for n in (1, 2)]
COVERAGE = np.arange(1, 1001) / 1000
RISK_COVERAGE = COVERAGE, np.cumsum(np.arange(1, 1001) > 980) / np.arange(1, 1001)  # the least sure 2 % are wrong
NEIGHBOURS = [Neighbour(n, IMAGES[n], n % 3, 0.1 * n) for n in range(10)]


def network_of(*hidden: int) -> NeuralNetwork:
    layers = [layer for units in hidden for layer in (Dense(units), ReLU())]
    return NeuralNetwork([*layers, Dense(10)], seed=1)


def of_predictions(count: int, known: bool = True) -> Figure:
    truths = LABELS[-count:].tolist() if known else None
    return plots.predictions(IMAGES[-count:], PROBABILITIES[-count:], truths, [f"number {n}" for n in range(count)])


def texts(figure: Figure) -> list[str]:
    figure.draw_without_rendering()  # tick labels are written only then
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def title(figure: Figure) -> str:
    return figure.get_suptitle()


def pictures(figure: Figure) -> list[AxesImage]:
    return [image for axes in figure.axes for image in axes.images]


WITH_MAPS = replace(
    explain(network_of(5), IMAGES[0]),
    activations=[("Conv2D(40, 5) → Tanh()", RANDOM.normal(size=(40, 24, 24))), ("Dense(7) → ReLU()", np.arange(7))],
)
FIGURES = {
    "one prediction": lambda: of_predictions(1),
    "three predictions": lambda: of_predictions(3),
    "seven predictions": lambda: of_predictions(7),
    "predictions without truths": lambda: of_predictions(2, known=False),
    "confusion": lambda: plots.confusion_matrix(EVALUATION),
    "confusion, all right": lambda: plots.confusion_matrix(ALL_RIGHT),
    "confusion, all wrong": lambda: plots.confusion_matrix(ALL_WRONG),
    "worst": lambda: plots.worst_mistakes(IMAGES, EVALUATION, limit=7),
    "worst, three": lambda: plots.worst_mistakes(IMAGES, ALL_WRONG),
    "worst, none": lambda: plots.worst_mistakes(IMAGES, ALL_RIGHT),
    "by digit": lambda: plots.accuracy_by_digit(EVALUATION),
    "by digit, all right": lambda: plots.accuracy_by_digit(ALL_RIGHT),
    "by digit, all wrong": lambda: plots.accuracy_by_digit(ALL_WRONG),
    "reliability": lambda: plots.reliability_diagram(EVALUATION),
    "reliability, all right": lambda: plots.reliability_diagram(ALL_RIGHT),
    "weights": lambda: plots.first_layer_weights(network_of(11)),
    "weights, one unit": lambda: plots.first_layer_weights(network_of(1)),
    "weights, all zero": lambda: plots.first_layer_weights(NeuralNetwork([Dense(10, "zeros")])),
    "curves": lambda: plots.learning_curves(EPOCHS),
    "curves, one epoch": lambda: plots.learning_curves(EPOCHS[:1]),
    "curves, no validation": lambda: plots.learning_curves(UNVALIDATED),
    "explanation": lambda: plots.explanation(IMAGES[0], explain(network_of(5), IMAGES[0])),
    "explanation, one layer": lambda: plots.explanation(IMAGES[0], explain(network_of(), IMAGES[0])),
    "explanation, all": lambda: plots.explanation(IMAGES[0], WITH_MAPS, NEIGHBOURS),
    "map": lambda: plots.hidden_layer_map(
        network_of(5), IMAGES[100:140], Evaluation(PROBABILITIES[100:140], LABELS[100:140])
    ),
    "map, all right": lambda: plots.hidden_layer_map(network_of(5), IMAGES[:4], ALL_RIGHT),
    "risk": lambda: plots.risk_coverage(*RISK_COVERAGE),
    "risk, none": lambda: plots.risk_coverage(COVERAGE, 0 * COVERAGE),
    "all mistakes": lambda: plots.all_mistakes(IMAGES[:140], LABELS[:140], EVALUATION.predictions[:140]),
    "all mistakes, one": lambda: plots.all_mistakes(IMAGES[:1], LABELS[:1], LABELS[:1] + 1),
    "all mistakes, none": lambda: plots.all_mistakes(IMAGES, LABELS, LABELS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_1600_pixels_wide_on_white_and_nothing_is_cut_off(name: str, tmp_path: Path) -> None:
    figure = FIGURES[name]()
    plots.save(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.size == (1600, round(200 * figure.get_figheight()))
        pixels = np.asarray(picture.convert("L"))
    assert set(pixels[0]) | set(pixels[-1]) | set(pixels[:, 0]) | set(pixels[:, -1]) == {255}
    assert np.mean(pixels < 128) > 0.002
    assert title(figure)
    content, page = figure.get_tightbbox(), figure.bbox_inches
    assert page.x0 <= content.x0 < content.x1 <= page.x1
    assert page.y0 <= content.y0 < content.y1 <= page.y1


# -- predictions


def test_predictions_show_each_image_its_probabilities_and_its_truth() -> None:
    figure = of_predictions(7)
    image_axes, bar_axes = figure.axes[::2], figure.axes[1::2]
    for n, (of_image, of_bars) in enumerate(zip(image_axes, bar_axes, strict=True), start=193):
        shown = of_image.images[0].get_array()
        assert shown is not None
        np.testing.assert_allclose(shown, IMAGES[n] / 255)
        heights = [bar.get_height() for bar in of_bars.patches]
        np.testing.assert_allclose(heights, PROBABILITIES[n])
        answer = PROBABILITIES[n].argmax()
        right = answer == LABELS[n]
        assert of_bars.get_title().startswith(f"{'✓' if right else '✗'} {answer}")
        assert right or of_bars.get_title().endswith(f"is {LABELS[n]}")
    right = int(np.sum(EVALUATION.predictions[-7:] == LABELS[-7:]))
    assert title(figure) == f"The network reads {right} of 7 images right"


@pytest.mark.parametrize(
    ("truth", "expected"),
    [(3, "a 3, rightly"), (8, "a 3, but it is an 8"), (None, "a 3")],
)
def test_the_title_of_one_image_says_whether_it_is_right(truth: int | None, expected: str) -> None:
    figure = plots.predictions(IMAGES[:1], np.eye(10)[[3]], [truth], ["three.png"])
    assert title(figure) == f"The network reads {expected}"
    assert "three.png" in texts(figure)


def test_where_only_some_truths_are_known_only_those_are_counted() -> None:
    figure = plots.predictions(IMAGES[:4], np.eye(10)[[1, 2, 3, 4]], [1, None, 7, None], list("abcd"))
    assert title(figure) == "The network reads 1 of 2 images right"


def test_what_is_almost_certain_is_not_called_certain() -> None:
    probabilities = np.array([[0.99999, 0.00001, 0, 0, 0, 0, 0, 0, 0, 0]])
    words = " ".join(texts(plots.predictions(IMAGES[:1], probabilities, None, ["a"])))
    assert "> 99.9 %" in words
    assert "100.0 %" not in words


@pytest.mark.parametrize("name", [r"$\frac{$.png", "七.png", "x" * 300])
def test_any_file_name_can_be_shown(name: str, tmp_path: Path) -> None:
    plots.save(plots.predictions(IMAGES[:1], PROBABILITIES[:1], None, [name]), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("count", [0, 101])
def test_no_image_or_too_many_are_refused(count: int) -> None:
    with pytest.raises(DigitsError, match=f"1 to 100 images; got {count}"):
        plots.predictions(np.zeros((count, 784)), np.full((count, 10), 0.1), None, [""] * count)


# -- mistakes


def test_the_confusion_matrix_writes_the_counts_in_their_cells() -> None:
    figure = plots.confusion_matrix(EVALUATION)
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    for (truth, read), count in np.ndenumerate(EVALUATION.confusion):
        assert cells.get((read, truth), "0") == str(count)
    truth, read, count = EVALUATION.most_confused(1)[0]
    wrong = EVALUATION.mistake_count
    assert title(figure).startswith(f"{wrong} of 200 images are misread; most often a")
    assert [int(number) for number in re.findall(r"\d+", title(figure))] == [wrong, 200, truth, read, count]
    assert {f"{100 * accuracy:.1f} %" for accuracy in EVALUATION.per_digit if accuracy} <= set(texts(figure))


def test_only_mistakes_have_a_colour_in_the_confusion_matrix() -> None:
    shown = pictures(plots.confusion_matrix(EVALUATION))[0]
    values = np.ma.filled(shown.get_array(), -1)
    assert np.all(values.diagonal() == -1)
    colours = shown.to_rgba(shown.get_array())
    red, green, blue = colours[0, 0, :3]
    assert red == green == blue
    assert to_hex(colours[values == 0][0]) == "#ffffff"


def test_the_worst_mistakes_are_shown_first_with_truth_answer_and_confidence() -> None:
    figure = plots.worst_mistakes(IMAGES.reshape(200, 784), EVALUATION, limit=8)
    worst = EVALUATION.mistakes(8)
    for axes, index in zip(figure.axes, worst, strict=True):
        np.testing.assert_allclose(np.ma.getdata(axes.images[0].get_array()), IMAGES[index] / 255)
        assert axes.get_title("left") == f"{LABELS[index]} → {EVALUATION.predictions[index]}"
        assert axes.get_title("right").endswith(f"#{index}")
    assert title(figure) == f"{EVALUATION.mistake_count} of 200 images are misread, these 8 most confidently"


def test_where_all_is_right_the_figures_say_so() -> None:
    assert title(plots.worst_mistakes(IMAGES, ALL_RIGHT)) == "All 4 images are read right"
    assert title(plots.confusion_matrix(ALL_RIGHT)) == "All 4 images are read right"


def test_accuracies_are_drawn_and_written_and_the_axis_says_where_it_starts() -> None:
    figure = plots.accuracy_by_digit(EVALUATION)
    axes = figure.axes[0]
    dots = {line.get_xdata()[0]: line.get_ydata()[0] for line in axes.lines if len(line.get_xdata()) == 1}
    assert dots == {digit: pytest.approx(100 * share) for digit, share in enumerate(EVALUATION.per_digit) if share}
    assert axes.get_ylabel().endswith(f"the axis starts at {axes.get_ylim()[0]:.0f} %")
    assert axes.get_ylim()[0] <= min(dots.values())
    assert f"all: {100 * EVALUATION.accuracy:.2f} %" in texts(figure)
    assert all(f"{digit}\n{share:.1f} %" in texts(figure) for digit, share in dots.items())


def test_a_digit_without_images_has_no_accuracy() -> None:
    figure = plots.accuracy_by_digit(ALL_RIGHT)
    missing = {text for text in texts(figure) if text.endswith("none")}
    assert missing == {f"{digit}\nnone" for digit in (3, 5, 6, 7, 8, 9)}


# -- calibration, weights, curves


def test_the_reliability_diagram_prints_the_error_and_the_counts() -> None:
    figure = plots.reliability_diagram(EVALUATION)
    calibration = EVALUATION.calibration()
    assert f"ECE {100 * calibration.expected_error:.2f} %" in title(figure)
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert heights == calibration.counts.tolist()
    assert [text.get_text() for text in figure.axes[1].texts] == [str(n) if n else "" for n in calibration.counts]
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines[1:]]
    filled = calibration.counts > 0
    np.testing.assert_allclose(dots, np.stack([calibration.confidence, calibration.accuracy], axis=1)[filled])


def test_each_picture_of_weights_is_a_column_of_the_weights() -> None:
    network = network_of(20, 16)
    weights = network.layers[0].weights  # type: ignore[attr-defined]
    shown = pictures(plots.first_layer_weights(network))
    order = np.argsort(-np.linalg.norm(weights, axis=0))
    assert len(shown) == 20
    for image, unit in zip(shown, order, strict=True):
        np.testing.assert_array_equal(np.ma.getdata(image.get_array()), weights[:, unit].reshape(28, 28))
        assert image.axes.get_title() == f"#{unit}"
    limits = {image.get_clim() for image in shown}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high
    assert to_hex(shown[0].to_rgba(0.0)) == "#ffffff"


def test_of_many_units_the_64_with_the_largest_weights_are_shown() -> None:
    network = network_of(70)
    weights = network.layers[0].weights  # type: ignore[attr-defined]
    weights[:, [3, 14, 15, 9, 26, 5]] = 0.001
    figure = plots.first_layer_weights(network)
    units = {int(axes.get_title()[1:]) for axes in figure.axes if axes.get_title()}
    assert units == set(range(70)) - {3, 14, 15, 9, 26, 5}
    assert "64 of 70 units" in title(figure)


def test_weights_that_do_not_look_at_784_pixels_are_no_picture() -> None:
    network = NeuralNetwork([Dense(10)], input_shape=(100,))
    with pytest.raises(ValueError, match=r"first Dense layer with 784 inputs.*100 → Dense"):
        plots.first_layer_weights(network)


def test_the_learning_curves_go_through_the_measures_of_the_epochs() -> None:
    loss, accuracy = plots.learning_curves(EPOCHS).axes
    for axes, scale, names in (
        (loss, 1, ("loss", "validation_loss")),
        (accuracy, 100, ("train_accuracy", "validation_accuracy")),
    ):
        for line, name in zip(axes.lines, names, strict=True):
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            np.testing.assert_allclose(line.get_ydata(), [scale * getattr(epoch, name) for epoch in EPOCHS])


def test_epochs_are_whole_numbers_and_without_validation_there_is_one_curve() -> None:
    figure = plots.learning_curves(UNVALIDATED[:1])
    assert title(figure) == "After 1 epoch the network reads 90.0 % of the training images right"
    for axes in figure.axes:
        assert len(axes.lines) == 1
        assert [tick for tick in axes.get_xticks() if 0.5 <= tick <= 1.5] == [1]


def test_curves_of_no_epoch_are_refused() -> None:
    with pytest.raises(ValueError, match="no epoch"):
        plots.learning_curves([])


# -- explanation


def test_the_explanation_shows_both_kinds_of_contributions_in_the_same_colours() -> None:
    parts = explain(network_of(5), IMAGES[0])
    figure = plots.explanation(IMAGES[0], parts)
    assert re.findall(r"\d", title(figure)) == [str(parts.winner), str(parts.runner_up)]
    gradient, integrated = (axes.images[0] for axes in figure.axes[1:3])
    np.testing.assert_array_equal(np.ma.getdata(gradient.get_array()), parts.contributions)
    np.testing.assert_array_equal(np.ma.getdata(integrated.get_array()), parts.integrated)
    assert gradient.get_clim() == integrated.get_clim()
    assert gradient.get_clim()[0] == -gradient.get_clim()[1]


def test_the_numbers_below_the_contributions_add_up_to_the_margin() -> None:
    network = network_of(5)
    network.parameters += 0.02  # biases, too
    parts = explain(network, IMAGES[0])
    assert parts.bias_share
    assert parts.empty_margin
    for axes in plots.explanation(IMAGES[0], parts).axes[1:3]:
        numbers = [float(text.get_text().replace("−", "-")) for text in axes.texts[1::2]]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.005 * len(numbers))
        assert numbers[-1] == pytest.approx(parts.margin, abs=0.005)
        assert numbers[0] > 0 > numbers[1]


def test_every_channel_and_every_unit_has_its_place() -> None:
    figure = plots.explanation(IMAGES[0], WITH_MAPS)
    maps, units = (np.ma.filled(image.get_array(), np.nan) for image in pictures(figure)[3:5])
    channels = WITH_MAPS.activations[0][1]
    for n in range(32):
        y, x = 26 * (n // 8), 26 * (n % 8)
        np.testing.assert_array_equal(maps[y : y + 24, x : x + 24], channels[n])
    assert maps.shape == (4 * 26 - 2, 8 * 26 - 2)
    assert "Conv2D(40, 5) → Tanh(), 32 of 40 channels" in texts(figure)
    np.testing.assert_array_equal(units.ravel()[:7], np.arange(7))
    assert np.isnan(units.ravel()[7:]).all()


def test_the_neighbours_are_shown_with_label_distance_and_number() -> None:
    figure = plots.explanation(IMAGES[0], WITH_MAPS, NEIGHBOURS)
    for axes, neighbour in zip(figure.axes[-len(NEIGHBOURS) :], NEIGHBOURS, strict=True):
        np.testing.assert_allclose(np.ma.getdata(axes.images[0].get_array()), neighbour.image / 255)
        assert axes.get_title() == str(neighbour.label)
        assert axes.get_xlabel() == f"{neighbour.distance:.3f}\n#{neighbour.index}"


# -- map of the last hidden layer


def test_the_map_writes_the_true_digit_of_each_mistake() -> None:
    few = slice(110, 150)
    evaluation = Evaluation(PROBABILITIES[few], LABELS[few])
    figure = plots.hidden_layer_map(network_of(5), IMAGES[few], evaluation)
    wrong = evaluation.labels != evaluation.predictions
    written = [text for text in figure.axes[0].texts if text.get_color() == plots.VERMILION]
    assert [int(text.get_text()) for text in written] == evaluation.labels[wrong].tolist()
    dots = sum(len(collection.get_offsets()) for collection in figure.axes[0].collections)
    assert dots == np.count_nonzero(~wrong)
    assert f"{np.count_nonzero(wrong)} mistakes" in title(figure)


def test_of_many_images_a_part_is_mapped_with_the_mistakes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.embedding.MOST_POINTS", 120)
    figure = plots.hidden_layer_map(network_of(5), IMAGES, EVALUATION)
    assert f"{EVALUATION.mistake_count} mistakes" in title(figure)
    assert any("120 of 200 images" in text for text in texts(figure))
    monkeypatch.setattr("digits.embedding.MOST_MISTAKES", 9)
    assert "9 of its mistakes" in title(plots.hidden_layer_map(network_of(5), IMAGES, EVALUATION))


def test_a_network_that_sees_nothing_has_a_map() -> None:
    dead = NeuralNetwork([Dense(4, "zeros"), ReLU(), Dense(10)])
    dots = plots.hidden_layer_map(dead, IMAGES[:4], ALL_RIGHT).axes[0].collections
    assert np.isfinite(np.concatenate([collection.get_offsets() for collection in dots])).all()


# -- risk and coverage


def test_risk_and_coverage_are_drawn_in_percent_and_the_gain_is_written() -> None:
    figure = plots.risk_coverage(*RISK_COVERAGE)
    coverage, risk = (100 * values[-201:] for values in RISK_COVERAGE)
    curve = figure.axes[0].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), coverage)
    np.testing.assert_allclose(curve.get_ydata(), risk)
    assert title(figure) == "Leaving the least sure 1 % unanswered avoids 50 % of the mistakes"
    assert {"0.00 %", "1.01 %", "2.00 %"} <= set(texts(figure))


def test_one_risk_belongs_to_each_coverage() -> None:
    with pytest.raises(ValueError, match=r"one risk for each coverage; got shapes \(2,\) and \(1000,\)"):
        plots.risk_coverage(COVERAGE, np.zeros(2))


def test_every_mistake_is_shown_once_by_its_true_digit() -> None:
    figure = plots.all_mistakes(IMAGES, LABELS, EVALUATION.predictions)
    shown = [int(axes.get_xlabel()[1:]) for axes in figure.axes]
    assert sorted(shown) == np.flatnonzero(EVALUATION.predictions != LABELS).tolist()
    for axes, index in zip(figure.axes, shown, strict=True):
        np.testing.assert_allclose(np.ma.getdata(axes.images[0].get_array()), IMAGES[index] / 255)
        assert axes.get_title() == f"{LABELS[index]} → {EVALUATION.predictions[index]}"
    assert sorted(LABELS[shown]) == LABELS[shown].tolist()
    assert title(figure) == f"All {len(shown)} mistakes in 200 images: {len(shown) / 2:.2f} %"


def test_too_many_mistakes_for_a_picture_are_refused() -> None:
    with pytest.raises(DigitsError, match="up to 100 mistakes; this network makes 180"):
        plots.all_mistakes(IMAGES, LABELS, np.zeros(200, int))


# -- all of an evaluation


def test_an_evaluation_has_all_figures_and_weights_where_they_are_pictures() -> None:
    images, evaluation = IMAGES[110:130], Evaluation(PROBABILITIES[110:130], LABELS[110:130])
    always = [
        *("confusion_matrix", "accuracy_by_digit", "worst_mistakes"),
        *("reliability_diagram", "risk_coverage", "hidden_layer_map"),
    ]
    assert list(plots.evaluation_figures(network_of(8), images, evaluation)) == [*always, "first_layer_weights"]
    dropped_first = NeuralNetwork([Dropout(0.1), Dense(10)])
    assert "first_layer_weights" in plots.evaluation_figures(dropped_first, images, evaluation)
    convolutional = NeuralNetwork([Conv2D(2, 5), ReLU(), Flatten(), Dense(10)], input_shape=(1, 28, 28))
    assert list(plots.evaluation_figures(convolutional, images, evaluation)) == always


def test_threads_draw_the_same_as_one_alone() -> None:
    """Matplotlib's settings are global: each thread would draw with what the last one has left."""

    def drawn(_: int) -> bytes:
        figure, picture = plots.accuracy_by_digit(ALL_RIGHT), BytesIO()
        with plots.drawing():
            figure.savefig(picture, format="png", dpi=40)
        return picture.getvalue()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(drawn, range(8))) == {drawn(0)}


# -- files


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")])
def test_the_ending_chooses_the_format_and_the_folder_is_made(name: str, start: bytes, tmp_path: Path) -> None:
    plots.save(of_predictions(1), tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes().startswith(start)
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize("name", ["figure", "figure.xyz", "figure.png.zip"])
def test_an_unknown_ending_is_refused_and_the_file_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(DigitsError, match=r"must end in \.png, \.svg or \.pdf\."):
        plots.save(of_predictions(1), tmp_path / name)
    assert (tmp_path / name).read_text() == "old"


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DigitsError, match=r"cannot write .*figure\.png: Not a directory"):
        plots.save(of_predictions(1), tmp_path / "file" / "figure.png")


# -- the world outside


def in_a_new_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_pyplot_is_not_imported_and_the_settings_of_others_are_left_alone() -> None:
    code = """
import sys, matplotlib, numpy
before = matplotlib.rcParams.copy()
from digits import plots
plots.predictions(numpy.zeros((1, 28, 28)), numpy.eye(10)[:1], None, ["a"]).savefig("/dev/null", format="png")
print("matplotlib.pyplot" in sys.modules, matplotlib.rcParams.copy() == before)
"""
    assert in_a_new_python(code).split() == ["False", "True"]


def test_without_matplotlib_the_user_is_told_what_to_install() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None
from digits.errors import DigitsError
try:
    from digits import plots
except DigitsError as error:
    print(error)
"""
    assert 'pip install "digits[plots]"' in in_a_new_python(code)


def test_images_may_be_flat_and_floating_point() -> None:
    def drawn(images: Array) -> bytes:
        picture = BytesIO()
        plots.predictions(images, PROBABILITIES[:2], None, ["a", "b"]).savefig(picture, format="png")
        return picture.getvalue()

    assert drawn(IMAGES[:2]) == drawn(IMAGES[:2].reshape(2, 784) / 255)
