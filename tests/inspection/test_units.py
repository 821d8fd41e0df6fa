from __future__ import annotations

from math import fsum

import numpy as np
import pytest
from small_networks import image_for, networks

from digits import NeuralNetwork
from digits.inspection import describe, formulas, loss_formulas, parameter_name, parameter_positions, values
from digits.inspection.formulas import PACKAGE, difference_formula, step_formula
from digits.inspection.units import parameter_range
from digits.layers import LAYERS, BatchNorm, Conv2D, Dense

ALL = pytest.mark.parametrize("network", networks(), ids=repr)


@ALL
def test_the_sum_written_out_is_what_the_layer_computes(network: NeuralNetwork) -> None:
    frozen = network.frozen()
    found = values(frozen, image_for(network))
    for position, layer in enumerate(frozen.layers):
        if not isinstance(layer, Dense | Conv2D):
            continue
        for unit in range(found[position + 1].size):
            described = describe(frozen, found, position, unit)
            terms = described.terms(3)
            assert described.bias is not None
            total = fsum([*(term.product for term in terms), described.rest(3), described.bias])
            assert total == pytest.approx(described.output, abs=1e-13)
            assert all(term.product == term.value * term.weight for term in terms)
            sizes = [abs(term.product) for term in described.terms(described.seen.size)]
            assert sizes == sorted(sizes, reverse=True)


@ALL
def test_every_unit_can_be_described(network: NeuralNetwork) -> None:
    frozen = network.frozen()
    found = values(frozen, image_for(network))
    for position, layer in enumerate(frozen.layers):
        for unit in range(found[position + 1].size):
            described = describe(frozen, found, position, unit)
            assert described.output == found[position + 1][described.place]
            assert bool(described.written) == (not isinstance(layer, Dense | Conv2D))
            if isinstance(layer, BatchNorm):
                n = described.numbers
                expected = n["γ"] * (n["x"] - n["μ"]) / (n["σ²"] + n["ε"]) ** 0.5 + n["β"]
                assert described.output == pytest.approx(expected, abs=1e-12)


@ALL
def test_the_units_parameters_are_the_layers(network: NeuralNetwork) -> None:
    """Together the units of a layer have all its parameters, each once, and by the right name."""
    for position, layer in enumerate(network.layers):
        shape = layer.output_shape
        per_channel = int(np.prod(shape[1:]))
        found = [parameter_positions(network, position, channel * per_channel) for channel in range(shape[0])]
        start, end = parameter_range(network, position)
        if start == end:
            assert not np.concatenate(found).size
            continue
        assert sorted(np.concatenate(found)) == list(range(start, end))
        for place in np.concatenate(found):
            name, index = parameter_name(network, position, int(place))
            assert getattr(layer, name)[index] == network.parameters[place]


def test_a_units_parameters_come_in_the_order_in_which_it_sees_its_inputs() -> None:
    network = networks()[2].frozen()
    unit = describe(network, values(network, image_for(network)), 0, 50)
    positions = parameter_positions(network, 0, 50)
    assert unit.weights is not None
    assert np.array_equal(network.parameters[positions[:-1]], unit.weights.reshape(-1))
    assert network.parameters[positions[-1]] == unit.bias


def test_units_and_layers_that_are_not_there_are_refused() -> None:
    network = networks()[0]
    with pytest.raises(ValueError, match="layers 0…6; got 7"):
        parameter_positions(network, 7, 0)
    with pytest.raises(ValueError, match="layer 0 has units 0…6; got 7"):
        parameter_positions(network, 0, 7)
    with pytest.raises(ValueError, match="layer 2 has no parameter at 0"):
        parameter_name(network, 2, 0)


# -- formulas


def test_every_kind_of_layer_has_formulas_and_each_points_at_a_line_of_the_program() -> None:
    arguments = {"Dense": [3], "Conv2D": [2, 3], "Dropout": [0.1]}
    layers = [kind(*arguments.get(name, [])) for name, kind in LAYERS.items()]
    network = NeuralNetwork([Dense(2), BatchNorm()], (3,)).frozen()
    rows = [formulas(layer) for layer in (network.layers[1], *layers) if type(layer) is not BatchNorm]
    for formula in [row for of_layer in rows for row in of_layer] + [
        *loss_formulas(),
        step_formula(),
        difference_formula(),
    ]:
        source = (PACKAGE.parent / formula.file).read_text(encoding="utf-8").splitlines()
        assert tuple(source[formula.first - 1 : formula.first - 1 + len(formula.code)]) == formula.code
        assert formula.first < formula.line < formula.first + len(formula.code)


@ALL
def test_every_parameter_has_a_formula(network: NeuralNetwork) -> None:
    for layer in network.frozen().layers:
        wanted = {"outputs", "inputs", *layer.parameter_shapes(layer.input_shape)}
        assert {formula.quantity for formula in formulas(layer)} == wanted
