"""Facts about accuracy, confusion, mistakes and calibration."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import DigitsError
from digits.evaluation import Evaluation, evaluate, wilson_interval
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
    assert read["expected_calibration_error"] == evaluation.calibration().expected_error
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
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
