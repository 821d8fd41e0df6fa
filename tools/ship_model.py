"""Make a trained model one of those that the package ships: ``python tools/ship_model.py standard.pkl``.

The network is folded and its numbers are rounded to float16, a quarter to a half of the file, unless that changes the
answer to a single test image. The name is that of its recipe, and so is the temperature, where the training held out no
images to fit it on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from digits.datasets import load_mnist
from digits.evaluation import evaluate
from digits.model_files import MODELS, load_model, save_model
from digits.recipes import RECIPES


def ship(path: str) -> Path:
    """Write the shipped file of a model, and return where."""
    model = load_model(path)
    if model.recipe is None or model.recipe.name not in RECIPES:
        raise SystemExit(f"{path} was made by no recipe that has a name.")
    recipe = RECIPES[model.recipe.name]
    model.network.temperature = recipe.temperature if recipe.validation == 0 else model.stored.temperature
    results = model.results | {"temperature": model.network.temperature}
    shipped = MODELS / f"{recipe.name}.pkl"
    _, test_set = load_mnist()
    before = evaluate(model.network, test_set.images, test_set.labels)
    for dtype in (np.float16, np.float32):
        save_model(
            shipped,
            model.network,
            recipe=recipe,
            seed=model.seed,
            results=results,
            data=model.data,
            dtype=dtype,
        )
        after = evaluate(load_model(shipped).network, test_set.images, test_set.labels)
        if np.array_equal(before.predictions, after.predictions):
            break
    errors = f"{after.error_percent:.2f} % wrong, calibration error {100 * after.calibration().expected_error:.2f} %"
    print(f"{shipped.name}: {shipped.stat().st_size / 1000:,.0f} kB as {np.dtype(dtype).name}, {errors}")  # noqa: T201
    return shipped


if __name__ == "__main__":
    for name in sys.argv[1:]:
        ship(name)
