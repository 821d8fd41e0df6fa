"""Pickles of plain data: anybody can load them, and reading them here is safe, whoever wrote them.

A pickle is a program for a stack machine. Python's own machine imports and calls what the program names, so
to load a stranger's pickle is to run a stranger's code. Here is a machine for the three dozen instructions
that plain data need. It imports nothing and calls nothing; it knows three names of NumPy's, as marks on arrays. What it
builds is a tree, and arrays are views of the file's bytes, so no small file becomes large in memory and no
reading takes long. (``pickle.Unpickler.find_class`` can keep strange functions out, but not a dictionary key
that takes for ever to hash, nor a list that is a million lists deep.)

Plain data are dictionaries with string keys, lists, strings, numbers, booleans, None and NumPy arrays.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, BinaryIO

import numpy as np

from digits.activations import Array

DTYPES = ("f2", "f4", "f8", "i4", "i8", "u1", "b1")
MAX_INSTRUCTIONS = 1_000_000  # about a second; a model has some hundreds, a checkpoint twenty for each epoch
MAX_STRING = 100_000  # bytes
MAX_DEPTH = 20
MAX_DIMENSIONS = 8


class RefusedError(ValueError):
    """The bytes are no pickle of plain data; the message says why, as in "it is cut short"."""


def dump(value: Any, file: BinaryIO) -> None:
    """Write plain data as a pickle (protocol 4).

    Raises:
        TypeError: if the data are not plain.
    """
    pickle.dump(plain(value), file, protocol=4)


def load(data: bytes) -> Any:
    """Read plain data from the bytes of a pickle.

    Returns:
        The data. Arrays are read-only views of ``data``.

    Raises:
        RefusedError: if the pickle is damaged, or asks for anything but plain data.
    """
    if data[:2] != pickle.PROTO + b"\x04":
        raise RefusedError("it is not a pickle of protocol 4")
    machine = _Machine()
    try:
        for opcode, argument in _instructions(memoryview(data)):
            if opcode in _VALUES:
                machine.stack.append(_VALUES[opcode](argument))
            else:
                _ACTIONS[opcode](machine, argument)
        return plain(machine.result())
    except RefusedError:
        raise
    except (IndexError, OverflowError, TypeError, ValueError) as error:
        raise RefusedError("it is damaged") from error


def plain(value: Any, depth: int = 0) -> Any:
    """Copy plain data; arrays are shared, NumPy's scalars become Python's.

    Raises:
        TypeError: if they are not plain, or are nested more than ``MAX_DEPTH`` deep.
    """
    if isinstance(value, _Unfinished) and value.value is not None:
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:  # the name of a file may hold bytes that are no text
        return value.encode(errors="backslashreplace").decode()
    if type(value) is np.ndarray and value.dtype.str[1:] in DTYPES:
        return value
    if type(value) is list and depth < MAX_DEPTH:
        return [plain(item, depth + 1) for item in value]
    if type(value) is dict and depth < MAX_DEPTH and all(type(key) is str for key in value):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"not plain data: a {type(value).__name__}, {depth} levels deep")


# -- from bytes to instructions ----------------------------------------------------------------------------

_ARGUMENT_BYTES = {
    pickle.PROTO: 1,
    pickle.FRAME: 8,
    pickle.BININT: 4,
    pickle.BININT1: 1,
    pickle.BININT2: 2,
    pickle.BINFLOAT: 8,
    pickle.BINGET: 1,
    pickle.LONG_BINGET: 4,
}
_COUNT_BYTES = {  # of a number in front of the argument that says how long it is
    pickle.LONG1: 1,
    pickle.SHORT_BINUNICODE: 1,
    pickle.BINUNICODE: 4,
    pickle.SHORT_BINBYTES: 1,
    pickle.BINBYTES: 4,
}


def _instructions(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield each opcode before STOP with its argument, a view: a false length allocates nothing."""
    position = 0
    for _ in range(MAX_INSTRUCTIONS):
        opcode = bytes(data[position : position + 1])  # empty at the end
        position += 1
        if opcode == pickle.STOP:
            if position < len(data):
                raise RefusedError(f"{len(data) - position:,} bytes follow its end")
            return
        if opcode and opcode not in _VALUES and opcode not in _ACTIONS:
            raise RefusedError(f"it holds the pickle instruction {opcode!r}, which plain data do not need")
        size = _ARGUMENT_BYTES.get(opcode, 0)
        if opcode in _COUNT_BYTES:
            start, position = position, position + _COUNT_BYTES[opcode]
            size = _unsigned(data[start:position])
        start, position = position, position + size
        if position > len(data):
            raise RefusedError("it is cut short")
        yield opcode, data[start:position]
    raise RefusedError(f"it has more than {MAX_INSTRUCTIONS:,} instructions")


