"""How the studio says no: every error is ``{"error": "One sentence."}``, whatever raised it.

What a user can mend (``DigitsError``) is 400, something that is not there (``NotThere``) 404, a request of the wrong
shape 422, a request too large 413.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digits.errors import DigitsError


class Failure(BaseModel):
    """Why a request was refused."""

    error: str


class NotThere(DigitsError):
    """A model, a run or an image was asked for that does not exist."""


REASONS = {
    400: "What was sent cannot be worked with.",
    401: "The token is missing or wrong.",
    403: "The request came from another site, or names another host.",
    404: "There is no such thing.",
    405: "The method is not allowed here.",
    409: "It cannot be done in the state things are in.",
    413: "The request is too large.",
    422: "The request has the wrong shape.",
    503: "The studio has too much to do.",
}
EVERYWHERE = (400, 401, 403, 404, 413, 422)


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document refusals in the OpenAPI schema: those that every request may meet, and some besides."""
    return {status: {"model": Failure, "description": REASONS[status]} for status in sorted({*EVERYWHERE, *statuses})}


def refuse(status: int, sentence: str) -> JSONResponse:
    """The answer to a request that is refused."""
    return JSONResponse({"error": sentence}, status)


def answer_failures(app: FastAPI) -> None:
    """Let an app answer every error in the one shape."""

    @app.exception_handler(NotThere)
    async def not_there(_: Request, error: NotThere) -> JSONResponse:
        return refuse(404, str(error))

    @app.exception_handler(DigitsError)
    async def mendable(_: Request, error: DigitsError) -> JSONResponse:
        return refuse(400, str(error))

    @app.exception_handler(RequestValidationError)
    async def wrong_shape(_: Request, error: RequestValidationError) -> JSONResponse:
        return refuse(422, _in_words(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        answer = refuse(error.status_code, REASONS.get(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer


def _in_words(errors: Sequence[Any]) -> str:
    """The first of pydantic's complaints as a sentence."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return f"{where or 'the request'}: {first['msg'].removeprefix('Value error, ')[:200]}."
