"""Facts about accuracy, confusion, mistakes, calibration, and the mistakes that are left if not all is answered."""

from __future__ import annotations

import itertools
import json
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.activations import softmax
from digits.errors import DigitsError
from digits.evaluation import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    Evaluation,
    RiskCoverage,
    _derivatives,
    _minimum,
    evaluate,
    fit_temperature,
    wilson_interval,
)
from digits.layers import Dense
from digits.neural_network import NeuralNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from digits.activations import Array


def answers(predictions: Sequence[int] | Array, confidences: float | Sequence[float] | Array) -> Array:
    """Probabilities ``(n, 10)``: the answer has its confidence, the other nine digits share the rest."""
    confidences = np.broadcast_to(np.asarray(confidences, np.float64), len(predictions))
    probabilities = np.repeat((1 - confidences)[:, np.newaxis] / 9, 10, axis=1)
    probabilities[np.arange(len(predictions)), predictions] = confidences
    return probabilities


def random_evaluation(seed: int, count: int = 500) -> Evaluation:
    random = np.random.default_rng(seed)
    return Evaluation(random.dirichlet(np.full(10, 0.3), count), random.integers(0, 10, count, np.uint8))


evaluations = st.builds(random_evaluation, st.integers(0, 2**32), st.integers(1, 200))


@given(evaluations)
def test_the_confusion_matrix_counts_every_image_once(evaluation: Evaluation) -> None:
    confusion = evaluation.confusion
    assert confusion.shape == (10, 10)
    assert confusion.dtype.kind == "i"
    assert confusion.sum() == evaluation.count
    assert np.array_equal(confusion.sum(axis=1), np.bincount(evaluation.labels, minlength=10))
    assert np.array_equal(confusion.sum(axis=0), np.bincount(evaluation.predictions, minlength=10))


@given(evaluations)
def test_the_measures_agree_with_one_another(evaluation: Evaluation) -> None:
    wrong = evaluation.mistake_count
    assert evaluation.accuracy == evaluation.confusion.trace() / evaluation.count
    assert evaluation.error_percent == pytest.approx(100 * (1 - evaluation.accuracy))
    assert sum(count for _, _, count in evaluation.most_confused()) == wrong == len(evaluation.mistakes())
    totals = evaluation.confusion.sum(axis=1)
    rights = [total * (accuracy or 0) for total, accuracy in zip(totals, evaluation.per_digit, strict=True)]
    assert sum(rights) == pytest.approx(evaluation.count - wrong)


