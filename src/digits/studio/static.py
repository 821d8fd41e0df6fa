"""The built page, as files."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

NOT_BUILT = "The page is not built. In the folder web/, type: npm ci && npm run build"


class KeptFiles(StaticFiles):
    """Files whose names hold a hash of their content: a browser may keep them as long as it likes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def add_page(app: FastAPI, folder: Path) -> None:
    """Let an app show the page in a folder: ``index.html`` at ``/``, what lies beside it, and ``assets/``.

    No more than that: a request to a wrong address below ``/api`` should not end up here.
    """
    files = StaticFiles(directory=folder, html=True, check_dir=False)

    async def page(request: Request) -> Response:
        if not (folder / "index.html").is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        response = await files.get_response(request.path_params.get("name", "."), request.scope)
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.add_route("/", page, include_in_schema=False)
    app.add_route("/{name}", page, include_in_schema=False)
    app.mount("/assets", KeptFiles(directory=folder / "assets", check_dir=False))
