"""The Draw room: what is drawn is read, shown on its way, and taken apart."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from digits.datasets import load_mnist
from digits.model_files import load_model
from digits.reading import READING_MODEL, Reader
from digits.reading.strokes import draw_strokes
from digits.studio.app import create_app
from digits.studio.draw import HEIGHT, SCALE, WIDTH
from digits.studio.settings import Settings

Strokes = list[list[list[int]]]


def read(client: TestClient, strokes: Strokes, **more: Any) -> dict[str, Any]:
    response = client.post("/api/draw/read", json={"strokes": strokes, **more})
    assert response.status_code == 200, response.text
    return response.json()


def array_of(encoded: dict[str, Any]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(encoded["data"]), np.dtype(encoded["dtype"]).newbyteorder("<"))
    return flat.reshape(encoded["shape"])


def picture_of(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))))


def test_a_drawn_seven_is_a_seven(client: TestClient, seven: Strokes) -> None:
    reading = read(client, seven)
    assert (reading["text"], reading["reason"]) == ("7", None)
    [answer] = reading["answers"]
    assert (answer["label"], answer["reason"]) == (7, None)
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert reading["model"] == "standard"


def test_where_no_model_was_chosen_drawings_are_read_as_by_digits_read(tmp_path: Path, seven: Strokes) -> None:
    app = create_app(Settings(folder=tmp_path, page=tmp_path))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        models = client.get("/api/models").json()
        assert models["default_reader"] == READING_MODEL != models["default"]
        assert read(client, seven)["model"] == READING_MODEL
        assert client.post("/api/draw/image", json={"pixels": [0] * 784}).json()["model"] == READING_MODEL


def test_it_is_read_as_a_photo_is(client: TestClient, seven: Strokes) -> None:
    [answer] = read(client, seven)["answers"]
    [digit] = Reader(load_model("standard").network).read(draw_strokes(seven, WIDTH, HEIGHT, SCALE)).digits
    assert answer["pixels"] == digit.image.ravel().tolist()
    assert answer["probabilities"] == pytest.approx(digit.probabilities)
    prepared = client.post("/api/draw/prepare", json={"strokes": seven}).json()
    assert prepared["pixels"] == answer["pixels"]


def test_the_preparation_is_shown_step_by_step(client: TestClient, seven: Strokes) -> None:
    reading = read(client, seven)
    way = reading["preparation"]
    left, top, width, height = reading["answers"][0]["box"]
    assert picture_of(way["ink"]).shape == (way["height"], way["width"]) == (192, 256)
    assert picture_of(way["ink"])[top : top + height, left : left + width].any()
    assert picture_of(way["box"]).shape == tuple(way["box_size"][::-1])
    fitted, (row, column) = array_of(way["fitted"]), way["corner"]
    assert max(fitted.shape) == 20
    image = np.array(reading["answers"][0]["pixels"]).reshape(28, 28)
    assert np.array_equal(image[row : row + fitted.shape[0], column : column + fitted.shape[1]], fitted)
    assert np.abs(np.array(way["centre"]) - 14.5).max() <= 0.5


def test_several_digits_are_a_line(client: TestClient, one_seven: Strokes) -> None:
    reading = read(client, one_seven, which=1, model="cnn")
    assert reading["text"].replace(" ", "") == "17"
    assert [answer["label"] for answer in reading["answers"]] == [1, 7]
    assert reading["answers"][0]["box"][0] < reading["answers"][1]["box"][0]
    assert reading["which"] == 1
    assert read(client, one_seven, which=9)["which"] == 1, "where there are fewer, the last"


def test_nothing_drawn_is_blank(client: TestClient) -> None:
    reading = read(client, [])
    assert reading["answers"] == []
    assert reading["preparation"] is None
    assert "blank" in reading["reason"]
    assert client.post("/api/draw/prepare", json={"strokes": []}).json() == {"pixels": None}


def test_a_spiral_is_no_digit(client: TestClient) -> None:
    angles = np.arange(0, 20, 0.2)
    spiral = [[int(512 + 12 * t * np.cos(t)), int(384 + 12 * t * np.sin(t)), 30] for t in angles]
    [answer] = read(client, [spiral], model="robust")["answers"]
    assert (answer["label"], answer["reason"]) == (None, "not a digit")


@pytest.mark.parametrize("index", [0, 18, 247])
def test_a_test_image_is_answered_as_it_is(client: TestClient, index: int) -> None:
    image = load_mnist()[1].images[index]
    reading = client.post("/api/draw/image", json={"pixels": image.ravel().tolist()}).json()
    [answer] = reading["answers"]
    expected = load_model("standard").network.predict_proba(image[np.newaxis])[0]
    assert answer["probabilities"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert reading["preparation"] is None


def test_a_picture_file_is_read(client: TestClient, seven: Strokes) -> None:
    file = io.BytesIO()
    Image.fromarray(draw_strokes(seven, 1024, 768)).save(file, "PNG")
    headers = {"Content-Type": "application/octet-stream"}
    response = client.post("/api/draw/picture?model=cnn", content=file.getvalue(), headers=headers)
    assert response.json()["text"] == "7"
    assert (response.json()["preparation"]["width"], response.json()["preparation"]["height"]) == (1024, 768)
    nonsense = client.post("/api/draw/picture", content=b"no picture", headers=headers)
    assert nonsense.status_code == 400
    assert "no picture" in nonsense.json()["error"]


@pytest.mark.parametrize("model", ["standard", "cnn"])
def test_the_parts_add_up_to_the_margin(client: TestClient, seven: Strokes, model: str) -> None:
    pixels = read(client, seven, model=model)["answers"][0]["pixels"]
    parts = client.post("/api/draw/margin", json={"pixels": pixels, "model": model}).json()
    assert parts["winner"] == 7
    assert parts["margin"] == parts["logits"][7] - parts["logits"][parts["runner_up"]]
    total = array_of(parts["pixels"]).sum() + sum(part["share"] for part in parts["biases"])
    assert total == pytest.approx(parts["margin"], abs=1e-10)
    assert abs(parts["rest"]) < 1e-10


def test_any_digit_can_be_compared_with_any_other(client: TestClient, seven: Strokes) -> None:
    pixels = read(client, seven)["answers"][0]["pixels"]
    parts = client.post("/api/draw/margin", json={"pixels": pixels, "winner": 3, "runner_up": 8}).json()
    assert (parts["winner"], parts["runner_up"]) == (3, 8)
    same = client.post("/api/draw/margin", json={"pixels": pixels, "winner": 3, "runner_up": 3})
    assert same.status_code == 400


@pytest.mark.parametrize(
    ("strokes", "status"),
    [
        ([[[1024, 0, 40]]], 422),
        ([[[-1, 0, 40]]], 422),
        ([[[0, 0, 100_000]]], 422),
        ([[]], 422),
        ([[[0, 0, 40]]] * 201, 422),
        ([[[0, 0, 40]] * 2001, [[0, 0, 40]] * 2000], 422),
        ("drawing", 422),
    ],
)
def test_drawings_have_limits(client: TestClient, strokes: Any, status: int) -> None:
    response = client.post("/api/draw/read", json={"strokes": strokes})
    assert response.status_code == status
    assert list(response.json()) == ["error"]


def test_an_unknown_model_is_not_there(client: TestClient, seven: Strokes) -> None:
    for name in ("nothing", "../../etc/passwd", "/etc/passwd"):
        response = client.post("/api/draw/read", json={"strokes": seven, "model": name})
        assert response.status_code == 404
        assert "there is no model" in response.json()["error"]