@given(evaluations, st.integers(0, 2**32))
def test_the_order_of_the_images_does_not_matter(evaluation: Evaluation, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(evaluation.count)
    shuffled = Evaluation(evaluation.probabilities[order], evaluation.labels[order])
    assert shuffled.accuracy == evaluation.accuracy
    assert shuffled.per_digit == evaluation.per_digit
    assert np.array_equal(shuffled.confusion, evaluation.confusion)
    assert shuffled.most_confused() == evaluation.most_confused()
    assert shuffled.calibration().expected_error == pytest.approx(evaluation.calibration().expected_error)
    assert set(order[shuffled.mistakes()]) == set(evaluation.mistakes())


def test_rows_are_the_truth_and_columns_the_answer() -> None:
    evaluation = Evaluation(answers([9, 9, 4], 0.8), np.array([4, 4, 4]))
    assert evaluation.confusion[4, 9] == 2
    assert evaluation.confusion[4, 4] == 1
    assert evaluation.most_confused() == [(4, 9, 2)]
    assert evaluation.per_digit == [None] * 4 + [1 / 3] + [None] * 5


def test_the_worst_mistakes_come_first_and_equal_ones_keep_their_order() -> None:
    predictions, confidences = [1, 1, 0, 1, 1], [0.5, 0.9, 0.99, 0.7, 0.9]
    evaluation = Evaluation(answers(predictions, confidences), np.zeros(5, np.uint8))
    assert evaluation.mistakes().tolist() == [1, 4, 3, 0]
    assert evaluation.mistakes(2).tolist() == [1, 4]


@given(evaluations)
def test_no_right_answer_is_among_the_mistakes(evaluation: Evaluation) -> None:
    worst = evaluation.mistakes()
    assert np.all(evaluation.predictions[worst] != evaluation.labels[worst])
    assert np.all(np.diff(evaluation.confidences[worst]) <= 0)


def test_the_most_frequent_confusion_comes_first() -> None:
    evaluation = Evaluation(answers([3, 3, 9, 9, 9, 5], 0.9), np.array([5, 5, 4, 4, 4, 5]))
    assert evaluation.most_confused() == [(4, 9, 3), (5, 3, 2)]
    assert evaluation.most_confused(1) == [(4, 9, 3)]


# -- calibration


def with_true_rate(confidences: Array, rates: Array) -> Evaluation:
    """A network that is right with a probability of ``rates``, whatever it claims."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, len(confidences))
    right = random.random(len(confidences)) < rates
    return Evaluation(answers(np.where(right, labels, (labels + 1) % 10), confidences), labels)


def test_a_network_that_is_as_often_right_as_it_claims_has_no_calibration_error() -> None:
    confidences = np.random.default_rng(1).uniform(0.2, 1, 100_000)
    assert with_true_rate(confidences, confidences).calibration().expected_error < 0.01


@pytest.mark.parametrize("gap", [0.1, 0.25])
def test_the_error_of_an_overconfident_network_is_how_much_too_sure_it_is(gap: float) -> None:
    confidences = np.random.default_rng(2).uniform(0.5, 1, 100_000)
    calibration = with_true_rate(confidences, confidences - gap).calibration()
    assert calibration.expected_error == pytest.approx(gap, abs=0.01)


def test_the_expected_calibration_error_of_a_small_case_by_hand() -> None:
    # (0.5, 1] holds two images, claims 0.6 and 0.9, one right: |1/2 − 3/4|. (0, 0.5] holds one: |1 − 0.4|.
    evaluation = Evaluation(answers([0, 0, 0], [0.6, 0.9, 0.4]), np.array([1, 0, 0]))
    calibration = evaluation.calibration(bins=2)
    assert calibration.counts.tolist() == [1, 2]
    np.testing.assert_allclose(calibration.confidence, [0.4, 0.75])
    np.testing.assert_allclose(calibration.accuracy, [1, 0.5])
    assert calibration.expected_error == pytest.approx(2 / 3 * 1 / 4 + 1 / 3 * 0.6)


@given(evaluations, st.integers(1, 40))
def test_every_image_is_in_the_bin_of_its_confidence(evaluation: Evaluation, bins: int) -> None:
    calibration = evaluation.calibration(bins)
    filled = calibration.counts > 0
    upper = np.arange(1, bins + 1) / bins
    assert calibration.counts.sum() == evaluation.count
    assert np.all(calibration.confidence[filled] <= upper[filled] + 1e-9)
    assert np.all(calibration.confidence[filled] >= upper[filled] - 1 / bins - 1e-9)


@given(evaluations)
def test_with_one_bin_the_error_is_the_gap_of_the_means(evaluation: Evaluation) -> None:
    gap = abs(evaluation.confidences.mean() - evaluation.accuracy)
    assert evaluation.calibration(bins=1).expected_error == pytest.approx(gap)


def test_a_confidence_between_two_bins_belongs_to_the_lower_one() -> None:
    assert Evaluation(answers([0], 0.5), np.array([0])).calibration(bins=2).counts.tolist() == [1, 0]


def test_confidence_of_exactly_one_is_in_the_last_bin() -> None:
    assert Evaluation(np.eye(10), np.arange(10)).calibration(15).counts[-1] == 10


# -- calibration in bins of equally many images


@given(evaluations, st.integers(1, 40))
def test_the_adaptive_bins_hold_equally_many_images_in_order_of_their_confidence(
    evaluation: Evaluation, bins: int
) -> None:
    calibration = evaluation.adaptive_calibration(bins)
    filled = calibration.counts > 0
    assert calibration.counts.sum() == evaluation.count
    assert np.ptp(calibration.counts) <= 1
    assert np.all(np.diff(calibration.confidence[filled]) >= -1e-9)
    rights = calibration.accuracy * calibration.counts
    assert rights.sum() == pytest.approx(evaluation.count - evaluation.mistake_count)


@given(evaluations)
def test_with_one_bin_it_does_not_matter_how_bins_are_made(evaluation: Evaluation) -> None:
    one_of_all = evaluation.calibration(bins=1).expected_error
    assert evaluation.adaptive_calibration(bins=1).expected_error == pytest.approx(one_of_all)


def test_the_adaptive_calibration_of_a_small_case_by_hand() -> None:
    evaluation = Evaluation(answers([0, 0, 0, 0], [0.6, 0.9, 0.4, 0.8]), np.array([1, 0, 0, 0]))
    calibration = evaluation.adaptive_calibration(bins=2)
    np.testing.assert_allclose(calibration.confidence, [0.5, 0.85])
    np.testing.assert_allclose(calibration.accuracy, [0.5, 1])
    assert calibration.expected_error == pytest.approx(1 / 2 * 0 + 1 / 2 * 0.15)


def test_adaptive_bins_see_errors_that_cancel_in_one_wide_bin() -> None:
    confidences = np.repeat([0.96, 1.0], 10_000)  # claims 98 % on average, and is right as often
    rates = np.repeat([1.0, 0.96], 10_000)
    evaluation = with_true_rate(confidences, rates)
    assert evaluation.calibration().expected_error < 0.003
    assert evaluation.adaptive_calibration(bins=2).expected_error == pytest.approx(0.04, abs=0.003)


# -- cells of the confusion matrix


def test_a_cell_holds_the_images_of_its_digit_and_its_answer_the_most_surprising_first() -> None:
    evaluation = Evaluation(answers([4, 4, 9, 9, 9, 9], [0.6, 0.9, 0.7, 0.5, 0.8, 0.9]), np.array([4, 4, 4, 4, 4, 9]))
    assert evaluation.cell(4, 4).tolist() == [0, 1]
    assert evaluation.cell(4, 9).tolist() == [4, 2, 3]
    assert evaluation.cell(9, 4).tolist() == []


@given(evaluations)
def test_the_cells_are_as_large_as_the_confusion_matrix_says(evaluation: Evaluation) -> None:
    sizes = [[len(evaluation.cell(truth, read)) for read in range(10)] for truth in range(10)]
    assert sizes == evaluation.confusion.tolist()


# -- risk and coverage


def test_the_risk_of_a_small_case_by_hand() -> None:
    evaluation = Evaluation(answers([0, 0, 0, 0], [0.6, 0.9, 0.4, 0.8]), np.array([1, 0, 1, 0]))
    curve = evaluation.risk_coverage()  # the surest first: right, right, wrong, wrong
    assert curve.errors.tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.risk, [0, 0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(curve.threshold, [0.9, 0.8, 0.6, 0.4])
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


def test_a_threshold_says_how_many_are_answered_and_how_many_mistakes_remain() -> None:
    curve = Evaluation(answers([0, 0, 0, 0], [0.6, 0.9, 0.4, 0.8]), np.array([1, 0, 1, 0])).risk_coverage()
    told = [(curve.answered_from(t), curve.errors_from(t)) for t in (0, 0.5, 0.7, 0.85, 0.95)]
    assert told == [(4, 2), (3, 1), (2, 0), (1, 0), (0, 0)]


@given(evaluations, st.floats(0, 1))
def test_what_a_threshold_leaves_is_counted_image_by_image(evaluation: Evaluation, threshold: float) -> None:
    curve = evaluation.risk_coverage()
    answered = evaluation.confidences.astype(np.float64) >= threshold
    wrong = evaluation.predictions != evaluation.labels
    assert curve.answered_from(threshold) == np.count_nonzero(answered)
    assert curve.errors_from(threshold) == np.count_nonzero(answered & wrong)


@given(evaluations)
def test_to_answer_everything_leaves_every_mistake(evaluation: Evaluation) -> None:
    curve = evaluation.risk_coverage()
    assert curve.coverage[-1] == 1
    assert curve.risk_at(1) == pytest.approx(1 - evaluation.accuracy)
    assert curve.errors_at(1) == evaluation.mistake_count
    assert np.all(np.diff(curve.errors) >= 0)
    assert np.all(np.diff(curve.errors) <= 1)
    assert np.all(np.diff(curve.threshold) <= 0)


def test_answers_of_equal_confidence_share_their_mistakes_in_any_order() -> None:
    predictions, confidences = np.zeros(5, int), [0.9, 0.7, 0.7, 0.7, 0.5]
    for labels in ([0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]):
        curve = Evaluation(answers(predictions, confidences), np.array(labels)).risk_coverage()
        np.testing.assert_allclose(curve.errors, [0, 1 / 3, 2 / 3, 1, 1])


@given(evaluations, st.integers(0, 2**32), st.integers(1, 20))
def test_no_measure_of_sureness_depends_on_the_order_of_the_images(
    evaluation: Evaluation, seed: int, decimals: int
) -> None:
    coarse = evaluation.probabilities.round(decimals % 3 + 1)  # so that many are equally sure
    order = np.random.default_rng(seed).permutation(evaluation.count)
    one = Evaluation(coarse, evaluation.labels)
    other = Evaluation(coarse[order], evaluation.labels[order])
    np.testing.assert_allclose(other.risk_coverage().errors, one.risk_coverage().errors)
    np.testing.assert_allclose(other.adaptive_calibration().accuracy, one.adaptive_calibration().accuracy)


@given(evaluations, st.integers(0, 2**32))
def test_no_order_of_the_answers_has_a_lower_area_than_right_before_wrong(evaluation: Evaluation, seed: int) -> None:
    wrong = evaluation.predictions != evaluation.labels
    ideal = np.cumsum(np.sort(wrong))
    assert evaluation.risk_coverage().area >= RiskCoverage(ideal, ideal).area - 1e-12


def test_confidence_that_knows_nothing_has_the_same_risk_at_every_coverage() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 1000)
    curve = Evaluation(np.full((1000, 10), 0.1), labels).risk_coverage()
    np.testing.assert_allclose(curve.risk, curve.risk[-1])
    assert curve.area == pytest.approx(curve.risk_at(0.5))


@pytest.mark.parametrize("count", [1, 7, 10, 100, 10_000])
def test_a_coverage_is_reached_by_as_few_answers_as_can_be(count: int) -> None:
    curve = Evaluation(np.full((count, 10), 0.1), np.zeros(count, int)).risk_coverage()
    assert [curve.answered_at(k / count) for k in range(1, count + 1)] == list(range(1, count + 1))
    assert curve.answered_at(0.99) == -(-99 * count // 100)
    assert curve.answered_at(1e-9) == 1


@pytest.mark.parametrize("coverage", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="0 < coverage ≤ 1; got"):
        random_evaluation(0).risk_coverage().risk_at(coverage)


# -- proper scores


@pytest.mark.parametrize(("probability", "nats", "brier"), [(1, 0, 0), (0.5, np.log(2), 0.5), (0.25, np.log(4), 1.125)])
def test_the_scores_of_two_equally_likely_digits_by_hand(probability: float, nats: float, brier: float) -> None:
    evaluation = Evaluation(np.array([[probability, 1 - probability, *[0] * 8]]), np.array([0]))
    assert evaluation.negative_log_likelihood == pytest.approx(nats)
    assert evaluation.brier_score == pytest.approx(brier)


def test_to_be_sure_and_wrong_is_the_worst_score_and_finite() -> None:
    for dtype in (np.float32, np.float64):
        evaluation = Evaluation(np.eye(10, dtype=dtype), np.roll(np.arange(10), 1))
        assert evaluation.brier_score == 2
        assert evaluation.negative_log_likelihood == pytest.approx(87, abs=0.5)


@given(evaluations, st.floats(0.2, 5))
def test_the_true_probabilities_have_the_best_scores(evaluation: Evaluation, temperature: float) -> None:
    truth = evaluation.probabilities[0]  # the labels come as often as this says
    claimed = softmax(np.log(truth + 1e-12)[np.newaxis] / temperature)
    scores = {
        name: [
            sum(truth[digit] * getattr(Evaluation(p, np.array([digit])), name) for digit in range(10))
            for p in (truth[np.newaxis], claimed)
        ]
        for name in ("negative_log_likelihood", "brier_score")
    }
    for honest, other in scores.values():
        assert honest <= other + 1e-9


# -- temperature


def labels_of(probabilities: Array, seed: int = 0) -> Array:
    """Draw a label from each row of probabilities."""
    thresholds = np.random.default_rng(seed).random((len(probabilities), 1))
    return np.minimum((probabilities.cumsum(axis=1) < thresholds).sum(axis=1), 9)


def some_logits(count: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 3, (count, 10))


def slope(logits: Array, labels: Array, temperature: float) -> float:
    """How the mean loss changes with T, by central differences."""

    def loss(t: float) -> float:
        return Evaluation(softmax(logits / t), labels).negative_log_likelihood

    return (loss(temperature * 1.001) - loss(temperature / 1.001)) / 0.002


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_with_is_found_again(true: float) -> None:
    logits = some_logits(20_000)
    assert fit_temperature(logits, labels_of(softmax(logits / true))) == pytest.approx(true, rel=0.03)


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_a_fitted_temperature_calibrates_images_it_was_not_fitted_on(true: float) -> None:
    logits = some_logits(40_000)
    labels = labels_of(softmax(logits / true))
    temperature = fit_temperature(logits[:20_000], labels[:20_000])
    calibrated = Evaluation(softmax(logits[20_000:] / temperature), labels[20_000:])
    assert calibrated.calibration().expected_error < 0.01
    assert calibrated.adaptive_calibration().expected_error < 0.02


fits = st.tuples(st.integers(2, 60), st.integers(0, 2**32), st.floats(0.5, 3))


@settings(deadline=None)
@given(fits)
def test_at_the_fitted_temperature_the_loss_is_least(fit: tuple[int, int, float]) -> None:
    count, seed, true = fit
    logits = some_logits(count, seed)
    labels = labels_of(softmax(logits / true), seed)
    temperature = fit_temperature(logits, labels)
    if temperature == LOWEST_TEMPERATURE:
        assert slope(logits, labels, temperature) >= -1e-6
    elif temperature == HIGHEST_TEMPERATURE:
        assert slope(logits, labels, temperature) <= 1e-6
    else:
        assert slope(logits, labels, temperature) == pytest.approx(0, abs=1e-4)


@given(fits, st.floats(0.5, 2))
def test_logits_of_another_scale_have_a_temperature_of_that_scale(fit: tuple[int, int, float], scale: float) -> None:
    count, seed, true = fit
    logits = some_logits(count, seed)
    labels = labels_of(softmax(logits / true), seed)
    expected = np.clip(scale * fit_temperature(logits, labels), LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE)
    found = fit_temperature(scale * logits, labels)
    at_a_bound = {found, fit_temperature(logits, labels)} & {LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE}
    assert at_a_bound or found == pytest.approx(expected, rel=1e-8)


@given(fits, st.integers(0, 2**32))
def test_what_softmax_does_not_see_the_temperature_does_not_see(fit: tuple[int, int, float], seed: int) -> None:
    count, label_seed, true = fit
    logits = some_logits(count, label_seed)
    labels = labels_of(softmax(logits / true), label_seed)
    random = np.random.default_rng(seed)
    order = random.permutation(count)
    shifted = (logits + random.normal(0, 50, (count, 1)))[order]
    assert fit_temperature(shifted, labels[order]) == pytest.approx(fit_temperature(logits, labels), rel=1e-6)


def test_where_every_answer_is_right_surer_is_always_better_whatever_is_lost_in_rounding() -> None:
    random = np.random.default_rng(0)
    for count, size in itertools.product(range(1, 6), np.logspace(-1, 6, 200)):
        logits = random.normal(0, 3, (count, 10)) + random.normal(0, size)
        assert fit_temperature(logits, logits.argmax(axis=1)) == LOWEST_TEMPERATURE


def test_logits_that_know_nothing_or_less_deserve_no_confidence() -> None:
    logits = some_logits(1000)
    assert fit_temperature(logits, logits.argmin(axis=1)) == HIGHEST_TEMPERATURE
    assert fit_temperature(np.zeros((5, 10)), np.arange(5)) == HIGHEST_TEMPERATURE


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size_have_a_temperature_within_the_bounds(scale: float, dtype: type) -> None:
    logits = some_logits(200)
    labels = labels_of(softmax(logits))
    assert LOWEST_TEMPERATURE <= fit_temperature((scale * logits).astype(dtype), labels) <= HIGHEST_TEMPERATURE


@pytest.mark.parametrize("far", [1, 10, 100, 1000])
def test_one_mistake_far_from_the_truth_among_many_right_answers_is_weighed_exactly(far: float) -> None:
    # 999 answers right by 1, one wrong by `far`, two digits in question: where 999·σ(−β) = far·σ(far·β).
    logits = np.full((1000, 10), -1e6)
    logits[:, :2] = 0
    logits[:-1, 0], logits[-1, 1] = 1, far
    beta = 1 / fit_temperature(logits, np.zeros(1000, np.uint8))
    if LOWEST_TEMPERATURE < 1 / beta < HIGHEST_TEMPERATURE:
        assert 999 / (1 + np.exp(beta)) == pytest.approx(far / (1 + np.exp(-far * beta)), rel=1e-6)
    else:
        assert far == 1000  # so wrong that no confidence is justified
        assert 1 / beta == HIGHEST_TEMPERATURE


@given(fits, st.floats(0.1, 5))
def test_the_derivatives_of_the_loss_are_its_central_differences(fit: tuple[int, int, float], beta: float) -> None:
    count, seed, true = fit
    logits = some_logits(count, seed)
    labels = labels_of(softmax(logits / true), seed)

    def loss(at: float) -> float:
        return float((np.log(np.exp(at * logits).sum(axis=1)) - at * logits[np.arange(count), labels]).mean())

    h = 1e-4
    slope, curvature = _derivatives(beta, logits, labels)
    assert slope == pytest.approx((loss(beta + h) - loss(beta - h)) / (2 * h), abs=1e-5)
    slopes = [_derivatives(at, logits, labels)[0] for at in (beta - h, beta + h)]
    assert curvature == pytest.approx((slopes[1] - slopes[0]) / (2 * h), abs=1e-5)


# Derivatives, with the minimum at c, of convex functions that Newton's method alone fails at or creeps on.
DIFFICULT: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "a kink, without curvature": lambda x, c: (-1.0 if x < c else 1.0, 0.0),
    "nearly a kink": lambda x, c: (math.atan(15 * (x - c)), 15 / (1 + (15 * (x - c)) ** 2)),
    "a sharp kink": lambda x, c: (math.atan(1e6 * (x - c)), 1e6 / (1 + (1e6 * (x - c)) ** 2)),
    "flat at the bottom": lambda x, c: ((x - c) ** 11, 11 * (x - c) ** 10),
    "a parabola": lambda x, c: (x - c, 1.0),
}


@pytest.mark.parametrize("function", DIFFICULT)
@given(minimum=st.floats(0.06, 19))
def test_a_minimum_is_found_in_few_steps_within_the_bounds(function: str, minimum: float) -> None:
    asked = []

    def derivatives(x: float) -> tuple[float, float]:
        assert 0.05 <= x <= 20
        asked.append(x)
        return DIFFICULT[function](x, minimum)

    assert _minimum(derivatives, 0.05, 20, start=1.0) == pytest.approx(minimum, rel=1e-9)
    assert len(asked) <= 100


def test_the_logits_are_left_as_they_were() -> None:
    logits = some_logits(50)
    before = logits.copy()
    fit_temperature(logits, np.arange(50) % 10)
    assert np.array_equal(logits, before)


# -- the interval of an accuracy


def test_the_wilson_interval_of_a_textbook_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_holds_what_was_measured_and_stays_within_0_and_1(
    measured: tuple[int, int],
) -> None:
    right, count = measured
    low, high = wilson_interval(right, count)
    assert 0 <= low <= right / count + 1e-12
    assert right / count - 1e-12 <= high <= 1
    assert high > low


# -- evaluate, JSON, errors


def test_evaluate_asks_the_network() -> None:
    network = NeuralNetwork([Dense(10)], seed=3)
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    labels = np.arange(50) % 10
    evaluation = evaluate(network, images, labels)
    assert np.array_equal(evaluation.predictions, network.predict(images))
    assert np.array_equal(evaluation.probabilities, network.predict_proba(images))
    assert evaluation.accuracy == np.mean(network.predict(images) == labels)


def test_the_dictionary_is_json_and_says_the_same() -> None:
    evaluation = random_evaluation(5)
    read = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert read["count"] == 500
    assert read["accuracy"] == evaluation.accuracy
    assert read["error_percent"] == evaluation.error_percent
    assert read["per_digit"] == evaluation.per_digit
    assert read["confusion"] == evaluation.confusion.tolist()
    assert read["expected_calibration_error"] == evaluation.calibration(bins=15).expected_error
    assert read["adaptive_calibration_error"] == evaluation.adaptive_calibration(bins=15).expected_error
    assert read["negative_log_likelihood"] == evaluation.negative_log_likelihood
    assert read["brier_score"] == evaluation.brier_score
    errors = evaluation.risk_coverage().errors
    assert read["errors_at_coverage"] == {"0.99": errors[495 - 1], "0.95": errors[475 - 1]}
    worst = read["mistakes"][0]
    assert worst["index"] == evaluation.mistakes()[0]
    assert worst["truth"] == evaluation.labels[worst["index"]]
    assert worst["label"] == evaluation.predictions[worst["index"]]
    assert worst["confidence"] == evaluation.confidences[worst["index"]]


def test_the_dictionary_of_a_set_without_some_digits_is_json_too() -> None:
    measures = Evaluation(np.eye(10)[:3], np.arange(3)).to_dict()
    assert json.loads(json.dumps(measures, allow_nan=False))["per_digit"] == [1.0] * 3 + [None] * 7
    assert measures["mistakes"] == []


def test_no_images_is_something_a_user_can_mend() -> None:
    with pytest.raises(DigitsError, match="there are no images"):
        Evaluation(np.empty((0, 10)), np.empty(0, np.uint8))


def test_no_logits_or_such_as_are_no_numbers_are_something_a_user_can_mend() -> None:
    with pytest.raises(DigitsError, match="there are no images"):
        fit_temperature(np.empty((0, 10)), np.empty(0, np.uint8))
    with pytest.raises(DigitsError, match="not finite numbers"):
        fit_temperature(np.full((1, 10), np.nan), np.zeros(1, int))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(Evaluation, np.ones((2, 9)), np.zeros(2, int)), r"shape \(n, 10\); got \(2, 9\)"),
        (
            partial(Evaluation, np.ones((2, 10)), np.zeros(3, int)),
            r"labels must be 2 integers.*got shape \(3,\)",
        ),
        (partial(Evaluation, np.ones((2, 10)), np.zeros(2)), "labels must be 2 integers.*float64"),
        (partial(Evaluation, np.ones((2, 10)), np.array([0, 10])), "0…9; got 0…10"),
        (partial(random_evaluation(0).calibration, 0), "at least one bin; got 0"),
        (partial(random_evaluation(0).adaptive_calibration, 0), "at least one bin; got 0"),
        (
            partial(fit_temperature, np.ones((2, 9)), np.zeros(2, int)),
            r"logits must have shape \(n, 10\); got \(2, 9\)",
        ),
        (partial(fit_temperature, np.ones((2, 10)), np.zeros(2)), "labels must be 2 integers.*float64"),
        (partial(fit_temperature, np.ones((2, 10)), np.array([0, -1])), "0…9; got -1…0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
