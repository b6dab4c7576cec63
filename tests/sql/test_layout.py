# SPDX-License-Identifier: Apache-2.0
"""Tables that several processes make at once, that others have made, that are missing, or newer than we."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest
import sqlalchemy as sa
from session_harness.load import next_write
from session_harness.mariadb import MariadbServer

from sessionkit.errors import NewerFormatError, RejectedError, UnclearError
from sessionkit_sqlite.storage import SqlStorage

PROCESSES: Final = 3

SET_UP: Final = """
import sys
from sessionkit_sqlite.storage import SqlStorage

storage = SqlStorage.open(sys.argv[1])
print(flush=True)
sys.stdin.readline()
storage.setup()
storage.close()
"""

RIGHTS: Final = "SELECT, INSERT, UPDATE, DELETE"

Opened = Callable[..., SqlStorage]


def test_processes_that_set_up_at_once(url: str, opened: Callable[..., SqlStorage]) -> None:
    """Processes that start together on an empty database all find it ready."""
    processes = [
        subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-W", "error", "-c", SET_UP, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in processes]

    assert [""] * PROCESSES == said
    assert [0] * PROCESSES == [process.returncode for process in processes]
    opened().write(next_write("a", None))


@pytest.fixture(name="app_url")
def _app_url(server: Any, database: str) -> str:
    """Return the URL of a user who may read and write what is there, and make nothing."""
    user = f"app_{database}"
    if isinstance(server, MariadbServer):
        server.execute(f"CREATE USER {user}", f"GRANT {RIGHTS} ON {database}.* TO {user}")
    else:
        server.execute(
            f"CREATE ROLE {user} LOGIN",
            f"ALTER DEFAULT PRIVILEGES GRANT {RIGHTS} ON TABLES TO {user}",
            database=database,
        )
    url: str = server.url(database, user=user)
    return url


def test_app_without_the_right_to_create(
    app_url: str, storage: SqlStorage, opened: Callable[..., SqlStorage]
) -> None:
    """On tables that an administrator has prepared, ``setup`` is fine and everything works."""
    app = opened(app_url)
    first = next_write("a", None)

    app.setup()
    app.write(first)
    outcomes = app.write_many([next_write("a", first), next_write("b", None)])

    assert [None, None] == list(outcomes)
    assert 2 == app.count(active_since=0)
    assert app.touch("a", last_activity=2**52, expires_at=1)
    assert 1 == app.purge(expired_before=2, limit=10)
    assert app.delete("b")
    assert storage.read("b") is None


def test_nobody_prepared_the_tables(app_url: str, opened: Callable[..., SqlStorage]) -> None:
    """Without tables and without the right to create them, the error says what is missing."""
    with pytest.raises(UnclearError, match="denied"):
        opened(app_url).setup()


@pytest.mark.usefixtures("storage")
def test_tables_of_a_newer_release(
    server: Any, database: str, opened: Callable[..., SqlStorage]
) -> None:
    """Tables that a newer release has laid out are refused, and left alone."""
    server.execute("UPDATE sessionkit_schema SET version = 99", database=database)

    with pytest.raises(NewerFormatError, match="99"):
        opened().setup()

    assert [(99,)] == server.fetch("SELECT version FROM sessionkit_schema", database=database)


def test_tables_that_are_missing_are_rejected(opened: Opened) -> None:
    """Who forgot to set up is told so."""
    with pytest.raises(RejectedError, match=r"call init_session_tables\(\)"):
        opened().read("s")


def test_a_table_of_somebody_elses_is_rejected(url: str, opened: Opened) -> None:
    """It bears our table's name; the message says what to do."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE sessionkit_session (name INTEGER)"))
    engine.dispose()

    with pytest.raises(
        RejectedError, match=r"not of sessionkit's making; use another namespace or database"
    ):
        opened().setup()


def test_tables_are_laid_out_through_an_engine_of_the_app(server: Any) -> None:
    """setup() needs one connection, and leaves none behind."""
    url = sa.make_url(server.url(server.new_database()))
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=1)

    SqlStorage(engine).setup()
    SqlStorage(engine).setup()

    assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool
    engine.dispose()
