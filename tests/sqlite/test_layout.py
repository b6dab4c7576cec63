# SPDX-License-Identifier: Apache-2.0
"""The tables: made by one and by many at once, missing, newer, and those of somebody else."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sessionkit.errors import NewerFormatError, RejectedError
from sessionkit.testing.storage_samples import first, race
from sessionkit_sqlite.storage import SqliteStorage

SETUP = """
import sys
from sessionkit_sqlite.storage import SqliteStorage

storages = [SqliteStorage.open(url) for url in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.readline()
for storage in storages:
    storage.setup()
    storage.close()
"""


def test_setup_again_changes_nothing(storage: SqliteStorage) -> None:
    """What was saved is there after another setup."""
    storage.write(first())

    storage.setup()

    assert storage.read("s") is not None


def test_threads_set_up_at_once(tmp_path: Path) -> None:
    """Storages of one process that meet a new file all succeed."""
    for number in range(3):
        url = f"sqlite:///{tmp_path}/{number}.db"
        storages = [SqliteStorage.open(url) for _ in range(4)]

        race([storage.setup for storage in storages])

        storages[0].write(first())
        for storage in storages:
            assert storage.read("s") is not None
            storage.close()


def test_processes_set_up_at_once(tmp_path: Path, opened: Callable[..., SqliteStorage]) -> None:
    """Processes that meet new files all succeed."""
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(6)]
    command = [sys.executable, "-c", SETUP, *urls]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()

    assert [0, 0, 0] == [process.returncode for process in processes]
    for url in urls:
        opened(url).write(first())


def test_newer_tables_are_left_alone(file: Path, storage: SqliteStorage) -> None:
    """Tables of a newer release are neither used nor changed, and both layouts are named."""
    storage.write(first())
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("UPDATE sessionkit_schema SET version = 2")
        other.execute("DROP INDEX sessionkit_session_user")

    with pytest.raises(NewerFormatError, match=r"have layout 2 .*knows 1; upgrade") as caught:
        storage.setup()

    assert str(file) in str(caught.value)
    with closing(sqlite3.connect(file)) as other:
        names = {name for (name,) in other.execute("SELECT name FROM sqlite_master")}
    assert "sessionkit_session_user" not in names


def test_missing_tables_are_rejected_with_the_remedy(opened: Callable[..., SqliteStorage]) -> None:
    """A storage that was not set up says so, and how to."""
    storage = opened()

    for use in (
        lambda: storage.read("s"),
        lambda: storage.read_head("s"),
        lambda: storage.write(first()),
        storage.find,
        lambda: storage.purge(expired_before=0, limit=1),
    ):
        with pytest.raises(RejectedError, match=r"no such table: .*call init_session_tables\(\)"):
            use()


def test_a_table_of_somebody_elses_is_rejected_with_the_remedy(
    file: Path, opened: Callable[..., SqliteStorage]
) -> None:
    """It bears our table's name; not a row of it is touched."""
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE sessionkit_session (name TEXT)")
        other.execute("INSERT INTO sessionkit_session VALUES ('theirs')")

    with pytest.raises(RejectedError, match=r"no such column: .*not of sessionkit's making"):
        opened().setup()

    with closing(sqlite3.connect(file)) as other:
        assert [("theirs",)] == other.execute("SELECT * FROM sessionkit_session").fetchall()
