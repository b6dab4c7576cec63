# SPDX-License-Identifier: Apache-2.0
"""
Edits of a table: what they make of it, one after the other, and where two tabs made them.

They are kept as Streamlit has them, ``{"edited_rows": {0: {"n": 3}}, "added_rows": [...], "deleted_rows": [...]}``, and
count their rows from the table that the app hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from sessionkit_streamlit.internals.frames import INDEX, columns_of, readers_of

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


@attrs.frozen
class Edits:
    """
    Edits of a table.

    Attributes:
        cells: Values by row and column.
        added: Rows, by column.
        deleted: Rows of the table.
    """

    cells: dict[int, Row] = attrs.field(factory=dict)
    added: list[Row] = attrs.field(factory=list)
    deleted: list[int] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.cells or self.added or self.deleted)

    def to_plain(self) -> dict[str, Any]:
        """Return them as Streamlit has them."""
        return {"edited_rows": self.cells, "added_rows": self.added, "deleted_rows": self.deleted}

    def after(self, first: Edits, rows: int) -> Edits:
        """
        Return these and those that were made before, as one.

        Args:
            first: Those; these count their rows from what those made.
            rows: How many the table had before both.
        """
        if not self:
            return first
        gone = set(first.deleted)
        left = [row for row in range(rows) if row not in gone] if gone else range(rows)
        cells = {row: dict(of_row) for row, of_row in first.cells.items()}
        added = [dict(row) for row in first.added]
        for row, of_row in self.cells.items():
            if row < len(left):
                cells.setdefault(left[row], {}).update(of_row)
            elif row - len(left) < len(added):
                added[row - len(left)].update(of_row)
        dropped = {row - len(left) for row in self.deleted if row >= len(left)}
        gone |= {left[row] for row in self.deleted if row < len(left)}
        return Edits(
            {row: of_row for row, of_row in cells.items() if row not in gone},
            [row for at, row in enumerate(added) if at not in dropped]
            + [dict(row) for row in self.added],
            sorted(gone),
        )

    def joined(self, base: Edits, theirs: Edits) -> Edits:
        """
        Return these with what others have made of the same edits meanwhile; of one cell these count.

        Args:
            base: What both began with.
            theirs: The others'.
        """
        gone = sorted({*theirs.deleted, *(row for row in self.deleted if row not in base.deleted)})
        cells = {row: dict(of_row) for row, of_row in theirs.cells.items()}
        for row, of_row in self.cells.items():
            known = base.cells.get(row, {})
            news = {
                column: value
                for column, value in of_row.items()
                if column not in known or known[column] != value
            }
            if news:
                cells.setdefault(row, {}).update(news)
        return Edits(
            {row: of_row for row, of_row in cells.items() if row not in gone},
            theirs.added + [row for row in self.added if row not in base.added],
            gone,
        )


def edits_in(value: Any) -> Edits | None:  # noqa: ANN401 - whatever lies there
    """Return the edits that a plain value says; None if it says none."""
    if not isinstance(value, Mapping):
        return None
    cells, added, deleted = (
        value.get(name, kind())
        for name, kind in (("edited_rows", dict), ("added_rows", list), ("deleted_rows", list))
    )
    if not (isinstance(cells, Mapping) and _is_list(added, Mapping) and _is_list(deleted, int)):
        return None
    if not all(isinstance(row, int) and isinstance(one, Mapping) for row, one in cells.items()):
        return None
    return Edits(
        {row: dict(one) for row, one in cells.items()},
        [dict(one) for one in added],
        sorted(set(deleted)),
    )


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, kind) for one in value)


class Unfit(NamedTuple):
    """
    An edit that a table does not take.

    Attributes:
        edit: The edit, as it is kept.
        reason: Why.
    """

    edit: dict[str, Any]
    reason: str


class Edited(NamedTuple):
    """
    A table with edits in it.

    Attributes:
        frame: It.
        edits: Those that it took.
        unfit: The others.
    """

    frame: pd.DataFrame
    edits: Edits
    unfit: list[Unfit]


def apply(frame: pd.DataFrame, edits: Edits) -> Edited:
    """
    Make edits in a table, as far as it takes them.

    Args:
        frame: The table; it is changed.
        edits: They.
    """
    if not edits:
        return Edited(frame, edits, [])
    numbered = is_numbered(frame)
    unfit: list[Unfit] = []
    read = _reader(frame)
    cells: dict[int, Row] = {}
    for row, of_row in edits.cells.items():
        for column, value in of_row.items():
            reason = _set_cell(frame, row, column, value, read)
            if reason is None:
                cells.setdefault(row, {})[column] = value
            else:
                unfit.append(Unfit({"edited_rows": {row: {column: value}}}, reason))
    deleted = [row for row in edits.deleted if row < len(frame)]
    unfit += [
        Unfit({"deleted_rows": [row]}, _no_row(row)) for row in edits.deleted if row >= len(frame)
    ]
    if deleted:
        gone = set(deleted)
        frame = frame.iloc[[row for row in range(len(frame)) if row not in gone]]
        frame = frame.reset_index(drop=True) if numbered else frame.copy()
    added = []
    for one in edits.added:
        reason = _add_row(frame, one, read)
        if reason is None:
            added.append(one)
        else:
            unfit.append(Unfit({"added_rows": [one]}, reason))
    return Edited(frame, Edits(cells, added, deleted), unfit)


def is_numbered(frame: pd.DataFrame) -> bool:
    """Return whether a frame's rows bear no labels but their numbers."""
    import pandas as pd  # noqa: PLC0415 - comes with Streamlit, and takes long

    index = frame.index
    return isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)


