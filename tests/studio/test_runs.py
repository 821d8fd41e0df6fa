"""The Train room's requests and its WebSocket, as a page uses them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from digits.model_files import load_model
from digits.studio.app import create_app
from digits.studio.settings import Settings

SETTINGS = {"hidden": [16], "batch_size": 50, "epochs": 2, "images": 500}
SECONDS = 30.0
SOCKETS = "ws://127.0.0.1:8000"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Settings(folder=tmp_path, model="quick"))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def begin(client: TestClient, **changes: object) -> dict[str, Any]:
    answer = client.post("/api/runs", json={"name": "mine", "settings": SETTINGS | changes})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def go(client: TestClient, number: int, until: str = "end") -> dict[str, Any]:
    assert client.post(f"/api/runs/{number}/start", json={"until": until}).status_code == 200
    deadline = time.monotonic() + SECONDS
    while (run := client.get(f"/api/runs/{number}").json())["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return run


def test_options_hold_recipes_and_famous_mistakes(client: TestClient) -> None:
    presets = client.get("/api/runs/options").json()["presets"]
    assert {"quick", "plain", "standard", "cnn", "best-cnn"} <= {preset["name"] for preset in presets}
    mistakes = [preset["name"] for preset in presets if preset["mistake"]]
    assert mistakes == ["learning rate too high", "zero initialisation", "sigmoid in ten layers", "no shuffling"]
    for preset in presets:
        made = client.post("/api/runs", json={"name": preset["name"], "settings": preset["settings"]}).json()
        assert made["status"] == "paused"
        assert client.delete(f"/api/runs/{made['id']}").status_code == 204


def test_a_run_is_trained_scrubbed_forked_saved_and_downloaded(client: TestClient, tmp_path: Path) -> None:
    number = begin(client)["id"]
    assert go(client, number, "step")["step"] == 1
    run = go(client, number)
    assert (run["status"], run["step"]) == ("finished", 20)
    first, last = (client.get(f"/api/runs/{number}/view", params={"step": step}).json() for step in (0, 20))
    assert first["weights"]["shape"] == [16, 28, 28]
    assert last["measure"]["validation_accuracy"] > first["measure"]["validation_accuracy"]
    fork = {"name": "other", "step": 10, "settings": SETTINGS | {"learning_rate": 0.5}}
    forked = client.post(f"/api/runs/{number}/forks", json=fork).json()
    assert forked["parent"] == {"run": number, "step": 10, "epoch": 1.0}
    assert [each["id"] for each in client.get("/api/runs").json()["runs"]] == [number, forked["id"]]
    saved = client.post(f"/api/runs/{number}/models", json={"name": "mine"})
    assert saved.status_code == 201
    assert "mine" in {model["name"] for model in client.get("/api/models").json()["models"]}
    content = client.get(f"/api/runs/{number}/model.pkl").content
    (tmp_path / "model.pkl").write_bytes(content)
    model = load_model(tmp_path / "model.pkl")
    assert model.results["validation_accuracy"] == run["validation_accuracy"]
    assert np.array_equal(model.stored.parameters, load_model(tmp_path / "models" / "mine.pkl").stored.parameters)
    early = client.get(f"/api/runs/{number}/model.pkl", params={"step": 0}).content
    assert early != content


def test_a_run_is_changed_and_watches_a_digit(client: TestClient) -> None:
    number = begin(client)["id"]
    changed = client.patch(f"/api/runs/{number}", json={"name": "new", "learning_rate": 0.3, "pace": 5}).json()
    assert (changed["name"], changed["learning_rate"], changed["pace"]) == ("new", 0.3, 5)
    pixels = client.get("/api/images/0").json()["pixels"]
    watched = client.put(f"/api/runs/{number}/specimen", json={"pixels": pixels}).json()
    assert sum(watched["measures"][0]["answer"]) == pytest.approx(1)
    assert client.patch(f"/api/runs/{number}", json={"pace": 0}).json()["pace"] == 0
    assert go(client, number)["measures"][-1]["answer"] is not None


def test_a_client_is_told_what_is_new(client: TestClient) -> None:
    number = begin(client)["id"]
    with client.websocket_connect(f"{SOCKETS}/api/runs/{number}/events") as socket:
        update = socket.receive_json()
        assert (update["status"], update["whole"], len(update["measures"])) == ("paused", True, 1)
        client.post(f"/api/runs/{number}/start", json={})
        steps: list[int] = []
        view = None
        while update["status"] != "finished":
            update = socket.receive_json()
            view = update["view"] or view
            steps += [measure["step"] for measure in update["measures"]]
        assert steps == sorted(set(steps))
        assert steps[-1] == 20
        assert view is not None
        assert view["step"] == 20


def test_slow_and_vanished_clients_do_not_hold_up_a_training(client: TestClient) -> None:
    number = begin(client, epochs=10)["id"]
    with client.websocket_connect(f"{SOCKETS}/api/runs/{number}/events"):
        assert go(client, number, "epoch")["step"] == 10  # it reads nothing
    with client.websocket_connect(f"{SOCKETS}/api/runs/{number}/events") as socket:
        socket.receive_json()
    assert go(client, number)["status"] == "finished"  # it is gone


def test_following_ends_with_the_run(client: TestClient) -> None:
    number = begin(client)["id"]
    with client.websocket_connect(f"{SOCKETS}/api/runs/{number}/events") as socket:
        socket.receive_json()
        client.delete(f"/api/runs/{number}")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.reason == "the run was deleted."
    with (
        client.websocket_connect(f"{SOCKETS}/api/runs/77/events") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_json()
    assert "no run 77" in closed.value.reason


def test_other_sites_cannot_follow(client: TestClient) -> None:
    number = begin(client)["id"]
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(f"{SOCKETS}/api/runs/{number}/events", headers={"Origin": "http://elsewhere.example"}),
    ):
        pass


def test_a_server_that_ends_pauses_its_runs(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path, model="quick")
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        number = begin(client, epochs=200)["id"]
        client.post(f"/api/runs/{number}/start", json={})
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        run = client.get(f"/api/runs/{number}").json()
        assert run["status"] == "paused"
        assert client.get(f"/api/runs/{number}/view").json()["step"] == run["step"]


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"epochs": 100_000},
        {"hidden": [10**9]},
        {"hidden": [8] * 13},
        {"images": 60_000},
        {"batch_size": 0},
        {"learning_rate": -1},
        {"learning_rate": 1e400},
        {"convolutions": "pool"},
        {"convolutions": "999x9"},
        {"activation": "step"},
        {"unknown": 1},
    ],
)
def test_settings_out_of_bounds_are_refused(client: TestClient, changes: dict[str, object]) -> None:
    body = {"name": "mine", "settings": SETTINGS | {key: repr(x) if x == 1e400 else x for key, x in changes.items()}}
    answer = client.post("/api/runs", json=body)
    assert answer.status_code == 422
    assert next(iter(changes)) in answer.json()["error"]


def test_what_cannot_be_done_is_said_in_one_sentence(client: TestClient) -> None:
    number = begin(client)["id"]
    go(client, number)
    answers = {
        client.get("/api/runs/99"): 404,
        client.get(f"/api/runs/{number}/view", params={"step": 12345}): 404,
        client.post(f"/api/runs/{number}/start", json={}): 400,
        client.post(f"/api/runs/{number}/models", json={"name": "quick"}): 400,
        client.post(f"/api/runs/{number}/models", json={"name": "../quick"}): 422,
        client.post("/api/runs", json={"name": "large", "settings": {"hidden": [1024, 1024]}}): 400,
    }
    for answer, status in answers.items():
        assert answer.status_code == status
        assert answer.json()["error"].endswith(".")
