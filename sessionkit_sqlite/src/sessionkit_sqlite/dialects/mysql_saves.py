# SPDX-License-Identifier: Apache-2.0
"""
Saves in MySQL and MariaDB: any number of them by four or five statements in one transaction.

New heads are inserted, then all heads of the batch are locked in the order of
their ids and looked at, then those that nothing stands against are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import insert

from sessionkit.errors import ConflictError, RejectedError
from sessionkit.records import MOST_AHEAD, short
from sessionkit_sqlite.rows import head_of, only_part, values_of

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionHead, SessionWrite
    from sessionkit_sqlite.dialect import Cursor, Dialect, Sql, Statements

_LOCK: Final = (
    "SELECT {columns} FROM sessionkit_session WHERE session_id IN %(ids)s"
    " ORDER BY session_id FOR UPDATE"
)
_ESCAPED: Final = b"\0\n\r\x1a\"'\\"
"""The bytes that a driver writes as two."""

_ROOM: Final = 10_000
"""Bytes that a statement needs beside the largest value."""


class MysqlSaver:
    """Stores sessions, all in one transaction."""

    def __init__(self, dialect: Dialect, sql: Statements) -> None:
        """Take the database and the statements that don't differ."""
        self._dialect = dialect
        self._sql = sql
        session, head = sql.tables.session, sql.tables.head
        columns = ", ".join(column.name for column in (*head, session.c.part_name))
        self._lock_heads = sql.tables.named(_LOCK.format(columns=columns))
        self._replace_head = dialect.sql(_replacing(session, head))
        self._replace_all = dialect.sql(_replacing(session, tuple(session.c)))
        self._largest: int | None = None

    def save(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store *writes*, in the order of their ids; an outcome for each."""
        largest = self._largest_statement()
        outcomes: list[StorageError | None] = [_too_large(write, largest) for write in writes]
        fitting = [place for place, refused in enumerate(outcomes) if refused is None]
        if fitting:
            batch = [writes[place] for place in fitting]
            stored = self._dialect.transact(partial(self._store, batch))
            for place, outcome in zip(fitting, stored, strict=True):
                outcomes[place] = outcome
        return outcomes

    def _largest_statement(self) -> int:
        if self._largest is None:
            self._largest = self._dialect.autocommit(_max_allowed_packet)
        return self._largest

    def _store(
        self, writes: Sequence[SessionWrite], cursor: Cursor
    ) -> Sequence[ConflictError | None]:
        new = [write for write in writes if write.expected is None]
        _run_all(cursor, self._sql.create, [_created(write) for write in new])
        locked = self._lock(writes, cursor)
        outcomes = [_outcome(write, locked.get(write.head.session_id)) for write in writes]
        taken = [
            _Taken(write, locked[write.head.session_id].part)
            for write, refused in zip(writes, outcomes, strict=True)
            if refused is None
        ]
        self._replace(taken, locked, cursor)
        self._store_parts(taken, cursor)
        return outcomes

    def _lock(self, writes: Sequence[SessionWrite], cursor: Cursor) -> Mapping[str, _Locked]:
        cursor.execute(self._lock_heads, {"ids": tuple(write.head.session_id for write in writes)})
        return {row[0]: _Locked(head_of(row), row[-1]) for row in cursor.fetchall()}

    def _replace(
        self, taken: Sequence[_Taken], locked: Mapping[str, _Locked], cursor: Cursor
    ) -> None:
        replaced = [
            one
            for one in taken
            if one.write.expected == locked[one.write.head.session_id].head.save_id
        ]
        kept = [values_of(one.write.head) for one in replaced if one.keeps_part]
        _run_all(cursor, self._replace_head, kept)
        others = [one.with_part() for one in replaced if not one.keeps_part]
        _run_all(cursor, self._replace_all, others)

    def _store_parts(self, taken: Sequence[_Taken], cursor: Cursor) -> None:
        put = [
            _part(one.write, name, data)
            for one in taken
            for name, data in one.write.put.items()
            if name != one.own
        ]
        for statement in self._sql.put:
            _run_all(cursor, statement, put)
        removed = [_part(one.write, name) for one in taken for name in one.write.remove]
        _run_all(cursor, self._sql.remove, removed)


class _Locked(NamedTuple):
    """A row that is locked: its head, and the name of the part that lies in it."""

    head: SessionHead
    part: str | None


class _Taken(NamedTuple):
    """A write that nothing stands against, and the name of the part in its head's row."""

    write: SessionWrite
    own: str | None

    @property
    def keeps_part(self) -> bool:
        """Whether the part in the row stays as it is."""
        return self.own is not None and self.own not in {*self.write.put, *self.write.remove}

    def with_part(self) -> dict[str, Any]:
        """Return the row's columns, the part included."""
        data = None if self.own is None else self.write.put.get(self.own)
        name = None if data is None else self.own
        return {**values_of(self.write.head), "part_name": name, "part_data": data}


def _created(write: SessionWrite) -> dict[str, Any]:
    name, data = only_part(write) or (None, None)
    return {**values_of(write.head), "part_name": name, "part_data": data}


def _replacing(session: sa.Table, columns: Sequence[sa.Column[Any]]) -> sa.ClauseElement:
    """Return an insert that replaces *columns* of rows that are locked; activity never moves back, but from more than a day ahead."""
    row: dict[str, sa.BindParameter[Any]] = {
        column.name: sa.bindparam(column.name) for column in columns
    }
    new = insert(session).values(row)
    changed = {
        column.name: new.inserted[column.name]
        for column in columns
        if column.name not in {"session_id", "last_activity"}
    }
    stored, written = session.c.last_activity, new.inserted.last_activity
    is_kept = sa.and_(stored > written, stored - sa.literal_column(str(MOST_AHEAD)) <= written)
    activity = sa.case((is_kept, stored), else_=written)
    return new.on_duplicate_key_update(changed | {"last_activity": activity})


def _outcome(write: SessionWrite, locked: _Locked | None) -> ConflictError | None:
    # A head that was just created looks like one whose create was answered and the answer lost.
    if locked is not None and locked.head.save_id in {write.expected, write.head.save_id}:
        return None
    return ConflictError(write.head.session_id, locked and locked.head)


def _part(write: SessionWrite, name: str, data: bytes = b"") -> dict[str, Any]:
    return {"session_id": write.head.session_id, "name": name, "data": data}


def _run_all(cursor: Cursor, statement: Sql, values: Sequence[Mapping[str, Any]]) -> None:
    # The drivers send inserts of many rows as one statement, or a few.
    if values:
        cursor.executemany(statement, values)


def _max_allowed_packet(cursor: Cursor) -> int:
    cursor.execute("SELECT @@max_allowed_packet")
    ((size,),) = cursor.fetchall()
    # MariaDB 10.11 hangs up at half of what it says.
    return int(size) // 2


def _too_large(write: SessionWrite, largest: int) -> RejectedError | None:
    """Return what is wrong with a part that the server would answer by ending the connection."""
    for name, data in write.put.items():
        size = len(data) + _ROOM
        if 2 * size > largest and size + sum(map(data.count, _ESCAPED)) > largest:
            msg = (
                f"session {short(write.head.session_id)!r}: part {name!r} of {len(data)} bytes does not fit"
                f" into half of the server's max_allowed_packet ({2 * largest} bytes); raise that"
            )
            return RejectedError(msg)
    return None
