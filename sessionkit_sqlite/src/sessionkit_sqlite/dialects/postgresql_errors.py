# SPDX-License-Identifier: Apache-2.0
"""What psycopg's errors mean, and what would be right; by SQLSTATE where there is one."""

from __future__ import annotations

from typing import Final

import psycopg
import sqlalchemy.exc

from sessionkit.errors import RejectedError, StorageError, UnavailableError
from sessionkit_sqlite.dialects.postgresql_bounds import NoAnswerError

_SETUP: Final = "call init_session_tables(), or the storage's setup(), first"
_RIGHTS: Final = "this user needs SELECT, INSERT, UPDATE and DELETE on the tables sessionkit_*"
_SLOW: Final = "it took longer than timeout_ms"

# By the beginning of a SQLSTATE (appendix A of PostgreSQL's manual); the longest that fits counts.
_STATES: Final[dict[str, tuple[type[StorageError], str]]] = {
    "08": (UnavailableError, "the connection was lost"),
    "25006": (UnavailableError, "it only reads: a standby, or a primary that was demoted"),
    "28": (RejectedError, "look at user and password in the url"),
    "3D": (RejectedError, "there is no such database; create it, or name another one in the url"),
    "3F": (RejectedError, "there is no such schema"),
    "40": (UnavailableError, "it met another transaction"),
    "42501": (RejectedError, _RIGHTS),
    "42P01": (RejectedError, _SETUP),
    "53": (UnavailableError, "the server is out of memory, disk space or connections"),
    "54": (RejectedError, "a value is larger than PostgreSQL takes"),
    "55P03": (UnavailableError, _SLOW),
    "57014": (UnavailableError, _SLOW),
    "57": (UnavailableError, "the server ended the connection"),
    "58": (UnavailableError, "look at the server's disk"),
    "XX": (UnavailableError, "look at the server's log"),
}
# libpq keeps the SQLSTATE of a refused connection to itself.
_REFUSALS: Final = {
    "password authentication failed": "look at user and password in the url",
    "no password supplied": "the url needs a password",
    "no pg_hba.conf entry": "the server lets nobody in from here as this user",
    " does not exist": "create that database or role, or name another one in the url",
}
_LOST: Final = ("08", "57P")
_PASSING: Final = ("40001", "40P01", *_LOST)


class PostgresqlFaults:
    """
    What psycopg's errors mean for one database.

    Attributes:
        errors: What psycopg and the pool raise.
    """

    errors: tuple[type[Exception], ...] = (
        psycopg.Error,
        sqlalchemy.exc.TimeoutError,
        sqlalchemy.exc.DBAPIError,
        # The driver raises these for text that no UTF-8 is, or has NUL in it.
        UnicodeEncodeError,
        OverflowError,
    )

    def __init__(self, place: str) -> None:
        """Take what messages call the database."""
        self._place = place

    def lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""
        return _state(error).startswith(_LOST) or _without_answer(error)

    def passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""
        if isinstance(error, NoAnswerError):
            return False  # waiting once more would double the wait
        return _state(error).startswith(_PASSING) or _without_answer(error)

    def explained(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self._place}: all connections are in use: {error}")
        kind, advice = _meaning(error)
        said = " ".join(str(error).split())
        return kind(f"{self._place}: {said}{advice and '; '}{advice}")


def _state(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


def _without_answer(error: Exception) -> bool:
    """Return whether the driver noticed by itself that nobody is there."""
    return isinstance(error, psycopg.OperationalError) and not _state(error)


def _meaning(error: Exception) -> tuple[type[StorageError], str]:
    state = _state(error)
    for length in (5, 3, 2):
        if state[:length] in _STATES:
            return _STATES[state[:length]]
    if not _without_answer(error):
        return RejectedError, ""
    said = str(error)
    for words, advice in _REFUSALS.items():
        if "FATAL" in said and words in said:
            return RejectedError, advice
    return UnavailableError, "is the server up, and the url's host and port right?"
