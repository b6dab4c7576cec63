# SPDX-License-Identifier: Apache-2.0
"""What this distribution plugs into sessionkit; the driver is imported when a storage is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    from sessionkit.storage import Storage, StorageFactory


@hookimpl
def sessionkit_storages() -> Mapping[str, StorageFactory]:
    """Offer ``storage = "sqlite"``, one file, and ``storage = "sql"``, any database."""
    return {"sqlite": open_sqlite, "sql": open_sql}


def open_sql(
    *, url: str, namespace: str = "", timeout_ms: int = 5000, pool_size: int = 5
) -> Storage:
    """
    Open the storage that the keywords of ``[storages.sql]`` describe.

    Args:
        url: ``postgresql://user:password@host/database``, ``mysql://...``,
            ``mariadb://...``, ``sqlite:///file.db``, or any other that SQLAlchemy
            takes. Without a driver's name it is psycopg for PostgreSQL and PyMySQL
            for MySQL and MariaDB.
        namespace: What tells this app's tables from another app's in the same database:
            lower-case letters, digits and underscores. Without one they have their usual names.
        timeout_ms: How long to wait for a connection, an answer or another writer,
            in milliseconds.
        pool_size: How many connections stay open; ten more may be opened for a while.
    """
    from sessionkit_sqlite.storage import (  # noqa: PLC0415 - loads SQLAlchemy, only when needed
        SqlStorage,
    )

    return SqlStorage.open(url, namespace=namespace, timeout_ms=timeout_ms, pool_size=pool_size)


def open_sqlite(
    *,
    url: str = "sqlite:///.sessionkit/sessions.db",
    namespace: str = "",
    synchronous: str = "normal",
    busy_timeout_ms: int = 5000,
) -> Storage:
    """
    Open the storage that the keywords of ``[storages.sqlite]`` describe.

    Args:
        url: ``sqlite:///relative/path.db`` or ``sqlite:////absolute/path.db``.
        namespace: What tells this app's tables from another app's in the same file:
            lower-case letters, digits and underscores. Without one they have their usual names.
        synchronous: ``"normal"`` or ``"full"``; with ``"normal"`` a power cut may
            lose the last saves, but never damages the file.
        busy_timeout_ms: How long to wait for another writer, in milliseconds.
    """
    from sessionkit_sqlite.storage import (  # noqa: PLC0415 - loads SQLAlchemy, only when needed
        SqliteStorage,
    )

    return SqliteStorage.open(
        url, namespace=namespace, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms
    )
