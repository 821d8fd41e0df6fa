from __future__ import annotations

import base64
import time
from math import fsum, log
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from digits import Dataset, NeuralNetwork
from digits.activations import Array
from digits.errors import DigitsError
from digits.layers import BatchNorm, Dense, Dropout, ReLU
from digits.model_files import TrainedModel, load_model, save_model
from digits.studio.images import as_pixels
from digits.studio.inside import MOST_CHECKS, MOST_STEPS
from digits.studio.networks import Loaded
from digits.studio.settings import Settings
from digits.studio.stepping import Workbench

Json = dict[str, Any]


def decoded(encoded: Json) -> Array:
    return np.frombuffer(base64.b64decode(encoded["data"]), encoded["dtype"]).reshape(encoded["shape"])


@pytest.fixture(scope="module")
def look(mnist: tuple[Dataset, Dataset]) -> Json:
    """The standard model looks at a 7."""
    return {"model": "standard", "pixels": as_pixels(mnist[1].images[0])}


def ask(client: TestClient, what: str, request: Json) -> Json:
    answer = client.post(f"/api/inside/{what}", json=request)
    assert answer.status_code == 200, answer.text
    return answer.json()


def steps(count: int, learning_rate: float, label: int) -> list[Json]:
    return [{"learning_rate": learning_rate, "label": label}] * count


def test_the_way_forward_is_the_networks_own(client: TestClient, look: Json, mnist: tuple[Dataset, Dataset]) -> None:
    forward = ask(client, "forward", look)
    network = load_model("standard").stored.astype(np.float64)
    outputs = mnist[1].images[:1].reshape(1, 784) / 255
    for layer, told in zip(network.layers, forward["layers"], strict=True):
        outputs = layer.infer(outputs)
        assert decoded(told["values"]) == pytest.approx(outputs[0], rel=1e-6, abs=1e-6)
        assert told["name"] == repr(layer)
    assert forward["logits"] == pytest.approx(outputs[0], abs=1e-12)
    assert forward["answer"] == 7
    assert fsum(forward["probabilities"]) == pytest.approx(1)
    assert sum(layer["parameters"] for layer in forward["layers"]) == network.parameters.size
    assert forward["notes"] == []


@pytest.mark.parametrize(("model", "layer", "unit"), [("standard", 0, 43), ("standard", 4, 7), ("cnn", 3, 1000)])
def test_the_sum_that_is_written_out_adds_up(client: TestClient, look: Json, model: str, layer: int, unit: int) -> None:
    answer = ask(client, "unit", look | {"model": model, "layer": layer, "unit": unit})
    written = answer["sum"]
    total = fsum([*(term["product"] for term in written["terms"]), written["rest"], written["bias"]])
    assert total == pytest.approx(answer["output"], abs=1e-12)
    assert len(written["terms"]) + written["rest_count"] == decoded(answer["weights"]).size
    assert (decoded(answer["seen"]) * decoded(answer["weights"])).sum() + written["bias"] == pytest.approx(total)
    assert answer["gradients"] is None


def test_a_pixel_is_a_unit_too(client: TestClient, look: Json) -> None:
    pixel = int(np.argmax(look["pixels"]))
    answer = ask(client, "unit", look | {"layer": -1, "unit": pixel, "label": 3})
    assert answer["output"] == look["pixels"][pixel] / 255
    assert answer["gradients"]["parameters"] == 0
    products = answer["gradients"]["influence"]
    total = fsum([*(term["product"] for term in products["terms"]), products["rest"]])
    assert total == pytest.approx(answer["gradients"]["output"], abs=1e-12)