def _no_row(row: int) -> str:
    return f"there is no row {row} any more"


def _reader(frame: pd.DataFrame) -> Callable[[str, Any], Any]:
    """Return what makes a value for a column of one that the browser sent, and raises a ValueError if it can't."""
    parse = readers_of(frame)

    def read(column: str, value: Any) -> Any:  # noqa: ANN401 - any value of a cell
        parsed = parse(column, value)
        if parsed is None and value is not None:
            msg = f"column {column!r} does not take {value!r}"
            raise ValueError(msg)
        return parsed

    return read


def _set_cell(
    frame: pd.DataFrame,
    row: int,
    column: str,
    value: Any,  # noqa: ANN401 - any value of a cell
    read: Callable[[str, Any], Any],
) -> str | None:
    """Set a cell; return why it can't be."""
    position = columns_of(frame).get(column)
    if row >= len(frame):
        return _no_row(row)
    if position is None and column != INDEX:
        return f"there is no column {column!r} any more"
    try:
        parsed = read(column, value)
        if position is None:
            frame.index = frame.index.delete(row).insert(row, parsed)
        else:
            frame.iat[row, position] = parsed  # noqa: PD009 - a list goes into one cell, too
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        return str(error)
    return None


def _add_row(frame: pd.DataFrame, one: Row, read: Callable[[str, Any], Any]) -> str | None:
    """Add a row at the end; return why it can't be."""
    positions = columns_of(frame)
    gone = [column for column in one if column not in positions and column != INDEX]
    if gone:
        return f"there is no column {gone[0]!r} any more"
    values: list[Any] = [None] * len(positions)
    label: Any = None
    try:
        for column, value in one.items():
            if column == INDEX:
                label = read(column, value)
            else:
                values[positions[column]] = read(column, value)
        if label is None or is_numbered(frame):
            label = _next_label(frame)
        if label in frame.index:
            return f"there is a row {label!r} already"
        frame.loc[label] = dict(zip(frame.columns, values, strict=True))
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        return str(error)
    return None


def _next_label(frame: pd.DataFrame) -> int:
    """Return the number that a new row gets; raises a ValueError where rows bear other labels."""
    if is_numbered(frame):
        return len(frame)
    if frame.index.dtype.kind in "iu":
        return int(frame.index.max()) + 1 if len(frame) else 0
    msg = "a row of this table needs a label"
    raise ValueError(msg)
