"""What the routers share: the settings, the networks, the measurements and the workbench of the running studio.

The functions are asynchronous since FastAPI calls others in a thread of their own, each time.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from digits.studio.drawing_queue import DrawingQueue
from digits.studio.measurements import Measurements
from digits.studio.networks import Networks
from digits.studio.settings import Settings
from digits.studio.stepping import Workbench
from digits.studio.training_runs import TrainingRuns


async def _settings(connection: HTTPConnection) -> Settings:
    return cast("Settings", connection.app.state.settings)


async def _networks(connection: HTTPConnection) -> Networks:
    return cast("Networks", connection.app.state.networks)


async def _measurements(connection: HTTPConnection) -> Measurements:
    return cast("Measurements", connection.app.state.measurements)


async def _workbench(connection: HTTPConnection) -> Workbench:
    return cast("Workbench", connection.app.state.workbench)


async def _drawings(connection: HTTPConnection) -> DrawingQueue:
    return cast("DrawingQueue", connection.app.state.drawings)


async def _runs(connection: HTTPConnection) -> TrainingRuns:
    return cast("TrainingRuns", connection.app.state.runs)


TheSettings = Annotated[Settings, Depends(_settings)]
TheNetworks = Annotated[Networks, Depends(_networks)]
TheMeasurements = Annotated[Measurements, Depends(_measurements)]
TheWorkbench = Annotated[Workbench, Depends(_workbench)]
TheDrawings = Annotated[DrawingQueue, Depends(_drawings)]
TheRuns = Annotated[TrainingRuns, Depends(_runs)]
