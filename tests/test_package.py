"""What the package as a whole promises."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import digits
from commands import PROJECT
from digits import load_mnist
from digits.model_files import load_model, shipped_models
from digits.recipes import RECIPES

COMMAND_LINE = "from digits.cli import main; main()"


def imported_by(statement: str, *arguments: str) -> set[str]:
    """The packages that a program imports, less the standard library and what an empty program has."""
    return loaded_after(statement, *arguments) - loaded_after("pass") - set(sys.stdlib_module_names)


def loaded_after(statement: str, *arguments: str) -> set[str]:
    report = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    command = [sys.executable, "-c", f"{report}; {statement}", *arguments]
    errors = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {name.split(".")[0] for name in errors.splitlines()[-1].split()}


# -- what an import brings with it -------------------------------------------------------------------------------


def test_importing_digits_imports_nothing_but_the_standard_library() -> None:
    assert imported_by("import digits") == {"digits"}


def test_the_names_of_digits_import_numpy_and_the_standard_library_only() -> None:
    assert imported_by("from digits import *") == {"digits", "numpy"}


@pytest.mark.parametrize("arguments", ["--help", "--version", "train --help", "data export --help"])
def test_help_does_not_wait_for_numpy(arguments: str) -> None:
    heavy = {"numpy", "polars", "PIL", "matplotlib", "rich", "platformdirs", "threadpoolctl"}
    assert imported_by(COMMAND_LINE, *arguments.split()).isdisjoint(heavy)


def test_predicting_a_test_image_reads_no_csv_and_no_picture() -> None:
    assert imported_by(COMMAND_LINE, "predict", "0").isdisjoint({"polars", "PIL", "matplotlib"})


def test_no_framework_is_ever_imported() -> None:
    for path in (PROJECT / "src").rglob("*.py"):
        text = path.read_text()
        assert not any(f"import {name}" in text for name in ("torch", "tensorflow", "jax", "sklearn")), path


# -- the names of the package ------------------------------------------------------------------------------------


@pytest.fixture
def fresh() -> ModuleType:
    """The package as it is before anybody asked for one of its names."""
    module = importlib.util.module_from_spec(digits.__spec__)
    digits.__spec__.loader.exec_module(module)
    return module


def test_every_public_name_is_shown_and_there(fresh: ModuleType) -> None:
    assert set(fresh.__all__) <= set(dir(fresh))
    for name in fresh.__all__:
        assert getattr(fresh, name) is getattr(digits, name)


def test_a_name_is_imported_when_it_is_asked_for_and_stays(fresh: ModuleType) -> None:
    assert "train" not in vars(fresh)
    train = fresh.train
    assert vars(fresh)["train"] is train


def test_a_name_that_does_not_exist_is_the_usual_error(fresh: ModuleType) -> None:
    with pytest.raises(AttributeError, match=r"^module 'digits' has no attribute 'NeuralNetwrok'$"):
        fresh.NeuralNetwrok  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'NeuralNetwrok' from 'digits'"):
        from digits import NeuralNetwrok  # noqa: F401


def test_type_checkers_are_told_the_modules_that_names_come_from(fresh: ModuleType) -> None:
    tree = ast.parse(Path(fresh.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    told = {alias.name: node.module for node in imports for alias in node.names}
    assert fresh._MODULES.items() <= told.items()


# -- what lies where ---------------------------------------------------------------------------------------------


def test_the_model_at_the_root_is_the_shipped_default() -> None:
    assert (PROJECT / "model.pkl").read_bytes() == shipped_models()["standard"].read_bytes()


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_what_its_file_says(name: str) -> None:
    model = load_model(name)
    assert model.recipe == RECIPES[name]
    assert model.seed == 0
    assert model.data == "embedded MNIST, train"
    test_set = load_mnist()[1]
    images, labels = test_set.images[:1000], test_set.labels[:1000]
    errors = np.count_nonzero(model.network.predict(images) != labels)
    assert errors / 1000 <= model.results["test_error_percent"] / 100 + 0.01


def test_the_shipped_models_are_light() -> None:
    assert sum(path.stat().st_size for path in shipped_models().values()) <= 6_000_000


def test_what_was_asked_for_is_where_it_was_asked_for() -> None:
    names = ["data", "src/main.py", "notebooks", "model.pkl", "requirements.txt", "README.md", ".gitignore"]
    modules = ["neural_network.py", "activations.py", "data_preprocessing.py"]
    assert all((PROJECT / name).exists() for name in names)
    assert all((PROJECT / "src" / "digits" / name).exists() for name in modules)


def test_main_py_says_what_to_install_where_something_is_missing(tmp_path: Path) -> None:
    main = str(PROJECT / "src" / "main.py")
    result = subprocess.run([sys.executable, "-S", main], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert "pip install -r requirements.txt" in result.stderr
    assert "Traceback" not in result.stderr


def test_main_py_says_so_too_where_only_a_command_needs_it(tmp_path: Path) -> None:
    main = str(PROJECT / "src" / "main.py")
    without_numpy = "import runpy, sys; sys.modules['numpy'] = None; sys.argv = sys.argv[1:]"
    code = f"{without_numpy}; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, main, "predict", "0"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, "numpy is not installed. Type: pip install -r requirements.txt\n")
