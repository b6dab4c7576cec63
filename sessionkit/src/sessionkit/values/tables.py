# SPDX-License-Identifier: Apache-2.0
"""
Arrays, DataFrames, Series and Arrow tables as bytes: npy and Arrow IPC, never pickle.

The libraries are imported when a stored value needs them, not before; a type
is recognised by what its library, already imported, calls by its name. The objects in a table's cells and
labels are looked at before Arrow gets them: it follows a list that holds itself until the C stack is over,
and calls what an app's own objects bring along.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from itertools import chain
from types import NoneType
from typing import Any, Final
from uuid import UUID

from sessionkit.errors import SerializationError, shown, text_of
from sessionkit.values.extent import MOST, holds_too_much, too_much
from sessionkit.values.kind import Kind, zone_from_simple, zone_to_simple
from sessionkit.values.opaque import NotReadableHereError

# Cells may hold anything, and the libraries are Any here.
# ruff: noqa: ANN401

_DEEPEST: Final = 50
"""How deeply lists and dicts may lie in a cell; Arrow needs several of C's frames for each."""

_EXACT: Final = frozenset({NoneType, bool, str, bytes})
"""Types of which Arrow keeps a column as it is."""

_LEAVES: Final = _EXACT | {
    *(float, complex, bytearray, date, datetime, time, timedelta, Decimal, UUID),
}
_NUMBERS: Final = range(-(2**63), 2**63)


def check_cells(cells: Iterable[Any], where: str) -> None:
    """
    Look at objects that Arrow is to have.

    Args:
        cells: The objects.
        where: What holds them, for the message.

    Raises:
        SerializationError: If one is of a type that can't be kept, too large or too deep, or holds itself.
    """
    level = list(cells)
    if holds_too_much(level):
        msg = f"{where} holds lists: {too_much(MOST).reason}"
        raise SerializationError(msg)
    for _ in range(_DEEPEST):
        level = _inner([cell for cell in level if type(cell) not in _LEAVES], where)
        if not level:
            return
    msg = f"{where} holds lists or dicts more than {_DEEPEST} levels deep, or that hold themselves; store them flat"
    raise SerializationError(msg)


def _inner(cells: list[Any], where: str) -> list[Any]:
    """Return what lies in cells that hold something, once each."""
    inner: dict[int, Iterable[Any]] = {}
    for cell in cells:
        cls = type(cell)
        if cls is int:
            if cell not in _NUMBERS:
                msg = (
                    f"{where} holds an integer of more than 64 bits; store it as a float or as text"
                )
                raise SerializationError(msg)
        elif cls in (list, tuple, set, frozenset):
            inner[id(cell)] = cell
        elif cls is dict:
            inner[id(cell)] = chain(cell, cell.values())
        elif not _is_scalar(cls):
            msg = f"{where} holds a {cls.__module__}.{cls.__qualname__}; store text, numbers, dates or lists instead"
            raise SerializationError(msg)
    return list(chain.from_iterable(inner.values()))


def _is_scalar(cls: type) -> bool:
    """Return whether a class is that of numpy's numbers, or of pandas' moments."""
    library = str(cls.__module__).partition(".")[0]
    if library == "pandas":
        return cls.__name__ == "Timestamp"
    return library == "numpy" and issubclass(cls, sys.modules["numpy"].generic)


def exact_cells(column: Any, kept: Any) -> list[Any] | None:
    """
    Return the cells of a column that Arrow would give back as others, such as 1 as 1.0; None if it keeps them all.

    Args:
        column: A Series of objects, looked at by :func:`check_cells`.
        kept: The same as Arrow gives it back.
    """
    cells = [_plain(cell) for cell in column]
    if _EXACT.issuperset(map(type, cells)):
        return None
    return None if list(map(repr, cells)) == list(map(repr, kept)) else cells


def _plain(cell: Any) -> Any:
    return cell.item() if type(cell).__module__ == "numpy" else cell


# The three libraries are Any here: none of them is a dependency.
# ruff: noqa: ANN401

_SAFE_PYARROW: Final = 15
"""Before 14.0.1 pyarrow unpickled what an extension type in a file told it to (CVE-2023-47248)."""

_COLUMN: Final = "value"


def find_table_kind(cls: type) -> Kind | None:
    """Return the kind of a class of numpy, pandas or pyarrow, or None."""
    library = str(cls.__module__).partition(".")[0]
    kind = _BY_NAME.get((library, cls.__qualname__))
    if kind is None or getattr(sys.modules.get(library), cls.__qualname__, None) is not cls:
        return None
    return kind


