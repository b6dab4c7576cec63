# SPDX-License-Identifier: Apache-2.0
"""Engines for SQLite files: which can be used, and new files that are private."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import sqlalchemy.exc

from sessionkit.errors import ConfigError, RejectedError, StorageError, UnavailableError

_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
_EXAMPLE: Final = "sqlite:///folder/sessions.db"


def open_file(url: str) -> sa.Engine:
    """
    Return an engine for the file that *url* names; make the file if there is none.

    A new folder is readable by its owner only (0700), and so is a new file (0600).

    Raises:
        ConfigError: If *url* is none of a SQLite file.
        RejectedError: If the folder or the file can't be made.
        UnavailableError: If the disk is full.
    """
    try:
        parsed = sa.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        msg = f"[storages.sqlite] url {url!r} is no database URL; one would be {_EXAMPLE!r}"
        raise ConfigError(msg) from error
    file = check_url(parsed)
    # A URI filename ("file:...?mode=ro") says itself how it is to be opened.
    if not file.startswith("file:"):
        _make_private(Path(file))
    return sa.create_engine(parsed, connect_args={"isolation_level": None})


def check_url(url: sa.URL) -> str:
    """
    Return the name of the file behind *url*.

    Raises:
        ConfigError: If it is another database, another driver, or in memory.
    """
    shown = url.render_as_string(hide_password=True)
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        msg = f"[storages.sqlite] url {shown!r}: only SQLite is supported, such as {_EXAMPLE!r}"
        raise ConfigError(msg)
    name = url.database or ":memory:"
    if ":memory:" in name or url.query.get("mode") == "memory":
        msg = (
            f"[storages.sqlite] url {shown!r}: each connection would have a database of its own;"
            f' name a file, such as {_EXAMPLE!r}, or use storage = "memory"'
        )
        raise ConfigError(msg)
    return name


def _make_private(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise _explained(error, file) from error


def _explained(error: OSError, file: Path) -> StorageError:
    if error.errno in _NO_SPACE:
        return UnavailableError(f"{file}: can't be made: {error}; free some disk space")
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return RejectedError(
            f"{file}: can't be made: {error}; a file is where a folder is needed: move it away,"
            " or let the storage's url name another folder"
        )
    return RejectedError(
        f"{file}: can't be made: {error}; this user needs the right to write to the folder,"
        " or the storage's url must name another one"
    )
