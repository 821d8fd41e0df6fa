"""The Test room's server: what it sends is what the library measures."""

from __future__ import annotations

import base64
import inspect
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fastapi.routing import APIRoute

from digits.activations import Array
from digits.comparison import Comparison
from digits.corruptions import CORRUPTIONS, corrupt
from digits.datasets import Dataset
from digits.evaluation import Evaluation, evaluate, wilson_interval
from digits.model_files import load_model
from digits.studio import testing

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


def network_of(name: str) -> Any:
    return load_model(name).network


@pytest.fixture(scope="module")
def test_set(mnist: tuple[Dataset, Dataset]) -> Dataset:
    return mnist[1]


@pytest.fixture(scope="module")
def evaluation(test_set: Dataset) -> Evaluation:
    return evaluate(network_of("quick"), test_set.images, test_set.labels)


def result(client: TestClient, path: str, **parameters: Any) -> Any:
    """Ask until it is measured."""
    for _ in range(600):
        answer = client.get(f"/api/test/{path}", params=parameters).json()
        assert 0 <= answer["progress"] <= 1
        if answer["result"] is not None:
            assert answer["progress"] == 1
            return answer["result"]
        time.sleep(0.05)
    pytest.fail("it takes too long")


def decoded(array: dict[str, Any]) -> Array:
    return np.frombuffer(base64.b64decode(array["data"]), array["dtype"]).reshape(array["shape"])


# -- the whole test set


def test_the_report_is_the_evaluation(client: TestClient, evaluation: Evaluation) -> None:
    report = result(client, "report", model="quick")
    right = evaluation.count - evaluation.mistake_count
    low, high = wilson_interval(right, evaluation.count)
    assert report["right"] == {"count": right, "of": 10_000, "low": low, "high": high}
    assert report["confusion"] == evaluation.confusion.tolist()
    assert sum(digit["count"] for digit in report["wrong_by_digit"]) == evaluation.mistake_count
    assert [digit["of"] for digit in report["wrong_by_digit"]] == evaluation.confusion.sum(axis=1).tolist()
    first = report["most_confused"][0]
    assert (first["truth"], first["read"], first["count"]) == evaluation.most_confused(1)[0]
    assert report["negative_log_likelihood"] == pytest.approx(evaluation.negative_log_likelihood)
    assert sum(each["count"] for each in report["reliability"]) == 10_000


def test_the_thresholds_count_what_is_answered_and_what_of_it_is_wrong(
    client: TestClient, evaluation: Evaluation
) -> None:
    thresholds = result(client, "report", model="quick")["thresholds"]
    assert thresholds[0] == {"threshold": 0, "answered": 10_000, "errors": evaluation.mistake_count}
    wrong = evaluation.predictions != evaluation.labels
    for each in thresholds[::10]:
        sure = evaluation.confidences.astype(float) >= each["threshold"]
        assert (each["answered"], each["errors"]) == (sure.sum(), (sure & wrong).sum())


def test_the_worst_mistakes_come_first_with_their_pixels(
    client: TestClient, evaluation: Evaluation, test_set: Dataset
) -> None:
    gallery = client.get("/api/test/mistakes", params={"model": "quick", "limit": 7}).json()
    indices = [image["index"] for image in gallery["images"]]
    assert indices == evaluation.mistakes(7).tolist()
    assert gallery["total"] == evaluation.mistake_count
    assert np.array_equal(decoded(gallery["pixels"]), test_set.images[indices])


def test_a_cell_of_the_confusion_matrix_shows_its_images(client: TestClient, evaluation: Evaluation) -> None:
    truth, read, count = evaluation.most_confused(1)[0]
    gallery = client.get("/api/test/cell", params={"model": "quick", "truth": truth, "read": read}).json()
    assert gallery["total"] == count
    assert {(image["truth"], image["read"]) for image in gallery["images"]} == {(truth, read)}


def test_one_answer_has_its_ten_probabilities(client: TestClient, evaluation: Evaluation) -> None:
    answer = client.get("/api/test/answers/8", params={"model": "quick"}).json()
    np.testing.assert_allclose(answer["probabilities"], evaluation.probabilities[8], atol=1e-5)
    assert answer["truth"] == evaluation.labels[8]


# -- corruptions


