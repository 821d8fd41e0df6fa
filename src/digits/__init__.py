"""Handwritten digits, recognised by a neural network written from scratch in NumPy.

    from digits import NeuralNetwork, load_mnist, train
    from digits.layers import Dense, ReLU

Start reading at ``neural_network.py``; the folder ``layers`` is the heart of it.

A name is imported when it is first asked for (PEP 562): ``digits --help`` does not wait for NumPy.
"""

from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.version import __version__

__all__ = ["RECIPES", "Dataset", "DigitsError", "NeuralNetwork", "Recipe", "__version__", "load_mnist", "train"]

if TYPE_CHECKING:  # what type checkers and editors read
    from digits.datasets import Dataset, load_mnist
    from digits.neural_network import NeuralNetwork
    from digits.recipes import RECIPES, Recipe
    from digits.training import train
else:  # what runs; hidden from type checkers, for whom a module with a __getattr__ has every attribute
    _MODULES = {
        "Dataset": "digits.datasets",
        "load_mnist": "digits.datasets",
        "NeuralNetwork": "digits.neural_network",
        "RECIPES": "digits.recipes",
        "Recipe": "digits.recipes",
        "train": "digits.training",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value  # from now on an attribute like any other
        return value

    def __dir__() -> list[str]:
        return [*globals(), *_MODULES]
