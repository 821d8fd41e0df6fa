"""Handwritten digits, recognised by a neural network written from scratch in NumPy.

    from digits import NeuralNetwork, load_mnist, train
    from digits.layers import Dense, ReLU

Start reading at ``neural_network.py``; ``layers.py`` is the heart of it.
"""

from digits.datasets import Dataset, load_mnist
from digits.errors import DigitsError
from digits.neural_network import NeuralNetwork
from digits.recipes import RECIPES, Recipe
from digits.training import train
from digits.version import __version__

__all__ = ["RECIPES", "Dataset", "DigitsError", "NeuralNetwork", "Recipe", "__version__", "load_mnist", "train"]