def table_kinds() -> Iterable[Kind]:
    """Return all kinds of this module."""
    return _BY_NAME.values()


# -- libraries -----------------------------------------------------------------


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"{name} is needed for this value and can't be imported; install it"
        raise NotReadableHereError(msg) from error


def _pyarrow() -> Any:
    pyarrow = _library("pyarrow")
    if int(pyarrow.__version__.partition(".")[0]) < _SAFE_PYARROW:
        msg = f"pyarrow {pyarrow.__version__} may run code from stored bytes; install {_SAFE_PYARROW}.0 or later"
        raise NotReadableHereError(msg)
    return pyarrow


@contextmanager
def _arrow_keeps(what: str) -> Iterator[None]:
    try:
        yield
    except SerializationError:
        raise
    except Exception as error:  # it raises what cells do, and OverflowError, RecursionError, ...
        first, *_ = text_of(error).splitlines()
        msg = f"Arrow can't keep this {what} ({first}); give each column one type, or keep the data elsewhere and store a key"
        raise SerializationError(msg) from error


# -- arrays and tables ---------------------------------------------------------


def _array_to_simple(array: Any) -> bytes:
    npy = _library("numpy.lib.format")
    # What has no descriptor of its own (bfloat16) would silently come back as bare bytes.
    if array.dtype.hasobject or npy.descr_to_dtype(npy.dtype_to_descr(array.dtype)) != array.dtype:
        msg = f"an array of type {array.dtype} can't be kept; convert it to numbers or text, or store array.tolist()"
        raise SerializationError(msg)
    buffer = BytesIO()
    # Equal arrays give equal bytes, however they lie in memory.
    npy.write_array(buffer, _library("numpy").asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _array_from_simple(simple: Any) -> Any:
    array = _library("numpy.lib.format").read_array(BytesIO(simple), allow_pickle=False)
    _check_cells_of_bytes(array.size, simple)  # items may have no bytes at all
    return array


# -- what comes out of bytes is no more than they can hold ---------------------

_CELLS_A_BYTE: Final = 32
"""How many cells stored bytes may make for each of them: one bit is one cell, and a column of None has none."""

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2
"""Arrow's numbers of the messages that have buffers (``MessageHeader`` in its Message.fbs)."""


def _check_cells_of_bytes(cells: int, simple: bytes) -> None:
    if cells > _CELLS_A_BYTE * len(simple):
        msg = (
            f"{len(simple)} bytes hold {cells} cells, which is more than {_CELLS_A_BYTE} for each byte;"
            " leave out columns that hold nothing"
        )
        raise SerializationError(msg)


def _refuse_compressed(simple: bytes) -> None:
    """
    Refuse a stream with compressed buffers: what is stored here never is, and a few bytes would fill the memory.

    Raises:
        SerializationError: If one is compressed, or a message can't be read.
    """
    pyarrow = _pyarrow()
    for message in pyarrow.ipc.MessageReader.open_stream(pyarrow.py_buffer(simple)):
        metadata = message.metadata.to_pybytes()
        try:
            is_compressed = _is_compressed(metadata)
        except (struct.error, IndexError) as error:
            msg = "a message of Arrow's is damaged"
            raise SerializationError(msg) from error
        if is_compressed:
            msg = "Arrow's buffers are compressed, which sessionkit never stores"
            raise SerializationError(msg)


def _is_compressed(metadata: bytes) -> bool:
    """Return whether a message, a flatbuffer ``Message``, has a record batch with the field ``compression``."""
    (root,) = struct.unpack_from("<I", metadata)
    kind, header = _field(metadata, root, 1), _field(metadata, root, 2)
    if kind is None or header is None:
        return False
    batch = _followed(metadata, header)
    if metadata[kind] == _DICTIONARY_BATCH:
        data = _field(metadata, batch, 1)
        return data is not None and _field(metadata, _followed(metadata, data), 3) is not None
    return metadata[kind] == _RECORD_BATCH and _field(metadata, batch, 3) is not None


def _field(metadata: bytes, table: int, slot: int) -> int | None:
    """Return where a flatbuffer's table has a field; None where it is left out."""
    (back,) = struct.unpack_from("<i", metadata, table)
    (size,) = struct.unpack_from("<H", metadata, table - back)
    entry = 4 + 2 * slot
    if entry >= size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, table - back + entry)
    return table + offset if offset else None


