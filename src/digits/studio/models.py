"""``/api/models``: which models there are; files of models can be uploaded, downloaded and deleted."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path as File
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Body, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from digits.atomic_files import atomic_write
from digits.errors import DigitsError
from digits.layers import Conv2D
from digits.model_files import load_model
from digits.studio.failures import failures
from digits.studio.networks import NAME, Kind
from digits.studio.state import TheNetworks

router = APIRouter(prefix="/api/models", tags=["models"], responses=failures())

ModelName = Annotated[
    Annotated[str, Field(min_length=1, max_length=100)] | None,
    Field(description="As GET /api/models names it; null is the default."),
]
NewName = Annotated[str, Path(pattern=f"^{NAME}$")]


class Model(BaseModel):
    """A model that can be chosen."""

    name: str
    kind: Kind
    layers: str = Field(description="Its layers, e.g. 784 → Dense(128) → ReLU() → Dense(10).")
    convolutional: bool
    parameters: int
    recipe: str | None
    test_accuracy: float | None


class Models(BaseModel):
    """All of them; the default comes first."""

    default: str
    default_reader: str = Field(description="The default for what is drawn.")
    models: list[Model]


@router.get("")
def list_models(networks: TheNetworks) -> Models:
    """Which models there are. One whose file cannot be read is left out."""
    found = []
    for name, (path, kind) in networks.files().items():
        with suppress(DigitsError, OSError):
            found.append(describe(name, kind, path))
    return Models(default=networks.default, default_reader=networks.default_reader, models=found)


@router.put("/{name}")
def upload_model(
    name: NewName, content: Annotated[bytes, Body(media_type="application/octet-stream")], networks: TheNetworks
) -> Model:
    """Save a model file under a new name. It is read as if a stranger had sent it."""
    path = networks.path_to_save(name)
    waiting = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with atomic_write(waiting) as file:
            file.write(content)
        load_model(waiting)
        waiting.rename(path)
    except DigitsError as error:
        raise DigitsError(str(error).replace(str(waiting), "the file")) from None
    finally:
        waiting.unlink(missing_ok=True)
    return describe(name, "saved", path)


@router.get(
    "/{name}/file",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
)
def download_model(name: str, networks: TheNetworks) -> FileResponse:
    """The file of a model."""
    path = networks.get(name).model.path
    return FileResponse(path, media_type="application/octet-stream", filename=f"{path.stem}{path.suffix}")


@router.delete("/{name}", status_code=204)
def delete_model(name: str, networks: TheNetworks) -> None:
    """Delete a saved model."""
    networks.delete(name)


def describe(name: str, kind: Kind, path: File) -> Model:
    """What is told of a model.

    Raises:
        DigitsError: if its file cannot be read.
        OSError: if it is gone.
    """
    return _described(name, kind, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _described(name: str, kind: Kind, path: File, modified: int) -> Model:  # noqa: ARG001  a new file is a new model
    model = load_model(path)
    accuracy = model.results.get("test_accuracy")
    return Model(
        name=name,
        kind=kind,
        layers=" → ".join(["×".join(map(str, model.stored.input_shape)), *map(repr, model.stored.layers)]),
        convolutional=any(isinstance(layer, Conv2D) for layer in model.stored.layers),
        parameters=model.stored.parameters.size,
        recipe=model.recipe.name if model.recipe else None,
        test_accuracy=accuracy if isinstance(accuracy, float) else None,
    )
