"""The commands, as their users meet them: what they print, what they write, and how they end."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import Commands
from digits import Dataset, load_mnist
from digits.datasets import export
from digits.model_files import load_model, save_model
from digits.recipes import RECIPES, USUAL_WARPS, Recipe

QUICK = ("--epochs", 1, "--hidden", "16")


def content(folder: Path) -> dict[str, bytes]:
    """All files with their bytes, and all folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def picture_width(path: str) -> int:
    with Image.open(path) as picture:
        return picture.width


# -- train -----------------------------------------------------------------------------------------------------


def test_train_prints_one_json_object_and_writes_the_model_it_speaks_of(run: Commands, small_files: Path) -> None:
    result = run("train", *QUICK, "--seed", 3, "--json")
    assert result.status == 0
    printed = json.loads(result.output)
    model = load_model("model.pkl")
    assert printed["model"] == "model.pkl"
    assert printed["seed"] == model.seed == 3
    assert printed["epochs"] == 1
    assert printed["parameters"] == 784 * 16 + 16 + 160 + 10
    assert printed["test_error_percent"] == pytest.approx(100 * (1 - printed["test_accuracy"]))
    assert 0 <= printed["validation_accuracy"] <= 1
    assert printed["train_seconds"] > 0
    assert "data/train.csv" in result.errors


def test_train_says_that_it_uses_the_embedded_data_where_there_are_no_files(run: Commands) -> None:
    result = run("train", "--epochs", 1, "--hidden", "2", "--batch-size", 5000)
    assert result.status == 0
    assert "training data: embedded MNIST, train, 60,000 images" in result.errors
    assert "test data: embedded MNIST, test, 10,000 images" in result.errors


def test_train_shows_epoch_loss_accuracy_speed_and_time_left(run: Commands, small_files: Path) -> None:
    lines = run("train", "--epochs", 2, "--hidden", "16").errors.splitlines()
    epochs = [line for line in lines if line.startswith("epoch")]
    assert len(epochs) == 2
    for word in ("loss", "training", "validation", "images/s", "left"):
        assert word in epochs[0]


def test_every_setting_can_be_given(run: Commands, small_files: Path) -> None:
    options = {
        "recipe": "plain", "hidden": "12,11", "activation": "tanh", "dropout": 0.1, "optimizer": "nesterov",
        "learning-rate": 0.02, "schedule": "cosine", "weight-decay": 0.001, "weight-average": 0.9, "batch-size": 50,
        "epochs": 1, "validation": 60, "seed": 4, "convolutions": "2x3 pool 3x3 pool", "ease-off": 0.5,
    }  # fmt: skip
    given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    assert run("train", *given, "--batch-norm", "--augment").status == 0
    recipe = load_model("model.pkl").recipe
    assert recipe == Recipe(
        name="custom", hidden=(12, 11), activation="tanh", dropout=0.1, optimizer="nesterov", learning_rate=0.02,
        schedule="cosine", weight_decay=0.001, weight_average=0.9, batch_size=50, epochs=1, validation=60,
        convolutions="2x3 pool 3x3 pool", batch_norm=True, ease_off=0.5, augmentation=USUAL_WARPS,
    )  # fmt: skip


def test_what_a_recipe_has_can_be_left_out(run: Commands, small_files: Path) -> None:
    run("train", *QUICK, "--convolutions", "2x3 pool", "--batch-norm", "--augment", "--json")
    result = run("train", *QUICK, "--no-batch-norm", "--no-augment", "--convolutions", "", "--json")
    assert json.loads(result.output)["parameters"] == 784 * 16 + 16 + 160 + 10
    recipe = load_model("model.pkl").recipe
    assert recipe == RECIPES["quick"].changed(epochs=1, hidden=(16,))


def test_another_optimizer_brings_its_own_learning_rate_and_decay(run: Commands, small_files: Path) -> None:
    """AdamW's would be far too small, or as L2 decay far too large, for the others."""
    run("train", *QUICK, "--optimizer", "sgd")
    recipe = load_model("model.pkl").recipe
    assert (recipe.learning_rate, recipe.weight_decay) == (0.1, 0.0)


