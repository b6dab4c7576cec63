# SPDX-License-Identifier: Apache-2.0
"""Stores sessions one after the other, each by a guarded UPDATE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sessionkit.errors import ConflictError
from sessionkit_sqlite.rows import head_of, values_of

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


def _stored(sql: Statements, write: SessionWrite, cursor: Cursor) -> ConflictError | None:
    session_id = write.head.session_id
    guarded = sql.create if write.expected is None else sql.update
    cursor.execute(guarded, values_of(write.head, write.expected))
    if cursor.rowcount != 1:
        return outcome(write, current_head(sql, session_id, cursor))
    for name, data in write.put.items():
        for statement in sql.put:
            cursor.execute(statement, {"session_id": session_id, "name": name, "data": data})
    for name in write.remove:
        cursor.execute(sql.remove, {"session_id": session_id, "name": name})
    return None


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
