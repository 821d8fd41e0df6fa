"""Which models there are, and their networks, loaded when they are asked for.

A model has a name, never a path: that of a shipped one, that of the file the studio was started with, or one that it
was saved under in the studio's folder.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from digits.activations import Array
from digits.errors import DigitsError
from digits.explanation import MarginParts, differentiable, margin_parts
from digits.model_files import DEFAULT_MODEL, TrainedModel, find_model, load_model, shipped_models
from digits.neural_network import NeuralNetwork
from digits.reading import READING_MODEL, Reader
from digits.studio.failures import NotThere
from digits.studio.settings import Settings

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
KEPT = 8  # loaded networks; the ones that were not used for longest go
MOST_SAVED = 100

Kind = Literal["shipped", "file", "saved"]


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory. Its network is shared by all requests: predict with it, and copy it to do anything else.

    Attributes:
        name: what requests call it.
        model: as it was read.
    """

    name: str
    model: TrainedModel
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def network(self) -> NeuralNetwork:
        """The folded network, ready to predict."""
        return self.model.network

    @cached_property
    def reader(self) -> Reader:
        """Reads drawings with this network; made once, since it looks at some training images first."""
        return Reader(self.network)

    def margin_parts(self, image: Array, winner: int | None = None, runner_up: int | None = None) -> MarginParts:
        """As ``digits.explanation.margin_parts`` has it; one request at a time, since they share the twin's buffers."""
        with self._lock:
            return margin_parts(self._twin, image, winner, runner_up)

    @cached_property
    def _twin(self) -> NeuralNetwork:
        return differentiable(self.network)


class Networks:
    """The models of a studio. Safe to use from several threads at once.

    Args:
        settings: which file to begin with, and the folder of saved models.

    Attributes:
        folder: where saved models lie.
        default: the name of the model that the studio begins with.
        default_reader: the same for drawings: where no model was asked for, the one that ``digits read`` takes.

    Raises:
        DigitsError: if the model to begin with does not exist or cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.folder / "models"
        self._lock = threading.Lock()
        self._loaded: OrderedDict[tuple[Path, int], Loaded] = OrderedDict()
        first = find_model(settings.model)
        self._own: dict[str, Path] = {} if first in shipped_models().values() else {first.name: first.resolve()}
        self.default = first.name if self._own else first.stem
        self.default_reader = self.default if settings.model else READING_MODEL
        self.get(self.default)

    def files(self) -> dict[str, tuple[Path, Kind]]:
        """All models: name → file and kind, the default first."""
        found: dict[str, tuple[Path, Kind]] = {name: (path, "saved") for name, path in self._saved()}
        found |= {name: (path, "shipped") for name, path in shipped_models().items()}
        found |= {name: (path, "file") for name, path in self._own.items()}
        order = {self.default: 0, DEFAULT_MODEL: 1}
        return {name: found[name] for name in sorted(found, key=lambda name: (order.get(name, 2), name))}

    def get(self, name: str | None = None) -> Loaded:
        """A model by its name; None is the default.

        Raises:
            NotThere: if there is no such model.
            DigitsError: if its file cannot be read.
        """
        name = name or self.default
        path, _ = self.files().get(name, (None, None))
        if path is None:
            raise NotThere(f"there is no model {name[:60]}; choose another.")
        try:
            key = path, path.stat().st_mtime_ns  # a file that was written anew is read anew
        except OSError:
            raise NotThere(f"the file of the model {name} is gone; choose another.") from None
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = Loaded(name, load_model(path))
            self._loaded.move_to_end(key)
            while len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
            return self._loaded[key]

    def to_read(self, name: str | None = None) -> Loaded:
        """A model by its name, to read drawings with; None is the default for those.

        Raises:
            NotThere: if there is no such model.
            DigitsError: if its file cannot be read.
        """
        return self.get(name or self.default_reader)

    def path_to_save(self, name: str) -> Path:
        """Where a model of a new name is to be written.

        Raises:
            DigitsError: if the name is none, is taken, or there are too many models already.
        """
        if not re.fullmatch(NAME, name):
            raise DigitsError("a name has 1 to 40 letters, digits, dots, dashes and underscores; choose another.")
        if name in self.files():
            raise DigitsError(f"there is a model {name} already; choose another name.")
        if len(self._saved()) >= MOST_SAVED:
            raise DigitsError(f"there are {MOST_SAVED} saved models already; delete some first.")
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.pkl"

    def delete(self, name: str) -> None:
        """Remove a saved model.

        Raises:
            NotThere: if there is no such model.
            DigitsError: if it is not one that the studio saved.
        """
        path, kind = self.files().get(name, (None, None))
        if path is None:
            raise NotThere(f"there is no model {name[:60]}.")
        if kind != "saved":
            raise DigitsError(f"{name} was not saved in the studio, so it is not deleted here.")
        path.unlink(missing_ok=True)

    def _saved(self) -> list[tuple[str, Path]]:
        return [(path.stem, path) for path in sorted(self.folder.glob("*.pkl")) if re.fullmatch(NAME, path.stem)]
