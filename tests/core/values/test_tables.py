# SPDX-License-Identifier: Apache-2.0
"""Values of numpy, pandas and pyarrow, through both serializers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from session_harness.ids import repr_without_address

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.serializer import Serializer
from sessionkit.testing.serializers import assert_same
from sessionkit.values import from_tagged, to_tagged


@pytest.fixture(name="serializer", params=[MsgpackSerializer, JsonSerializer])
def _serializer(request: pytest.FixtureRequest) -> Serializer:
    made: Serializer = request.param()
    return made


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int8(3), 3),
        (np.bool_(True), True),  # noqa: FBT003 - the value is the point
        (np.str_("x"), "x"),
        (np.bytes_(b"x"), b"x"),
        (np.complex128(1j), 1j),
        (np.datetime64("2026-01-31"), date(2026, 1, 31)),
        (np.datetime64("2026-01-31T10:30", "ns"), datetime(2026, 1, 31, 10, 30)),  # noqa: DTZ001 - numpy knows no zone
        (np.timedelta64(1_500_000, "ns"), timedelta(milliseconds=1.5)),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
    ],
    ids=repr_without_address,
)
def test_scalars_become_the_plain_value_that_they_equal(
    serializer: Serializer, scalar: Any, expected: Any
) -> None:
    """Numpy's scalars come back as Python's, bytes-likes as bytes; a date makes the slow way run."""
    for rest in ([], [date(2026, 1, 31)]):
        assert_same([expected, *rest], serializer.loads(serializer.dumps([scalar, *rest])))


@pytest.mark.parametrize(
    "scalar", [np.datetime64(1, "ns"), np.datetime64("NaT"), np.longdouble(1)], ids=repr
)
def test_scalars_without_an_equal_are_refused(serializer: Serializer, scalar: Any) -> None:
    """A scalar that Python can't hold is refused instead of rounded."""
    with pytest.raises(SerializationError, match="no equal in Python"):
        serializer.dumps(scalar)


FRAMES = {
    "empty": pd.DataFrame(),
    "numbers without names": pd.DataFrame([[1, 2], [3, 4]]),
    "columns of several types": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan]}),
    "zoned times": pd.DataFrame({"t": pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin")}),
    "index of days": pd.DataFrame({"v": [1, 2]}, index=pd.date_range("2026-01-01", periods=2)),
    "named index": pd.DataFrame({"v": [1]}, index=pd.Index([5], name="id")),
    "index of two levels": pd.DataFrame(
        {"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"])
    ),
    "columns of two levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    ),
    "categories": pd.DataFrame({"c": pd.Categorical(["a", "b", "a"], ordered=True)}),
    "nullable integers": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "objects of one type": pd.DataFrame(
        {"d": [date(2026, 1, 31), None], "s": pd.Series(["x", None], dtype=object)}
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back(serializer: Serializer, name: str) -> None:
    """A DataFrame comes back equal, with types, index, names and frequency; and can be changed."""
    frame = FRAMES[name]
    stored = serializer.dumps({"frame": frame})
    back = serializer.loads(stored)["frame"]

    pd.testing.assert_frame_equal(frame, back, check_column_type=True)
    assert stored == serializer.dumps({"frame": frame.copy(deep=True)})
    assert stored == serializer.dumps({"frame": back})
    if frame.size:
        back.iloc[0, 0] = back.iloc[0, 0]


REFUSED_TABLES = {
    "mixed objects": pd.DataFrame({"a": [1, "x"]}),
    "mixed names": pd.DataFrame({0: [1], "a": [2]}),
    "double names": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "tuples in cells": pd.DataFrame({"a": [(1, 2)]}),
    "complex numbers": pd.DataFrame({"a": [1j]}),
    "a frame's subclass": type("GeoDataFrame", (pd.DataFrame,), {})({"a": [1]}),
    "array of objects": np.array([object()]),
    "masked array": np.ma.array([1]),
    "missing value": pd.NaT,
}


@pytest.mark.parametrize("name", REFUSED_TABLES)
def test_tables_that_would_change_are_refused(serializer: Serializer, name: str) -> None:
    """What would come back as something else is refused with its path."""
    with pytest.raises(SerializationError) as caught:
        serializer.dumps({"inputs": [REFUSED_TABLES[name]]})

    assert "['inputs'][0]" == caught.value.path


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.array(3.5),
        np.zeros((0, 3)),
        np.array(["a", "bc"]),
        np.array(["2026-01-31"], dtype="M8[ns]"),
        np.array([1, 2], dtype=">i4"),
        np.zeros(2, dtype=[("a", "<i4"), ("b", "<f8", (2,))]),
    ],
    ids=repr,
)
def test_arrays_come_back(serializer: Serializer, array: Any) -> None:
    """An array comes back with type and shape, and can be changed; its memory order means nothing."""
    stored = serializer.dumps(array)
    back = serializer.loads(stored)

    assert (array.dtype, array.shape) == (back.dtype, back.shape)
    np.testing.assert_array_equal(array, back)
    assert back.flags.writeable
    assert stored == serializer.dumps(np.asfortranarray(array).reshape(array.shape))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name="x"),
        pd.Series([1.5, None]),
        pd.Series(["a"], name=("a", 1)),
        pd.Series([1, 2], index=pd.date_range("2026-01-01", periods=2, freq="h")),
    ],
    ids=repr,
)
def test_series_come_back(serializer: Serializer, series: Any) -> None:
    """A Series comes back with its name, be it a tuple or none."""
    back = serializer.loads(serializer.dumps(series))

    pd.testing.assert_series_equal(series, back)
    assert type(series.name) is type(back.name)


