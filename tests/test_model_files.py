"""Models and checkpoints come back bit for bit; whatever else lies in a file is one sentence."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits import model_files
from digits.errors import DigitsError
from digits.layers import Dense, Dropout, Layer, LeakyReLU, ReLU, Sigmoid, Tanh
from digits.model_files import (
    find_model,
    initial_network,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
    shipped_models,
    teacher_of,
)
from digits.neural_network import NeuralNetwork
from digits.optimizers import AdamW
from digits.recipes import RECIPES, Recipe

IMAGES = np.random.default_rng(0).random((5, 784), np.float32)
FORMATS = ["model.pkl", "model.safetensors"]
every_format = pytest.mark.parametrize("name", FORMATS)

hidden_layers = st.lists(
    st.builds(Dense, st.integers(1, 5), st.sampled_from([None, "he", "glorot"]))
    | st.sampled_from([ReLU, Sigmoid, Tanh]).map(lambda layer: layer())
    | st.builds(LeakyReLU, st.floats(0.001, 0.5))
    | st.builds(Dropout, st.floats(0, 0.9)),
    max_size=5,
)


def small_network(dtype: type = np.float32) -> NeuralNetwork:
    return NeuralNetwork([Dense(3), ReLU(), Dropout(0.1), Dense(10)], seed=1, dtype=dtype)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pkl"


@pytest.fixture(scope="module", params=FORMATS)
def valid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole file of a network that is small enough to be damaged everywhere."""
    path = tmp_path_factory.mktemp("valid") / str(request.param)
    network = NeuralNetwork([Dense(3), ReLU(), Dense(2)], input_shape=(4,))
    save_model(path, network, recipe=RECIPES["quick"], seed=0, results={"accuracy": 0.5}, data="MNIST")
    return path.read_bytes()


def content(path: Path) -> dict[str, Any]:
    """A model's file as a plain dictionary, to be changed and written back."""
    save_model(path, small_network(), recipe=RECIPES["plain"], seed=0, data="MNIST")
    loaded = pickle.loads(path.read_bytes())
    assert isinstance(loaded, dict)
    return loaded


# -- there and back ------------------------------------------------------------------------------------------------


