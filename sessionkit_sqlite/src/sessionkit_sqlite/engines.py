# SPDX-License-Identifier: Apache-2.0
"""Engines of our own for any URL: the usual driver where none is named, and bounded waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import sqlalchemy.exc

from sessionkit.errors import ConfigError
from sessionkit_sqlite.dialects.sqlite_engine import open_file

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

_EXAMPLE: Final = "postgresql+psycopg://user:password@host/database"

_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The drivers that our extras bring; SQLAlchemy's own choice is often another one."""

_EXTRAS: Final = {
    "psycopg": "sessionkit-sqlite[postgresql]",
    "pymysql": "sessionkit-sqlite[mysql]",
}


def open_engine(url: str, *, timeout_ms: int, pool_size: int) -> sa.Engine:
    """
    Return an engine for the database that *url* names.

    Args:
        url: An address as SQLAlchemy takes it.
        timeout_ms: How long anything may take, in milliseconds.
        pool_size: How many connections stay open.

    Raises:
        ConfigError: If the url can't be used, or a number is none.
    """
    parsed = _parsed(url)
    for name, number in (("timeout_ms", timeout_ms), ("pool_size", pool_size)):
        if number < 1:
            msg = f"[storages.sql] {name} is {number}; it must be 1 or more"
            raise ConfigError(msg)
    if parsed.get_backend_name() == "sqlite":
        return open_file(url)
    try:
        engine = sa.create_engine(
            parsed,
            connect_args=dict(_bounds(parsed, timeout_ms)),
            pool_size=pool_size,
            pool_timeout=timeout_ms / 1000,
        )
    except (sqlalchemy.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise _missing(parsed, error) from error
    if engine.dialect.name in {"mysql", "mariadb"}:
        sa.event.listen(engine, "connect", partial(_tell_mysql, timeout_ms))
    elif engine.dialect.driver == "psycopg":
        sa.event.listen(engine, "do_connect", partial(_connect_postgresql, timeout_ms))
    return engine


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        msg = f"[storages.sql] url is no database URL; one would be {_EXAMPLE!r}"
        raise ConfigError(msg) from error
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _bounds(url: sa.URL, timeout_ms: int) -> Mapping[str, Any]:
    """Return a driver's own names for the time that anything may take."""
    bounds: Mapping[str, Callable[[sa.URL, int], Mapping[str, Any]]] = {
        "postgresql+psycopg": _postgresql_bounds,
        "mysql+pymysql": _mysql_bounds,
        "mariadb+pymysql": _mysql_bounds,
    }
    known = bounds.get(url.drivername)
    return known(url, timeout_ms) if known else {}


def _postgresql_bounds(url: sa.URL, timeout_ms: int) -> Mapping[str, Any]:
    """
    Return what bounds the wait for a server that is gone, where *url* doesn't say it itself.

    The parameters are those of libpq ("Parameter Key Words" in PostgreSQL's manual).
    """
    seconds = max(1, timeout_ms // 1000)
    bounds = {
        "application_name": "sessionkit",
        "connect_timeout": max(2, seconds),  # libpq takes less for 2
        "tcp_user_timeout": timeout_ms,
        "keepalives_idle": seconds,
        "keepalives_interval": 1,
        "keepalives_count": 3,
    }
    return {name: bound for name, bound in bounds.items() if name not in url.query}


def _connect_postgresql(
    timeout_ms: int,
    _: object,
    __: object,
    arguments: Any,  # noqa: ANN401 - a driver's
    keywords: dict[str, Any],
) -> Any:  # noqa: ANN401 - a driver's
    """Return a connection to a server that bounds its statements, and that gives up a second after it should have."""
    from sessionkit_sqlite.dialects.postgresql_bounds import (  # noqa: PLC0415 - loads its driver
        connected,
    )

    options = (
        f"-c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms}"
        " -c default_transaction_isolation=read\\ committed"
    )
    return connected(arguments, keywords, options, timeout_ms / 1000 + 1)


def _mysql_bounds(_: sa.URL, timeout_ms: int) -> Mapping[str, Any]:
    seconds = max(1, timeout_ms // 1000)
    return {
        "connect_timeout": seconds,
        "read_timeout": seconds,
        "write_timeout": seconds,
        "charset": "utf8mb4",
    }


def _tell_mysql(timeout_ms: int, connection: DBAPIConnection, _: object) -> None:
    """Bound the wait for locks, and lock rows without the gaps between them: fewer deadlocks."""
    cursor = connection.cursor()
    # The server gives up before the driver does, and says why.
    cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {max(1, timeout_ms // 2000)}")
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.close()


def _missing(url: sa.URL, error: Exception) -> ConfigError:
    driver = url.get_driver_name() if isinstance(error, ModuleNotFoundError) else url.drivername
    shown = url.render_as_string(hide_password=True)
    advice = f"install {_EXTRAS.get(driver, driver)}"
    if isinstance(error, sqlalchemy.exc.NoSuchModuleError):
        advice = f"SQLAlchemy knows no {url.drivername!r}; one that it knows is {_EXAMPLE!r}"
    return ConfigError(f"[storages.sql] url {shown!r}: {advice}")
