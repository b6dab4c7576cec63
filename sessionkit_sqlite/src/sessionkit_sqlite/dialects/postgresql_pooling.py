# SPDX-License-Identifier: Apache-2.0
"""
Poolers between psycopg and the server, such as PgBouncer.

A pooler that lends its connections for one transaction at a time (its "transaction
mode", what hosted databases offer for many clients) runs the next statement on
another connection. A statement that psycopg has prepared by name may be missing
there, or be another client's of the same name: so nothing is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection


def prepare_nothing_if_pooled(connection: PoolProxiedConnection) -> None:
    """
    Keep psycopg from preparing statements where a pooler is on the way.

    It is found by the number of the server's process, which the server tells when a client
    connects, so that a statement can be cancelled. A pooler tells a number of its own.
    """
    driver: Any = connection.dbapi_connection
    if driver.prepare_threshold is not None:
        ((process,),) = driver.execute("SELECT pg_backend_pid()").fetchall()
        if process != driver.info.backend_pid:
            driver.prepare_threshold = None
