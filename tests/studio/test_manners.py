"""Who may talk to the studio, and how much they may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from digits.studio.app import create_app
from digits.studio.manners import MOST_BYTES, Manners
from digits.studio.settings import PORT, Settings

HERE = "http://127.0.0.1:8000"
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> FastAPI:
    """A studio with a WebSocket that answers with what it hears."""
    app = create_app(settings)

    @app.websocket("/api/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    return app


@pytest.fixture(scope="module")
def browser(guarded: FastAPI) -> Iterator[TestClient]:
    with TestClient(guarded, base_url=HERE) as client:
        yield client


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.0.0.1:1234"])
def test_this_machine_is_welcome(browser: TestClient, host: str) -> None:
    assert browser.get("/api/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8000",
        "user@127.0.0.1:8000",
        "127.0.0.1:8000/",
        "127.0.0.1:notaport",
        "[::1",
        "10.0.0.1:8000",
        "0.0.0.0:8000",
        "",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(browser: TestClient, host: str) -> None:
    """DNS rebinding: a page of evil.example lets its name point to 127.0.0.1, and is then of the same origin."""
    for path in ("/", "/api/models", "/api/openapi.json"):
        response = browser.get(path, headers={"Host": host})
        assert response.status_code == 403
        assert response.json() == {"error": "the request names another host than this studio."}


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:9999",
        "null",
        "http://localhost:8000",
        "http://[",
        "http://127.0.0.1:8000/",
    ],
)
def test_requests_of_other_sites_are_refused(browser: TestClient, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    assert browser.post("/api/draw/read", content='{"strokes": []}', headers=headers).status_code == 403
    assert browser.get("/api/models", headers=headers).status_code == 403


def test_the_page_itself_may_ask(browser: TestClient) -> None:
    assert browser.get("/api/models", headers={"Origin": HERE}).status_code == 200
    assert browser.get("/api/models", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert browser.get("/api/models", headers={"Sec-Fetch-Site": "none"}).status_code == 200


def test_a_link_elsewhere_opens_the_page_and_nothing_more(browser: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert browser.get("/", headers=link).status_code == 200
    assert browser.get("/api/models", headers=link).status_code == 403
    assert browser.get("/api/images/0", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_websocket_of_the_page_is_open(browser: TestClient) -> None:
    with browser.websocket_connect("/api/echo", headers={"Origin": HERE, "Host": "127.0.0.1:8000"}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Host": "127.0.0.1:8000"},
        {"Origin": "null", "Host": "127.0.0.1:8000"},
        {"Origin": "http://evil.example:8000", "Host": "evil.example:8000"},
    ],
)
def test_a_websocket_of_another_site_is_refused(browser: TestClient, headers: dict[str, str]) -> None:
    """Browsers let any page open a WebSocket to anywhere; only the server can refuse it."""
    with pytest.raises(WebSocketDisconnect) as refused, browser.websocket_connect("/api/echo", headers=headers):
        pass
    assert refused.value.code == 1008


def test_every_answer_has_the_headers_that_keep_the_page_to_itself(browser: TestClient) -> None:
    answers = [browser.get(path) for path in ("/", "/api/models", "/nothing", "/assets/index-4f2a.js")]
    answers.append(browser.get("/", headers={"Host": "evil.example"}))
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_bodies_have_limits(browser: TestClient) -> None:
    large = b"x" * (MOST_BYTES + 1)
    told = browser.post("/api/draw/read", content=large)
    untold = browser.post(
        "/api/draw/read", content=(large[start : start + 2**16] for start in range(0, len(large), 2**16))
    )
    for response in (told, untold):
        assert response.status_code == 413
        assert response.json() == {"error": "the request has over 1 MiB; send less."}
    lying = browser.post("/api/draw/read", content=b"{}", headers={"Content-Length": "-1"})
    assert lying.status_code == 413


def test_a_body_in_parts_arrives_whole(browser: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = browser.post("/api/draw/read", content=iter([b'{"stro', b'kes": []}']), headers=headers)
    assert response.status_code == 200


def test_addresses_have_a_limit(browser: TestClient) -> None:
    assert browser.get("/api/images?" + "index=1&" * 3000).status_code == 413


# -- where others can reach it


@pytest.fixture(scope="module")
def open_app(settings: Settings) -> FastAPI:
    return create_app(replace(settings, host="0.0.0.0", token=TOKEN))


@pytest.fixture
def visitor(open_app: FastAPI) -> TestClient:
    return TestClient(open_app, base_url="http://192.168.1.5:8000", follow_redirects=False)


def test_without_the_token_nothing_is_told(visitor: TestClient) -> None:
    for path in ("/", "/api/models", "/api/openapi.json", "/?token=wrong", "/assets/index-4f2a.js"):
        assert visitor.get(path).status_code == 401
    assert visitor.get("/api/models", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert visitor.get("/api/models", headers={"Cookie": f'digits_token_{PORT}="wrong'}).status_code == 401


def test_two_studios_on_one_machine_keep_their_tokens_apart(open_app: FastAPI, settings: Settings) -> None:
    other = create_app(replace(settings, host="0.0.0.0", port=PORT + 1, token="another"))
    browser = TestClient(open_app, base_url="http://192.168.1.5", follow_redirects=False)
    browser.get(f"/?token={TOKEN}")
    later = TestClient(other, base_url="http://192.168.1.5", cookies=browser.cookies, follow_redirects=False)
    later.get("/?token=another")
    browser.cookies = later.cookies
    assert browser.get("/api/models").status_code == later.get("/api/models").status_code == 200


def test_the_printed_address_lets_one_in_and_hides_the_token(visitor: TestClient) -> None:
    entered = visitor.get(f"/?token={TOKEN}")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert visitor.get("/api/models").status_code == 200, "by the cookie"


def test_a_program_gives_the_token_as_a_header(visitor: TestClient) -> None:
    assert visitor.get("/api/models", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_names_can_be_rebound_and_addresses_cannot(visitor: TestClient, settings: Settings) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example:8000"}
    assert visitor.get("/api/models", headers=headers).status_code == 403
    named = Manners(visitor.app, replace(settings, host="studio.example"))
    assert named._is_ours("studio.example:8000")
    assert not named._is_ours("evil.example:8000")
