# SPDX-License-Identifier: Apache-2.0
"""Stored bytes that claim to hold far more than they are: refused before they fill the memory."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import numpy as np
import ormsgpack
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError

ARRAY, TABLE, FRAME = 32, 33, 34
MANY: Final = 1 << 20


def stream(table: Any, compression: str | None = None) -> bytes:
    """Return an Arrow stream of a table."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def stored(code: int, simple: Any) -> bytes:
    """Return a value of a kind as it would be stored."""
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(simple)))


def frame_of(table: Any, compression: str | None = None, **more: Any) -> bytes:
    """Return a DataFrame that a table makes, as it would be stored."""
    return stored(FRAME, {"arrow": stream(table, compression), **more})


def zeros() -> Any:
    """Return a table of 8 MB of zeros."""
    return pa.table({"x": pa.array(np.zeros(MANY, dtype="i8"))})


def categories() -> Any:
    """Return a table whose cells all are one long text."""
    long = pa.array(["x" * 10_000])
    return pa.table({"x": pa.DictionaryArray.from_arrays(np.zeros(1000, dtype="i4"), long)})


def lists_of_categories() -> Any:
    """Return a table with lists of such cells."""
    ends = pa.array([0, 1000], type=pa.int32())
    column = categories().column(0).chunk(0)
    return pa.table({"x": pa.ListArray.from_arrays(ends, column)})


def lists_of_nothing() -> Any:
    """Return a table with one list of very many cells without bytes."""
    ends = pa.array([0, MANY], type=pa.int32())
    return pa.table({"x": pa.ListArray.from_arrays(ends, pa.nulls(MANY))})


def no_bytes() -> bytes:
    """Return an array of very many items without bytes."""
    buffer = BytesIO()
    np.lib.format.write_array(buffer, np.zeros(MANY, dtype="V0"))
    return stored(ARRAY, buffer.getvalue())


BOMBS: Final[dict[str, Callable[[], bytes]]] = {
    "a compressed table": lambda: stored(TABLE, stream(zeros(), "zstd")),
    "a compressed DataFrame": lambda: frame_of(zeros(), "lz4"),
    "compressed categories": lambda: frame_of(categories(), "zstd"),
    "a column of nothing": lambda: frame_of(pa.table({"x": pa.nulls(MANY)})),
    "a list of nothing": lambda: frame_of(lists_of_nothing()),
    "lists of categories": lambda: frame_of(lists_of_categories()),
    "objects of categories": lambda: frame_of(categories(), objects=[0]),
    "a run of one value": lambda: frame_of(
        pa.table({"x": pa.RunEndEncodedArray.from_arrays([MANY], pa.array(["x" * 1000]))})
    ),
    "an array of nothing": no_bytes,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_claims_more_than_its_bytes_can_hold_is_refused(bomb: str) -> None:
    """By an error of ours, as for damaged bytes: the record is kept aside."""
    data = BOMBS[bomb]()
    assert len(data) < MANY // 8

    with pytest.raises(SerializationError):
        MsgpackSerializer().loads(data)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [None] * 10_000}),
        pd.DataFrame({"a": pd.Categorical(["x" * 1000] * 10_000)}),
        pd.DataFrame({"a": [True, None] * 5_000, "b": [None] * 10_000}),
        pd.DataFrame({"a": [[1, 2], [], None, list(range(1000))]}),
        pd.DataFrame({"a": [{"x": [1]}, {"x": [2, 3]}]}),
        pd.DataFrame(index=range(100_000)),
    ],
    ids=["nothing", "categories", "truths", "lists", "dicts", "no columns"],
)
def test_what_an_app_keeps_is_kept(frame: pd.DataFrame) -> None:
    """However little it takes: the bound is far above what a table of values needs."""
    serializer = MsgpackSerializer()

    pd.testing.assert_frame_equal(frame, serializer.loads(serializer.dumps(frame)))
