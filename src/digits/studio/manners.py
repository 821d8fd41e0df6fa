"""Who may talk to the studio, and how much they may say: the first thing every request meets.

A server on one's own machine can be reached by every page that is open in the browser. A page elsewhere may send
requests to 127.0.0.1, open WebSockets there, and, with a name of its own that it lets point to 127.0.0.1, even read the
answers (DNS rebinding). So the Host that a request names must be one that the studio listens on, and the Origin, where
the browser names one, must be the studio's own. Where others can reach the server, a token is asked for besides.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits.studio.failures import refuse
from digits.studio.settings import Settings, is_loopback

MOST_BYTES = 2**20  # of a request's body
MOST_PICTURE_BYTES = 16 * 2**20  # the same, of a picture to be read
MOST_MODEL_BYTES = 64 * 2**20  # the same, of a model to be kept
MOST_URL = 16_384  # characters of a path with its query
COOKIE = "digits_token_{port}"  # browsers keep one for all ports of a host

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; object-src 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Manners:
    """ASGI middleware: refuses what is not for this studio, and adds the headers that keep the page to itself.

    Args:
        app: what comes after.
        settings: host and token.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._cookie = COOKIE.format(port=settings.port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        no = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if no:
                await send({"type": "websocket.close", "code": 1008, "reason": no[1]})  # answered as 403
            else:
                await self.app(scope, receive, send)
            return
        if no:
            await refuse(*no)(scope, receive, _with_headers(send))
        elif self._brings_token(scope):
            await self._keep_token()(scope, receive, _with_headers(send))
        else:
            await self._limited(scope, headers, receive, _with_headers(send))

    # -- who ---------------------------------------------------------------------------------------------------

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence, where a request is refused before anybody looks at it."""
        if len(scope["path"]) + len(scope["query_string"]) > MOST_URL:
            return 413, "the address is too long."
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 403, "the request names another host than this studio."
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != hosts[0].lower():
            return 403, "the request comes from another site."
        from_here = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        if origin is None and not from_here and not _is_navigation(scope, headers):
            return 403, "the request comes from another site."
        if self.settings.token and not self._is_known(scope, headers):
            return 401, "the token is missing or wrong; open the address that the studio printed."
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this studio: an address, where it can be reached from outside, or localhost."""
        name = _host_name(host)
        if name is None:
            return False
        return is_loopback(name) or (not self.settings.is_local and _is_address_or_own(name, self.settings.host))

    # -- tokens ------------------------------------------------------------------------------------------------

    def _is_known(self, scope: Scope, headers: Headers) -> bool:
        given = [
            _token_in_query(scope),
            _cookie(headers, self._cookie),
            headers.get("authorization", "").removeprefix("Bearer "),
        ]
        wanted = (self.settings.token or "").encode()
        return any(hmac.compare_digest(each.encode(), wanted) for each in given if each)

    def _brings_token(self, scope: Scope) -> bool:
        return bool(self.settings.token) and scope["path"] == "/" and bool(_token_in_query(scope))

    def _keep_token(self) -> RedirectResponse:
        """Move the token from the address, which is copied and shown, into a cookie."""
        response = RedirectResponse("/", 303)
        response.set_cookie(self._cookie, self.settings.token or "", httponly=True, samesite="strict", path="/")
        return response

    # -- how much ----------------------------------------------------------------------------------------------

    async def _limited(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Pass on, but no more of the body than the limit."""
        limit = _limit(scope)
        too_large = refuse(413, f"the request has over {limit // 2**20} MiB; send less.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            await too_large(scope, receive, send)
        elif "transfer-encoding" in headers:  # then nobody knows how long the body is until it ends
            body = await _whole_body(receive, limit)
            if body is None:
                await too_large(scope, receive, send)
            else:
                await self.app(scope, _again(body, receive), send)
        else:
            await self.app(scope, receive, send)


def _limit(scope: Scope) -> int:
    """How many bytes the body of a request may have."""
    if scope["method"] == "PUT" and scope["path"].startswith("/api/models/"):
        return MOST_MODEL_BYTES
    return MOST_PICTURE_BYTES if scope["path"] == "/api/draw/picture" else MOST_BYTES


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """A body that comes in parts; None if it has more bytes than the limit."""
    body = bytearray()
    while len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body) if len(body) <= limit else None
    return None


def _again(body: bytes, receive: Receive) -> Receive:
    """What receives a body that was read already, and then whatever comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Whether somebody followed a link to the page itself: that shows it, and tells the other site nothing."""
    follows = scope["type"] == "http" and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return follows and not scope["path"].startswith("/api/")


def _host_name(host: str) -> str | None:
    """The name in a Host header, without the port; None where it is no host."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _is_address_or_own(name: str, host: str) -> bool:
    """Whether a name is an IP address, which cannot be rebound, or the very name that was given as ``--host``."""
    from ipaddress import ip_address

    try:
        ip_address(name)
    except ValueError:
        return name == host.lower()
    return True


def _token_in_query(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _with_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return adding
