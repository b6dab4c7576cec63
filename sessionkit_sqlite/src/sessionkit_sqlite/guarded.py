# SPDX-License-Identifier: Apache-2.0
"""Stores sessions one after the other, each by a guarded UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sessionkit.errors import ConflictError
from sessionkit_sqlite.rows import head_of, only_part, values_of

if TYPE_CHECKING:
    from sessionkit.records import SessionHead, SessionWrite
    from sessionkit_sqlite.dialects import Cursor
    from sessionkit_sqlite.statements import Statements


def stored_one_by_one(
    sql: Statements, writes: Sequence[SessionWrite], cursor: Cursor
) -> Sequence[ConflictError | None]:
    """
    Store *writes* inside the cursor's transaction.

    Returns:
        An outcome for each: what stands against it, or None.
    """
    return [_stored(sql, write, cursor) for write in writes]


def _resaved(sql: Statements, write: SessionWrite, cursor: Cursor) -> bool:
    """
    Store a write by one statement if all that it has to change lies in one row; else change nothing.

    Returns:
        Whether it was stored.
    """
    part = only_part(write)
    if part is None or write.expected is None:
        return False
    values = _guarded_values(write)
    values["name"], values["part_data"] = part
    cursor.execute(sql.resave, values)
    return cursor.rowcount == 1


def _stored(sql: Statements, write: SessionWrite, cursor: Cursor) -> ConflictError | None:
    if write.expected is None:
        return _created(sql, write, cursor)
    if _resaved(sql, write, cursor):
        return None
    cursor.execute(sql.update, _guarded_values(write))
    if cursor.rowcount != 1:
        return outcome(write, current_head(sql, write.head.session_id, cursor))
    _store_parts(sql, write, cursor)
    return None


def _created(sql: Statements, write: SessionWrite, cursor: Cursor) -> ConflictError | None:
    alone = only_part(write)
    values = values_of(write.head)
    values["part_name"], values["part_data"] = alone or (None, None)
    cursor.execute(sql.create, values)
    if cursor.rowcount != 1:
        return outcome(write, current_head(sql, write.head.session_id, cursor))
    if alone is None:
        _put(sql, write.head.session_id, write.put, cursor)
    return None


def _store_parts(sql: Statements, write: SessionWrite, cursor: Cursor) -> None:
    session_id = write.head.session_id
    cursor.execute(sql.own_part, {"session_id": session_id})
    ((own,),) = cursor.fetchall()
    put = dict(write.put)
    if own is not None and own in put:
        data = put.pop(own)
        cursor.execute(sql.put_own, {"session_id": session_id, "own_name": own, "data": data})
    elif own is not None and own in write.remove:
        cursor.execute(sql.put_own, {"session_id": session_id, "own_name": None, "data": None})
    _put(sql, session_id, put, cursor)
    for name in write.remove:
        cursor.execute(sql.remove, {"session_id": session_id, "name": name})


def _put(sql: Statements, session_id: str, put: Mapping[str, bytes], cursor: Cursor) -> None:
    for name, data in put.items():
        for statement in sql.put:
            cursor.execute(statement, {"session_id": session_id, "name": name, "data": data})


def _guarded_values(write: SessionWrite) -> dict[str, Any]:
    values = values_of(write.head)
    values["activity"] = values["last_activity"]
    values["expected"] = write.expected
    return values


def current_head(sql: Statements, session_id: str, cursor: Cursor) -> SessionHead | None:
    """Return what is stored now."""
    cursor.execute(sql.head, {"session_id": session_id})
    rows = cursor.fetchall()
    return head_of(rows[0]) if rows else None


def outcome(write: SessionWrite, current: SessionHead | None) -> ConflictError | None:
    """Return what a write that was refused met: its own save, sent before, is no conflict."""
    if current is not None and current.save_id == write.head.save_id:
        return None
    return ConflictError(write.head.session_id, current)