def test_train_draws_its_curves(run: Commands, small_files: Path) -> None:
    assert run("train", *QUICK, "--plots", "figures").status == 0
    assert picture_width("figures/learning.png") >= 800


def test_a_diverging_run_leaves_the_old_model_and_says_what_to_change(run: Commands, small_files: Path) -> None:
    run("train", *QUICK)
    before = content(small_files)
    result = run("train", *QUICK, "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", 5)
    assert result.status == 1
    assert "Try a tenth of it: 1e+29" in result.errors
    assert content(small_files) == before


def test_resume_without_a_checkpoint_begins_anew_and_says_so(run: Commands, small_files: Path) -> None:
    assert "No checkpoint: beginning anew" in run("train", *QUICK, "--resume").errors


# -- evaluate, predict, explain ----------------------------------------------------------------------------------


def test_evaluate_measures_the_shipped_model_as_its_file_says(run: Commands) -> None:
    printed = json.loads(run("evaluate", "--json").output)
    assert printed["count"] == 10_000
    assert len(printed["per_digit"]) == 10
    assert printed["error_percent"] == pytest.approx(100 * (1 - printed["accuracy"]))
    assert printed["accuracy"] == pytest.approx(load_model("standard").results["test_accuracy"], abs=2e-4)
    assert printed["temperature"] == load_model("standard").network.temperature
    assert {"corruptions", "attacks", "compared"}.isdisjoint(printed)


FIGURES = {
    "accuracy_by_digit.png", "confusion_matrix.png", "first_layer_weights.png", "hidden_layer_map.png",
    "reliability_diagram.png", "risk_coverage.png", "worst_mistakes.png",
}  # fmt: skip
ROBUSTNESS_FIGURES = {"corruption_errors.png", "corruption_examples.png", "attack_errors.png"}


def test_evaluate_measures_corruptions_and_attacks_of_models_side_by_side(run: Commands, small_files: Path) -> None:
    first = Recipe(hidden=(4,)).network(seed=0)
    first.temperature = 1.25
    save_model("mine.pkl", first)
    extras = ("--corruptions", "--attacks", "--compare", "quick")
    result = run("evaluate", "--model", "mine.pkl", *extras, "--plots", "figures", "--json")
    assert result.status == 0
    printed = json.loads(result.output)
    assert printed["temperature"] == 1.25
    assert list(printed["compared"]) == ["quick"]
    measured = printed["compared"]["quick"]
    assert measured["temperature"] == load_model("quick").network.temperature
    for of_model in (printed, measured):
        kinds = {kind: error for kind, error in of_model["corruptions"].items() if kind not in ("clean", "mean")}
        assert len(kinds) == 15
        assert of_model["corruptions"]["mean"] == pytest.approx(sum(kinds.values()) / 15)
        attacks = [(error["attack"], error["epsilon"]) for error in of_model["attacks"]]
        assert attacks == [("none", 0), *((name, e) for name in ("FGSM", "PGD") for e in (0.1, 0.2, 0.3))]
        assert of_model["attacks"][0]["error_percent"] == of_model["corruptions"]["clean"]
    assert printed["corruptions"]["clean"] == printed["error_percent"]
    assert measured["corruptions"]["mean"] > measured["corruptions"]["clean"]
    assert measured["attacks"][-1]["error_percent"] > 90
    assert {path.name for path in Path("figures").iterdir()} == FIGURES | ROBUSTNESS_FIGURES


def test_evaluate_lets_several_models_answer_together(run: Commands, small_files: Path) -> None:
    for seed in (0, 1):
        save_model(f"{seed}.pkl", Recipe(hidden=(4,)).network(seed))
    alone = json.loads(run("evaluate", "--model", "0.pkl", "--json").output)
    together = json.loads(run("evaluate", "--model", "0.pkl", "--with", "1.pkl", "--views", "2", "--json").output)
    assert together["count"] == alone["count"]
    assert together["negative_log_likelihood"] != alone["negative_log_likelihood"]
    assert (alone["temperature"], together["temperature"]) == (1.0, None)
    run("evaluate", "--model", "0.pkl", "--with", "1.pkl", "--plots", "figures")
    assert {path.name for path in Path("figures").iterdir()} == FIGURES - {
        "hidden_layer_map.png",
        "first_layer_weights.png",
    }


