"""The application: all routers, the page, and the manners in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from digits.studio import draw, images, inside, models, runs, testing
from digits.studio.drawing_queue import DrawingQueue
from digits.studio.failures import answer_failures
from digits.studio.manners import Manners
from digits.studio.measurements import Measurements
from digits.studio.networks import Networks
from digits.studio.run_record import RunUpdate
from digits.studio.settings import Settings
from digits.studio.static import add_page
from digits.studio.stepping import Workbench
from digits.studio.training_runs import TrainingRuns
from digits.version import __version__

ROUTERS = (models.router, images.router, draw.router, inside.router, runs.router, testing.router)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make a studio.

    Args:
        settings: how it is set up; by default for this machine only.

    Raises:
        DigitsError: if the model to begin with cannot be read.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        Thread(target=_warm_up, args=(app.state.networks,), daemon=True).start()
        try:
            yield
        finally:
            await run_in_threadpool(app.state.runs.close)

    app = _Studio(
        title="digits studio",
        version=__version__,
        description="Draws, opens, trains and tests a neural network for handwritten digits.",
        docs_url=None,  # the usual pages for a schema fetch scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.networks = Networks(settings)
    app.state.drawings = DrawingQueue()
    app.state.runs = TrainingRuns(settings.folder / "runs", images.mnist_train, app.state.drawings.wait)
    app.state.measurements = Measurements()
    app.state.workbench = Workbench()
    answer_failures(app)
    for router in ROUTERS:
        app.include_router(router)
    add_page(app, settings.page)
    app.add_middleware(Manners, settings=settings)
    return app


class _Studio(FastAPI):
    """An application whose schema also has the messages of its WebSocket, for which OpenAPI has no place of its own."""

    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        references = "#/components/schemas/{model}"
        _, messages = models_json_schema([(RunUpdate, "serialization")], ref_template=references)
        known = schema["components"]["schemas"]
        known |= messages["$defs"] | known
        return schema


def _warm_up(networks: Networks) -> None:
    """Load what the first drawing would wait for, while the browser opens."""
    first = networks.to_read()
    first.reader.read(np.zeros((28, 28), np.uint8))
    first.margin_parts(np.zeros((28, 28), np.uint8))
    images.mnist_test()


def _operation_id(route: APIRoute) -> str:
    return route.name
