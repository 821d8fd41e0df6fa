from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.datasets import Dataset, cache, data_info, export, load_mnist, load_test, load_train, sources
from digits.datasets import mnist as embedded
from digits.errors import DigitsError


def fail(*_: object) -> None:
    raise AssertionError("this was not to be called")


def test_without_files_of_ones_own_it_is_mnist(folder: Path) -> None:
    assert load_train().source == "embedded MNIST, train"
    assert load_test().source == "embedded MNIST, test"


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
def test_ones_own_file_comes_first_and_load_mnist_ignores_it(folder: Path, few: Dataset, name: str) -> None:
    export(few, "train", "csv", "data")
    if name.endswith(".gz"):
        Path("data", name).write_bytes(gzip.compress(Path("data/train.csv").read_bytes()))
        Path("data/train.csv").unlink()
    assert load_train().source == str(Path("data", name))
    assert load_train().fingerprint == few.fingerprint
    assert load_test().source == "embedded MNIST, test"
    assert [len(part) for part in load_mnist()] == [60_000, 10_000]


def test_a_named_file_comes_before_all(folder: Path, few: Dataset) -> None:
    export(few, "train", "csv", "data")
    export(Dataset(few.images[:3]), "test", "csv", "elsewhere")
    assert len(load_train("elsewhere/test.csv")) == 3
    assert len(load_train(Path("elsewhere/test.csv"))) == 3


def test_a_broken_file_of_ones_own_is_an_error_not_mnist(folder: Path) -> None:
    Path("data").mkdir()
    Path("data/test.csv").symlink_to("moved-away.csv")
    with pytest.raises(DigitsError, match=r"test\.csv does not exist"):
        load_test()
    Path("data/train.csv").mkdir()
    with pytest.raises(DigitsError, match=r"train\.csv is a folder"):
        load_train()