def test_evaluate_prints_a_table_with_a_column_for_each_model(run: Commands, small_files: Path) -> None:
    save_model("mine.pkl", Recipe(hidden=(4,)).network(seed=0))
    output = run("evaluate", "--attacks", "--compare", "mine.pkl").output
    (heading,) = (line for line in output.splitlines() if line.split()[:2] == ["attack", "epsilon"])
    assert heading.split()[2:] == ["standard", "mine.pkl"]
    assert "PGD" in output
    assert "canny edges" not in output


COMPARED = [
    (("--compare", "quick"), "--corruptions"),
    (("--attacks", *5 * ("--compare", "quick")), "at most"),
]


@pytest.mark.parametrize(("arguments", "words"), COMPARED)
def test_comparing_without_a_table_or_with_too_many_is_wrong_usage(
    run: Commands, arguments: tuple[str, ...], words: str
) -> None:
    result = run("evaluate", *arguments)
    assert result.status == 2
    assert words in result.errors


def test_evaluate_loads_scipy_only_for_corruptions(small_files: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "digits", "evaluate", "--attacks", "--json"]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "numpy" in imported
    assert "scipy" not in imported
    assert "skimage" not in imported


def test_corruptions_say_what_to_install_before_any_work(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "digits.corruptions", raising=False)
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    result = run("evaluate", "--corruptions")
    assert result.status == 1
    assert result.errors == (
        'Error: corruptions need SciPy and scikit-image; install them with: pip install "digits[robustness]"\n'
    )


def test_predict_answers_from_any_folder(run: Commands, mnist: tuple[Dataset, Dataset]) -> None:
    result = run("predict", 0, "1,2", "3-4", "--json")
    predictions = json.loads(result.output)["predictions"]
    assert [p["source"] for p in predictions] == ["0", "1", "2", "3", "4"]
    assert [p["truth"] for p in predictions] == mnist[1].labels[:5].tolist()
    for p in predictions:
        assert sum(p["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert p["label"] == int(np.argmax(p["probabilities"]))
        assert p["confidence"] == max(p["probabilities"])


def test_the_model_in_the_working_directory_goes_before_the_shipped_one(run: Commands) -> None:
    save_model("model.pkl", Recipe(hidden=(4,)).network(seed=0))
    assert "model: model.pkl" in run("predict", 0).errors
    assert "shipped model quick" in run("predict", 0, "--model", "quick").errors


def test_predict_reads_pictures_and_draws_its_answers(run: Commands, mnist: tuple[Dataset, Dataset]) -> None:
    Image.fromarray(255 - mnist[1].images[0]).resize((280, 280)).save("seven.png")
    result = run("predict", "seven.png", 0, "--json", "--plot", "answers.png")
    picture, index = json.loads(result.output)["predictions"]
    assert picture["source"] == "seven.png"
    assert picture["label"] == index["label"] == 7
    assert "truth" not in picture
    assert picture_width("answers.png") >= 800


def test_predict_shows_the_digit_its_probabilities_and_the_verdict(run: Commands) -> None:
    output = run("predict", 0).output
    assert "test image 0: 7" in output
    assert "right" in output
    assert "█" in output
    assert "\x1b" not in output  # no colours where there is no terminal


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]


@pytest.mark.parametrize("recipe", [Recipe(convolutions="3x5 pool 4x3 pool", hidden=(8,), batch_norm=True), Recipe()])
def test_explain_prints_parts_that_add_up(run: Commands, small_files: Path, small_set: Dataset, recipe: Recipe) -> None:
    save_model("model.pkl", recipe.network(seed=0))
    export(Dataset(small_set.images[:50], small_set.labels[:50]), "train", "csv", "other")
    result = run("explain", 18, "--plot", "why.png", "--train-data", "other/train.csv")
    assert result.status == 0
    assert "50 training images: other/train.csv" in result.errors
    margin, gradient, integrated = result.output.splitlines()
    assert numbers(margin) == pytest.approx([sum(numbers(gradient))], abs=0.002)
    assert numbers(margin) == pytest.approx([sum(numbers(integrated))], abs=0.002)
    assert len(numbers(gradient)) == 2
    assert len(numbers(integrated)) == 3
    assert picture_width("why.png") >= 800


def test_submission_is_the_file_that_kaggle_takes(run: Commands, mnist: tuple[Dataset, Dataset]) -> None:
    export(Dataset(mnist[1].images[:20]), "test", "csv", "data")
    assert run("submission", "--test-data", "data/test.csv", "--out", "submission.csv").status == 0
    lines = Path("submission.csv").read_text().splitlines()
    assert lines[0] == "ImageId,Label"
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(1, 21))
    right = sum(int(line.split(",")[1]) == label for line, label in zip(lines[1:], mnist[1].labels, strict=False))
    assert right >= 18