# -- instructions that push a value ------------------------------------------------------------------------


def _signed(argument: memoryview) -> int:
    return int.from_bytes(argument, "little", signed=True)


def _unsigned(argument: memoryview) -> int:
    return int.from_bytes(argument, "little")


def _text(argument: memoryview) -> str:
    if len(argument) > MAX_STRING:
        raise RefusedError(f"it holds a text of {len(argument):,} bytes")
    return str(argument, "utf-8")


_VALUES: dict[bytes, Callable[[memoryview], Any]] = {
    pickle.NONE: lambda _: None,
    pickle.NEWTRUE: lambda _: True,
    pickle.NEWFALSE: lambda _: False,
    pickle.EMPTY_TUPLE: lambda _: (),
    pickle.EMPTY_LIST: lambda _: [],
    pickle.EMPTY_DICT: lambda _: {},
    pickle.BININT: _signed,
    pickle.BININT1: _unsigned,
    pickle.BININT2: _unsigned,
    pickle.LONG1: _signed,
    pickle.BINFLOAT: lambda argument: struct.unpack(">d", argument)[0],
    pickle.SHORT_BINUNICODE: _text,
    pickle.BINUNICODE: _text,
    pickle.SHORT_BINBYTES: lambda argument: argument,
    pickle.BINBYTES: lambda argument: argument,
}

# -- instructions that work on the stack -------------------------------------------------------------------


class _Name:
    """Stands for one of NumPy's names, and can do nothing."""


_RECONSTRUCT, _NDARRAY, _DTYPE = _Name(), _Name(), _Name()
_NAMES = {
    "numpy._core.multiarray._reconstruct": _RECONSTRUCT,
    "numpy.core.multiarray._reconstruct": _RECONSTRUCT,  # as NumPy 1 writes it
    "numpy.ndarray": _NDARRAY,
    "numpy.dtype": _DTYPE,
}


class _Unfinished:
    """A dtype or an array: REDUCE announces it, BUILD fills it."""

    def __init__(self, code: Any = None) -> None:
        self.code = code  # of a dtype, e.g. "f4"; None for an array
        self.value: np.dtype[Any] | Array | None = None