def test_a_file_is_parsed_once(folder: Path, few: Dataset, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = export(few, "train", "csv", folder)
    load_train(path)
    monkeypatch.setattr(sources, "read_csv", fail)
    assert load_train(path).fingerprint == few.fingerprint
    moved = path.rename(folder / "moved.csv")
    assert load_train(moved).source == str(moved)
    moved.write_bytes(moved.read_bytes() + b"\n")  # other content
    with pytest.raises(AssertionError, match="not to be called"):
        load_train(moved)


def test_a_damaged_cache_means_parsing_again(folder: Path, few: Dataset, empty_cache: Path) -> None:
    (path,) = export(few, "train", "csv", folder)
    load_train(path)
    (cached,) = empty_cache.iterdir()
    cached.write_bytes(cached.read_bytes()[:-100])
    assert load_train(path).fingerprint == few.fingerprint


def test_a_file_that_changes_while_it_is_read_is_not_cached(
    folder: Path, few: Dataset, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = export(few, "train", "csv", folder)
    hash_file = cache.key_of

    def hash_then_change(path: Path) -> str:
        key = hash_file(path)
        content = path.read_text()
        path.write_text(content[: content.rstrip().rindex("\n") + 1])  # the last row goes
        return key

    monkeypatch.setattr(cache, "key_of", hash_then_change)
    assert len(load_train(path)) == 11
    assert not empty_cache.exists()


def test_arrays_are_read_only_wherever_they_come_from(folder: Path, few: Dataset, empty_cache: Path) -> None:
    paths = [export(few, "train", file_format, folder)[0] for file_format in ("csv", "csv", "idx")]
    for dataset in map(load_train, paths):  # parsed, from the cache, and from IDX files
        assert dataset.fingerprint == few.fingerprint
        assert not dataset.images.flags.writeable
        assert not dataset.labels.flags.writeable


def test_exported_mnist_is_byte_for_byte_as_published(mnist: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    for part, dataset in zip(("train", "test"), mnist, strict=True):
        for path in export(dataset, part, "idx", tmp_path / "new" / "folder"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == embedded.SHA256[path.name]
    names = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert names == set(embedded.SHA256)
    assert load_test(tmp_path / "new" / "folder" / "t10k-images-idx3-ubyte").fingerprint == mnist[1].fingerprint


def test_exported_mnist_comes_back_from_csv(mnist: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    (path,) = export(mnist[1], "test", "csv", tmp_path)
    assert path == tmp_path / "test.csv"
    assert load_test(path).fingerprint == mnist[1].fingerprint


@pytest.mark.slow
def test_so_does_the_training_set(mnist: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    (path,) = export(mnist[0], "train", "csv", tmp_path)
    assert load_train(path).fingerprint == mnist[0].fingerprint


def test_export_without_labels_leaves_no_labels_behind(folder: Path, few: Dataset) -> None:
    unlabelled = Dataset(few.images, source="x.csv")
    (path,) = export(unlabelled, "test", "idx", folder)
    assert not load_test(path).has_labels
    export(few, "test", "idx", folder)
    with pytest.raises(DigitsError, match=r"t10k-labels-idx1-ubyte would be taken for the labels of x\.csv"):
        export(unlabelled, "test", "idx", folder)


@pytest.mark.parametrize("file_format", ["csv", "idx"])
def test_an_export_that_fails_leaves_the_old_files(
    folder: Path, few: Dataset, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    paths = export(few, "train", file_format, folder)
    before = [path.read_bytes() for path in paths]

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sources, f"write_{file_format}", disk_full)
    with pytest.raises(DigitsError, match="No space left on device"):
        export(Dataset(few.images[:5], few.labels[:5]), "train", file_format, folder)
    assert [path.read_bytes() for path in paths] == before
    assert set(folder.iterdir()) == set(paths)


@pytest.mark.parametrize("file_format", ["csv", "idx"])
def test_an_export_to_where_nothing_can_be_written(folder: Path, few: Dataset, file_format: str) -> None:
    Path("file").touch()
    with pytest.raises(DigitsError, match=r"^cannot write file/new/\S+: Not a directory\.$"):
        export(few, "train", file_format, "file/new")
    with pytest.raises(DigitsError, match=r"^cannot write file/\S+: Not a directory\.$"):
        export(few, "train", file_format, "file")
    name = "train.csv" if file_format == "csv" else "train-labels-idx1-ubyte"
    Path("out", name).mkdir(parents=True)
    with pytest.raises(DigitsError, match="it is a folder"):
        export(few, "train", file_format, "out")
    assert [path.name for path in Path("out").iterdir()] == [name]


@pytest.mark.parametrize(("part", "file_format"), [("validation", "csv"), ("train", "png")])
def test_an_export_of_something_else(folder: Path, few: Dataset, part: str, file_format: str) -> None:
    with pytest.raises(ValueError, match=r"no part .* or no format"):
        export(few, part, file_format, folder)


def test_info_of_mnist(folder: Path, mnist: tuple[Dataset, Dataset]) -> None:
    info = data_info()
    assert info["cache"] == str(cache.folder())
    assert info["test"] == {
        "source": "embedded MNIST, test",
        "path": None,
        "count": 10_000,
        "labelled": True,
        "per_digit": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }


def test_info_of_ones_own_files(folder: Path, few: Dataset) -> None:
    export(few, "train", "csv", "data")
    export(Dataset(few.images), "test", "csv", "data")
    info = data_info()
    path = str(Path("data", "train.csv"))
    counts = [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert info["train"] == {"source": path, "path": path, "count": 12, "labelled": True, "per_digit": counts}
    assert info["test"]["labelled"] is False
    assert info["test"]["per_digit"] is None


def test_the_import_is_light() -> None:
    code = "import sys, digits.datasets; print({'polars', 'PIL', 'matplotlib'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_a_file_is_told_by_its_content_not_its_name(folder: Path, few: Dataset) -> None:
    (path,) = export(few, "train", "csv", folder)
    assert load_train(path.rename(folder / "train-images-idx3-ubyte")).fingerprint == few.fingerprint


@settings(deadline=None)
@given(
    content=st.binary(max_size=100),
    start=st.sampled_from([b"", b"\0\0", b"\0\0\x08\x03", b"\x1f\x8b", b"\x1f\x8b\x08\0"]),
)
def test_any_file_is_a_dataset_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "train-images-idx3-ubyte"
    for whole in (start + content, gzip.compress(start + content), gzip.compress(content)[: len(content)]):
        path.write_bytes(whole)
        with pytest.raises(DigitsError, match=rf"^{path}.*\.$"):  # 100 bytes are too few for an image
            load_train(path)
