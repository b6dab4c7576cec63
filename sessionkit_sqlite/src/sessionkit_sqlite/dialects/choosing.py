# SPDX-License-Identifier: Apache-2.0
"""Which dialect an engine needs; only its own driver is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionkit.errors import ConfigError
from sessionkit_sqlite.dialects.sqlite import SqliteDialect
from sessionkit_sqlite.dialects.sqlite_engine import check_url

if TYPE_CHECKING:
    import sqlalchemy as sa

    from sessionkit_sqlite.dialects import Dialect


def dialect_for(engine: sa.Engine, *, kept: int) -> Dialect:
    """
    Return the dialect for *engine*: by its driver, or the one that serves any.

    Args:
        engine: A synchronous engine.
        kept: How many idle connections don't go back to the engine's pool.

    Raises:
        ConfigError: If the engine can't be used.
    """
    if engine.dialect.is_async:
        msg = f"[storages.sql] {engine.url.drivername} is asynchronous; use a synchronous driver"
        raise ConfigError(msg)
    name, driver = engine.dialect.name, engine.dialect.driver
    if name == "sqlite":
        check_url(engine.url)
        return SqliteDialect(engine, kept=kept)
    if (name, driver) == ("postgresql", "psycopg"):
        from sessionkit_sqlite.dialects.postgresql import (  # noqa: PLC0415 - loads its driver
            PostgresqlDialect,
        )

        return PostgresqlDialect(engine, kept=kept)
    if name in {"mysql", "mariadb"} and driver in {"pymysql", "mysqldb"}:
        from sessionkit_sqlite.dialects.mysql import MysqlDialect  # noqa: PLC0415 - the same

        return MysqlDialect(engine, kept=kept)
    from sessionkit_sqlite.dialects.generic import GenericDialect  # noqa: PLC0415 - rarely needed

    return GenericDialect(engine)