@pytest.mark.parametrize(
    ("model", "layer", "unit"), [("standard", 0, 43), ("standard", 4, 3), ("cnn", 0, 300), ("cnn", 12, 5)]
)
def test_every_gradient_of_a_unit_equals_its_central_difference(
    client: TestClient, look: Json, model: str, layer: int, unit: int
) -> None:
    request = look | {"model": model, "layer": layer, "unit": unit, "label": 3}
    shown = ask(client, "unit", request)["gradients"]
    found: list[Json] = []
    start, total = 0, 1
    while start < total:
        answer = ask(client, "check", request | {"start": start, "count": MOST_CHECKS})
        assert answer["relative_error"] <= 1e-6
        found += answer["checks"]
        start, total = start + MOST_CHECKS, answer["total"]
    assert {check["verdict"] for check in found} <= {"agrees", "rounding", "kink"}
    output, *parameters = found
    assert len(parameters) == total == shown["parameters"]
    assert output["gradient"] == shown["output"]
    sizes = [abs(check["gradient"]) for check in parameters]
    assert sizes == sorted(sizes, reverse=True)
    weights = decoded(shown["weights"])
    assert sorted([*weights.reshape(-1), shown["bias"]]) == sorted(check["gradient"] for check in parameters)


def test_a_sample_of_every_layer_equals_its_central_differences(client: TestClient, look: Json) -> None:
    for layer in ask(client, "forward", look)["layers"]:
        answer = ask(client, "check", look | {"label": 2, "layer": layer["index"], "unit": None})
        assert (answer["total"] > 0) == (layer["parameters"] > 0)
        assert answer["relative_error"] <= 1e-6


def test_the_way_back_begins_with_the_answer_minus_the_truth(client: TestClient, look: Json) -> None:
    forward, backward = ask(client, "forward", look), ask(client, "backward", look | {"label": 3})
    assert backward["loss"] == pytest.approx(-log(forward["probabilities"][3]), abs=1e-9)
    wanted = np.array(forward["probabilities"]) - np.eye(10)[3]
    assert decoded(backward["layers"][-1]["outputs"]) == pytest.approx(wanted, abs=1e-6)
    assert [layer["index"] for layer in backward["layers"]] == list(range(-1, len(forward["layers"])))
    lengths = [layer["parameters_length"] for layer in backward["layers"]]
    assert fsum(length**2 for length in lengths) == pytest.approx(backward["slope"])


# -- steps


@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=st.integers(0, 9), rate=st.floats(1e-8, 1e-6))
def test_a_small_step_lowers_the_loss(client: TestClient, look: Json, label: int, rate: float) -> None:
    before, after = ask(client, "backward", look | {"label": label, "steps": steps(1, rate, label)})["states"]
    assert after["loss"] < before["loss"]


def test_a_step_lowers_the_loss_by_as_much_as_the_slope_promises(client: TestClient, look: Json) -> None:
    before = ask(client, "backward", look | {"label": 3})
    after = ask(client, "backward", look | {"label": 3, "steps": steps(1, 1e-7, 3)})
    assert before["loss"] - after["loss"] == pytest.approx(1e-7 * before["slope"], rel=1e-2)
    assert [state["loss"] for state in after["states"]] == pytest.approx([before["loss"], after["loss"]], abs=1e-12)


def test_ten_steps_make_it_say_another_digit_and_undoing_them_restores_exactly(client: TestClient, look: Json) -> None:
    before = ask(client, "forward", look)
    states = ask(client, "backward", look | {"label": 3, "steps": steps(10, 0.001, 3)})["states"]
    assert (states[0]["answer"], states[-1]["answer"]) == (7, 3)
    nine = ask(client, "forward", look | {"steps": steps(9, 0.001, 3)})
    assert nine["probabilities"] == pytest.approx(states[9]["probabilities"], abs=1e-12)
    assert ask(client, "forward", look) == before


def test_the_model_itself_does_not_change(client: TestClient, look: Json) -> None:
    network = client.app.state.networks.get("standard").model.stored  # type: ignore[attr-defined]
    parameters = network.parameters.copy()
    ask(client, "check", look | {"label": 3, "layer": 0, "unit": 43, "steps": steps(2, 0.1, 3)})
    assert np.array_equal(network.parameters, parameters)


