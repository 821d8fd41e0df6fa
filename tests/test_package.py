"""What the package as a whole promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from commands import PROJECT
from digits.model_files import load_model, shipped_models
from digits.recipes import RECIPES


def imported_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_digits_imports_numpy_and_the_standard_library_only() -> None:
    foreign = imported_by("import digits") - set(sys.stdlib_module_names)
    assert {name for name in foreign if not name.startswith("_")} <= {"digits", "numpy"}


def test_no_framework_is_ever_imported() -> None:
    for path in (PROJECT / "src").rglob("*.py"):
        text = path.read_text()
        assert not any(f"import {name}" in text for name in ("torch", "tensorflow", "jax", "sklearn")), path


def test_the_model_at_the_root_is_the_shipped_one_and_names_its_recipe() -> None:
    assert (PROJECT / "model.pkl").read_bytes() == shipped_models()["quick"].read_bytes()
    model = load_model("quick")
    assert model.recipe == RECIPES["quick"]
    assert model.seed == 0
    assert model.data == "embedded MNIST, train"
    assert model.results["test_accuracy"] >= 0.983


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
