# SPDX-License-Identifier: Apache-2.0
"""
Arrays, DataFrames, Series and Arrow tables as bytes: npy and Arrow IPC, never pickle.

The libraries are imported when a stored value needs them, not before; a type
is recognised by what its library, already imported, calls by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from typing import Any, Final

from sessionkit.errors import SerializationError
from sessionkit.values.kind import Kind, zone_from_simple, zone_to_simple
from sessionkit.values.opaque import NotReadableHereError, Opaque

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
    except (_pyarrow().ArrowException, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, SerializationError):
            raise
        first, *_ = str(error).splitlines() or [type(error).__name__]
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
    return _library("numpy.lib.format").read_array(BytesIO(simple), allow_pickle=False)


def _table_to_simple(table: Any) -> bytes:
    pyarrow = _pyarrow()
    with _arrow_keeps("table"):
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        written: bytes = sink.getvalue().to_pybytes()
        return written


def _table_from_simple(simple: Any) -> Any:
    pyarrow = _pyarrow()
    table = pyarrow.ipc.open_stream(pyarrow.py_buffer(simple)).read_all()
    table.validate(full=True)  # offsets that lead outside would crash the interpreter later
    return table


# -- DataFrames ----------------------------------------------------------------


def _frame_to_simple(frame: Any) -> dict[str, Any]:
    with _arrow_keeps("DataFrame"):
        if frame.columns.nlevels == 1 and frame.columns.inferred_type.startswith("mixed"):
            msg = "its column names are of several types"
            raise ValueError(msg)
        table = _pyarrow().Table.from_pandas(frame)
        simple = {"arrow": _table_to_simple(table), **_lost_in_arrow(frame)}
        if not _same_frame(frame, _frame_from_simple(simple)):
            msg = "it would come back changed"
            raise ValueError(msg)
    return simple


def _frame_from_simple(simple: Any) -> Any:
    pandas = _library("pandas")
    table = _table_from_simple(simple["arrow"])
    frame = table.to_pandas().copy()  # else some columns are views of the bytes: read-only
    for place in simple.get("objects", ()):
        values = table.column(place).to_pylist()
        frame.isetitem(place, pandas.Series(values, index=frame.index, dtype=object))
    if "freq" in simple:
        frame.index.freq = simple["freq"]
    if "columns" in simple:
        frame.columns = pandas.RangeIndex(*simple["columns"], name=frame.columns.name)
    return frame


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
    name = simple["name"]
    if type(name) is Opaque:
        raise NotReadableHereError(name.reason)
    series = _frame_from_simple(simple["frame"])[_COLUMN]
    series.name = name
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
