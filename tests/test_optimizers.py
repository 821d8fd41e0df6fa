"""Optimizers by hand, on a quadratic, interrupted and resumed; averages of weights; schedules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.optimizers import OPTIMIZERS, SCHEDULES, SGD, AdamW, Momentum, Nesterov, Optimizer, WeightAverage

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def trajectory(optimizer: Optimizer, gradients: list[float], start: float = 1.0) -> list[float]:
    """Where one parameter is after each step."""
    parameters = np.array([start])
    positions = []
    for gradient in gradients:
        optimizer.step(parameters, np.array([float(gradient)]))
        positions.append(float(parameters[0]))
    return positions


# -- by hand -------------------------------------------------------------------------------------------------


def test_sgd_by_hand() -> None:
    assert trajectory(SGD(0.1), [1, 2, -1]) == pytest.approx([0.9, 0.7, 0.8])


def test_sgd_with_decay_by_hand() -> None:
    # θ ← θ − 0.1·(g + 0.5·θ):  1 − 0.1·1.5 = 0.85;  0.85 − 0.1·(2 + 0.425) = 0.6075
    assert trajectory(SGD(0.1, weight_decay=0.5), [1, 2]) == pytest.approx([0.85, 0.6075])


def test_momentum_by_hand() -> None:
    # v = 1;  0.5·1 + 2 = 2.5;  0.5·2.5 − 1 = 0.25
    assert trajectory(Momentum(0.1, momentum=0.5), [1, 2, -1]) == pytest.approx([0.9, 0.65, 0.625])


def test_nesterov_by_hand() -> None:
    # v as above; g + 0.5·v = 1.5;  2 + 1.25 = 3.25;  −1 + 0.125 = −0.875
    assert trajectory(Nesterov(0.1, momentum=0.5), [1, 2, -1]) == pytest.approx([0.85, 0.525, 0.6125])


def test_adamw_by_hand() -> None:
    # With β₁ = 0.5, β₂ = 0.75, ε = 0. Step 1: m̂ = g, √v̂ = |g|, so θ = 1 − 0.1·1.
    # Step 2: m = 0.5·0.5 + 0.5·2 = 1.25, m̂ = 1.25/0.75;  v = 0.75·0.25 + 0.25·4 = 1.1875, v̂ = 1.1875/0.4375.
    second = 0.9 - 0.1 * (1.25 / 0.75) / (1.1875 / 0.4375) ** 0.5
    optimizer = AdamW(0.1, beta1=0.5, beta2=0.75, epsilon=0, weight_decay=0)
    assert trajectory(optimizer, [1, 2]) == pytest.approx([0.9, second])


def test_adamw_decays_past_its_averages() -> None:
    # without a gradient nothing but the decay is left: θ ← θ·(1 − η·λ)
    assert trajectory(AdamW(0.1, weight_decay=0.5), [0, 0]) == pytest.approx([0.95, 0.95**2])


def test_the_first_step_of_adamw_is_the_learning_rate_whatever_the_gradient() -> None:
    for gradient in (1e-4, 1.0, 1e4):
        assert trajectory(AdamW(0.01, weight_decay=0), [gradient]) == pytest.approx([0.99], abs=2e-6)


def test_epsilon_counts_as_in_the_paper() -> None:
    # θ − η·m̂ / (√v̂ + ε) = 1 − 0.1·2 / (2 + 3)
    assert trajectory(AdamW(0.1, epsilon=3, weight_decay=0), [2]) == pytest.approx([1 - 0.1 * 2 / 5])


def test_momentum_of_zero_is_gradient_descent() -> None:
    gradients = [1.0, -2.0, 0.5]
    for cls in (Momentum, Nesterov):
        assert trajectory(cls(0.1, momentum=0), gradients) == trajectory(SGD(0.1), gradients)


def test_a_steady_slope_is_run_down_ten_times_as_fast_with_momentum() -> None:
    positions = trajectory(Momentum(0.01, momentum=0.9), [1.0] * 200)
    assert positions[-2] - positions[-1] == pytest.approx(0.01 / (1 - 0.9))


# -- in general ----------------------------------------------------------------------------------------------


def descend(optimizer: Optimizer, parameters: Array, steps: int) -> Array:
    """Minimise ½·Σ cᵢ·(θᵢ − 3)², with curvatures cᵢ from 0.5 to 2."""
    curvatures = np.linspace(0.5, 2, len(parameters)).astype(parameters.dtype)
    for _ in range(steps):
        optimizer.step(parameters, curvatures * (parameters - 3))
    return parameters


@every_optimizer
def test_a_quadratic_is_minimised(name: str) -> None:
    optimizer = OPTIMIZERS[name](learning_rate=0.05, weight_decay=0)
    assert np.allclose(descend(optimizer, np.zeros(5), 2000), 3, atol=1e-3)


@every_optimizer
def test_decay_draws_towards_zero(name: str) -> None:
    without, with_decay = (
        descend(OPTIMIZERS[name](learning_rate=0.05, weight_decay=decay), np.zeros(5), 2000) for decay in (0, 0.1)
    )
    assert (np.abs(with_decay) < np.abs(without) - 0.01).all()


@every_optimizer
def test_parameters_change_in_place_and_keep_their_dtype(name: str) -> None:
    parameters = np.ones(4, np.float32)
    optimizer = OPTIMIZERS[name](learning_rate=0.1, weight_decay=0.1)
    optimizer.step(parameters, np.ones(4, np.float32))
    assert (parameters < 1).all()
    assert optimizer.steps == 1
    assert {array.dtype for array in optimizer.state().values() if isinstance(array, np.ndarray)} <= {parameters.dtype}


@every_optimizer
def test_a_learning_rate_may_be_changed_between_steps(name: str) -> None:
    optimizer = OPTIMIZERS[name](learning_rate=0.1)
    parameters = np.ones(3)
    optimizer.step(parameters, np.ones(3))
    before = parameters.copy()
    optimizer.learning_rate = 0.0
    optimizer.step(parameters, np.ones(3))
    assert np.array_equal(parameters, before)


@every_optimizer
@pytest.mark.parametrize("taken", [0, 1, 7])
@pytest.mark.parametrize("same", [True, False], ids=["turned back", "another one"])
def test_a_restored_optimizer_goes_on_bit_for_bit(name: str, taken: int, same: bool) -> None:
    optimizer = OPTIMIZERS[name](learning_rate=0.1, weight_decay=0.01)
    parameters = descend(optimizer, np.zeros(5, np.float32), taken)
    optimizer.learning_rate = 0.07
    state, saved = optimizer.state(), parameters.copy()
    expected = descend(optimizer, parameters, 5)

    resumed = optimizer if same else OPTIMIZERS[name](learning_rate=0.1, weight_decay=0.01)
    resumed.restore(state)
    assert resumed.steps == taken
    assert np.array_equal(descend(resumed, saved, 5), expected)


@every_optimizer
def test_a_state_is_a_copy(name: str) -> None:
    optimizer = OPTIMIZERS[name](learning_rate=0.1)
    parameters = descend(optimizer, np.zeros(5), 3)
    state = optimizer.state()
    kept = {key: np.copy(value) for key, value in state.items()}
    descend(optimizer, parameters, 3)
    optimizer.restore(state)
    descend(optimizer, parameters, 3)
    assert all(np.array_equal(state[key], value) for key, value in kept.items())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0), "the learning rate must be a positive number; got 0"),
        (lambda: SGD(-1), "the learning rate must be a positive number; got -1"),
        (lambda: SGD(float("nan")), "the learning rate must be a positive number; got nan"),
        (lambda: SGD(float("inf")), "the learning rate must be a positive number; got inf"),
        (lambda: SGD(1, weight_decay=-1), "the weight decay must be 0 or a positive number; got -1"),
        (
            lambda: AdamW(weight_decay=float("nan")),
            "the weight decay must be 0 or a positive number; got nan",
        ),
        (lambda: Momentum(1, momentum=1), "momentum must lie in 0 ≤ momentum < 1; got 1"),
        (lambda: Nesterov(1, momentum=-0.1), "momentum must lie in 0 ≤ momentum < 1; got -0.1"),
        (
            lambda: WeightAverage(np.zeros(1), 1),
            "the decay of a weight average must lie between 0 and 1; got 1",
        ),
        (
            lambda: WeightAverage(np.zeros(1), 0),
            "the decay of a weight average must lie between 0 and 1; got 0",
        ),
    ],
)
def test_what_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_an_optimizer_says_what_it_is() -> None:
    assert repr(Momentum(0.1)) == "Momentum(learning_rate=0.1)"


# -- the average of the weights ------------------------------------------------------------------------------


def test_an_average_by_hand() -> None:
    average = WeightAverage(np.array([0.0]), decay=0.25)
    average.update(np.array([1.0]))  # d = min(0.25, 2/11) = 2/11
    assert average.average[0] == pytest.approx(9 / 11)
    average.update(np.array([2.0]))  # d = min(0.25, 3/12)
    assert average.average[0] == pytest.approx(0.25 * 9 / 11 + 0.75 * 2)


@given(value=st.floats(-10, 10), steps=st.integers(1, 50))
def test_the_average_of_what_stays_is_what_stays(value: float, steps: int) -> None:
    average = WeightAverage(np.full(3, value), 0.99)
    for _ in range(steps):
        average.update(np.full(3, value))
    assert np.array_equal(average.average, np.full(3, value))


def test_an_average_lies_within_what_it_averages_and_forgets_its_start() -> None:
    random = np.random.default_rng(0)
    average = WeightAverage(np.array([100.0]), 0.9)
    for _ in range(300):
        average.update(random.uniform(-1, 1, 1))
    assert -1 < average.average[0] < 1


def test_an_average_wanders_less_than_what_it_averages() -> None:
    random = np.random.default_rng(0)
    average, averages = WeightAverage(np.zeros(1), 0.95), []
    for _ in range(2000):
        average.update(random.normal(size=1))
        averages.append(average.average[0])
    # the variance of an exponential average of white noise is (1 − d)/(1 + d) of the noise's
    assert np.var(averages[200:]) == pytest.approx(0.05 / 1.95, rel=0.4)


def test_the_average_is_changed_in_place_and_the_parameters_are_not() -> None:
    vector, parameters = np.zeros(3), np.ones(3)
    average = WeightAverage(vector, 0.9)
    average.update(parameters)
    assert average.average is vector
    assert vector.any()
    assert np.array_equal(parameters, np.ones(3))


# -- schedules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [("constant", 1, 1), ("step", 1, 0.01), ("cosine", 1, 0), ("one-cycle", 0.04, 0)],
)
def test_where_a_schedule_starts_and_ends(name: str, start: float, end: float) -> None:
    assert SCHEDULES[name](0.0) == pytest.approx(start)
    assert SCHEDULES[name](1.0) == pytest.approx(end, abs=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
@given(progress=st.floats(0, 1))
def test_a_schedule_stays_between_0_and_1(name: str, progress: float) -> None:
    assert 0 <= SCHEDULES[name](progress) <= 1 + 1e-12


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"step"}))
def test_a_schedule_makes_no_jumps(name: str) -> None:
    factors = np.array([SCHEDULES[name](progress) for progress in np.linspace(0, 1, 10_001)])
    assert np.abs(np.diff(factors)).max() < 1e-3


def test_step_falls_to_a_tenth_twice() -> None:
    assert [SCHEDULES["step"](p) for p in (0.49, 0.5, 0.74, 0.75, 1)] == [1, 0.1, 0.1, 0.01, 0.01]


def test_cosine_is_at_half_in_the_middle_and_only_falls() -> None:
    factors = [SCHEDULES["cosine"](p) for p in np.linspace(0, 1, 101)]
    assert factors[50] == pytest.approx(0.5)
    assert (np.diff(factors) < 0).all()


def test_one_cycle_rises_for_a_fifth_and_then_falls() -> None:
    factors = [SCHEDULES["one-cycle"](p) for p in np.linspace(0, 1, 101)]
    assert factors[20] == pytest.approx(1)
    assert (np.diff(factors[:21]) > 0).all()
    assert (np.diff(factors[20:]) < 0).all()
