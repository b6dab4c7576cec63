# SPDX-License-Identifier: Apache-2.0
"""A sample of each row of the documented table of types, written by one process and compared by another."""

from __future__ import annotations

import datetime as dt
import enum
import sys
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types

from sessionkit import SessionManager, load_settings
from sessionkit.testing.serializers import assert_same


class Size(enum.Enum):
    """Registered."""

    LARGE = "l"


class Level(enum.IntEnum):
    """Registered, and a number besides."""

    HIGH = 3


_NOON: Final = dt.datetime(2026, 1, 31, 12, 30, 1, 5)  # noqa: DTZ001 - naive is the point
_MONTHS: Final = pd.period_range("2026-01", periods=2, freq="M")
_RANGES: Final = pd.interval_range(0.0, 2.0)
_DAYS: Final = pd.date_range("2026-01-01", periods=2, tz="Europe/Berlin")
_DTYPES: Final = (
    *("int64", "float32", "bool", "uint8", "Int64", "Float32", "boolean", "string", "category"),
    *("datetime64[s]", "datetime64[ns, Europe/Berlin]", "timedelta64[ns]", "period[M]"),
    *("interval[int64, left]", "int64[pyarrow]", "string[pyarrow]"),
)
_INDICES: Final[dict[str, Any]] = {
    "numbers": pd.Index([5, 7], name="id"),
    "texts": pd.Index(["a", "b"]),
    "range": pd.RangeIndex(5, 9, 2, name="r"),
    "days": _DAYS,
    "lengths": pd.timedelta_range("1h", periods=2),
    "months": _MONTHS,
    "ranges": _RANGES,
    "categories": pd.CategoricalIndex(["a", "b"], ordered=True),
    "levels": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"]),
    "levels of months": pd.MultiIndex.from_arrays([_MONTHS, [1, 2]], names=["month", None]),
    "levels of ranges": pd.MultiIndex.from_arrays([_RANGES, pd.DatetimeIndex(list(_DAYS))]),
}


def _column(dtype: str) -> Any:
    if dtype.startswith("period"):
        return _MONTHS.to_series(index=[0, 1])
    if dtype.startswith("interval"):
        return pd.Series(pd.interval_range(0, 2, closed="left"))
    if dtype.startswith("datetime64[ns, "):
        return pd.Series(_DAYS)
    return pd.Series([1, 0]).astype(dtype)


def _frames() -> dict[str, Any]:
    frames = {
        f"index of {name}": pd.DataFrame({"v": [1, 2]}, index=index)
        for name, index in _INDICES.items()
    }
    columns = pd.DataFrame({dtype: _column(dtype) for dtype in _DTYPES})
    missing = pd.DataFrame(
        {dtype: _column(dtype).reindex([0, 5]) for dtype in ("Int64", "string", "period[M]")}
    )
    return {
        **frames,
        "columns": columns,
        "missing values": missing,
        "numbered columns": pd.DataFrame([[1, 2]], columns=[3, 4]),
        "columns of two levels": pd.DataFrame(
            [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
        ),
        "empty": pd.DataFrame(),
    }


def _objects() -> dict[str, Any]:
    cells: dict[str, list[Any]] = {
        "texts": ["x", None, float("nan")],
        "numbers": [1, 1.5, None],
        "dates": [dt.date(2026, 1, 31), None, None],
        "moments": [_NOON, None, None],
        "moments of pandas": [pd.Timestamp("2026-01-31"), None, None],
        "decimals": [Decimal("1.10"), Decimal(2), None],
        "lists": [[1, 2.5], [], None],
        "dicts": [{"a": 1}, {"a": 2}, None],
    }
    return {name: pd.Series(column, dtype=object) for name, column in cells.items()}


SAMPLES: Final[dict[str, Any]] = {
    "text, `True`, `False`, `None`": ["", "ä", True, False, None],
    "whole numbers, floats, complex numbers, of any size": [0, 10**30, -0.5, 1e300, 1 + 2j],
    "lists, dicts with any keys": [[1, [2]], {"a": 1, 2: "b", (1, 2): None}],
    "tuples, sets, frozensets, `bytes`": [(1, (2,)), {1, "a"}, frozenset({b"x"}), b"\x00\xff"],
    "`Counter`, `OrderedDict`": [Counter("aab"), OrderedDict(b=1, a=2)],
    "`defaultdict` of a built-in type": [defaultdict(int, a=1), defaultdict(list)],
    "dates, times, `timedelta`": [
        dt.date(2026, 1, 31),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 31)),
        dt.time(12, 30, fold=1),
        dt.timedelta(-1, 3, 5),
    ],
    "`datetime`, naive, at an offset or in a zone": [
        _NOON,
        _NOON.replace(tzinfo=dt.UTC),
        _NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1), "CET")),
        _NOON.replace(tzinfo=ZoneInfo("Europe/Berlin")),
    ],
    "`Decimal`, `UUID`": [Decimal("1.10"), UUID(int=7)],
    "members of an `Enum`": [Size.LARGE, Level.HIGH, {Size.LARGE: (Level.HIGH,)}],
    "DataFrame": _frames(),
    "cells of type object": pd.DataFrame(_objects()),
    "Series": [
        *(pd.Series([1, 2], index=index, name="v") for index in _INDICES.values()),
        *map(_column, _DTYPES),
        *_objects().values(),
        pd.Series([1.5, None], name=("a", 1)),
    ],
    "`pandas.Timestamp`": [pd.Timestamp("2026-01-31"), _DAYS[0].as_unit("ns")],
    "NumPy arrays": [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array(["2026-01-31", "NaT"], dtype="M8[s]"),
        np.array(["a", "bc"]),
        np.zeros(2, dtype=[("a", "<i4"), ("b", "<f8", (2,))]),
    ],
    "Arrow tables": pa.table({"a": [1, None], "b": [["x"], []], "c": pa.array(_MONTHS)}),
    "NumPy's numbers, texts and dates": [
        *(np.int64(3), np.float32(0.5), np.bool_(True), np.str_("x")),  # noqa: FBT003 - the value is the point
        *(np.datetime64("2026-01-31"), np.datetime64("2026-01-31T12:30", "s")),
    ],
    "`bytearray`, `memoryview`": [bytearray(b"x"), memoryview(b"y")],
}
"""Values by the row of the table that they prove."""

