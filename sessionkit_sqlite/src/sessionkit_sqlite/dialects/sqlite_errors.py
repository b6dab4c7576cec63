# SPDX-License-Identifier: Apache-2.0
"""What SQLite's errors mean, and what would be right."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy.exc

from sessionkit.errors import RejectedError, StorageError, UnavailableError

_LOCKED: Final = "another connection kept it locked for longer than busy_timeout_ms"
_CANT_OPEN: Final = "SQLITE_CANTOPEN"
_PASSING: Final = "its folder may be away, or this process may have too many files open"
_RIGHTS: Final = "this user needs the right to write to the file and to its folder"

# By the beginning of SQLite's own names: SQLITE_BUSY_SNAPSHOT is busy, too.
_KINDS: Final[dict[str, tuple[type[StorageError], str]]] = {
    "SQLITE_BUSY": (UnavailableError, _LOCKED),
    "SQLITE_LOCKED": (UnavailableError, _LOCKED),
    "SQLITE_FULL": (UnavailableError, "free some disk space; what was saved before is intact"),
    "SQLITE_IOERR": (UnavailableError, "look at its disk; what was saved before is intact"),
    "SQLITE_NOMEM": (UnavailableError, "this process or machine is out of memory"),
    "SQLITE_PROTOCOL": (UnavailableError, "too many processes open it at once"),
    "SQLITE_INTERRUPT": (UnavailableError, "the call was interrupted"),
    "SQLITE_READONLY": (RejectedError, _RIGHTS),
    "SQLITE_AUTH": (RejectedError, _RIGHTS),
    "SQLITE_PERM": (RejectedError, _RIGHTS),
    _CANT_OPEN: (
        RejectedError,
        "it must be a file that this user may read and write, in a folder that exists",
    ),
    "SQLITE_TOOBIG": (RejectedError, "SQLite takes about 1 GB a value; keep large data elsewhere"),
    "SQLITE_CORRUPT": (RejectedError, "the file is damaged; restore a copy, or move it away"),
    "SQLITE_NOTADB": (RejectedError, "the file is something else; name another one in the url"),
}

# SQLite has one name, SQLITE_ERROR, for all of these.
_BY_WORDS: Final = {
    "no such table": "call init_session_tables(), or the storage's setup(), first",
}


class SqliteFaults:
    """
    What SQLite's errors mean for one file.

    Attributes:
        errors: What Python's driver raises.
    """

    errors: tuple[type[Exception], ...] = (
        sqlite3.Error,
        sqlalchemy.exc.TimeoutError,
        # The driver raises these for values that it can't hand to SQLite.
        OverflowError,
        UnicodeEncodeError,
    )

    def __init__(self, place: str) -> None:
        """Take what messages call the file."""
        self._place = place

    def lost(self, error: Exception) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: nothing lies between us and a file."""
        return False

    def passing(self, error: Exception) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: SQLite itself has waited as long as it was told to."""
        return False

    def explained(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        return explained(error, self._place)


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether someone else holds the database."""
    return error.sqlite_errorname.startswith("SQLITE_BUSY")


def explained(error: BaseException, place: str) -> StorageError:
    """Return the driver's *error* as one of ours that says where it was and what would be right."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return UnavailableError(f"{place}: all connections are in use: {error}")
    name = getattr(error, "sqlite_errorname", None)
    if name is None:
        return RejectedError(f"{place}: can't be stored: {error}")
    kind, advice = _kind(name, str(error))
    if name.startswith(_CANT_OPEN) and not _is_unfit(Path(place)):
        kind, advice = UnavailableError, _PASSING
    return kind(f"{place}: {error}{advice and '; '}{advice}")


def _kind(name: str, words: str) -> tuple[type[StorageError], str]:
    for beginning, kind in _KINDS.items():
        if name.startswith(beginning):
            return kind
    for beginning, advice in _BY_WORDS.items():
        if words.startswith(beginning):
            return RejectedError, advice
    return RejectedError, ""


def _is_unfit(file: Path) -> bool:
    """Return whether no try can open what is there: it is no file, or this user may not."""
    if file.parent.exists() and not os.access(file.parent, os.W_OK | os.X_OK):
        return True
    return file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK))
