"""``/api/runs``: training runs: begun, watched while they train, scrubbed like a film, and forked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, WebSocket
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.websockets import WebSocketDisconnect

from digits.model_files import save_model
from digits.studio.failures import NotThere, failures
from digits.studio.images import Pixels, mnist_train
from digits.studio.models import Model, describe
from digits.studio.networks import NAME
from digits.studio.run_presets import Preset, presets
from digits.studio.run_record import LearningRate, Name, Pace, RunRecord, RunSettings, RunSummary, View
from digits.studio.state import TheNetworks, TheRuns
from digits.studio.training_run import Cursor, TrainingRun, Until
from digits.studio.training_runs import MOST_RUNNING, MOST_RUNS

SECONDS_BETWEEN = 0.1  # two messages to a client

router = APIRouter(prefix="/api/runs", tags=["train"], responses=failures())

Number = Annotated[int, Path(ge=1, le=10**9)]
StepNumber = Annotated[int, Field(ge=0, le=10**9)]


class Options(BaseModel):
    """What a run can begin with."""

    presets: list[Preset]
    most_runs: int
    most_running: int


class Runs(BaseModel):
    """All runs, in the order they were made."""

    runs: list[RunSummary]


class NewRun(BaseModel):
    """A run to make."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    settings: RunSettings
    specimen: Pixels | None = Field(default=None, description="A digit to watch from the beginning.")


class NewFork(NewRun):
    """A run to make that goes on from a snapshot of another."""

    step: StepNumber


class Start(BaseModel):
    """How far to go."""

    until: Until = "end"


class Change(BaseModel):
    """What is to change on the run; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    learning_rate: LearningRate | None = None
    pace: Pace | None = Field(default=None, description="Steps a second at most; 0 for as many as can be.")


class Specimen(BaseModel):
    """The digit that a run watches."""

    pixels: Pixels | None


class NewModel(BaseModel):
    """A model to save."""

    name: str = Field(pattern=f"^{NAME}$")
    step: StepNumber | None = Field(default=None, description="A snapshot's; null is the present.")


@router.get("/options")
def list_run_options() -> Options:
    """What a run can begin with."""
    return Options(presets=presets(), most_runs=MOST_RUNS, most_running=MOST_RUNNING)


@router.get("")
def list_runs(runs: TheRuns) -> Runs:
    """All runs, without their histories."""
    return Runs(runs=[RunSummary.model_validate(run.copy().model_dump()) for run in runs.all()])


@router.post("", status_code=201)
def begin_run(new: NewRun, runs: TheRuns) -> RunRecord:
    """Make a run, paused before its first step."""
    return runs.begin(new.settings, new.name, new.specimen).copy()


@router.get("/{number}")
def read_run(number: Number, runs: TheRuns) -> RunRecord:
    """A run with its history."""
    return runs.get(number).copy()


@router.patch("/{number}")
def change_run(number: Number, change: Change, runs: TheRuns) -> RunRecord:
    """Change a run's name, learning rate or pace, also while it runs."""
    run = runs.get(number)
    run.change(name=change.name, learning_rate=change.learning_rate, pace=change.pace)
    return run.copy()


@router.delete("/{number}", status_code=204)
def delete_run(number: Number, runs: TheRuns) -> None:
    """Delete a run and its snapshots."""
    runs.delete(number)


@router.post("/{number}/start")
def start_run(number: Number, start: Start, runs: TheRuns) -> RunRecord:
    """Let a run go on: for a step, to the end of the epoch, or to the end."""
    return runs.start(number, start.until).copy()


@router.post("/{number}/pause")
def pause_run(number: Number, runs: TheRuns) -> RunRecord:
    """Pause a run; it is saved then."""
    run = runs.get(number)
    run.pause()
    return run.copy()


@router.post("/{number}/stop")
def stop_run(number: Number, runs: TheRuns) -> RunRecord:
    """End a run for good; its snapshots stay."""
    run = runs.get(number)
    run.stop()
    return run.copy()


@router.put("/{number}/specimen")
def watch_digit(number: Number, specimen: Specimen, runs: TheRuns) -> RunRecord:
    """Watch another digit: from now on, and back through the snapshots."""
    run = runs.get(number)
    run.watch(specimen.pixels)
    return run.copy()


@router.get("/{number}/view")
def view_run(number: Number, runs: TheRuns, step: Annotated[int | None, Query(ge=0, le=10**9)] = None) -> View:
    """What the network is, or was at the step of a snapshot: first layer, confusion, answer."""
    return runs.get(number).view(step)


@router.post("/{number}/forks", status_code=201)
def fork_run(number: Number, new: NewFork, runs: TheRuns) -> RunRecord:
    """Make a run that goes on from a snapshot with other settings."""
    return runs.fork(number, new.step, new.settings, new.name, new.specimen).copy()


@router.post("/{number}/models", status_code=201)
def save_run(number: Number, new: NewModel, runs: TheRuns, networks: TheNetworks) -> Model:
    """Save the network, or a snapshot's, as a model that can be chosen in every room."""
    run = runs.get(number)
    path = networks.path_to_save(new.name)
    _save(run, new.step, path)
    return describe(new.name, "saved", path)


@router.get(
    "/{number}/model.pkl",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_run(number: Number, runs: TheRuns, step: Annotated[int | None, Query(ge=0, le=10**9)] = None) -> Response:
    """The network, or a snapshot's, as a file for ``digits``."""
    with TemporaryDirectory() as folder:
        path = File(folder) / "model.pkl"
        _save(runs.get(number), step, path)
        content = path.read_bytes()
    attachment = {"Content-Disposition": 'attachment; filename="model.pkl"'}
    return Response(content, media_type="application/octet-stream", headers=attachment)


@router.websocket("/{number}/events")
async def follow_run(websocket: WebSocket, number: Number, runs: TheRuns) -> None:
    """Send what is new in a run, at most ten times a second.

    Nothing is queued: whenever a client is ready for a message, it gets all that is new to it, in one. So a slow client
    gets fewer and larger messages, and no client can hold up the training.
    """
    await websocket.accept()
    try:
        run = await run_in_threadpool(runs.get, number)
    except NotThere as error:
        await websocket.close(1008, str(error))
        return
    sending = asyncio.create_task(_send_news(websocket, run))
    gone = asyncio.create_task(_until_gone(websocket))
    try:  # a message to a client that reads no more would wait for ever, also when the server ends
        await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        gone.cancel()


async def _send_news(websocket: WebSocket, run: TrainingRun) -> None:
    """Send what is new in a run, until it is deleted."""
    cursor = Cursor()
    with suppress(WebSocketDisconnect, RuntimeError):  # the client went while a message was on its way
        while not run.removed:
            update = run.news(cursor)
            if update is not None:
                await websocket.send_text(update.model_dump_json())
            await asyncio.sleep(SECONDS_BETWEEN)
        await websocket.close(1000, "the run was deleted.")


async def _until_gone(websocket: WebSocket) -> None:
    """Wait until a client has gone; what it says is not listened to."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _save(run: TrainingRun, step: int | None, path: File) -> None:
    """Write a model file of a run's network."""
    record = run.copy()
    settings = record.settings
    at = next((measure for measure in record.measures if measure.step == (record.step if step is None else step)), None)
    save_model(
        path,
        run.network(step),
        recipe=settings.recipe(),
        seed=settings.seed,
        results={"validation_accuracy": at.validation_accuracy if at else None},
        data=mnist_train().source,
    )