def _followed(metadata: bytes, place: int) -> int:
    (offset,) = struct.unpack_from("<I", metadata, place)
    return int(place + offset)


def _count_cells(array: Any, *, nested: bool = False) -> int:
    """
    Return how many cells an array has, with those that lie in its cells.

    Raises:
        SerializationError: If its cells may share what they hold: a few bytes would become any number of copies.
    """
    types, kind = _pyarrow().types, array.type
    cells = len(array)
    if types.is_dictionary(kind) and not nested:
        return cells + _count_cells(array.dictionary, nested=True)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return cells + _count_cells(array.values, nested=True)
    if types.is_map(kind):
        return cells + sum(_count_cells(inner, nested=True) for inner in (array.keys, array.items))
    if types.is_struct(kind):
        inner = (array.field(place) for place in range(kind.num_fields))
        return cells + sum(_count_cells(one, nested=True) for one in inner)
    if isinstance(kind, _pyarrow().BaseExtensionType):
        return cells + _count_cells(array.storage, nested=nested)
    if types.is_dictionary(kind) or types.is_nested(kind) or str(kind).endswith("_view"):
        msg = f"a column of Arrow's type {kind} is none that a DataFrame was stored with"
        raise SerializationError(msg)
    return cells


def _table_to_simple(table: Any) -> bytes:
    pyarrow = _pyarrow()
    with _arrow_keeps("table"):
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        written: bytes = sink.getvalue().to_pybytes()
        return written


def _table_from_simple(simple: Any) -> Any:
    table = _read_table(simple)
    unknown = {*_unknown_types(table.schema)}
    if any(name.startswith("pandas.") for name in unknown):
        # pandas makes its types known to Arrow when it first writes one, not when it is imported.
        _pyarrow().array(_library("pandas").array([], dtype="period[D]"))
        table = _read_table(simple)
        unknown = {*_unknown_types(table.schema)}
    if unknown:
        msg = f"Arrow's extension type {min(unknown)} isn't registered here"
        raise NotReadableHereError(msg)
    table.validate(full=True)  # offsets that lead outside would crash the interpreter later
    return table


def _read_table(simple: Any) -> Any:
    pyarrow = _pyarrow()
    _refuse_compressed(simple)
    return pyarrow.ipc.open_stream(pyarrow.py_buffer(simple)).read_all()


def _unknown_types(fields: Iterable[Any]) -> Iterator[str]:
    """Yield the extension types that Arrow has read as what they are made of, since nobody registered them."""
    for field in fields:
        named = (field.metadata or {}).get(b"ARROW:extension:name")
        if named is not None:
            yield named.decode(errors="replace")
        if _pyarrow().types.is_nested(field.type):
            yield from _unknown_types(map(field.type.field, range(field.type.num_fields)))


# -- DataFrames ----------------------------------------------------------------


def _frame_to_simple(frame: Any) -> dict[str, Any]:
    with _arrow_keeps("DataFrame"):
        if frame.columns.nlevels == 1 and frame.columns.inferred_type.startswith("mixed"):
            msg = "its column names are of several types"
            raise ValueError(msg)
        _check_objects(frame)
        table = _pyarrow().Table.from_pandas(frame)
        simple = {"arrow": _table_to_simple(table), **_lost_in_arrow(frame)}
        back = _frame_from_simple(simple)
        if cells := _exact_cells(frame, back, simple.get("objects", ())):
            simple["cells"] = cells
        if not _same_frame(frame, back):
            msg = "it would come back changed"
            raise ValueError(msg)
    return simple


def _frame_from_simple(simple: Any) -> Any:
    pandas = _library("pandas")
    table = _table_from_simple(simple["arrow"])
    chunks = (chunk for column in table.columns for chunk in column.chunks)
    _check_cells_of_bytes(sum(map(_count_cells, chunks)), simple["arrow"])
    frame = table.to_pandas().copy()  # else some columns are views of the bytes: read-only
    exact = dict(simple.get("cells", ()))
    for place in simple.get("objects", ()):
        if _pyarrow().types.is_dictionary(table.field(place).type):
            msg = f"column {place} is one of categories, and none of objects"
            raise SerializationError(msg)
        values = exact[place] if place in exact else table.column(place).to_pylist()
        frame.isetitem(place, pandas.Series(values, index=frame.index, dtype=object))
    if "freq" in simple:
        frame.index.freq = simple["freq"]
    if "columns" in simple:
        frame.columns = pandas.RangeIndex(*simple["columns"], name=frame.columns.name)
    return frame


