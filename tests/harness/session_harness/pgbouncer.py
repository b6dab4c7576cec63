# SPDX-License-Identifier: Apache-2.0
"""A real PgBouncer before a real PostgreSQL: few connections, each lent for one transaction at a time."""

from __future__ import annotations

import shutil
from typing import Any, Final

import psycopg
from session_harness.postgresql import USER, PostgresqlServer
from session_harness.processes import (
    HOST,
    ServerMissingError,
    ServerProcess,
    as_nobody,
    free_port,
    own_folder,
)

_SHARED: Final = 2
"""Connections that all clients of a database share."""


class PooledPostgresql(PostgresqlServer):
    """A PostgreSQL whose URLs lead through PgBouncer; its other methods go straight to the server."""

    def __init__(self, *settings: str) -> None:
        """
        Make and start both.

        Args:
            settings: PgBouncer's, such as ``"ignore_startup_parameters=options"``.

        Raises:
            ServerMissingError: If one of them is not installed or does not start.
        """
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            msg = "pgbouncer is not installed"
            raise ServerMissingError(msg)
        super().__init__()
        self.pooler_port = free_port()
        folder = own_folder("pooler")
        file = folder / "pgbouncer.ini"
        file.write_text(self._configuration(settings))
        self.pooler = ServerProcess(
            [program, str(file)], folder, answers=self._answers, **as_nobody()
        )

    def url(self, database: str, *, port: int | None = None, user: str = USER) -> str:
        """Return the URL of *database* by way of PgBouncer, or of another *port*."""
        return super().url(database, port=port or self.pooler_port, user=user)

    def end(self) -> None:
        """End both."""
        self.pooler.end()
        super().end()

    def _configuration(self, settings: tuple[str, ...]) -> str:
        lines = (
            "[databases]",
            f"* = host={self.host} port={self.port} user={USER}",
            "[pgbouncer]",
            f"listen_addr={HOST}",
            f"listen_port={self.pooler_port}",
            "unix_socket_dir=",
            "auth_type=any",
            "pool_mode=transaction",
            f"default_pool_size={_SHARED}",
            "max_client_conn=200",
            *settings,
        )
        return "\n".join((*lines, ""))

    def _answers(self) -> None:
        connection: psycopg.Connection[Any] = psycopg.connect(
            host=self.host, port=self.pooler_port, user=USER, dbname="postgres"
        )
        connection.close()
