"""The notebooks run from the first cell to the last and come out as they say; what is stored is such a run."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def errors(notebook: Any) -> list[str]:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    return complaints + [output.evalue for output in outputs if output.output_type == "error"]


def final_accuracy(notebook: Any) -> float:
    found = re.search(r"final test accuracy: ([0-9.]+)%", printed(notebook))
    assert found
    return float(found.group(1))


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Jupyter's own; the notebook's come out in its cells
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_without_an_error_and_learns(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    assert errors(notebook) == []
    assert final_accuracy(notebook) > 97


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_is_stored_executed_in_order_with_pictures_and_small(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat's imports
        notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert errors(notebook) == []
    assert final_accuracy(notebook) > 97
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) >= 5
    assert path.stat().st_size < 1_000_000