OTHERWISE: Final[dict[str, Any]] = {
    "NumPy's numbers, texts and dates": [
        *(3, 0.5, True, "x"),
        *(dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, 12, 30)),  # noqa: DTZ001 - as above
    ],
    "`bytearray`, `memoryview`": [b"x", b"y"],
}
"""What comes back where that is not what it was."""


def main(step: str, url: str, serializer: str) -> None:
    """
    Be one process: write, read, or change something else.

    Args:
        step: ``"write"``, ``"read"`` or ``"touch"``.
        url: The SQLite database.
        serializer: The serializer's name.

    Raises:
        AssertionError: If something came back as what it should not.
    """
    settings = load_settings(
        storage="sqlite",
        storages={"sqlite": {"url": url}},
        serializer=serializer,
        serializers={serializer: {"enums": [Size, Level]}},
    )
    with SessionManager(settings) as manager:
        session = manager.bootstrap("kept types")
        if step == "write":
            session.inputs.update(SAMPLES)
        else:
            compare(session.inputs)
        session.theme = step
        manager.save(session, immediate=True)


def compare(found: dict[str, Any]) -> None:
    """Assert that each sample is there as it should be."""
    assert [*SAMPLES] == [*found]
    for row, value in (SAMPLES | OTHERWISE).items():
        try:
            _assert_alike(value, found[row])
        except AssertionError as error:
            msg = f"{row}: {error}"
            raise AssertionError(msg) from error


def _assert_alike(expected: Any, actual: Any) -> None:
    if type(expected) in (list, dict):
        assert type(expected) is type(actual)
        assert len(expected) == len(actual)
        keys = expected if isinstance(expected, dict) else range(len(expected))
        for key in keys:
            _assert_alike(expected[key], actual[key])
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(expected, actual, check_column_type=True, check_freq=True)
        for place in range(len(expected.columns)):
            _assert_same_cells(expected.iloc[:, place], actual.iloc[:, place])
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(expected, actual, check_freq=True)
        _assert_same_cells(expected, actual)
    elif isinstance(expected, np.ndarray):
        assert (expected.dtype, expected.shape) == (actual.dtype, actual.shape)
        np.testing.assert_array_equal(expected, actual)
    elif isinstance(expected, pa.Table):
        assert expected.equals(actual, check_metadata=True)
    else:
        assert_same(expected, actual)


def _assert_same_cells(expected: Any, actual: Any) -> None:
    assert type(expected.index) is type(actual.index)
    if expected.dtype == object:
        assert list(map(repr, expected)) == list(map(repr, actual))


if __name__ == "__main__":
    main(*sys.argv[1:])