# -- the others --------------------------------------------------------------------------------------------------


def test_data_info_says_what_comes_from_where(run: Commands, small_files: Path) -> None:
    found = json.loads(run("data", "info", "--json").output)
    assert (found["train"]["source"], found["train"]["count"]) == ("data/train.csv", 600)
    assert sum(found["test"]["per_digit"]) == 100
    assert "data/train.csv" in run("data", "info").output


def test_exported_data_are_read_back_as_they_were(run: Commands, small_set: Dataset, small_files: Path) -> None:
    assert run("data", "export", "--format", "idx", "--out", "idx").status == 0
    result = run("train", *QUICK, "--train-data", "idx/train-images-idx3-ubyte", "--json")
    assert json.loads(result.output)["epochs"] == 1
    first = load_model("model.pkl").network.parameters
    run("train", *QUICK)
    assert np.array_equal(load_model("model.pkl").network.parameters, first)


def test_check_gradients_stays_below_a_millionth(run: Commands) -> None:
    result = run("check-gradients", "--json")
    assert result.status == 0
    assert json.loads(result.output)["max_relative_error"] <= 1e-6
    assert "maximum relative error" in run("check-gradients").output


def test_recipes_and_models_are_listed(run: Commands) -> None:
    assert {recipe["name"] for recipe in json.loads(run("recipes", "--json").output)["recipes"]} == set(RECIPES)
    shipped = {model["name"]: model for model in json.loads(run("models", "--json").output)["models"]}
    assert shipped["quick"]["recipe"] == "quick"
    for name in RECIPES:
        assert name in run("recipes").output
    assert "quick" in run("models").output


COMMANDS = [
    "train",
    "evaluate",
    "predict",
    "read",
    "explain",
    "submission",
    "data",
    "check-gradients",
    "recipes",
    "models",
]


@pytest.mark.parametrize("command", [(), *[(name,) for name in COMMANDS], ("data", "info"), ("data", "export")])
def test_every_command_has_help(run: Commands, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.status == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("train", "--epochs", "many"),
        ("predict",),
        ("data", "export"),
        ("evaluate", "--views", "2", "--attacks"),
    ],
)
def test_wrong_usage_exits_with_2(run: Commands, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.status == 2
    assert "Traceback" not in result.errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", ["predict 0", "predict 0 --json", "data info", "recipes"])
def test_a_full_disk_under_the_output_is_a_sentence(folder: Path, arguments: str) -> None:
    command = f"{sys.executable} -m digits {arguments} > /dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "Error: No space left on device."


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_streams_may_be_closed(folder: Path, closed: str) -> None:
    for arguments in ("predict 0", ""):
        command = f"{sys.executable} -m digits {arguments} {closed}"
        result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, input="3\n")
        assert "Traceback" not in result.stderr
        assert result.returncode in (0, 1)


def test_another_encoding_on_standard_input_is_survived(folder: Path) -> None:
    result = subprocess.run([sys.executable, "-m", "digits"], input=b"\xff\xfe\n3\n", capture_output=True)
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr


def test_output_can_be_cut_off_by_a_pipe(folder: Path) -> None:
    command = f"{sys.executable} -m digits predict 0-500 | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stdout.startswith("test image 0: 7")
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr


def test_a_terminal_without_unicode_is_enough(folder: Path) -> None:
    command = [sys.executable, "-m", "digits", "predict", "0"]
    result = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=True)
    assert "test image 0: 7" in result.stdout.decode("ascii")


# -- bad input: one sentence, exit status 1, nothing changed -----------------------------------------------------