@given(layers=hidden_layers, dtype=st.sampled_from([np.float32, np.float64]), name=st.sampled_from(FORMATS))
@settings(max_examples=50)
def test_a_model_comes_back_bit_for_bit(
    layers: list[Layer], dtype: type, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    network = NeuralNetwork([type_again(layer) for layer in layers] + [Dense(10)], seed=2, dtype=dtype)
    path = tmp_path_factory.getbasetemp() / name
    save_model(path, network)
    again = load_model(path).stored
    assert again.config() == network.config()
    assert again.parameters.dtype == network.parameters.dtype
    assert again.parameters.tobytes() == network.parameters.tobytes()
    assert again.predict_proba(IMAGES).tobytes() == network.predict_proba(IMAGES).tobytes()


def type_again(layer: Layer) -> Layer:
    """A layer like this one: Hypothesis may give the same one twice, and a layer belongs to one network."""
    config = layer.config()
    return type(layer)(**{name: value for name, value in config.items() if name != "type"})


@every_format
def test_a_model_says_where_it_came_from(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    results = {"test_accuracy": 0.98, "epochs": 12, "validation_accuracy": None}
    save_model(path, small_network(), recipe=RECIPES["quick"], seed=7, results=results, data="train.csv")
    model = load_model(path)
    assert (model.recipe, model.seed, model.results) == (RECIPES["quick"], 7, results)
    assert (model.data, model.path) == ("train.csv", path)
    assert model.program.startswith("digits ")
    assert model.summary()["bytes"] == path.stat().st_size
    assert json.loads(json.dumps(model.summary()))["parameters"] == model.stored.parameters.size


@every_format
def test_what_is_not_known_is_none(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / name, small_network())
    model = load_model(tmp_path / name)
    assert (model.recipe, model.seed, model.results, model.data) == (None, None, {}, None)


@every_format
def test_the_same_model_is_the_same_file(name: str, tmp_path: Path) -> None:
    files = []
    for folder in "ab":
        save_model(tmp_path / folder / name, small_network(), recipe=RECIPES["quick"], seed=0, data="MNIST")
        files.append((tmp_path / folder / name).read_bytes())
    assert files[0] == files[1]


@every_format
def test_the_content_of_a_file_decides_and_not_its_name(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / name, small_network())
    other = tmp_path / "model.of.mine"
    (tmp_path / name).rename(other)
    assert load_model(other).stored.parameters.tobytes() == small_network().parameters.tobytes()


def test_a_loaded_network_learns_on(path: Path) -> None:
    save_model(path, small_network())
    network = load_model(path).stored
    labels = np.arange(5)
    before, _ = network.loss(network.logits(IMAGES), labels)
    for _ in range(20):
        network.loss_and_gradients(IMAGES, labels)
        network.parameters -= 0.01 * network.gradients
    after, _ = network.loss(network.logits(IMAGES), labels)
    assert after < before


def test_python_alone_opens_the_pickle_and_safetensors_the_other(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    network = small_network()
    for name in FORMATS:
        save_model(tmp_path / name, network, recipe=RECIPES["plain"])
    plain = pickle.loads((tmp_path / "model.pkl").read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    assert plain["layers"] == network.config()["layers"]
    assert plain["recipe"] == RECIPES["plain"].to_dict()
    for name, array in network.named_parameters():
        assert np.array_equal(plain["parameters"][name], array)
        assert np.array_equal(tensors[name], array)


def test_a_source_whose_name_is_no_text_does_not_cost_the_model(path: Path) -> None:
    save_model(path, small_network(), data=os.fsdecode(b"scans\xff.csv"))
    assert load_model(path).data == r"scans\udcff.csv"


def checkpoint() -> dict[str, Any]:
    """As ``Training.checkpoint()`` makes it."""
    network, optimizer = small_network(), AdamW()
    network.loss_and_gradients(IMAGES, np.arange(5))
    optimizer.step(network.parameters, network.gradients)
    return {
        "recipe": RECIPES["quick"].to_dict(),
        "seed": 0,
        "data": "a fingerprint",
        "network": network.config(),
        "parameters": network.parameters.copy(),
        "random": network.random.bit_generator.state,
        "optimizer": optimizer.state(),
        "averages": [],
        "learning_rate": 0.1,
        "history": [{"epoch": epoch, "loss": 0.1 * epoch, "validation_loss": None} for epoch in range(3000)],
    }


def test_a_checkpoint_comes_back_exactly(tmp_path: Path) -> None:
    saved = checkpoint()
    save_checkpoint(tmp_path / "checkpoint", saved)
    again = load_checkpoint(tmp_path / "checkpoint")
    assert list(again) == list(saved)
    assert again["parameters"].tobytes() == saved["parameters"].tobytes()
    for vector in AdamW.vectors:
        assert again["optimizer"].pop(vector).tobytes() == saved["optimizer"].pop(vector).tobytes()
    del again["parameters"], saved["parameters"]
    assert again == saved


def test_a_generator_goes_on_from_a_checkpoint_as_it_would_have(tmp_path: Path) -> None:
    saved = checkpoint()
    save_checkpoint(tmp_path / "checkpoint", saved)
    one, other = np.random.default_rng(1), np.random.default_rng(2)
    one.bit_generator.state = saved["random"]
    other.bit_generator.state = load_checkpoint(tmp_path / "checkpoint")["random"]
    assert one.random(100).tobytes() == other.random(100).tobytes()


# -- finding a model -----------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shipped models, "quick" and "standard", and an empty working directory."""
    models, here = tmp_path / "models", tmp_path / "here"
    here.mkdir()
    for name in ("standard", "quick"):
        save_model(models / f"{name}.pkl", small_network())
    monkeypatch.setattr(model_files, "MODELS", models)
    monkeypatch.chdir(here)
    return models


def test_without_a_name_it_is_the_shipped_default(shipped: Path) -> None:
    assert find_model() == shipped / "standard.pkl"


def test_without_a_name_model_pkl_here_comes_first(shipped: Path) -> None:
    save_model("model.pkl", small_network())
    assert find_model() == Path("model.pkl")


def test_a_name_is_a_shipped_model_or_a_file(shipped: Path) -> None:
    save_model("mine.pkl", small_network())
    assert list(shipped_models()) == ["quick", "standard"]
    assert find_model("standard") == shipped / "standard.pkl"
    assert find_model("mine.pkl") == Path("mine.pkl")
    assert load_model("standard").path == shipped / "standard.pkl"


@pytest.mark.parametrize("name", ["other", "other.pkl", "model.pkl/below", "x" * 300])
def test_a_model_that_is_not_there_is_named_with_those_that_are(shipped: Path, name: str) -> None:
    with pytest.raises(DigitsError, match=rf"^there is no model {name} .*: quick, standard\.$"):
        load_model(name)


# -- files that are no models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"label,pixel0,pixel1\n5,0,0\n", "it is not a pickle of protocol 4"),
        (b'Digits: {"a": 1}', "its header is too long"),
        (b"cos\nsystem\n(S'true'\ntR.", "it is not a pickle of protocol 4"),
        (pickle.dumps(os.system, protocol=4), r"system', which plain data do not need: it may be hostile"),
        (pickle.dumps([1, 2], protocol=4), "it does not say that digits wrote it"),
        (pickle.dumps({"W1": np.zeros((784, 10))}, protocol=4), "it does not say that digits wrote it"),
        (pickle.dumps({"format": np.zeros(2)}, protocol=4), "it does not say that digits wrote it"),
        (pickle.dumps({"format": "digits model"}, protocol=4), "it has no version"),
        (pickle.dumps({"format": "digits model", "version": 1}, protocol=4), "it describes no network of ours"),
    ],
)
def test_another_file_is_one_sentence_that_says_why(data: bytes, message: str, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(
        DigitsError, match=rf"^{path} cannot be used: .*{message}.*\. Get the file anew, or train again\.$"
    ):
        load_model(path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match="is a folder; give a file in it"):
        load_model(tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_device_is_no_model() -> None:
    with pytest.raises(DigitsError, match="is not an ordinary file"):
        load_model("/dev/zero")


def test_a_file_too_large_is_not_even_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(model_files.MAX_MODEL_BYTES + 1)  # a hole: it takes no room on the disk
    with pytest.raises(DigitsError, match="is not an ordinary file of at most 512 MiB"):
        load_model(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(path: Path) -> None:
    save_model(path, small_network())
    path.chmod(0)
    with pytest.raises(DigitsError, match=r"^cannot read .*: Permission denied; check .*\.$"):
        load_model(path)


def test_a_checkpoint_is_no_model_and_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a", checkpoint())
    save_model(tmp_path / "b", small_network())
    with pytest.raises(DigitsError, match="a is a digits checkpoint, not a digits model; give another file"):
        load_model(tmp_path / "a")
    with pytest.raises(DigitsError, match="b is a digits model, not a digits checkpoint; give another file"):
        load_checkpoint(tmp_path / "b")
    with pytest.raises(DigitsError, match="there is no file"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize(
    ("version", "message"), [(2, "made by a newer digits .*upgrade"), (0, "too old .*train it again")]
)
def test_another_version_says_what_to_do(version: int, message: str, path: Path) -> None:
    path.write_bytes(pickle.dumps(content(path) | {"version": version}, protocol=4))
    with pytest.raises(DigitsError, match=message):
        load_model(path)


DENSE = {"type": "Dense", "units": 10}
WRONG: dict[str, dict[str, Any]] = {
    "a billion units": {"layers": [{"type": "Dense", "units": 10**9}]},
    "10^600 units": {"layers": [{"type": "Dense", "units": 10**600}]},
    "units that are no integer": {"layers": [{"type": "Dense", "units": 3.0}, {"type": "ReLU"}, DENSE]},
    "units that are no number": {"layers": [{"type": "Dense", "units": "3"}]},
    "units that are not a number": {"layers": [{"type": "Dense", "units": float("nan")}]},
    "no layers": {"layers": []},
    "layers that are no list": {"layers": 3},
    "a layer that is no dictionary": {"layers": ["Dense"]},
    "a layer of no known type": {"layers": [{"type": "os.system", "command": "true"}]},
    "a layer of a type that is no text": {"layers": [{"type": ["Dense"]}]},
    "a layer with other arguments": {"layers": [{"type": "ReLU", "units": 3}]},
    "layers without end": {"layers": [{"type": "ReLU"} for _ in range(2000)], "parameters": {}},
    "an image of 2^60 pixels": {"input_shape": [2**60], "layers": [{"type": "ReLU"}], "parameters": {}},
    "an image of 0 pixels": {"input_shape": [0]},
    "an image of −1 × −784 pixels": {"input_shape": [-1, -784]},
    "an image without a shape": {"input_shape": None},
    "no parameters": {"parameters": {}},
    "parameters of other names": {"parameters": {"weights": np.zeros(2395, np.float32)}},
    "parameters that are no arrays": {"parameters": {"0.weights": 2395}},
    "parameters of objects": {"parameters": {"0.weights": np.array([None])}},
    "a recipe that is none": {"recipe": {"hidden": 5}},
    "a recipe of a billion units": {"recipe": {"hidden": [10**9]}},
    "a recipe with a learning rate of 10^600": {"recipe": {"learning_rate": 10**600}},
    "a recipe that is a list": {"recipe": []},
    "a seed that is a text": {"seed": "0"},
    "results that are a list": {"results": []},
    "data that are a number": {"data": 3},
    "a program that is none": {"program": None},
}
LOAD = """
import resource, sys
from pathlib import Path
from digits.errors import DigitsError
from digits.model_files import load_model
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 100_000_000,) * 2)
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load_model(path)
    except DigitsError as error:
        assert str(error).startswith(f"{path} cannot be used: it "), error
        print(path.name, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on memory")
def test_content_that_is_no_network_is_refused_before_it_takes_memory(path: Path, tmp_path: Path) -> None:
    good = content(path)
    folder = tmp_path / "wrong"
    folder.mkdir()
    for name, change in WRONG.items():
        (folder / name).write_bytes(pickle.dumps(good | change, protocol=4))
    command = [sys.executable, "-c", LOAD, str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.splitlines() == sorted(WRONG), run.stderr


@pytest.mark.parametrize("change", ["missing", "more", "integers", "transposed", "infinite", "not a number"])
def test_parameters_must_be_those_of_the_layers(change: str, path: Path) -> None:
    changed = content(path)
    parameters = changed["parameters"]
    weights = parameters["0.weights"]
    if change == "missing":
        del parameters["0.biases"]
    elif change == "more":
        parameters["9.weights"] = np.zeros(0, np.float32)
    elif change == "integers":
        parameters["0.weights"] = weights.astype(np.int64)
    elif change == "transposed":
        parameters["0.weights"] = weights.T.copy()
    else:
        weights[5, 1] = {"infinite": np.inf, "not a number": np.nan}[change]
    path.write_bytes(pickle.dumps(changed, protocol=4))
    with pytest.raises(DigitsError, match="it describes no network of ours"):
        load_model(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_could_not_be_read_is_not_written(value: float, path: Path) -> None:
    save_model(path, small_network())
    before = path.read_bytes()
    broken = small_network()
    broken.parameters[3] = value
    with pytest.raises(DigitsError, match="was not written: the network has weights that are not finite numbers"):
        save_model(path, broken)
    assert path.read_bytes() == before


def load_or_refuse(path: Path, data: bytes) -> None:
    """Load a model from these bytes; a DigitsError is fine, every other exception and every warning is not."""
    path.write_bytes(data)
    try:
        model = load_model(path)
    except DigitsError as error:
        assert str(error).startswith(str(path))
    else:
        assert np.isfinite(model.stored.parameters).all()


def test_a_file_cut_anywhere_is_refused(valid: bytes, path: Path) -> None:
    for end in range(0, len(valid), 7):
        path.write_bytes(valid[:end])
        with pytest.raises(DigitsError, match="cannot be used"):
            load_model(path)


@given(position=st.integers(0, 3000), byte=st.binary(max_size=3))
@settings(max_examples=300)
def test_a_file_with_a_changed_byte_is_refused_or_is_a_model(
    position: int, byte: bytes, valid: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    position %= len(valid)
    damaged = valid[:position] + byte + valid[position + 1 :]
    load_or_refuse(tmp_path_factory.getbasetemp() / "damaged", damaged)


@given(position=st.integers(0, 3000), byte=st.binary(max_size=3))
@settings(max_examples=300)
def test_a_checkpoint_with_a_changed_byte_is_refused_or_is_a_dictionary(
    position: int, byte: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "checkpoint"
    save_checkpoint(path, checkpoint() | {"history": [], "parameters": np.zeros(3), "optimizer": {"steps": 1}})
    whole = path.read_bytes()
    position %= len(whole)
    path.write_bytes(whole[:position] + byte + whole[position + 1 :])
    try:
        loaded = load_checkpoint(path)
    except DigitsError:
        return
    assert type(loaded) is dict


def safetensors(header: dict[str, Any], data: bytes = b"") -> bytes:
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "data",
    [
        (2**40).to_bytes(8, "little") + b"{}",
        safetensors({"0.weights": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        safetensors({"0.weights": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"0.weights": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"0.weights": {"dtype": "I16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"0.weights": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors({"__metadata__": {"digits": NESTED}}),
        safetensors({"__metadata__": {"digits": "1" * 100_000}}),
        safetensors({"__metadata__": {"digits": "{"}}),
        safetensors({"__metadata__": {"digits": '{"format": "digits model", "version": 1}'}}),
    ],
    ids=range(10),
)
def test_safetensors_of_other_programs_and_hostile_ones_are_refused(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(DigitsError, match="cannot be used"):
        load_model(path)


def test_without_the_safetensors_library_the_message_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, small_network())
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for attempt in (lambda: load_model(path), lambda: save_model(path, small_network())):
        with pytest.raises(DigitsError, match=r'pip install "digits\[safetensors\]"'):
            attempt()


# -- writing that is stopped ---------------------------------------------------------------------------------------

WRITE_FOR_EVER = """
import sys
from digits.model_files import save_model
from digits.neural_network import NeuralNetwork
from digits.layers import Dense
networks = [NeuralNetwork([Dense(200), Dense(10)], seed=seed) for seed in range(2)]
while True:
    for network in networks:
        save_model(sys.argv[1], network)
"""


def test_a_kill_while_writing_leaves_a_whole_model(path: Path) -> None:
    known = [NeuralNetwork([Dense(200), Dense(10)], seed=seed).parameters.tobytes() for seed in range(2)]
    for milliseconds in (0, 3, 11):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path]) as process:
            while not path.exists() and process.poll() is None:
                time.sleep(0.001)
            time.sleep(milliseconds / 1000)
            process.kill()
        assert load_model(path).stored.parameters.tobytes() in known


FULL_DISK = """
import resource, sys
from digits.errors import DigitsError
from digits.layers import Dense
from digits.model_files import save_model
from digits.neural_network import NeuralNetwork
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_model(sys.argv[1], NeuralNetwork([Dense(10)]))
except DigitsError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
@every_format
def test_no_room_for_a_model_leaves_the_old_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    save_model(path, small_network(), seed=5)
    run = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert run.stdout == f"cannot write {path}: File too large. The old file is unchanged.\n"
    assert load_model(path).seed == 5
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(begins_with="nobody"), "the recipe begins with 'nobody', which is not shipped; there are best-cnn, "),
        (Recipe(begins_with="cnn"), "the recipe's network, 784-128-64-10, is not that of cnn, which it begins with."),
    ],
)
def test_a_recipe_begins_with_a_shipped_model_of_its_own_layers(recipe: Recipe, message: str) -> None:
    with pytest.raises(DigitsError, match=message):
        initial_network(recipe, seed=0)


def test_a_recipe_s_teacher_is_a_shipped_model() -> None:
    assert teacher_of(Recipe()) is None
    teacher = teacher_of(Recipe(teacher="cnn"))
    assert teacher is not None
    assert np.array_equal(teacher.parameters, load_model("cnn").network.parameters)
    with pytest.raises(
        DigitsError, match="the recipe learns from 'nobody', which is not shipped; there are best-cnn, "
    ):
        teacher_of(Recipe(teacher="nobody"))
