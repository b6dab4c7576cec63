# SPDX-License-Identifier: Apache-2.0
"""What SQLite says, in our words: where it was, what is wrong, what would be right."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sessionkit.errors import RejectedError, UnavailableError, UnclearError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.testing.storage_samples import first, following, head
from sessionkit_sqlite.storage import SqliteStorage

LARGE = b"x" * 1_000_000

WITHOUT_FILES = """
import os, resource, sys
from contextlib import suppress
from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.storage import SqliteStorage

other = SqliteStorage.open(f"sqlite:///{sys.argv[1]}/other.db")
other.setup()  # imports what it needs
other.close()
storage = SqliteStorage.open(f"sqlite:///{sys.argv[1]}/own.db")
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
with suppress(OSError):
    while True:
        taken.append(os.dup(1))
try:
    storage.setup()
except UnavailableError as error:
    print(error)
for one in taken:
    os.close(one)
storage.setup()
storage.write(first())
storage.close()
"""


def test_locked_database_is_unavailable(
    file: Path, storage: SqliteStorage, opened: Callable[..., SqliteStorage]
) -> None:
    """A lock that outlasts busy_timeout_ms may be tried again; reads go on meanwhile."""
    storage.write(first())
    hasty = opened(busy_timeout_ms=1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(
            UnavailableError, match=r"database is locked; .* busy_timeout"
        ) as caught:
            hasty.write(following(2))

        assert hasty.read("s") is not None

    assert str(file) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    hasty.write(following(2))


def test_locked_database_fails_a_whole_batch(
    file: Path, storage: SqliteStorage, opened: Callable[..., SqliteStorage]
) -> None:
    """Each write of a batch that couldn't begin says so, and may be tried again."""
    assert storage.read("s") is None
    hasty = opened(busy_timeout_ms=1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = hasty.write_many([first("a"), first("b")])

    assert [UnavailableError, UnavailableError] == [type(outcome) for outcome in outcomes]


def test_full_disk_keeps_what_was_saved(
    file: Path, storage: SqliteStorage, connection: sqlite3.Connection
) -> None:
    """Without space a save fails as a whole, may be tried again, and the old state stays readable."""
    storage.write(first(put={"a": b"1"}))
    connection.execute("PRAGMA max_page_count=30")

    with pytest.raises(
        UnavailableError, match=r"database or disk is full; free some disk"
    ) as caught:
        storage.write(following(2, put={"a": b"2", "b": LARGE}))

    assert str(file) in str(caught.value)
    assert StoredSession(head=head(), parts={"a": b"1"}) == storage.read("s")
    storage.write(following(2, put={"a": b"2"}))


def test_read_only_file_is_rejected(file: Path, storage: SqliteStorage) -> None:
    """A file that may only be read can be read; a save is refused with the right that is missing."""
    storage.write(first())
    url = f"sqlite:///file:{file}?mode=ro&uri=true"
    with closing(SqliteStorage.open(url)) as reader:
        assert StoredSession(head=head()) == reader.read("s")

        with pytest.raises(
            UnclearError, match=r"readonly database; .*the right to write"
        ) as caught:
            reader.write(following(2))

    assert str(file) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_folder_in_place_of_the_file_is_rejected(
    file: Path, opened: Callable[..., SqliteStorage]
) -> None:
    """A folder is no database, and the message says what should be there."""
    file.mkdir()

    with pytest.raises(RejectedError, match=r"unable to open .*; it must be a file") as caught:
        opened().setup()

    assert str(file) in str(caught.value)


@pytest.mark.parametrize("odd", [b"CREATE TABLE t (a,", b"CREATE T\xe3BLE t (a)"])
@pytest.mark.parametrize("use", [SqliteStorage.setup, lambda storage: storage.read("s")])
def test_damaged_tables_are_rejected(
    file: Path,
    opened: Callable[..., SqliteStorage],
    use: Callable[[SqliteStorage], object],
    odd: bytes,
) -> None:
    """Also where SQLite can't say what it has found, which is no text."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE t (a)")
        other.commit()
    sound = file.read_bytes()
    file.write_bytes(sound.replace(b"CREATE TABLE t (a)", odd))

    assert sound != file.read_bytes()
    with pytest.raises(RejectedError, match=r"the file is damaged; restore a copy"):
        use(opened())


@pytest.mark.parametrize("use", [SqliteStorage.setup, lambda storage: storage.read("s")])
def test_other_files_are_rejected_and_left_alone(
    file: Path, opened: Callable[..., SqliteStorage], use: Callable[[SqliteStorage], object]
) -> None:
    """A file that is no database is named, and not a byte of it is changed."""
    letter = b"Dear diary, this is no database.\n" * 100
    file.write_bytes(letter)

    with pytest.raises(
        RejectedError, match=r"file is not a database; .*name another one"
    ) as caught:
        use(opened())

    assert str(file) in str(caught.value)
    assert letter == file.read_bytes()


@pytest.mark.parametrize(
    "write",
    [
        first("bad", put={"a": "\ud800"}),
        first("bad", put={"a": object()}),
        first("bad", put={"a": None}),
        first("bad", last_activity=1 << 64),
        first("bad\ud800"),
    ],
    ids=["surrogate", "object", "none", "number", "id"],
)
def test_values_that_cannot_be_stored(storage: SqliteStorage, write: SessionWrite) -> None:
    """A malformed save is never tried again, leaves nothing behind, and fails no other of its batch."""
    with pytest.raises(RejectedError):
        storage.write(write)

    fine = [first("a"), first("z")]
    outcomes = storage.write_many([fine[0], write, fine[1]])

    assert [type(None), RejectedError, type(None)] == [type(outcome) for outcome in outcomes]
    assert ["a", "z"] == [listed.session_id for listed in storage.find().heads]


def test_too_large_a_part_is_rejected(
    storage: SqliteStorage, connection: sqlite3.Connection
) -> None:
    """What SQLite's limit forbids is never tried again, with the limit named."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)

    with pytest.raises(RejectedError, match=r"too big; SQLite takes about 1 GB") as caught:
        storage.write(first(put={"a": LARGE}))

    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert storage.read("s") is None


@pytest.mark.skipif(sys.platform == "win32", reason="this system limits files in another way")
def test_too_many_open_files_may_pass(run_python: Callable[..., str], tmp_path: Path) -> None:
    """A file that this user may open is tried again: what it lacks is a place among the open ones."""
    shown = run_python(WITHOUT_FILES, str(tmp_path))

    assert shown.startswith(f"{tmp_path / 'own.db'}: unable to open database file; its folder may")
