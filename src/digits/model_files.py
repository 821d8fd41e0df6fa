"""Files of trained models and of interrupted trainings.

``model.pkl`` is a pickle of a plain dictionary, which any Python with NumPy can load:

    {"format": "digits model", "version": 1, "program": "digits 0.1.0", "input_shape": [784],
     "layers": [{"type": "Dense", "units": 128, …}, {"type": "ReLU"}, …],
     "parameters": {"0.weights": array(784, 128), "0.biases": array(128), …}, "temperature": 1.0,
     "recipe": {…}, "seed": 0, "results": {"test_accuracy": 0.98, …}, "data": "where the images came from"}

Batch normalisation's running statistics are among the parameters. The arrays may be float16, in half the space. A file
that ends in ``.safetensors`` has the parameters as tensors of the same names, and all else as JSON in
the metadata, under "digits". A checkpoint is a pickle of what ``Training.checkpoint()`` returns. Files are
read as if a stranger had sent them: no code runs, and no more memory is taken than the file's size calls for.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import chain
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from digits import safe_pickle
from digits.atomic_files import atomic_write, require_writable
from digits.data_preprocessing import CLASSES, SIDE
from digits.errors import DigitsError
from digits.layers import array_shapes, layer_from_config
from digits.neural_network import NeuralNetwork
from digits.recipes import Recipe
from digits.version import __version__

MODEL, CHECKPOINT = "digits model", "digits checkpoint"
VERSION = 1
DEFAULT_MODEL = "standard"
MODELS = Path(__file__).parent / "models"  # the shipped ones

MAX_MODEL_BYTES = 512 * 2**20
MAX_CHECKPOINT_BYTES = 2 * 2**30
MAX_HEADER_BYTES = 2**20  # of safetensors
MAX_LAYERS = 1000

# What reading made-up content can raise, besides DigitsError.
_CONTENT_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class TrainedModel:
    """A network, and where it came from.

    Attributes:
        stored: the network as it was trained.
        network: one that answers the same with less work, ready to predict; see ``NeuralNetwork.folded``.
        path: the file.
        recipe, seed: how it was trained; None where the file does not say.
        results: what was measured, e.g. ``{"test_accuracy": 0.98, "train_seconds": 9.1}``.
        data: the source of its training images.
        program: what wrote the file, e.g. "digits 0.1.0".
    """

    stored: NeuralNetwork
    path: Path
    recipe: Recipe | None
    seed: int | None
    results: dict[str, Any]
    data: str | None
    program: str

    @cached_property
    def network(self) -> NeuralNetwork:
        """The stored network, folded."""
        return self.stored.folded()

    @property
    def name(self) -> str:
        """What to call it before a person: the file, or the name of a shipped model."""
        return f"shipped model {self.path.stem}" if self.path.parent == MODELS else str(self.path)

    def summary(self) -> dict[str, Any]:
        """What ``digits models`` says of it: recipe, seed, parameters, bytes, and what was measured."""
        about = {"recipe": self.recipe.name if self.recipe else None, "seed": self.seed}
        size = {"parameters": self.stored.parameters.size, "bytes": self.path.stat().st_size}
        return about | size | {"temperature": self.stored.temperature} | self.results


def shipped_models() -> dict[str, Path]:
    """The trained models that are part of the package: name → file."""
    return {path.stem: path for path in sorted(MODELS.glob("*.pkl"))}


def find_model(name_or_path: str | Path | None = None) -> Path:
    """The file of a model.

    Args:
        name_or_path: the name of a shipped model, or else a file. None is ``model.pkl`` in the working
            directory if there is one, else the shipped default.

    Raises:
        DigitsError: if there is none.
    """
    shipped = shipped_models()
    if name_or_path is None:
        own = Path("model.pkl")
        name_or_path = own if own.exists() else DEFAULT_MODEL
    path = shipped.get(str(name_or_path), Path(name_or_path))
    try:
        path.stat()
    except OSError as error:
        names = ", ".join(shipped) or "none"
        message = f"there is no model {name_or_path} ({error.strerror}); the shipped models are: {names}."
        raise DigitsError(message) from error
    return path


# -- models ------------------------------------------------------------------------------------------------


def save_model(
    path: str | Path,
    network: NeuralNetwork,
    *,
    recipe: Recipe | None = None,
    seed: int | None = None,
    results: Mapping[str, float | str | None] | None = None,
    data: str | None = None,
    dtype: DTypeLike | None = None,
) -> None:
    """Write a model, whole or not at all: safetensors if the path ends so, else a pickle.

    Args:
        path: where to.
        network: whose layers and parameters are written.
        recipe: how it was trained.
        seed: likewise.
        results: what was measured, by name.
        data: the source of its training images.
        dtype: of the numbers in the file, e.g. ``np.float16``; by default the network's own.

    Raises:
        DigitsError: if a weight is not finite, the file cannot be written, or safetensors is not installed.
    """
    arrays = dict(chain(network.named_parameters(), network.named_statistics()))
    if dtype is not None:
        arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise DigitsError(f"{path} was not written: the network has weights that are not finite numbers.")
    content = {
        "format": MODEL,
        "version": VERSION,
        "program": f"digits {__version__}",
        **network.config(),
        "parameters": arrays,
        "temperature": network.temperature,
        "recipe": recipe.to_dict() if recipe else None,
        "seed": seed,
        "results": dict(results or {}),
        "data": data,
    }
    if Path(path).suffix.lower() == ".safetensors":
        encoded = _to_safetensors(safe_pickle.plain(content), path)
        with atomic_write(path) as file:
            file.write(encoded)
    else:
        with atomic_write(path) as file:
            safe_pickle.dump(content, file)


def require_saveable(path: str | Path) -> None:
    """Fail before the training rather than after it, if a model could not be saved there.

    A file that is no model, by its name and by its content, is not replaced: it may be somebody's data.

    Raises:
        DigitsError: if it cannot be written, needs a library that is not installed, or such a file is there.
    """
    require_writable(path)
    path = Path(path)
    if path.suffix.lower() == ".safetensors" and find_spec("safetensors") is None:
        raise _no_safetensors(path)
    if path.suffix.lower() in (".pkl", ".safetensors") or not path.exists():
        return
    try:
        load_model(path)
    except DigitsError as error:
        message = f"{path} exists and is no model; a model may only replace a model. Choose another name."
        raise DigitsError(message) from error


def load_model(name_or_path: str | Path | None = None) -> TrainedModel:
    """Read a model, from a pickle or from safetensors, whatever its name ends in.

    Args:
        name_or_path: as ``find_model`` takes it.

    Raises:
        DigitsError: if there is none, or the file is damaged, of another kind or version, or hostile.
    """
    path = find_model(name_or_path)
    content = _read(path, MODEL, MAX_MODEL_BYTES)
    try:
        recipe = _checked(content["recipe"], dict | None)
        return TrainedModel(
            stored=_network(content),
            path=path,
            recipe=None if recipe is None else Recipe.from_dict(recipe),
            seed=_checked(content["seed"], int | None),
            results={name: _checked_result(value) for name, value in content["results"].items()},
            data=_checked(content["data"], str | None),
            program=_checked(content["program"], str),
        )
    except (DigitsError, *_CONTENT_ERRORS) as error:
        raise _unusable(path, f"it describes no network of ours ({str(error)[:200]})") from error


def initial_network(recipe: Recipe, seed: int) -> NeuralNetwork:
    """Make the network that a recipe starts from: with random weights, or those of the shipped model it begins with.

    Raises:
        DigitsError: if there is no such model, or it is another network.
    """
    network = recipe.network(seed)
    if recipe.begins_with:
        trained = _shipped(recipe.begins_with, "begins with")
        if trained.config()["layers"] != network.config()["layers"]:
            raise DigitsError(
                f"the recipe's network, {recipe.describe()}, is not that of {recipe.begins_with}, which it begins with."
            )
        network.parameters[...] = trained.parameters
        network.statistics[...] = trained.statistics
    return network


def teacher_of(recipe: Recipe) -> NeuralNetwork | None:
    """Read the shipped model that teaches, if the recipe has a teacher.

    Raises:
        DigitsError: if there is no such model.
    """
    return _shipped(recipe.teacher, "learns from") if recipe.teacher else None


def _shipped(name: str, what_for: str) -> NeuralNetwork:
    if name not in shipped_models():
        raise DigitsError(
            f"the recipe {what_for} {name!r}, which is not shipped; there are {', '.join(shipped_models())}."
        )
    return load_model(name).network


def _network(content: dict[str, Any]) -> NeuralNetwork:
    """Make the network that a file describes, if it holds as many parameters as that network has."""
    parameters = content["parameters"]
    input_shape = tuple(_checked(size, int) for size in content["input_shape"])
    if not (all(size >= 1 for size in input_shape) and prod(input_shape) == SIDE * SIDE):
        raise ValueError("an input shape that no image of 28 × 28 has")
    if len(content["layers"]) > MAX_LAYERS:
        raise ValueError(f"more than {MAX_LAYERS} layers")
    layers = [layer_from_config(layer) for layer in content["layers"]]
    if array_shapes(layers, input_shape) != {name: array.shape for name, array in parameters.items()}:
        raise ValueError("parameters of other names or shapes than its layers have")
    dtypes = [array.dtype for array in parameters.values()]
    if any(dtype.kind != "f" for dtype in dtypes):
        raise TypeError("weights that are no floating-point numbers")
    dtype = np.result_type(np.float32, *dtypes)
    network = NeuralNetwork(layers, input_shape, dtype=dtype)
    if network.classes != CLASSES:
        raise ValueError(f"{network.classes} classes instead of ten")
    for name, array in chain(network.named_parameters(), network.named_statistics()):
        array[...] = parameters[name]
        if not np.isfinite(array).all():
            raise ValueError("weights that are not finite numbers")
    temperature = content.get("temperature", 1.0)
    if not 0 < _checked(temperature, int | float) < float("inf"):
        raise ValueError(f"a temperature of {temperature}")
    network.temperature = float(temperature)
    return network


def _checked(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} in the wrong place")
    return value


def _checked_result(value: Any) -> float | str | None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("a result that is not finite")
    checked: float | str | None = _checked(value, int | float | str | None)
    return checked


# -- checkpoints -------------------------------------------------------------------------------------------


def save_checkpoint(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Write what ``Training.checkpoint()`` returned, whole or not at all.

    Raises:
        DigitsError: if the file cannot be written.
    """
    with atomic_write(path) as file:
        safe_pickle.dump({"format": CHECKPOINT, "version": VERSION, **checkpoint}, file)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote, as safely as a model; the arrays are read-only.

    Raises:
        DigitsError: if there is no such file, or it is damaged, of another kind or version, or hostile.
    """
    content = _read(Path(path), CHECKPOINT, MAX_CHECKPOINT_BYTES)
    return {name: value for name, value in content.items() if name not in ("format", "version")}


# -- files -------------------------------------------------------------------------------------------------


def _read(path: Path, wanted: str, limit: int) -> dict[str, Any]:
    """The content of a file of the wanted format and of this version."""
    data = _read_bytes(path, limit)
    try:
        content = _from_safetensors(data, path) if data[8:9] == b"{" else safe_pickle.load(data)
    except safe_pickle.RefusedError as error:
        raise _unusable(path, str(error)) from error
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    found = fields.get("format")
    if not isinstance(found, str) or found not in (MODEL, CHECKPOINT):
        raise _unusable(path, "it does not say that digits wrote it")
    if found != wanted:
        raise DigitsError(f"{path} is a {found}, not a {wanted}; give another file.")
    version = fields.get("version")
    if not isinstance(version, int):
        raise _unusable(path, "it has no version")
    if version > VERSION:
        raise DigitsError(f"{path} was made by a newer digits (format {version}, here {VERSION}); upgrade digits.")
    if version < VERSION:
        raise DigitsError(f"{path} was made by a digits too old (format {version}, here {VERSION}); train it again.")
    return fields


def _read_bytes(path: Path, limit: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DigitsError(f"{path} is a folder; give a file in it.")
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise DigitsError(f"{path} is not an ordinary file of at most {limit >> 20} MiB; give another file.")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DigitsError(f"there is no file {path}.") from error
    except OSError as error:
        raise DigitsError(f"cannot read {path}: {error.strerror}; check what it is and who may read it.") from error
    if not data:
        raise _unusable(path, "it is empty")
    return data


def _unusable(path: Path, reason: str) -> DigitsError:
    return DigitsError(f"{path} cannot be used: {reason}. Get the file anew, or train again.")


def _to_safetensors(content: dict[str, Any], path: str | Path) -> bytes:
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise _no_safetensors(path) from error
    rest = {name: value for name, value in content.items() if name != "parameters"}
    return save(content["parameters"], {"digits": json.dumps(rest)})


def _from_safetensors(data: bytes, path: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError as error:
        raise _no_safetensors(path) from error
    end = 8 + int.from_bytes(data[:8], "little")
    if end > MAX_HEADER_BYTES:
        raise safe_pickle.RefusedError("its header is too long")
    try:
        parameters = load(data)
        metadata = json.loads(data[8:end]).get("__metadata__", {})
        return safe_pickle.plain({**json.loads(metadata.get("digits", "{}")), "parameters": parameters})
    except (SafetensorError, *_CONTENT_ERRORS) as error:
        raise safe_pickle.RefusedError("it is damaged") from error


def _no_safetensors(path: str | Path) -> DigitsError:
    return DigitsError(f'{path} needs the safetensors library; type: pip install "digits[safetensors]".')
