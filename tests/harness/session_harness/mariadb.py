# SPDX-License-Identifier: Apache-2.0
"""A real MariaDB of the tests' own, from the system's binaries."""

from __future__ import annotations

import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Any, Final

import pymysql
from pymysql.cursors import Cursor
from session_harness.processes import (
    HOST,
    ServerMissingError,
    ServerProcess,
    free_port,
    is_root,
    own_folder,
)

USER: Final = "root"

_CONNECTIONS: Final = "SELECT id FROM information_schema.processlist WHERE db = %s"
_GONE: Final = 1094
"""The error of a KILL whose connection has ended by itself."""


class MariadbServer:
    """One server with any number of databases; as durable as MariaDB is by default."""

    def __init__(self, *options: str) -> None:
        """
        Make and start a server.

        Args:
            options: Such as ``"--max-allowed-packet=1M"``.

        Raises:
            ServerMissingError: If it is not installed or does not start.
        """
        self.host, self.port = HOST, free_port()
        server = _found("mariadbd", "mysqld")
        folder = own_folder("my")
        try:
            _make_data(folder / "data")
        except BaseException:
            shutil.rmtree(folder)
            raise
        self._numbers = count(1)
        self.process = ServerProcess(
            [
                server,
                *_common(folder / "data"),
                f"--port={self.port}",
                f"--bind-address={self.host}",
                f"--socket={folder}/socket",
                f"--pid-file={folder}/pid",
                "--max-connections=200",
                *options,
            ],
            folder,
            answers=lambda: self.connect().close(),
        )

    def new_database(self) -> str:
        """Make an empty database, whose texts are UTF-8 without regard to case, and return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        self.execute(f"DROP DATABASE {name}")

    def url(self, database: str, *, port: int | None = None, user: str = USER) -> str:
        """Return the URL of *database*, by way of a proxy's *port* if one is given."""
        return f"mysql+pymysql://{user}@{self.host}:{port or self.port}/{database}"

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """Return a connection of the owner's that commits each statement."""
        return pymysql.connect(
            host=self.host, port=self.port, user=USER, database=database, autocommit=True
        )

    def execute(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each in a transaction of its own."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fetch(
        self, statement: str, *values: object, database: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, with *values* for its ``%s``."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def drop_connections(self, database: str) -> int:
        """End all other connections to *database*, as an administrator would; return how many."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_CONNECTIONS, (database,))
            numbers = [number for (number,) in cursor.fetchall()]
            for number in numbers:
                _kill(cursor, number)
        return len(numbers)

    def end(self) -> None:
        """End the server and forget its data."""
        self.process.end()


def _kill(cursor: Cursor, number: int) -> None:
    try:
        cursor.execute("KILL %s", (number,))
    except pymysql.err.OperationalError as error:
        if error.args[0] != _GONE:
            raise


def _found(*names: str) -> str:
    for name in names:
        # Debian keeps servers where users don't look.
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if path:
            return path
    msg = f"MariaDB is missing: none of {', '.join(names)} is on the PATH"
    raise ServerMissingError(msg)


def _common(data: Path) -> list[str]:
    # A server that root starts wants to be told that this is meant.
    return ["--no-defaults", f"--datadir={data}", *(["--user=root"] if is_root() else [])]


def _make_data(data: Path) -> None:
    maker = _found("mariadb-install-db", "mysql_install_db")
    ran = subprocess.run(  # noqa: S603 - found above
        [maker, *_common(data), "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        msg = f"MariaDB made no data folder: {ran.stdout}{ran.stderr}"
        raise ServerMissingError(msg)
