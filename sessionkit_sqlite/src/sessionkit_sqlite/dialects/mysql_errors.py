# SPDX-License-Identifier: Apache-2.0
"""What the errors of MySQL's and MariaDB's drivers mean, and what would be right; by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy.exc

from sessionkit.errors import RejectedError, StorageError, UnavailableError

if TYPE_CHECKING:
    import sqlalchemy as sa

_RIGHTS: Final = "this user needs SELECT, INSERT, UPDATE and DELETE on the tables sessionkit_*"
_LOGIN: Final = "look at user, password and database in the url"
_UP: Final = "is the server up, and the url's host and port right?"
_FULL: Final = "free some disk space on the server"
_BUSY: Final = "another transaction kept the row for longer than timeout_ms"
_ENDED: Final = "the server ended the connection"

# By the numbers of MySQL's "Server Error Message Reference"; 2000 and above are the client's.
_NUMBERS: Final[dict[int, tuple[type[StorageError], str]]] = {
    0: (UnavailableError, "the connection was closed"),  # PyMySQL's own
    1021: (UnavailableError, _FULL),
    1037: (UnavailableError, "the server is out of memory"),
    1040: (UnavailableError, "the server has no connection left"),
    1041: (UnavailableError, "the server is out of memory"),
    1044: (RejectedError, _LOGIN),
    1045: (RejectedError, _LOGIN),
    1049: (RejectedError, "there is no such database; create it, or name another one in the url"),
    1053: (UnavailableError, _ENDED),
    1114: (UnavailableError, _FULL),
    1142: (RejectedError, _RIGHTS),
    1146: (RejectedError, "call init_session_tables(), or the storage's setup(), first"),
    1153: (RejectedError, "it is larger than the server's max_allowed_packet"),
    1158: (UnavailableError, _ENDED),
    1159: (UnavailableError, _ENDED),
    1160: (UnavailableError, _ENDED),
    1161: (UnavailableError, _ENDED),
    1203: (UnavailableError, "this user has no connection left"),
    1205: (UnavailableError, _BUSY),
    1213: (UnavailableError, "it met another transaction"),
    1226: (UnavailableError, "this user has used up what the server grants"),
    1290: (UnavailableError, "the server only reads"),
    1317: (UnavailableError, "the statement was interrupted"),
    1792: (UnavailableError, "the server only reads"),
    1836: (UnavailableError, "the server only reads"),
    1927: (UnavailableError, _ENDED),
    1969: (UnavailableError, "the statement was interrupted"),
    2002: (UnavailableError, _UP),
    2003: (UnavailableError, _UP),
    2005: (UnavailableError, _UP),
    2006: (UnavailableError, _ENDED),
    2013: (UnavailableError, _ENDED),
    2014: (UnavailableError, _ENDED),
    2055: (UnavailableError, _ENDED),
    3024: (UnavailableError, "the statement was interrupted"),
    3572: (UnavailableError, _BUSY),
}
_LOST: Final = {0, 1053, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2055}
_MET: Final = {1213, 1020}


class MysqlFaults:
    """
    What the errors of one driver mean for one database.

    Attributes:
        errors: What the driver and the pool raise.
    """

    def __init__(self, place: str, dialect: sa.Dialect) -> None:
        """
        Take what messages call the database, and whose errors they are.

        Args:
            place: Host, port and database.
            dialect: The engine's.
        """
        self._place = place
        driver = dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (
            driver.Error,
            sqlalchemy.exc.TimeoutError,
            sqlalchemy.exc.DBAPIError,
            UnicodeEncodeError,
            OverflowError,
            # PyMySQL raises this for values that it can't write as SQL.
            TypeError,
        )

    def lost(self, error: Exception) -> bool:
        """Return whether the connection is of no use any more."""
        return _number(error) in _LOST

    def passing(self, error: Exception) -> bool:
        """Return whether the same work may succeed at once on a sound connection."""
        # Waiting once more for a server that does not answer would double the wait.
        return _number(error) in _LOST | _MET and "timed out" not in str(error)

    def explained(self, error: Exception) -> StorageError:
        """Return one of our errors that says where it was and what would be right."""
        if isinstance(error, sqlalchemy.exc.TimeoutError):
            return UnavailableError(f"{self._place}: all connections are in use: {error}")
        kind, advice = _NUMBERS.get(_number(error), (RejectedError, ""))
        return kind(f"{self._place}: {_said(error)}{advice and '; '}{advice}")


def _number(error: Exception) -> int:
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else -1


def _said(error: Exception) -> str:
    return str(error.args[1]) if len(error.args) > 1 else str(error)
