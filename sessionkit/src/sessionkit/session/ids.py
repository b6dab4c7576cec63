# SPDX-License-Identifier: Apache-2.0
"""Random identifiers, and what a session id may look like."""

from __future__ import annotations

import secrets
from typing import Final

from sessionkit.errors import InvalidSessionIdError

MAX_ID_LENGTH: Final = 128
_SHOWN: Final = 40


def new_session_id() -> str:
    """Return a new session id: 128 random bits, URL-safe, 22 characters."""
    return secrets.token_urlsafe(16)


def new_save_id() -> str:
    """Return a new save id: 64 random bits, 16 hexadecimal digits."""
    return secrets.token_hex(8)


def new_entry_id() -> str:
    """Return a new id for a history entry or a snapshot: 64 random bits."""
    return secrets.token_hex(8)


def check_session_id(session_id: object) -> str:
    """
    Return *session_id* unchanged if it can be one.

    Args:
        session_id: 1 to 128 printable characters (blanks too) that UTF-8 can encode.

    Raises:
        InvalidSessionIdError: If it is no text, or too long, or holds control
            characters, NUL or lone surrogates.
    """
    if not isinstance(session_id, str):
        msg = f"a session id is a str, not {type(session_id).__name__}"
        raise InvalidSessionIdError(msg)
    if not 1 <= len(session_id) <= MAX_ID_LENGTH:
        msg = f"a session id has 1 to {MAX_ID_LENGTH} characters, this one has {len(session_id)}"
        raise InvalidSessionIdError(msg)
    if not session_id.isprintable():
        odd = next(character for character in session_id if not character.isprintable())
        msg = f"session id {session_id[:_SHOWN]!r} holds {odd!r}; only printable characters are allowed"
        raise InvalidSessionIdError(msg)
    return session_id


def short(session_id: str) -> str:
    """Return the first eight characters, for logs and pages; ids are secrets in full."""
    return session_id[:8]