def _check_objects(frame: Any) -> None:
    """Look at all objects that Arrow, and JSON for the frame's own attributes, would walk through."""
    if holds_too_much(frame.attrs):
        raise too_much(MOST)
    for place, dtype in enumerate(frame.dtypes):
        where = f"column {shown(frame.columns[place])}"
        if str(dtype) == "object":
            check_cells(frame.iloc[:, place], where)
        elif str(dtype) == "category":
            _check_labels(frame.iloc[:, place].cat.categories, where)
    _check_labels(frame.index, "the index")
    _check_labels(frame.columns, "the row of column names")


def _check_labels(labels: Any, where: str) -> None:
    for level in getattr(labels, "levels", (labels,)):
        if str(level.dtype) == "object":
            check_cells(level, where)
        elif str(level.dtype) == "category":
            _check_labels(level.categories, where)
    check_cells(labels.names, where)


def _exact_cells(frame: Any, back: Any, places: Iterable[int]) -> list[list[Any]]:
    """Return the cells of those columns of objects that Arrow gives back as others, by their place."""
    columns = ((place, exact_cells(frame.iloc[:, place], back.iloc[:, place])) for place in places)
    return [[place, cells] for place, cells in columns if cells is not None]


def _lost_in_arrow(frame: Any) -> dict[str, Any]:
    pandas = _library("pandas")
    lost: dict[str, Any] = {}
    if isinstance(frame.index, pandas.DatetimeIndex | pandas.TimedeltaIndex) and frame.index.freq:
        lost["freq"] = frame.index.freqstr
    if objects := [place for place, dtype in enumerate(frame.dtypes) if str(dtype) == "object"]:
        lost["objects"] = objects
    if type(frame.columns) is pandas.RangeIndex:
        lost["columns"] = [frame.columns.start, frame.columns.stop, frame.columns.step]
    return lost


def _same_frame(one: Any, other: Any) -> bool:
    return (
        one.equals(other)
        and one.attrs == other.attrs
        and _same_labels(one.index, other.index)
        and _same_labels(one.columns, other.columns)
    )


def _same_labels(one: Any, other: Any) -> bool:
    return (
        type(one) is type(other)
        and one.equals(other)
        and one.dtype == other.dtype
        and list(one.names) == list(other.names)
        and getattr(one, "freq", None) == getattr(other, "freq", None)
    )


# -- Series and Timestamps -----------------------------------------------------


def _series_to_simple(series: Any) -> dict[str, Any]:
    return {"name": series.name, "frame": _frame_to_simple(series.to_frame(_COLUMN))}


def _series_from_simple(simple: Any) -> Any:
    series = _frame_from_simple(simple["frame"])[_COLUMN]
    series.name = simple["name"]
    return series


def _timestamp_to_simple(stamp: Any) -> list[Any]:
    zone = zone_to_simple(stamp.tzinfo)
    in_utc = stamp if stamp.tzinfo is None else stamp.tz_convert(None)
    return [in_utc.isoformat(), stamp.unit, zone]


def _timestamp_from_simple(simple: Any) -> Any:
    text, unit, zone = simple
    stamp = _library("pandas").Timestamp(text).as_unit(unit)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone_from_simple(zone))


# -- entries in the table of what can be kept ----------------------------------


_BY_NAME: Final[Mapping[tuple[str, str], Kind]] = {
    ("numpy", "ndarray"): Kind(
        name="array", code=32, simplify=_array_to_simple, restore=_array_from_simple, foreign=True
    ),
    ("pyarrow", "Table"): Kind(
        name="table", code=33, simplify=_table_to_simple, restore=_table_from_simple, foreign=True
    ),
    ("pandas", "DataFrame"): Kind(
        name="dataframe",
        code=34,
        simplify=_frame_to_simple,
        restore=_frame_from_simple,
        foreign=True,
    ),
    ("pandas", "Series"): Kind(
        name="series",
        code=35,
        simplify=_series_to_simple,
        restore=_series_from_simple,
        foreign=True,
    ),
    ("pandas", "Timestamp"): Kind(
        name="timestamp",
        code=36,
        simplify=_timestamp_to_simple,
        restore=_timestamp_from_simple,
        foreign=True,
    ),
}
