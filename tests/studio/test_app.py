"""What all rooms share: models, test images, the page, and one shape for every error."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from digits.datasets import load_mnist
from digits.errors import DigitsError
from digits.model_files import MODELS, save_model, shipped_models
from digits.studio.app import create_app
from digits.studio.images import as_image, as_pixels, encoded
from digits.studio.networks import KEPT, Networks
from digits.studio.settings import Settings

BYTES = {"Content-Type": "application/octet-stream"}


# -- models


def test_the_shipped_models_are_there_the_default_first(client: TestClient) -> None:
    found = client.get("/api/models").json()
    assert found["default"] == found["models"][0]["name"] == "standard"
    assert {model["name"] for model in found["models"]} >= set(shipped_models())
    standard, cnn = (next(m for m in found["models"] if m["name"] == name) for name in ("standard", "cnn"))
    assert standard["layers"] == "784 → Dense(256) → ReLU() → Dense(128) → ReLU() → Dense(10)"
    assert (standard["convolutional"], cnn["convolutional"]) == (False, True)
    assert standard["test_accuracy"] > 0.99


def test_a_model_can_be_uploaded_used_downloaded_and_deleted(client: TestClient) -> None:
    content = (MODELS / "quick.pkl").read_bytes()
    uploaded = client.put("/api/models/mine", content=content, headers=BYTES)
    assert uploaded.status_code == 200, uploaded.text
    assert (uploaded.json()["name"], uploaded.json()["kind"]) == ("mine", "saved")
    assert "mine" in [model["name"] for model in client.get("/api/models").json()["models"]]
    assert client.post("/api/draw/read", json={"strokes": [[[9, 9, 9]]], "model": "mine"}).json()["model"] == "mine"
    assert client.get("/api/models/mine/file").content == content
    taken = client.put("/api/models/mine", content=content, headers=BYTES)
    assert (taken.status_code, taken.json()["error"]) == (400, "there is a model mine already; choose another name.")
    assert client.delete("/api/models/mine").status_code == 204
    assert client.delete("/api/models/mine").status_code == 404


@pytest.mark.parametrize("content", [b"no model", b"cos\nsystem\n(S'touch /tmp/hostile'\ntR.", b"\x80\x05."])
def test_an_uploaded_file_is_read_as_a_strangers(client: TestClient, settings: Settings, content: bytes) -> None:
    response = client.put("/api/models/hostile", content=content, headers=BYTES)
    assert response.status_code == 400
    assert response.json()["error"].startswith("the file cannot be used")
    assert str(settings.folder) not in response.text
    assert list((settings.folder / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "%2e%2e%2fmine", "x" * 41, "a b", "standard", "-"])
def test_names_of_models_are_no_paths(client: TestClient, name: str) -> None:
    response = client.put(f"/api/models/{name}", content=b"x", headers=BYTES)
    assert response.status_code in (400, 404, 405, 422)
    assert client.delete("/api/models/standard").status_code == 400


def test_the_studio_begins_with_the_model_it_was_given(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "own.pkl"
    path.write_bytes((MODELS / "quick.pkl").read_bytes())
    networks = Networks(Settings(model=str(path), folder=settings.folder))
    assert networks.default == "own.pkl"
    assert next(iter(networks.files())) == "own.pkl"
    assert networks.get().name == "own.pkl"
    with pytest.raises(DigitsError, match="there is no model"):
        create_app(Settings(model="nothing", folder=tmp_path))


def test_a_file_that_changes_is_read_anew_and_few_are_kept(tmp_path: Path) -> None:
    networks = Networks(Settings(model="quick", folder=tmp_path))
    networks.folder.mkdir()
    for number in range(KEPT + 2):
        save_model(networks.path_to_save(f"m{number}"), networks.get("quick").model.stored)
        networks.get(f"m{number}")
    assert len(networks._loaded) == KEPT
    first = networks.get("m9")
    assert networks.get("m9") is first
    path = networks.folder / "m9.pkl"
    path.write_bytes((MODELS / "standard.pkl").read_bytes())
    assert networks.get("m9") is not first


# -- images


def test_test_images_have_labels(client: TestClient) -> None:
    _, test_set = load_mnist()
    image = client.get("/api/images/18").json()
    assert image == {"index": 18, "label": int(test_set.labels[18]), "pixels": test_set.images[18].ravel().tolist()}
    several = client.get("/api/images", params={"index": [3, 7]}).json()
    assert [each["index"] for each in several["images"]] == [3, 7]
    assert several["count"] == 10_000


def test_there_is_no_test_image_10000(client: TestClient) -> None:
    response = client.get("/api/images/10000")
    assert response.status_code == 404
    assert response.json() == {"error": "there is no test image 10000; they go from 0 to 9999."}
    assert client.get("/api/images", params={"index": [10_000]}).status_code == 404


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64, ">f8"])
def test_arrays_travel_as_they_are(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)[:, ::2]
    sent = encoded(array)
    assert sent.shape == [3, 2]
    back = np.frombuffer(base64.b64decode(sent.data), np.dtype(sent.dtype).newbyteorder("<")).reshape(sent.shape)
    assert np.array_equal(back, array)
    image = load_mnist()[1].images[0]
    assert np.array_equal(as_image(as_pixels(image)), image)


# -- the page, and errors


def test_the_page_is_asked_for_anew_and_its_parts_are_kept(client: TestClient) -> None:
    page, part = client.get("/"), client.get("/assets/index-4f2a.js")
    assert "studio" in page.text
    assert page.headers["Cache-Control"] == "no-cache"
    assert "immutable" in part.headers["Cache-Control"]
    assert client.get("/api/models").headers["Cache-Control"] == "no-store"


def test_no_file_outside_the_page_is_served(client: TestClient) -> None:
    for path in ("/..%2f..%2fetc%2fpasswd", "/%2e%2e/pyproject.toml", "/assets/..%2f..%2fsecret", "/.git"):
        assert client.get(path).status_code == 404


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path, settings: Settings) -> None:
    response = TestClient(create_app(Settings(folder=settings.folder, page=tmp_path)), base_url="http://127.0.0.1").get(
        "/"
    )
    assert response.status_code == 503
    assert "npm run build" in response.text


def test_every_error_is_one_sentence(client: TestClient) -> None:
    answers = {
        404: client.get("/api/nothing"),
        405: client.get("/api/draw/read"),
        422: client.post("/api/draw/read", json={"strokes": 3}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"].endswith(".")
    assert answers[405].headers["Allow"] == "POST"
    broken = client.post("/api/draw/read", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 422


def test_every_operation_documents_its_errors(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["tags"], (path, method)
            assert operation.get("description"), (path, method)
            for status in ("400", "404", "413", "422"):
                shape = operation["responses"][status]["content"]["application/json"]["schema"]["$ref"]
                assert shape.endswith("/Failure"), (path, method, status)


def test_the_schema_knows_the_messages_of_the_websocket_too(client: TestClient) -> None:
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    assert schemas["RunUpdate"]["properties"]["view"]["anyOf"][0] == {"$ref": "#/components/schemas/View"}
    assert "View" in schemas
