# SPDX-License-Identifier: Apache-2.0
"""Heads and parts as rows and parameters, and what rows say: of a refused write, of a page's end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sessionkit.errors import ConflictError, RejectedError
from sessionkit.records import SessionHead, SessionWrite
from sessionkit_sqlite.schema import LONGEST_ID, LONGEST_NAME, LONGEST_USER_ID

if TYPE_CHECKING:
    from sessionkit_sqlite.dialect import Cursor, Sql, Statements

_SEPARATOR: Final = ","

# What databases have for a boolean.
_TRUTH: Final[dict[Any, bool]] = {0: False, 1: True}


def head_of(row: Sequence[Any]) -> SessionHead:
    """
    Return the head in a row that begins with the session table's columns, in their order.

    SQLite keeps what it is given in any column: what is damaged is passed on as it is.
    """
    return SessionHead(
        session_id=row[0],
        version=row[1],
        save_id=row[2],
        recent=_recent_of(row[3]),
        user_id=row[4],
        created_at=row[5],
        last_activity=row[6],
        expires_at=row[7],
        ended=_TRUTH.get(row[8], row[8]),
        schema_version=row[9],
    )


def _recent_of(stored: Any) -> tuple[str, ...]:  # noqa: ANN401 - a text, or damaged
    if not stored:
        return ()
    damaged: Any = stored
    return tuple(stored.split(_SEPARATOR)) if isinstance(stored, str) else damaged


def recent_as_text(head: SessionHead) -> str:
    """Return the column ``recent``."""
    return _SEPARATOR.join(head.recent)


def values_of(head: SessionHead) -> dict[str, Any]:
    """Return a head's columns by name."""
    return {
        "session_id": head.session_id,
        "version": head.version,
        "save_id": head.save_id,
        "recent": recent_as_text(head),
        "user_id": head.user_id,
        "created_at": head.created_at,
        "last_activity": head.last_activity,
        "expires_at": head.expires_at,
        "ended": head.ended,
        "schema_version": head.schema_version,
    }


def only_part(write: SessionWrite) -> tuple[str, bytes] | None:
    """Return name and data when a write puts one part and does nothing else to parts."""
    if len(write.put) != 1 or write.remove:
        return None
    ((name, data),) = write.put.items()
    return name, data


def parts_of(rows: Sequence[Sequence[Any]]) -> dict[str, bytes]:
    """Return the parts in rows of the statement ``read``: that of the head's row, and the others."""
    parts = {row[-2]: _bytes_of(row[-1]) for row in rows if row[-2] is not None}
    own_name, own_data = rows[0][-4:-2]
    if own_name is not None:
        parts[own_name] = _bytes_of(own_data)
    return parts


def _bytes_of(stored: Any) -> bytes:  # noqa: ANN401 - bytes, or damaged
    """Return a part's data; what is none, in SQLite, as what no part is: nothing."""
    return stored if isinstance(stored, bytes) else b""


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


def page_after(
    statements: Statements, user_id: str | None, cursor: str | None
) -> tuple[Sql, dict[str, Any]]:
    """
    Return the statement that lists a page, and its parameters but for the limit.

    Raises:
        RejectedError: If no page ended with this cursor.
    """
    values: dict[str, Any] = {} if user_id is None else {"user_id": user_id}
    if cursor is None:
        return statements.find if user_id is None else statements.find_of, values
    values["last_rank"], values["last_id"] = _place_of(cursor)
    if user_id is None:
        del values["last_rank"]
    return statements.find_after if user_id is None else statements.find_of_after, values


def has_place(row: Sequence[Any]) -> bool:
    """Return whether a row has a place in a list: its id and its activity can be read."""
    return isinstance(row[0], str) and isinstance(row[6], int)


def cursor_after(head: SessionHead) -> str:
    """Return the cursor of the page that begins after *head*."""
    return f"{head.last_activity}:{head.session_id}"


def _place_of(cursor: str) -> tuple[int, str]:
    """
    Return activity and id of the last head that was shown.

    Raises:
        RejectedError: If no page ended with this cursor.
    """
    activity, _, session_id = cursor.partition(":")
    try:
        return int(activity), session_id
    except ValueError as error:
        msg = f"cursor {cursor!r} is not one that find() gave; leave it out for the first page"
        raise RejectedError(msg) from error


def refusal_of(write: SessionWrite) -> RejectedError | None:
    """Return what is wrong with a write that some database would cut short or take for nothing."""
    head = write.head
    if len(head.session_id) > LONGEST_ID:
        return _too_long("session_id", head.session_id, LONGEST_ID)
    if head.user_id is not None and len(head.user_id) > LONGEST_USER_ID:
        return _too_long("user_id", head.user_id, LONGEST_USER_ID)
    for name, data in write.put.items():
        if not isinstance(data, bytes):
            return RejectedError(f"part {name!r} is a {type(data).__name__}; it must be bytes")
        if len(name) > LONGEST_NAME:
            return _too_long("part's name", name, LONGEST_NAME)
    return None


def _too_long(what: str, text: str, longest: int) -> RejectedError:
    msg = f"{what} {text[:40]!r}... has {len(text)} characters; the most is {longest}"
    return RejectedError(msg)