def test_what_was_forgotten_is_computed_again_alike(client: TestClient, mnist: tuple[Dataset, Dataset]) -> None:
    loaded = client.app.state.networks.get("standard")  # type: ignore[attr-defined]
    image, taken = mnist[1].images[0], ((0.001, 3), (0.002, 5), (0.001, 3))
    at_once = Workbench().after(loaded, image, taken)
    workbench = Workbench()
    one_by_one = [workbench.after(loaded, image, taken[:count]) for count in range(4)][-1]
    assert np.array_equal(one_by_one.network.parameters, at_once.network.parameters)
    assert np.array_equal(one_by_one.logits, at_once.logits)
    assert workbench.after(loaded, image, taken) is one_by_one


def test_a_step_that_leaves_the_numbers_is_refused(mnist: tuple[Dataset, Dataset], settings: Settings) -> None:
    network = NeuralNetwork([Dense(10), Dense(10), Dense(10)], seed=1)
    network.parameters *= np.float32(1e30)
    model = TrainedModel(network, settings.folder, None, None, {}, None, "tests")
    with pytest.raises(DigitsError, match="lower the learning rate"):
        Workbench().after(Loaded("large", model), mnist[1].images[0], tuple((100.0, digit) for digit in range(10)))


# -- networks with batch normalisation and dropout


def test_batch_normalisation_keeps_its_averages_and_says_so(client: TestClient, settings: Settings, look: Json) -> None:
    network = NeuralNetwork([Dense(12), BatchNorm(), ReLU(), Dropout(0.5), Dense(10)], seed=3)
    network.statistics[...] = np.random.default_rng(0).uniform(0.2, 1, network.statistics.shape)
    (settings.folder / "models").mkdir(exist_ok=True)
    save_model(settings.folder / "models" / "normalised.pkl", network)
    request = look | {"model": "normalised"}
    forward = ask(client, "forward", request)
    assert [layer["kind"] for layer in forward["layers"]] == ["Dense", "BatchNorm", "ReLU", "Dropout", "Dense"]
    assert len(forward["notes"]) == 2
    logits = network.astype(np.float64).logits(np.array(look["pixels"], np.uint8).reshape(1, 784))[0]
    assert forward["logits"] == pytest.approx(logits, abs=1e-9)
    for layer in (0, 1, 4):
        assert ask(client, "check", request | {"label": 3, "layer": layer, "unit": 4})["relative_error"] <= 1e-6
    unit = ask(client, "unit", request | {"layer": 1, "unit": 4, "label": 3})
    n = unit["numbers"]
    assert n["γ"] * (n["x"] - n["μ"]) / (n["σ²"] + n["ε"]) ** 0.5 + n["β"] == pytest.approx(unit["output"])


# -- favourites and refusals


def test_favourites_are_the_test_images_with_the_largest_outputs(
    client: TestClient, mnist: tuple[Dataset, Dataset]
) -> None:
    query: Json = {"model": "standard", "layer": 1, "unit": 43}
    while (answer := client.get("/api/inside/favourites", params=query).json())["result"] is None:
        time.sleep(0.2)
    dense = load_model("standard").stored.layers[0]
    assert isinstance(dense, Dense)
    sums = mnist[1].images.reshape(-1, 784) / np.float32(255) @ dense.weights[:, 43] + dense.biases[43]
    assert [image["output"] for image in answer["result"]] == pytest.approx(np.sort(sums)[:-9:-1], rel=1e-4)
    assert all(mnist[1].labels[image["index"]] == image["label"] for image in answer["result"])


@pytest.mark.parametrize(
    ("what", "change", "status"),
    [
        ("unit", {"layer": 9, "unit": 0}, 404),
        ("unit", {"layer": 0, "unit": 256}, 404),
        ("unit", {"layer": -2, "unit": 0}, 422),
        ("forward", {"model": "nothing"}, 404),
        ("forward", {"pixels": [0] * 783}, 422),
        ("backward", {"label": 10}, 422),
        ("backward", {"label": 3, "steps": steps(MOST_STEPS + 1, 0.1, 3)}, 422),
        ("backward", {"label": 3, "steps": steps(1, 0, 3)}, 422),
        ("check", {"label": 3, "layer": 0, "unit": 0, "count": MOST_CHECKS + 1}, 422),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(
    client: TestClient, look: Json, what: str, change: Json, status: int
) -> None:
    answer = client.post(f"/api/inside/{what}", json=look | change)
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")
