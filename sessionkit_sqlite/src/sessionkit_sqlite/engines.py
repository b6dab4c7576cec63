# SPDX-License-Identifier: Apache-2.0
"""Engines made from a url: the usual driver where none is named, bounded waiting, private files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import sqlalchemy.exc

from sessionkit.errors import ConfigError
from sessionkit_sqlite.files import make_private

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

_URL_EXAMPLE: Final = "postgresql+psycopg://user:password@host/database"

_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The drivers that our extras bring; SQLAlchemy's own choice is often another one."""

_DISTRIBUTIONS: Final = {"psycopg": '"psycopg[binary]"'}
"""What installs a driver, where that is not called as the driver is: what our extras name."""

_FILE_EXAMPLE: Final = "sqlite:///folder/sessions.db"


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
    parsed = _parse(url)
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
            hide_parameters=True,  # in logs: they have sessions' ids and data
        )
    except (sqlalchemy.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise _missing_driver(parsed, error) from error
    if engine.dialect.name in {"mysql", "mariadb"}:
        sa.event.listen(engine, "connect", partial(_tell_mysql, timeout_ms))
    elif engine.dialect.driver == "psycopg":
        sa.event.listen(engine, "do_connect", partial(_connect_postgresql, timeout_ms))
    return engine


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        msg = f"[storages.sql] url is no database URL; one would be {_URL_EXAMPLE!r}"
        raise ConfigError(msg) from error
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _missing_driver(url: sa.URL, error: Exception) -> ConfigError:
    driver = url.get_driver_name() if isinstance(error, ModuleNotFoundError) else url.drivername
    shown = url.render_as_string(hide_password=True)
    advice = (
        f"the driver {driver} is not installed: pip install {_DISTRIBUTIONS.get(driver, driver)}"
    )
    if isinstance(error, sqlalchemy.exc.NoSuchModuleError):
        advice = f"SQLAlchemy knows no {url.drivername!r}; one that it knows is {_URL_EXAMPLE!r}"
    return ConfigError(f"[storages.sql] url {shown!r}: {advice}")


# -- servers: nothing waits for ever ---------------------------------------------------


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
    from sessionkit_sqlite.dialects.postgresql import (  # noqa: PLC0415 - loads its driver
        connect_bounded,
    )

    options = (
        f"-c statement_timeout={timeout_ms} -c lock_timeout={timeout_ms}"
        " -c default_transaction_isolation=read\\ committed"
    )
    return connect_bounded(arguments, keywords, options, timeout_ms / 1000 + 1)


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


# -- files: made private, never in memory ----------------------------------------------


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
        shown = url.rpartition("@")[2]  # what stands before may be a password
        msg = f"[storages.sqlite] url {shown!r} is no database URL; one would be {_FILE_EXAMPLE!r}"
        raise ConfigError(msg) from error
    file = check_url(parsed)
    # A URI filename ("file:...?mode=ro") says itself how it is to be opened.
    if not file.startswith("file:"):
        make_private(Path(file))
    return sa.create_engine(parsed, connect_args={"isolation_level": None}, hide_parameters=True)


def check_url(url: sa.URL) -> str:
    """
    Return the name of the file behind *url*.

    Raises:
        ConfigError: If it is another database, another driver, or in memory.
    """
    shown = url.render_as_string(hide_password=True)
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        msg = (
            f"[storages.sqlite] url {shown!r}: only SQLite is supported, such as {_FILE_EXAMPLE!r}"
        )
        raise ConfigError(msg)
    name = url.database or ":memory:"
    if ":memory:" in name or url.query.get("mode") == "memory":
        msg = (
            f"[storages.sqlite] url {shown!r}: each connection would have a database of its own;"
            f' name a file, such as {_FILE_EXAMPLE!r}, or use storage = "memory"'
        )
        raise ConfigError(msg)
    return name
