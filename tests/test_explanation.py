from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, NeuralNetwork
from digits.explanation import explain
from digits.layers import Dense, Dropout, LeakyReLU, ReLU
from digits.model_files import load_model


@pytest.fixture(scope="module")
def network() -> NeuralNetwork:
    return load_model("quick").network


@pytest.mark.parametrize("index", [0, 18, 247, 9999])
def test_the_parts_add_up_to_the_margin(network: NeuralNetwork, mnist: tuple[Dataset, Dataset], index: int) -> None:
    parts = explain(network, mnist[1].images[index])
    logits = network.astype(np.float64).logits(mnist[1].images[index : index + 1])[0]
    assert parts.margin == pytest.approx(logits[parts.winner] - logits[parts.runner_up])
    assert parts.contributions.sum() + parts.bias_share == pytest.approx(parts.margin, abs=1e-12)
    assert list(np.argsort(logits)[-2:]) == [parts.runner_up, parts.winner]


def test_paper_says_nothing(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    """Gradient × input is 0 where there is no ink."""
    image = mnist[1].images[0]
    assert not explain(network, image).contributions[image == 0].any()


@pytest.mark.parametrize("activation", [ReLU, LeakyReLU])
def test_without_biases_the_pixels_account_for_everything(activation: type, mnist: tuple[Dataset, Dataset]) -> None:
    network = NeuralNetwork([Dense(32), activation(), Dropout(0.5), Dense(10)], seed=1)  # fresh biases are 0
    assert explain(network, mnist[1].images[5]).bias_share == pytest.approx(0, abs=1e-12)


def test_the_network_is_left_as_it_is(network: NeuralNetwork, mnist: tuple[Dataset, Dataset]) -> None:
    before = network.parameters.copy()
    explain(network, mnist[1].images[0])
    assert np.array_equal(network.parameters, before)
