"""Plain data go out and come back; every other pickle is refused, before it does or becomes anything."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.safe_pickle import DTYPES, MAX_DEPTH, RefusedError, dump, load


def dumped(value: Any) -> bytes:
    file = io.BytesIO()
    dump(value, file)
    return file.getvalue()


def same(one: Any, other: Any) -> bool:
    """Equal in every type and every bit, NaN included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return bool(one == other) or one != one


scalars = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats() | st.text()
arrays = hnp.arrays(st.sampled_from(DTYPES).map(np.dtype), hnp.array_shapes(min_dims=0, min_side=0))
plain_data = st.recursive(
    scalars | arrays,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(plain_data)
def test_what_is_written_is_read_the_same(value: Any) -> None:
    assert same(load(dumped(value)), value)


@given(plain_data)
def test_python_reads_the_same_with_pickle_itself(value: Any) -> None:
    assert same(pickle.loads(dumped(value)), value)


@given(plain_data)
def test_pickles_of_plain_data_by_python_are_read_too(value: Any) -> None:
    assert same(load(pickle.dumps(value, protocol=4)), value)


def test_memory_order_and_byte_order_come_back() -> None:
    for array in (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(6, dtype=">f4")):
        again = load(dumped([array]))[0]
        assert again.dtype == array.dtype
        assert again.flags.f_contiguous == array.flags.f_contiguous
        assert np.array_equal(again, array)


def test_many_items_long_texts_and_the_same_array_twice_come_back() -> None:
    array = np.arange(3)
    value = {"many": list(range(5000)), "long": "é" * 1000, "names": {str(i): i for i in range(3000)}, "a": [array] * 2}
    assert same(load(dumped(value)), value)


def test_arrays_are_views_that_cannot_be_written_to() -> None:
    array = load(dumped([np.zeros(3)]))[0]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_numpy_scalars_become_pythons() -> None:
    assert same(load(dumped([np.float32(0.5), np.int64(3), np.bool(True)])), [0.5, 3, True])


def test_the_spelling_of_numpy_1_is_read() -> None:
    data = dumped([np.arange(4.0)])
    old = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    assert len(old) == len(data) - 1
    assert load(old)[0].tolist() == [0, 1, 2, 3]


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: 2}, {"a": {1}}, b"bytes", 1j, np.array([None]), np.array(["text"]), np.zeros(2, np.complex64)],
    ids=repr,
)
def test_what_is_not_plain_is_neither_written_nor_read(value: Any) -> None:
    with pytest.raises(TypeError, match="not plain data"):
        dumped(value)
    with pytest.raises(RefusedError):
        load(pickle.dumps(value, protocol=4))


def test_what_is_too_deep_is_neither_written_nor_read() -> None:
    assert load(dumped(nested(MAX_DEPTH - 1))) == nested(MAX_DEPTH - 1)
    with pytest.raises(TypeError, match="20 levels deep"):
        dumped(nested(MAX_DEPTH))
    with pytest.raises(RefusedError):
        load(pickle.dumps(nested(MAX_DEPTH), protocol=4))


# -- hostile pickles: code -----------------------------------------------------------------------------------------


