# SPDX-License-Identifier: Apache-2.0
"""
Saves in SQLite: one row by one statement where that is all, else any number of them in one transaction.

A transaction has the file to itself from its beginning on. So what is stored is
looked at once for all sessions, and only then is it known which statements they
need: one that sets no indexed column writes one page instead of four.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sessionkit.records import MOST_AHEAD, later_activity
from sessionkit_sqlite.rows import current_head, only_part, outcome, recent_as_text

if TYPE_CHECKING:
    from sessionkit.errors import ConflictError, StorageError
    from sessionkit.records import SessionHead, SessionWrite
    from sessionkit_sqlite.dialect import Cursor, Dialect, Statements

_Values: TypeAlias = tuple[Any, ...]
"""Of a row or a statement; by place: a name costs as much as the value that it gives."""

_Changes: TypeAlias = defaultdict[str, list[_Values]]
"""What the statements are run with."""

_LIGHT: Final = ("version", "save_id", "recent", "created_at", "schema_version")
_INDEXED: Final = ("user_id", "last_activity", "expires_at", "ended")
_OWN: Final = ("part_name", "part_data")
_SEEN: Final = ("session_id", "save_id", "part_name", *_INDEXED)


def _update(*columns: str) -> str:
    changed = ", ".join(f"{name} = ?" for name in columns)
    return f"UPDATE sessionkit_session SET {changed} WHERE session_id = ? AND save_id = ?"  # noqa: S608 - our own names


_SEE: Final = f"SELECT {', '.join(_SEEN)} FROM sessionkit_session WHERE session_id IN"  # noqa: S608 - our own names
_RESAVE: Final = (
    f"{_update(*_LIGHT, 'part_data')} AND part_name = ?"
    f" AND last_activity >= ? AND last_activity - {MOST_AHEAD} <= ? AND user_id IS ? AND expires_at IS ? AND ended = ?"
)
_UPDATE: Final = _update(*_LIGHT)
_UPDATE_OWN: Final = _update(*_LIGHT, *_OWN)
_MOVE: Final = _update(*_LIGHT, *_INDEXED)
_MOVE_OWN: Final = _update(*_LIGHT, *_INDEXED, *_OWN)
_CREATE: Final = (
    f"INSERT INTO sessionkit_session (session_id, {', '.join((*_LIGHT, *_INDEXED, *_OWN))})"  # noqa: S608 - our own names
    f" VALUES (?{', ?' * len((*_LIGHT, *_INDEXED, *_OWN))})"
)
_PUT: Final = (
    "INSERT INTO sessionkit_part (session_id, name, data) VALUES (?, ?, ?)"
    " ON CONFLICT (session_id, name) DO UPDATE SET data = excluded.data"
)
_REMOVE: Final = "DELETE FROM sessionkit_part WHERE session_id = ? AND name = ?"

_ORDER: Final = (_CREATE, _UPDATE, _UPDATE_OWN, _MOVE, _MOVE_OWN, _PUT, _REMOVE)
"""Heads before their parts, which refer to them."""

_MOST_IDS: Final = 500
"""How many are asked for at once: older releases of SQLite take 999 parameters."""


class SqliteSaver:
    """Stores sessions in one file."""

    def __init__(self, dialect: Dialect, sql: Statements) -> None:
        """Take the file, and the statements for what was refused."""
        self._dialect = dialect
        self._sql = sql
        named = sql.tables.named
        self._see, self._resave = named(_SEE), named(_RESAVE)
        self._texts = {text: named(text) for text in _ORDER}

    def save(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store *writes*; an outcome for each."""
        if len(writes) == 1:
            values = _resave_of(writes[0])
            if values is not None and self._dialect.autocommit(
                partial(_resave, self._resave, values)
            ):
                return (None,)
        return self._dialect.transact(partial(self._store, writes))

    def _store(
        self, writes: Sequence[SessionWrite], cursor: Cursor
    ) -> Sequence[ConflictError | None]:
        rows = _rows_of(self._see, writes, cursor)
        changes: _Changes = defaultdict(list)
        outcomes: list[ConflictError | None] = []
        for write in writes:
            row = rows.get(write.head.session_id)
            if write.expected == (row and row[1]):
                _add(changes, write, row)
                outcomes.append(None)
            else:
                current = current_head(self._sql, write.head.session_id, cursor)
                outcomes.append(outcome(write, current))
        for statement in _ORDER:
            if statement in changes:
                cursor.executemany(self._texts[statement], changes[statement])
        return outcomes


def _resave_of(write: SessionWrite) -> _Values | None:
    """Return the values of the statement that stores a part in its head's row, if that is all."""
    part = only_part(write)
    if part is None or write.expected is None:
        return None
    name, data = part
    head = write.head
    guard = (head.session_id, write.expected, name, head.last_activity, head.last_activity)
    return (*_light(head), data, *guard, head.user_id, head.expires_at, head.ended)


def _resave(sql: str, values: _Values, cursor: Cursor) -> bool:
    """Return whether all that there was to change was in one row, and no index."""
    cursor.execute(sql, values)
    return cursor.rowcount == 1


def _rows_of(see: str, writes: Sequence[SessionWrite], cursor: Cursor) -> Mapping[str, _Values]:
    """Return what is stored by session id: the columns :data:`_SEEN`."""
    ids = [write.head.session_id for write in writes]
    rows: dict[str, _Values] = {}
    for begin in range(0, len(ids), _MOST_IDS):
        asked = ids[begin : begin + _MOST_IDS]
        cursor.execute(f"{see} (?{', ?' * (len(asked) - 1)})", asked)
        rows |= {row[0]: row for row in cursor.fetchall()}
    return rows


def _add(changes: _Changes, write: SessionWrite, row: _Values | None) -> None:
    """Note what stores *write*, which nothing stands against."""
    own = _create(changes, write) if row is None else _replace(changes, write, row)
    session_id = write.head.session_id
    for name, data in write.put.items():
        if name != own:
            changes[_PUT].append((session_id, name, data))
    for name in write.remove:
        changes[_REMOVE].append((session_id, name))


def _create(changes: _Changes, write: SessionWrite) -> str | None:
    """Note an insert; return the name of the part in it."""
    head = write.head
    own = only_part(write) or (None, None)
    values = _light(head) + _indexed(head, head.last_activity)
    changes[_CREATE].append((head.session_id, *values, *own))
    return own[0]


def _replace(changes: _Changes, write: SessionWrite, row: _Values) -> str | None:
    """Note an update of what changes; return the name of the part in the row."""
    head, seen = write.head, row[3:]
    own: str | None = row[2]
    # A session's activity never moves back.
    kept = seen[1] if isinstance(seen[1], int) else 0  # else it is damaged
    indexed = _indexed(head, later_activity(kept, head.last_activity))
    is_moved = indexed != seen
    values = _light(head) + indexed if is_moved else _light(head)
    key = (head.session_id, write.expected)
    if own is not None and (own in write.put or own in write.remove):
        data = write.put.get(own)
        part = (None if data is None else own, data)
        changes[_MOVE_OWN if is_moved else _UPDATE_OWN].append((*values, *part, *key))
    else:
        changes[_MOVE if is_moved else _UPDATE].append((*values, *key))
    return own


def _light(head: SessionHead) -> _Values:
    return (head.version, head.save_id, recent_as_text(head), head.created_at, head.schema_version)


def _indexed(head: SessionHead, activity: int) -> _Values:
    return (head.user_id, activity, head.expires_at, head.ended)
