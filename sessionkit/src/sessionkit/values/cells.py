# SPDX-License-Identifier: Apache-2.0
"""
The objects in a table's cells and labels, looked at before Arrow gets them.

Arrow follows a list that holds itself until the C stack is over, and calls what an app's own
objects bring along.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from types import NoneType
from typing import Any, Final
from uuid import UUID

from sessionkit.errors import SerializationError

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