class Call:
    """Pickled, it asks for a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def hostile_calls(marker: Path) -> dict[str, Any]:
    code = f"__import__('os').mkdir({str(marker)!r})"
    return {
        "os.system": Call(os.system, f"touch '{marker}'"),
        "eval": Call(eval, code),
        "exec": Call(builtins.exec, code),
        "open": Call(open, str(marker), "w"),
        "numpy tofile": Call(np.ndarray.tofile, np.zeros(3), str(marker)),
        "numpy.save": Call(np.save, str(marker), np.zeros(3)),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "numpy.load": Call(np.load, str(marker)),
        "numpy.fromfile": Call(np.fromfile, "/dev/zero"),
        "numpy.zeros": Call(np.zeros, 2**30),
        "numpy.dtype of objects": Call(np.dtype, "O", False, True),
        "an array of objects": np.array([Call(eval, code)], dtype=object),
        "a class": Path,
        "an object": subprocess.CompletedProcess([], 0),
        "a call in a list": {"a": [1, Call(eval, code)]},
        "a call as a key": {Call(eval, code): 1},
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", hostile_calls(Path()))
def test_a_pickle_that_calls_is_refused_and_nothing_is_called(name: str, protocol: int, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    data = pickle.dumps(hostile_calls(marker)[name], protocol=protocol)
    with pytest.raises(RefusedError):
        load(data)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["os.system", "eval", "exec", "open", "numpy.save"])
def test_the_same_pickle_does_its_deed_where_it_is_loaded_carelessly(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    careless = pickle.loads(pickle.dumps(hostile_calls(marker)[name], protocol=4))
    assert list(tmp_path.glob("marker*"))
    if isinstance(careless, io.IOBase):
        careless.close()


def test_the_refusal_names_what_the_pickle_asks_for() -> None:
    with pytest.raises(RefusedError, match=r"it asks for '(posix|nt)\.system'.* may be hostile"):
        load(pickle.dumps(Call(os.system, "true"), protocol=4))


BEGIN = pickle.PROTO + b"\x04"
NAME = b"\x8c\x05numpy\x8c\x05dtype" + pickle.STACK_GLOBAL
UNFINISHED = NAME + b"\x8c\x02f4" + pickle.NEWFALSE + pickle.NEWTRUE + pickle.TUPLE3 + pickle.REDUCE
STATE = b"}\x8c\x08__init__Ns"  # {"__init__": None}
ODD = {
    "nothing on the stack": b"",
    "two values left": b"NN",
    "a MARK left": b"(N",
    "a MARK that was never made": b"Nt",
    "pop from nothing": b"N\x86",
    "a name alone": NAME,
    "a call of a string": b"\x8c\x01a)R",
    "a call of a dtype": UNFINISHED + b")R",
    "a call without a tuple": NAME + b"}R",
    "state for a name": NAME + STATE + b"b",
    "state for a string": b"\x8c\x01a" + STATE + b"b",
    "state for a dtype that is no state": UNFINISHED + STATE + b"b",
    "state that is a text": UNFINISHED + b"\x8c\x0812345678b",
    "a dtype that is never filled": UNFINISHED,
    "a name of numbers": b"K\x01K\x02" + pickle.STACK_GLOBAL,
    "items for a list": b"]\x8c\x01aNs",
    "an item without a value": b"}(\x8c\x01au",
    "a list that holds itself": b"]\x94h\x00a",
    "a tuple as key": b"})Ns",
    "a memo that was never made": b"h\x07",
    "text that is no UTF-8": b"\x8c\x01\xff",
    "a persistent name": b"NQ",
    "an extension": b"\x82\x01",
    "a new object": NAME + b")\x81",
    "an instance": b"(ios\nsystem\n",
    "a duplicate": b"N2",
}


@pytest.mark.parametrize("program", ODD.values(), ids=ODD)
def test_a_program_that_makes_no_sense_is_refused(program: bytes) -> None:
    with pytest.raises(RefusedError):
        load(BEGIN + program + pickle.STOP)


@given(st.lists(st.sampled_from([*ODD.values(), *map(bytes, zip(b"NK]}()ab.RsuteX\x94\x86\x93")), b"h\x00", b"K\x01"])))
def test_no_program_makes_the_machine_fail_in_another_way(parts: list[bytes]) -> None:
    with suppress(RefusedError):
        dumped(load(BEGIN + b"".join(parts) + pickle.STOP))


# -- hostile pickles: size -----------------------------------------------------------------------------------------


def repeated(wrap: Callable[[Any], Any]) -> bytes:
    """Levels that each hold the one below again and again, so that few bytes have as many leaves as a terabyte."""
    value: Any = []
    for _ in range(MAX_DEPTH - 2):
        value = wrap(value)
    return pickle.dumps(value, protocol=4)


def array(shape: bytes, data: bytes) -> bytes:
    head = b"\x8c\x16numpy._core.multiarray\x8c\x0c_reconstruct\x93\x8c\x05numpy\x8c\x07ndarray\x93K\x00\x85C\x01b\x87R"
    dtype = UNFINISHED + b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return head + b"(K\x01" + shape + dtype + pickle.NEWFALSE + data + b"tb"


HUGE = b"\x8a\x06" + (2**40).to_bytes(6, "little")  # the number 2^40
DOUBLE_TUPLE = b")\x94" + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(40))
BOMBS = {
    "a text of 4 GB": BEGIN + b"X" + struct.pack("<I", 2**32 - 1) + b"a.",
    "bytes of 4 GB": BEGIN + b"B" + struct.pack("<I", 2**32 - 1) + b"a.",
    "bytes of 1 TB": BEGIN + b"\x8e" + struct.pack("<Q", 2**40) + b"a.",
    "a text of 1 TB": BEGIN + b"\x8d" + struct.pack("<Q", 2**40) + b"a.",
    "a number of 2 GB": BEGIN + b"\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "a bytearray of 1 TB": BEGIN + b"\x96" + struct.pack("<Q", 2**40) + b"a.",
    "a frame of 2^62 bytes": BEGIN + b"\x95" + struct.pack("<Q", 2**62) + b"N",
    "a memo of 2^32 entries": BEGIN + b"Nr" + struct.pack("<I", 2**32 - 1) + b".",
    "entry 2^32 of the memo": BEGIN + b"j" + struct.pack("<I", 2**32 - 1) + b".",
    "lists repeated": repeated(lambda value: [value] * 10),
    "dictionaries repeated": repeated(lambda value: dict.fromkeys("abcdefghij", value)),
    "tuples repeated": repeated(lambda value: (value,) * 10),
    "a key that takes for ever to hash": BEGIN + b"}" + DOUBLE_TUPLE + b"Ns.",
    "a key that is too deep to hash": BEGIN + b"}" + b")" + b"\x85" * 300_000 + b"Ns.",
    "a dtype that is too deep": BEGIN + NAME + b")" + b"\x85" * 300_000 + b"\x89\x88\x87RNb.",
    "lists in lists": BEGIN + b"]" * 200_000 + b"a" * 199_999 + b".",
    "millions of dictionaries": BEGIN + b"}" * 5_000_000 + b".",
    "an array of 4 TB": BEGIN + array(HUGE + b"\x85", b"C\x04abcd") + b".",
    "an array of 2^40 × 0": BEGIN + array(HUGE + HUGE + b"K\x00\x87", b"C\x00") + b".",
    "an array of −1 × −1": BEGIN + array(b"J\xff\xff\xff\xff" * 2 + b"\x86", b"C\x04abcd") + b".",
    "an array of many dimensions": BEGIN
    + array(b"(" + (b"\x8a\xff" + b"\x7f" * 255) * 20_000 + b"t", b"C\x04abcd")
    + b".",
    "bytes, multiplied": pickle.dumps(Call(bytes, 2**30), protocol=4),
    "a bytearray, repeated": pickle.dumps(Call(bytearray.__mul__, bytearray(1), 2**30), protocol=4),
    "state of 15 million items": BEGIN + UNFINISHED + b"B" + struct.pack("<I", 15_000_000) + bytes(15_000_000) + b"b.",
}


def test_the_array_that_the_bombs_are_made_of_is_an_array() -> None:
    assert load(BEGIN + b"]" + array(b"K\x01\x85", b"C\x04\x00\x00\x80?") + b"a.") == [np.ones(1, np.float32)]


@pytest.mark.parametrize("code", [b"O8", b"V4", b"U1", b"a4", b"M8", b"c8", b"f3"])
def test_an_array_of_anything_but_plain_numbers_is_refused(code: bytes) -> None:
    good = BEGIN + array(b"K\x01\x85", b"C\x04abcd") + pickle.STOP
    with pytest.raises(RefusedError):
        load(good.replace(b"f4", code))


DEFUSE = """
import resource, sys
from pathlib import Path
from digits.safe_pickle import RefusedError, load
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 100_000_000,) * 2)
for bomb in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load(bomb.read_bytes())
    except RefusedError:
        print(bomb.name, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on memory")
def test_bombs_are_refused_in_100_mb_and_in_seconds(tmp_path: Path) -> None:
    """In a process of its own, which is all that a bomb can take with it."""
    for name, bomb in BOMBS.items():
        (tmp_path / name).write_bytes(bomb)
    command = [sys.executable, "-c", DEFUSE, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.splitlines() == sorted(BOMBS), run.stderr
