# SPDX-License-Identifier: Apache-2.0
"""Heads as rows and as parameters, and cursors of listings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sessionkit.errors import RejectedError
from sessionkit.records import SessionHead, SessionWrite
from sessionkit_sqlite.schema import LONGEST_ID, LONGEST_NAME, LONGEST_USER_ID

_SEPARATOR: Final = ","


def head_of(row: Sequence[Any]) -> SessionHead:
    """Return the head in a row that begins with the session table's columns, in their order."""
    return SessionHead(
        session_id=row[0],
        version=row[1],
        save_id=row[2],
        recent=tuple(row[3].split(_SEPARATOR)) if row[3] else (),
        user_id=row[4],
        created_at=row[5],
        last_activity=row[6],
        expires_at=row[7],
        ended=bool(row[8]),
        schema_version=row[9],
    )


def recent_as_text(head: SessionHead) -> str:
    """Return the column ``recent``."""
    return _SEPARATOR.join(head.recent)


def values_of(head: SessionHead, expected: str | None) -> dict[str, Any]:
    """Return the parameters of the statements ``create`` and ``update``."""
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
        "activity": head.last_activity,
        "expected": expected,
    }


def cursor_after(head: SessionHead) -> str:
    """Return the cursor of the page that begins after *head*."""
    return f"{head.last_activity}:{head.session_id}"


def place_of(cursor: str) -> tuple[int, str]:
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


def too_long(write: SessionWrite) -> RejectedError | None:
    """Return what is wrong with a write whose texts don't fit: no database may cut them short."""
    head = write.head
    texts = [("session_id", head.session_id, LONGEST_ID)]
    if head.user_id is not None:
        texts.append(("user_id", head.user_id, LONGEST_USER_ID))
    texts += [("part's name", name, LONGEST_NAME) for name in write.put]
    for what, text, longest in texts:
        if len(text) > longest:
            msg = f"{what} {text[:40]!r}... has {len(text)} characters; the most is {longest}"
            return RejectedError(msg)
    return None