def test_the_kinds_are_those_of_the_library_each_with_a_sentence(client: TestClient) -> None:
    kinds = client.get("/api/test/corruptions").json()
    assert [kind["name"] for kind in kinds] == list(CORRUPTIONS)
    assert all(kind["description"].endswith((".", ":")) for kind in kinds)


@pytest.mark.parametrize("severity", [0, 0.5])
def test_images_before_and_after_a_corruption(client: TestClient, test_set: Dataset, severity: float) -> None:
    query = {"model": "quick", "severity": severity, "draw": 2}
    spoilt = client.get("/api/test/corruptions/fog", params=query).json()
    before, after = decoded(spoilt["before_pixels"]), decoded(spoilt["after_pixels"])
    indices = [image["index"] for image in spoilt["before"]]
    assert test_set.labels[indices].tolist() == list(range(10))
    assert np.array_equal(before, test_set.images[indices])
    assert np.array_equal(after, corrupt(before, "fog", seed=2, severity=severity))
    assert [image["read"] for image in spoilt["after"]] == network_of("quick").predict(after).tolist()
    assert [image["index"] for image in spoilt["after"]] == indices


def test_the_errors_of_all_kinds_are_measured_on_every_tenth_image(client: TestClient, test_set: Dataset) -> None:
    errors = result(client, "corruptions/errors", model="quick", severity=0.31)
    assert [error["name"] for error in errors] == ["clean", *CORRUPTIONS]
    images, labels = test_set.images[::10], test_set.labels[::10]
    spoilt = evaluate(network_of("quick"), corrupt(images, "stripe", severity=0.3), labels)
    stripe = next(error["wrong"] for error in errors if error["name"] == "stripe")
    assert (stripe["count"], stripe["of"]) == (spoilt.mistake_count, 1000)


# -- the map


def test_the_map_holds_the_mistakes_and_some_of_the_others(client: TestClient, evaluation: Evaluation) -> None:
    points = result(client, "map", model="quick", method="pca", layer="hidden")
    assert (len(points["index"]), points["total"]) == (1200, 10_000)
    assert set(evaluation.mistakes().tolist()) <= set(points["index"])
    assert points["read"] == evaluation.predictions[points["index"]].tolist()
    places = np.array([points["x"], points["y"]])
    assert np.abs(places).max() == pytest.approx(1)
    assert points["x"] != result(client, "map", model="quick", method="pca", layer="pixels")["x"]


def test_tsne_lays_digits_apart(client: TestClient) -> None:
    points = result(client, "map", model="quick")
    places, truth = np.array([points["x"], points["y"]]).T, np.array(points["truth"])
    distances = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(truth[distances.argmin(axis=1)] == truth) > 0.8


# -- two models


def test_two_models_are_compared_image_by_image(client: TestClient, evaluation: Evaluation, test_set: Dataset) -> None:
    other = evaluate(network_of("standard"), test_set.images, test_set.labels)
    comparison = Comparison(evaluation, other)
    compared = result(client, "comparison", model="quick", other="standard")
    assert compared["only_second"] == len(comparison.only_second)
    assert compared["p_value"] == comparison.p_value
    assert sum(compared[group] for group in ("both_right", "only_first", "only_second", "both_wrong")) == 10_000
    query = {"model": "quick", "other": "standard", "group": "only_second", "limit": 9}
    shown = client.get("/api/test/comparison/images", params=query).json()
    assert [image["index"] for image in shown["images"]] == comparison.only_second[:9].tolist()
    assert all(image["second_read"] == image["truth"] != image["first_read"] for image in shown["images"])


# -- manners


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("report?model=none", 404),
        ("comparison?model=quick&other=none", 404),
        ("answers/10000", 404),
        ("corruptions/rain", 404),
        ("corruptions/fog?severity=1.5", 422),
        ("cell?truth=10&read=1", 422),
        ("mistakes?limit=100000", 422),
        ("map?layer=first", 422),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"/api/test/{path}")
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_nothing_is_computed_on_the_event_loop() -> None:
    endpoints = [route.endpoint for route in testing.router.routes if isinstance(route, APIRoute)]
    assert endpoints
    assert not any(inspect.iscoroutinefunction(endpoint) for endpoint in endpoints)