GOOD_ROW = ",".join(["5", *["0"] * 784])
LINES = {
    "no columns": "",
    "empty.csv": "",
    "header.csv": "label," + ",".join(f"pixel{n}" for n in range(784)) + "\n",
    "few.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-2]}\n",
    "many.csv": f"{GOOD_ROW}\n{GOOD_ROW},0\n",
    "three.csv": "1,2,3\n4,5,6\n",
    "text.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-1]}abc\n",
    "missing.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-1]}\n",
    "256.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-1]}256\n",
    "minus.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-1]}-1\n",
    "fraction.csv": f"{GOOD_ROW}\n{GOOD_ROW[:-1]}1.5\n",
    "label10.csv": f"{GOOD_ROW}\n10{GOOD_ROW[1:]}\n",
}  # fmt: skip

BAD_INPUT = [
    (("predict", "10000"), "no image 10000"),
    (("predict", "5-3"), "backwards"),
    (("predict", "99999999999999999999999999"), "no image"),
    (("predict", "-1"), "-1"),
    (("predict", "no-such.png"), "neither a file nor indices"),
    (("predict", "1.5"), "neither a file nor indices"),
    (("predict", "zero.png"), "zero.png"),
    (("predict", "x" * 5000), "neither a file nor indices"),
    (("predict", "0", "--model", "huge-weights.pkl"), "not finite numbers"),
    (("evaluate", "--model", "huge-weights.pkl", "--plots", "figures"), "not finite numbers"),
    (("evaluate", "--model", "no-such.pkl", "--plots", "figures"), "no model"),
    (("train", "--train-data", "no-such.csv", "--plots", "figures"), "no-such.csv"),
    (("train", "--train-data", "one.csv", "--model", "few.csv"), "few.csv exists and is no model"),
    (("train", "--epochs", "1" + "0" * 400), "at most"),
    (("train", "--model", "x" * 250 + ".pkl"), "cannot write"),
    (("train", "--resume", "--model", "."), "folder"),
    (("submission", "--test-data", "unlabelled.csv", "--out", "unlabelled.csv"), "is the test data"),
    (("predict", "a-folder"), "folder"),
    (("predict", "text.png"), "no picture"),
    (("predict", "cut.png"), "damaged or cut short"),
    (("predict", "blank.png"), "blank"),
    (("predict", "huge.png"), "million pixels"),
    (("predict", "0", "--model", "no-such.pkl"), "no model"),
    (("predict", "0", "--model", "text.png"), "text.png"),
    (("predict", "0", "--plot", "answers.docx"), "must end in"),
    (("explain", "0", "--plot", "why.docx", "--train-data", "no-such.csv"), "must end in"),
    (("predict", "0", "--plot", "text.png/x.png"), "text.png"),
    (("explain", "0-3", "--plot", "why.png"), "takes one image"),
    (("explain", "0", "--plot", "why.png", "--train-data", "unlabelled.csv"), "no labels"),
    (("evaluate", "--test-data", "unlabelled.csv", "--corruptions", "--plots", "figures"), "no labels"),
    (("evaluate", "--test-data", "one.csv", "--attacks", "--compare", "no-such.pkl"), "no model"),
    (("evaluate", "--test-data", "one.csv", "--attacks", "--compare", "standard"), "named twice"),
    (("evaluate", "--test-data", "one.csv", "--attacks", "--compare", "huge-weights.pkl"), "not finite numbers"),
    (("evaluate", "--model", "standard", "--with", "standard"), "named twice"),
    (("evaluate", "--test-data", "unlabelled.csv"), "no labels"),
    (("evaluate", "--test-data", "a-folder"), "folder"),
    (("evaluate", "--test-data", "no-such.csv"), "no-such.csv"),
    (("evaluate", "--test-data", "binary.csv"), "binary.csv"),
    (("evaluate", "--test-data", "cut.csv.gz"), "cut.csv.gz"),
    (("evaluate", "--plots", "text.png"), "text.png"),
    (("train", "--train-data", "unlabelled.csv"), "no labels"),
    (("train", "--epochs", "0"), "at least 1; got 0"),
    (("train", "--learning-rate", "-1"), "above 0; got -1"),
    (("train", "--hidden", "0"), "at least 1 unit"),
    (("train", "--hidden", "1000000"), "too large"),
    (("train", "--recipe", "swift"), "no recipe named 'swift'"),
    (("train", "--convolutions", "5x5x5"), "words like 32x5"),
    (("train", "--convolutions", "pool pool pool pool pool"), "do not fit"),
    (("train", "--ease-off", "2"), "0…1; got 2"),
    (("train", "--model", "text.png/model.pkl"), "cannot write"),
    (("train", "--model", "a-folder"), "cannot write"),
    (("train", "--plots", "text.png"), "text.png"),
    (("submission", "--test-data", "unlabelled.csv", "--out", "a-folder"), "cannot write"),
    (("data", "export", "--format", "csv", "--out", "text.png"), "text.png"),
    *[(("evaluate", "--test-data", name), name) for name in LINES if name.endswith("csv")],
]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture
def bad_files(folder: Path) -> Path:
    for name, text in LINES.items():
        Path(name).write_text(text)
    Path("a-folder").mkdir()
    Path("text.png").write_text("I am not a picture.")
    Image.new("L", (50, 50), 200).save("blank.png")
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    Path("huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b""))
    Image.fromarray(load_mnist()[1].images[0]).resize((200, 200)).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:400])
    header = struct.pack(">IIBBBBB", 0, 0, 8, 0, 0, 0, 0)
    Path("zero.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b""))
    network = Recipe(hidden=(4,)).network(seed=0)
    network.parameters[:] = 1e38
    save_model("huge-weights.pkl", network)
    Path("binary.csv").write_bytes(bytes(range(256)) * 10)
    Path("cut.csv.gz").write_bytes(gzip.compress(f"{GOOD_ROW}\n".encode() * 100)[:60])
    Path("one.csv").write_text(f"{GOOD_ROW}\n")
    Path("unlabelled.csv").write_text(",".join(["0"] * 784) + "\n")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"), BAD_INPUT, ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else ""
)
def test_bad_input_gets_one_sentence_and_changes_nothing(
    run: Commands, bad_files: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = content(bad_files)
    result = run(*arguments)
    assert result.status == 1
    *_, last = result.errors.splitlines()
    assert last.startswith("Error: ")
    assert last.endswith(".")
    assert words in last
    assert "Traceback" not in result.errors
    assert result.output == ""
    assert content(bad_files) == before


# -- read --------------------------------------------------------------------------------------------------------

DIGIT_KEYS = {"label", "confidence", "probabilities", "box", "line"}


def draw_number(path: str, count: int = 3) -> str:
    """The first training digits, dark on light, side by side; returns what they are."""
    train_set, _ = load_mnist()
    page = np.concatenate([np.pad(image, ((8, 8), (2, 2))) for image in train_set.images[:count]], axis=1)
    Image.fromarray(255 - page).resize((page.shape[1] * 2, page.shape[0] * 2), Image.Resampling.BICUBIC).save(path)
    return "".join(map(str, train_set.labels[:count]))


def test_read_prints_the_digits_on_a_picture(run: Commands) -> None:
    text = draw_number("number.png")
    result = run("read", "number.png")
    assert (result.status, result.output) == (0, f"{text}\n")
    assert "model: " in result.errors


def test_read_prints_one_json_object(run: Commands) -> None:
    text = draw_number("number.png")
    Image.new("L", (50, 50), 200).save("blank.png")
    result = run("read", "number.png", "blank.png", "--model", "quick", "--json")
    assert result.status == 0
    number, blank = json.loads(result.output)["pictures"]
    assert set(number) == {"source", "text", "lines", "digits"}
    assert (number["source"], number["text"], number["lines"]) == ("number.png", text, [text])
    for found, label in zip(number["digits"], text, strict=True):
        assert set(found) == DIGIT_KEYS
        assert found["label"] == int(label)
        assert found["confidence"] == max(found["probabilities"])
        assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert len(found["box"]) == 4
    assert set(blank) == {"source", "text", "lines", "digits", "reason"}
    assert blank["digits"] == []


def test_read_names_the_bad_picture_and_reads_the_good_ones(run: Commands) -> None:
    text = draw_number("one.png")
    other = draw_number("two.png", count=2)
    Path("text.png").write_text("I am not a picture.")
    result = run("read", "one.png", "text.png", "missing.png", "two.png", "--model", "quick")
    assert result.status == 1
    assert result.output == f"one.png:\n{text}\ntwo.png:\n{other}\n"
    *_, last = result.errors.splitlines()
    assert last.startswith("Error: 2 of 4 pictures could not be read")
    assert last.endswith(".")
    assert "text.png" in last
    assert "missing.png" in last
    assert "Traceback" not in result.errors


def test_read_says_in_json_too_which_picture_is_bad(run: Commands) -> None:
    draw_number("one.png")
    result = run("read", "one.png", "missing.png", "--model", "quick", "--json")
    assert result.status == 1
    good, bad = json.loads(result.output)["pictures"]
    assert "error" not in good
    assert set(bad) == {"source", "error"}
    assert "missing.png" in bad["error"]


def test_read_takes_a_picture_from_standard_input(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    text = draw_number("number.png")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("number.png").read_bytes())))
    result = run("read", "-", "--model", "quick")
    assert (result.status, result.output) == (0, f"{text}\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    result = run("read", "-", "--model", "quick")
    assert result.status == 1
    assert "standard input must have a picture" in result.errors


def test_read_draws_its_answers_and_its_steps(run: Commands) -> None:
    draw_number("number.png")
    result = run("read", "number.png", "--model", "quick", "--annotate", "answers.png", "--show-steps", "steps.png")
    assert result.status == 0
    assert picture_width("answers.png") == picture_width("number.png")
    assert np.ptp(np.asarray(Image.open("answers.png").convert("RGB")), axis=2).max() > 100  # there are colours on it
    assert picture_width("steps.png") >= 800
    assert "saved answers.png" in result.errors


def test_read_draws_on_one_picture_only(run: Commands) -> None:
    draw_number("one.png")
    draw_number("two.png")
    result = run("read", "one.png", "two.png", "--annotate", "answers.png")
    assert result.status == 2
    assert "take one picture; there are 2" in result.errors
    assert not Path("answers.png").exists()


def test_read_takes_the_pictures_of_a_folder_by_name(run: Commands) -> None:
    Path("scans").mkdir()
    text = draw_number("scans/b.png")
    other = draw_number("scans/a.jpg", count=1)
    Path("scans/notes.txt").write_text("not a picture")
    result = run("read", "scans", "--model", "quick")
    assert result.status == 0
    a, b = Path("scans") / "a.jpg", Path("scans") / "b.png"
    assert result.output == f"{a}:\n{other}\n{b}:\n{text}\n"


def test_read_reads_each_page_of_a_pdf(run: Commands) -> None:
    pytest.importorskip("pypdfium2")
    texts = [draw_number("a.png"), draw_number("b.png", count=2)]
    pages = [Image.open(name).convert("RGB") for name in ("a.png", "b.png")]
    pages[0].save("form.pdf", save_all=True, append_images=pages[1:], resolution=100)
    pictures = json.loads(run("read", "form.pdf", "--model", "quick", "--json").output)["pictures"]
    assert [picture["source"] for picture in pictures] == ["form.pdf, page 1", "form.pdf, page 2"]
    assert [picture["text"] for picture in pictures] == texts


READ_BADLY = [
    (("read",), 2, "name a picture"),
    (("read", "a-folder"), 1, "has no pictures in it"),
    (("read", "blank.png", "--annotate", "answers.jpg"), 1, "must end in .png"),
    (("read", "blank.png", "--annotate", "text.png/x.png"), 1, "text.png"),
    (("read", "blank.png", "--model", "no-such.pkl"), 1, "no model"),
    (("read", "blank.png", "--invert", "perhaps"), 2, "perhaps"),
    (("read", "huge.png", "--model", "quick"), 1, "million pixels"),
    (("read", "cut.png", "--model", "quick"), 1, "damaged or cut short"),
]


@pytest.mark.parametrize(("arguments", "status", "words"), READ_BADLY)
def test_what_cannot_be_read_gets_one_sentence_and_changes_nothing(
    run: Commands, bad_files: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    before = content(bad_files)
    result = run(*arguments)
    assert result.status == status
    assert words in result.errors.splitlines()[-1]
    assert "Traceback" not in result.errors
    assert result.output == ""
    assert content(bad_files) == before