class _Machine:
    """The stack since the last MARK, the stacks below it, and the memo. The methods are instructions."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: list[Any] = []

    def result(self) -> Any:
        """The one value that is left at the end."""
        if self.below:
            raise ValueError("a MARK is left")
        (value,) = self.stack
        return value

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop(self, count: int | None = None) -> list[Any]:
        """Take the last ``count`` values, or all since the last MARK."""
        if count is None:
            values, self.stack = self.stack, self.below.pop()
            return values
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def make_tuple(self, count: int | None = None) -> None:
        values = self.pop(count)
        self.stack.append(tuple(values))

    def append(self, count: int | None = None) -> None:
        values = self.pop(count)
        if type(self.stack[-1]) is not list:
            raise TypeError("not a list")
        self.stack[-1].extend(values)

    def set_items(self, count: int | None = None) -> None:
        """Strings only for keys: to hash tuples in tuples may take for ever, or overflow the C stack."""
        values = self.pop(count)
        keys = values[::2]
        if type(self.stack[-1]) is not dict or not all(type(key) is str for key in keys):
            raise TypeError("not a dictionary with string keys")
        self.stack[-1].update(zip(keys, values[1::2], strict=True))

    def memoize(self) -> None:
        self.memo.append(self.stack[-1])

    def get(self, argument: memoryview) -> None:
        """Push what was memoized, but no container: so what is built is a tree, and of the file's size."""
        value = self.memo[_unsigned(argument)]
        if type(value) in (list, dict, tuple):
            raise RefusedError("it holds the same list or dictionary twice")
        self.stack.append(value)

    def push_name(self) -> None:
        module, name = self.pop(2)
        if type(module) is not str or type(name) is not str:
            raise TypeError("not a name")
        full_name = f"{module}.{name}"
        if full_name not in _NAMES:
            raise RefusedError(f"it asks for {full_name[:80]!r}, which plain data do not need: it may be hostile")
        self.stack.append(_NAMES[full_name])

    def reduce(self) -> None:
        """Announce an array or a dtype, where ``pickle`` would call whatever function is named."""
        function, arguments = self.pop(2)
        if type(arguments) is not tuple:
            raise TypeError("not arguments")
        if function is _RECONSTRUCT and arguments == (_NDARRAY, (0,), b"b"):
            self.stack.append(_Unfinished())
        elif function is _DTYPE and arguments[1:] == (False, True):
            self.stack.append(_Unfinished(arguments[0]))
        else:
            raise TypeError("neither an array nor a dtype")

    def build(self) -> None:
        (state,) = self.pop(1)
        target = self.stack[-1]
        if type(target) is not _Unfinished or type(state) is not tuple:
            raise TypeError("nothing to fill")
        target.value = _array(*state) if target.code is None else _dtype(target.code, *state)


def _dtype(code: Any, version: Any, byte_order: Any, *rest: Any) -> np.dtype[Any]:
    plain_number = version == 3 and rest == (None, None, None, -1, -1, 0)
    if not plain_number or code not in DTYPES or byte_order not in ("<", ">", "|"):
        raise TypeError("not a dtype of plain numbers")
    dtype: np.dtype[Any] = np.dtype(byte_order + code)
    return dtype


def _array(version: Any, shape: Any, dtype: Any, fortran: Any, data: Any) -> Array:
    if version != 1 or type(dtype) is not _Unfinished or type(data) is not memoryview:
        raise TypeError("not an array")
    if type(shape) is not tuple or len(shape) > MAX_DIMENSIONS or not all(type(n) is int for n in shape):
        raise TypeError("not a shape")
    if not isinstance(dtype.value, np.dtype) or prod(shape) * dtype.value.itemsize != len(data):
        raise ValueError("the bytes are not as many as the shape wants")
    return np.ndarray(shape, dtype.value, data, order="F" if fortran else "C")


_ACTIONS: dict[bytes, Callable[[_Machine, memoryview], None]] = {
    pickle.PROTO: lambda *_: None,
    pickle.FRAME: lambda *_: None,  # how far a reader may read ahead; here it has everything
    pickle.MARK: lambda machine, _: machine.mark(),
    pickle.TUPLE: lambda machine, _: machine.make_tuple(),
    pickle.TUPLE1: lambda machine, _: machine.make_tuple(1),
    pickle.TUPLE2: lambda machine, _: machine.make_tuple(2),
    pickle.TUPLE3: lambda machine, _: machine.make_tuple(3),
    pickle.APPEND: lambda machine, _: machine.append(1),
    pickle.APPENDS: lambda machine, _: machine.append(),
    pickle.SETITEM: lambda machine, _: machine.set_items(2),
    pickle.SETITEMS: lambda machine, _: machine.set_items(),
    pickle.MEMOIZE: lambda machine, _: machine.memoize(),
    pickle.BINGET: lambda machine, argument: machine.get(argument),
    pickle.LONG_BINGET: lambda machine, argument: machine.get(argument),
    pickle.STACK_GLOBAL: lambda machine, _: machine.push_name(),
    pickle.REDUCE: lambda machine, _: machine.reduce(),
    pickle.BUILD: lambda machine, _: machine.build(),
}
