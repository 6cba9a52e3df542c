"""Arrays from `.npz` files: what fits a network is read, all else is refused with a reason.

The header of an array is looked at before its data, so that a file can claim no more memory than
the network expects. Nothing is ever unpickled.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from lzma import LZMAError
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from cnncalc.engine.errors import EngineError, reason
from cnncalc.engine.weights import Array, Arrays
from cnncalc.layer import Shape
from cnncalc.suggest import nearest

SUFFIX = ".npy"
LONGEST_HEADER = 1 << 16
"""Bytes of a header: NumPy's own are of 128, or a few hundred."""
SHOWN = 5
"""Names of a kind that a message lists."""
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    ValueError,  # a header that is not NumPy's
    NotImplementedError,  # a way of compression that zipfile does not know
    RuntimeError,  # encrypted
)


class Header(NamedTuple):
    """What a file says of one of its arrays."""

    shape: Shape
    dtype: np.dtype[Any]


class ArrayFile:
    """An open `.npz` file: `headers` by name, and the arrays themselves on demand.

    Raises EngineError for what is no such file, or a damaged one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._file = _opened(self.path)
        try:
            with _readable(self.path):
                self._zip = zipfile.ZipFile(self._file)
                self.headers = dict(self._read_headers())
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, name: str) -> Array:
        """The data of an array; raises EngineError where they are damaged."""
        with _readable(self.path), self._zip.open(name + SUFFIX) as member:
            found = npy.read_array(member, allow_pickle=False)
        return np.ascontiguousarray(found, found.dtype.newbyteorder("="))

    def _read_headers(self) -> Iterator[tuple[str, Header]]:
        seen: set[str] = set()
        for info in self._zip.infolist():
            if not info.filename.endswith(SUFFIX):
                raise EngineError(f"{self.path} holds '{info.filename}', which is no array")
            name = info.filename.removesuffix(SUFFIX)
            if name in seen:
                raise EngineError(f"{self.path} holds '{name}' twice")
            seen.add(name)
            yield name, self._read_header(name, info)

    def _read_header(self, name: str, info: zipfile.ZipInfo) -> Header:
        with self._zip.open(info) as member:
            start = BytesIO(member.read(LONGEST_HEADER))
        shape, dtype = _parsed(start)
        if dtype.hasobject:
            raise EngineError(
                f"'{name}' in {self.path} holds pickled Python objects, which are never unpickled",
                "save it as an array of numbers",
            )
        if start.tell() + prod(shape) * dtype.itemsize != info.file_size:
            raise EngineError(
                f"{self.path} is damaged: '{name}' has {info.file_size:,} bytes, and its header "
                f"says {list(shape)} of {dtype}"
            )
        return Header(shape, dtype)


def _parsed(start: BytesIO) -> Header:
    """The header at the start of an array; raises ValueError."""
    try:
        version = npy.read_magic(start)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(start)
    except Exception as error:  # what the tokenizer of Python raises on nonsense, besides
        raise ValueError(str(error) or type(error).__name__) from None
    return Header(shape, dtype)


def _opened(path: str) -> BinaryIO:
    """The file, if it may be an `.npz`."""
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - open as long as the ArrayFile
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        raise EngineError(f"cannot open '{path}': {reason(error)}") from None
    try:
        start = file.read(6)
        file.seek(0)
    except OSError as error:
        file.close()
        raise EngineError(f"cannot read '{path}': {reason(error)}") from None
    if start[:2] == b"PK":
        return file
    file.close()
    if start == npy.MAGIC_PREFIX:
        help = "put it into one: np.savez('x.npz', input=np.load('x.npy'))"
        raise EngineError(f"'{path}' is a single array (.npy), not an .npz file", help)
    if not start:
        raise EngineError(f"'{path}' is empty")
    raise EngineError(f"'{path}' is not an .npz file", "np.savez writes one")


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EngineError(f"{path} is damaged: {why[:1].lower()}{why[1:]}") from None
    except OSError as error:
        raise EngineError(f"cannot read '{path}': {reason(error)}") from None


# ---- what a network needs of a file


def match(what: str, file: ArrayFile, wanted: Mapping[str, Shape | None]) -> dict[str, str]:
    """The name in the file of every wanted array; raises EngineError for missing and extra ones.

    Arrays without names (`np.savez("x.npz", x)` calls them arr_0, arr_1...) are taken in order.
    Their shapes are compared where they are known.
    """
    unnamed = [f"arr_{number}" for number in range(len(wanted))]
    if set(file.headers) == set(unnamed) and not set(wanted) & set(unnamed):
        names = dict(zip(wanted, unnamed, strict=True))
    else:
        _same_names(what, file, wanted)
        names = {name: name for name in wanted}
    wrong = [
        f"{name} is {list(file.headers[names[name]].shape)}, not {list(shape)}"
        for name, shape in wanted.items()
        if shape is not None and file.headers[names[name]].shape != shape
    ]
    if wrong:
        raise EngineError(f"{file.path}: {_counted(wrong, what)} of a wrong shape: {listed(wrong)}")
    return names


def _same_names(what: str, file: ArrayFile, wanted: Iterable[str]) -> None:
    known = list(wanted)
    missing = [name for name in known if name not in file.headers]
    extra = [name for name in file.headers if name not in set(known)]
    parts = []
    if missing:
        parts.append(f"lacks {_counted(missing, what)}: {listed(missing)}")
    if extra:
        what = "an array" if len(extra) == 1 else f"{len(extra):,} arrays"
        parts.append(f"holds {what} that the network has no use for: {listed(extra)}")
    if not parts:
        return
    near = [(name, nearest(name, missing)) for name in extra[:SHOWN]]
    meant = [f"'{name}' may be '{found}'" for name, found in near if found]
    help = ", ".join(meant) if meant else f"the network has {listed(known)}"
    raise EngineError(f"{file.path} {', and '.join(parts)}", help)


def _counted(names: list[str], what: str) -> str:
    return f"the {what}" if len(names) == 1 else f"{len(names):,} {what}s"


def listed(names: list[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def read(file: ArrayFile, names: Mapping[str, str], dtype: Any) -> dict[str, Array]:
    """The arrays of a match in one floating-point type; raises EngineError for NaN and integers."""
    for name, stored in names.items():
        _floating(file, name, file.headers[stored].dtype)
    found = {}
    for name, stored in names.items():
        given = file.read(stored)
        with np.errstate(over="ignore"):
            found[name] = given.astype(dtype, copy=False)
        _finite(file.path, name, given, found[name])
    return found


def read_classes(file: ArrayFile, names: Mapping[str, str]) -> dict[str, Array]:
    """The arrays of a match that hold the numbers of classes; raises EngineError for others."""
    for name, stored in names.items():
        dtype = file.headers[stored].dtype
        if dtype.kind not in "iu":
            raise EngineError(
                f"'{name}' in {file.path} holds {dtype}; the loss takes the numbers of classes",
                "give integers, from 0",
            )
    return {name: file.read(stored).astype("int64") for name, stored in names.items()}


def floating_type(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """The type to compute in: float64 if one of them is, else float32."""
    double = any(dtype == np.float64 for dtype in dtypes)
    return np.dtype(np.float64 if double else np.float32)


def _floating(file: ArrayFile, name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return
    help = f"convert it: {name}.astype('float32')" if dtype.kind in "iub" else None
    raise EngineError(
        f"'{name}' in {file.path} holds {dtype}, not float16, float32 or float64", help
    )


def _finite(path: str, name: str, given: Array, converted: Array) -> None:
    finite = np.isfinite(converted)
    if finite.all():
        return
    at = [int(i) for i in np.argwhere(~finite)[0]]
    value = given[tuple(at)]
    if np.isfinite(value):
        limit = f"which is too large for {converted.dtype}"
        raise EngineError(f"'{name}' in {path} holds {value} at {at}, {limit}")
    count = int(finite.size - finite.sum())
    more = f" (and {count - 1:,} more)" if count > 1 else ""
    raise EngineError(f"'{name}' in {path} holds {value} at {at}{more}")


def write(file: BinaryIO, arrays: Arrays) -> None:
    """An `.npz` as NumPy writes it, but for the time of day: the same arrays, the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(name + SUFFIX)
            with packed.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)