@pytest.mark.parametrize(
    "stamp",
    [
        pd.Timestamp("2026-01-31"),
        pd.Timestamp("2026-01-31 01:02:03.123456789", tz="Europe/Berlin"),
        pd.Timestamp("2026-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2026-01-31", tz="UTC").as_unit("s"),
    ],
    ids=str,
)
def test_timestamps_come_back(serializer: Serializer, stamp: Any) -> None:
    """A Timestamp comes back to the nanosecond, with unit, zone and fold."""
    back = serializer.loads(serializer.dumps(stamp))

    assert type(stamp) is type(back)
    assert (stamp, stamp.unit, stamp.tzinfo, stamp.fold) == (
        back,
        back.unit,
        back.tzinfo,
        back.fold,
    )


def test_arrow_tables_come_back(serializer: Serializer) -> None:
    """An Arrow table comes back; how it is cut into chunks means nothing."""
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    chunks = pa.concat_tables([table, table])

    assert chunks.equals(serializer.loads(serializer.dumps(chunks)), check_metadata=True)
    assert serializer.dumps(chunks) == serializer.dumps(chunks.combine_chunks())


def test_a_table_that_leads_outside_its_bytes_is_not_read(serializer: Serializer) -> None:
    """Stored offsets that would make Arrow read foreign memory are found before anything reads them."""
    offsets = pa.py_buffer(np.array([0, 2**30, 3], dtype="<i4").tobytes())
    texts = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"abc"))

    found = serializer.loads(serializer.dumps(pa.table({"a": texts})))

    assert "stored table can't be read" in found.reason


def test_an_unsafe_pyarrow_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases of pyarrow that unpickled what a file told them to read nothing."""
    tagged = to_tagged(pa.table({"a": [1]}))
    monkeypatch.setattr(pa, "__version__", "14.0.0")

    assert "may run code" in from_tagged(tagged).reason


class Money(pa.ExtensionType):  # type: ignore[misc]  # pyarrow ships no types
    """An app's own type in an Arrow table."""

    def __init__(self) -> None:
        """Be made of whole numbers."""
        super().__init__(pa.int64(), "app.money")

    def __arrow_ext_serialize__(self) -> bytes:
        """Have no parameters."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, *_: object) -> Money:
        """Return the type."""
        return cls()


def test_a_type_of_the_app_is_read_where_it_is_known(serializer: Serializer) -> None:
    """Elsewhere the table is left unread: it is not a table of numbers."""
    column = pa.ExtensionArray.from_storage(Money(), pa.array([1, 2], pa.int64()))
    table = pa.table({"nested": pa.array([[1], [2]]), "price": column})
    pa.register_extension_type(Money())
    stored = serializer.dumps(table)
    known = serializer.loads(stored)
    pa.unregister_extension_type("app.money")
    unknown = serializer.loads(stored)

    assert table.equals(known)
    assert "extension type app.money isn't registered here" in unknown.reason
    assert stored == serializer.dumps(unknown)
