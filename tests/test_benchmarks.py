"""The benchmarks' own logic: what repetitions come to, when a row proves nothing, what the command takes.

Nothing is timed here, and no other library is needed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import contenders, results, rows
from benchmarks.__main__ import main, parse
from benchmarks.contenders import convolved, initial_weights, loss_of, max_pooled
from benchmarks.measurement import Measurement, differences, ratio
from benchmarks.peers import ours
from benchmarks.processes import WorkerError, interleave, start_workers, tuning_variables
from benchmarks.report import amount, to_json
from benchmarks.work import Inference, Training, from_json
from benchmarks.work import to_json as work_to_json

SMALL = rows.GROUPS[0]
CONVOLUTIONAL = Training((8,), 16, "momentum", 0.05, images=320, filters=(2, 3))
times = st.floats(min_value=1e-6, max_value=1e3)
series = st.lists(st.tuples(times, times), min_size=1, max_size=9)


def measured(seconds: list[float], **evidence: float) -> Measurement:
    return Measurement(seconds, dict(evidence))


def row_of(peer: str, ours: Measurement, theirs: Measurement, *, quick: bool = False) -> dict[str, object]:
    row = next(row for row in SMALL.rows if row.peer == peer)
    return results.compared(SMALL, row, {"digits": ours, peer: theirs}, quick=quick)


# -- ratios ------------------------------------------------------------------------------------------------------------


def test_the_ratio_is_that_of_the_medians_and_its_spread_that_of_the_pairs() -> None:
    found = ratio([1.0, 2.0, 9.0], [4.0, 4.0, 3.0])
    assert (found.value, found.lowest, found.highest) == (0.5, 0.25, 3.0)


@given(series)
def test_a_ratio_turned_round_is_its_reciprocal(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    one, other = ratio(ours, theirs), ratio(theirs, ours)
    assert one.value * other.value == pytest.approx(1)
    assert one.lowest * other.highest == pytest.approx(1)
    assert one.lowest <= one.highest


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0])])
def test_what_cannot_be_compared_is_an_error(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match="repetition"):
        ratio(ours, theirs)


# -- whether both did the same -----------------------------------------------------------------------------------------


def test_one_per_cent_is_the_same_and_more_is_not() -> None:
    assert differences({"loss": 0.1009}, {"loss": 0.1}, {}) == []
    (sentence,) = differences({"loss": 0.1011}, {"loss": 0.1}, {})
    assert "ours 0.1011, theirs 0.1" in sentence


def test_a_work_may_admit_more() -> None:
    assert differences({"loss": 0.104}, {"loss": 0.1}, {"loss": 0.05}) == []
    assert differences({"loss": 0.106}, {"loss": 0.1}, {"loss": 0.05})


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_never_the_same(loss: float) -> None:
    assert differences({"loss": loss}, {"loss": 0.1}, {})
    assert differences({"loss": 0.1}, {"loss": float("nan")}, {})


def test_a_row_whose_sides_learnt_different_things_fails_and_meets_no_target() -> None:
    row = row_of("pytorch", measured([1.0], loss=0.10), measured([9.0], loss=0.12))
    assert "more than 1% apart" in str(row["failed"])
    assert row["met"] is None


def test_a_failed_row_makes_the_command_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = row_of("pytorch", measured([1.0], loss=0.10), measured([9.0], loss=0.12))
    machine = {"blas": [], "processor": "", "cores": 2, "python": ""}
    monkeypatch.setattr("benchmarks.__main__.prepare_environment", lambda *_: None)
    monkeypatch.setattr("benchmarks.__main__.measure", lambda *_: {"rows": [bad], "machine": machine})
    assert main(["--only", "epoch-small"]) == 1
    shown = capsys.readouterr()
    assert "FAILED" in shown.out
    assert "epoch-small/pytorch" in shown.err


def test_a_peer_that_fails_is_shown_and_no_failure_but_ours_is() -> None:
    row = row_of("pytorch", measured([1.0]), Measurement(problem="No module named 'torch'"))
    assert (row["not_measured"], row["failed"], row["ratio"]) == ("No module named 'torch'", "", None)
    assert row_of("pytorch", Measurement(problem="broken"), measured([1.0]))["failed"] == "digits: broken"


def test_targets_are_for_whole_runs() -> None:
    ours, theirs = measured([0.4]), measured([1.0])
    assert row_of("pytorch", ours, theirs)["met"] is True
    assert row_of("pytorch", theirs, ours)["met"] is False
    assert row_of("pytorch", theirs, ours, quick=True)["met"] is None


# -- the loss, by a few lines of NumPy -------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 3), (4, 2)])
def test_a_filter_with_a_single_one_cuts_out_a_part_of_the_image(row: int, column: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, 3, 9, 8))
    weights = np.zeros((3, 5, 5, 2))
    weights[1, row, column, 0] = 1
    maps = convolved(images, weights, np.array([0.0, 7.0]))
    np.testing.assert_array_equal(maps[:, 0], images[:, 1, row : row + 5, column : column + 4])
    assert (maps[:, 1] == 7).all()


def test_max_pooling_keeps_the_largest_of_each_two_by_two() -> None:
    image = np.array([[[[1, 2, 0, 0], [3, 4, 0, -1], [9, 0, -5, -6], [0, 0, -7, -8]]]])
    np.testing.assert_array_equal(max_pooled(image), [[[[4, 0], [9, -5]]]])


@pytest.mark.parametrize("work", [CONVOLUTIONAL, Training((8, 4), 16, "momentum", 0.05)])
def test_the_reference_and_digits_find_the_same_loss(work: Training) -> None:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (7, 784), np.uint8), random.integers(0, 10, 7)
    weights = [(w, random.normal(size=b.shape).astype(np.float32)) for w, b in initial_weights(work.weight_shapes)]
    network = ours.make_network(work.hidden, work.filters)
    ours.set_weights(network, weights)
    expected = contenders.cross_entropy(network.predict_proba(images), labels)
    assert loss_of(weights, images, labels) == pytest.approx(expected, rel=1e-5)


def test_the_convolutional_work_has_the_shapes_that_its_name_says() -> None:
    shapes = [(1, 5, 5, 16), (16, 5, 5, 32), (512, 128), (128, 10)]
    assert rows.convolutional().weight_shapes == shapes
    assert rows.small().weight_shapes == [(784, 128), (128, 10)]


# -- JSON and table ----------------------------------------------------------------------------------------------------


def test_every_row_has_the_same_keys_and_is_json() -> None:
    found = [
        row_of("pytorch", measured([1.0], loss=0.1), measured([2.0], loss=0.1)),
        results.started(
            rows.STARTS[0], {rows.STARTS[0].name: measured([1.0]), "baseline": measured([1.0])}, quick=False
        ),
        results.remembered(rows.MEMORY[0], 170.0, "", 0, quick=False),
    ]
    assert [tuple(row) for row in found] == [results.KEYS] * 3
    assert [row["met"] for row in found] == [True, True, True]
    assert json.loads(to_json({"rows": found}))["rows"] == found


def test_json_holds_no_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"ratio": float("nan")})


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (0.185, "185 ms"), (8.55e-6, "8.55 µs"), (3e-7, "0.3 µs"), (None, "–")]
)
def test_times_are_shown_in_a_unit_that_fits(value: float | None, shown: str) -> None:
    assert amount(value, "s") == shown


# -- rows, works, command ----------------------------------------------------------------------------------------------


def test_every_row_is_of_a_known_peer_that_has_a_module() -> None:
    folder = Path(rows.__file__).parent / "peers"
    for group in rows.GROUPS:
        for row in group.rows:
            assert (folder / f"{rows.PEERS[row.peer].module}.py").exists()


@pytest.mark.parametrize(
    "work", [SMALL.work, CONVOLUTIONAL, Training((8, 4), 16, "adamw", 0.1, 100, 2), Inference((5,), 1, 3)]
)
def test_a_work_travels_as_json(work: Training | Inference) -> None:
    assert from_json(json.loads(json.dumps(work_to_json(work)))) == work


def test_a_name_that_no_row_has_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--only", "epoch-smal"])
    assert stop.value.code == 2
    assert "epoch-smal; --list names all" in capsys.readouterr().err


def test_a_group_stands_for_its_rows() -> None:
    assert rows.wanted("latency/pytorch", ["latency"])
    assert rows.wanted("latency/pytorch", ["latency/pytorch"])
    assert not rows.wanted("latency/pytorch", ["latency/onnxruntime-one-thread", "growth"])


def test_a_part_of_the_truth_does_not_replace_the_published_whole() -> None:
    assert parse([]).json
    for arguments in (["--quick"], ["--only", "latency"]):
        assert parse(arguments).json is None
        assert parse(arguments).figures is None


def test_variables_that_tune_blas_are_found() -> None:
    environment = {
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_NUM_THREADS": "1",
        "MKL_DEBUG": "1",
        "HOME": "/",
        "PATH": "/bin",
    }
    assert tuning_variables(environment) == ["MKL_DEBUG", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE"]


# -- workers -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="workers are stopped by signals")
def test_workers_take_turns_and_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.PEERS, "absent", rows.Peer("absent", "no_such_module", "numpy"))
    work = Training((8,), 16, "momentum", 0.05, images=64)
    with start_workers(["digits", "floor", "absent"]) as workers:
        found = interleave(workers, work, repetitions=2)
        with pytest.raises(WorkerError, match="no_such_module"):
            workers[2].prepare(work), workers[2].receive()
    assert [len(found[peer].seconds) for peer in ("digits", "floor", "absent")] == [2, 2, 0]
    assert found["digits"].evidence["loss after the epoch"] > 0
    assert found["floor"].evidence == {}
    assert "no_such_module" in found["absent"].problem
    assert all(worker.process.poll() is not None for worker in workers)


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="workers are stopped by signals")
def test_a_convolutional_network_learns_in_a_worker() -> None:
    with start_workers(["digits"]) as workers:
        found = interleave(workers, CONVOLUTIONAL, repetitions=1)["digits"]
    assert found.problem == ""
    before = loss_of(initial_weights(CONVOLUTIONAL.weight_shapes), *contenders.test_images())
    assert found.evidence[contenders.AFTER] < found.evidence[contenders.DURING] < before
