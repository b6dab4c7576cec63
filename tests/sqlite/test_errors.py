# SPDX-License-Identifier: Apache-2.0
"""What SQLite says, in our words: where it was, what is wrong, what would be right."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.records import SessionWrite, StoredSession
from sessionkit.testing.storage_samples import first, following, head
from sessionkit_sqlite.storage import SqliteStorage

LARGE = b"x" * 1_000_000


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


def test_full_disk_keeps_what_was_saved(file: Path, storage: SqliteStorage) -> None:
    """Without space a save fails as a whole, may be tried again, and the old state stays readable."""
    storage.write(first(put={"a": b"1"}))
    connection = storage._dialect._runner._connections.take()
    connection.execute("PRAGMA max_page_count=30")
    storage._dialect._runner._connections.give(connection)

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
            RejectedError, match=r"readonly database; .*the right to write"
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


def test_too_large_a_part_is_rejected(storage: SqliteStorage) -> None:
    """What SQLite's limit forbids is never tried again, with the limit named."""
    connection = storage._dialect._runner._connections.take()
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
    storage._dialect._runner._connections.give(connection)

    with pytest.raises(RejectedError, match=r"too big; SQLite takes about 1 GB") as caught:
        storage.write(first(put={"a": LARGE}))

    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert storage.read("s") is None


def test_exhausted_pool_is_unavailable(file: Path) -> None:
    """When all connections of the app's engine are in use, the call may be tried again."""
    engine = sa.create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0)
    storage = SqliteStorage(engine)
    storage.setup()
    with engine.connect(), pytest.raises(UnavailableError, match=r"all connections are in use"):
        storage.read("s")

    engine.dispose()


@pytest.mark.parametrize("cursor", ["", "x:y"])
def test_foreign_cursor_is_rejected(storage: SqliteStorage, cursor: str) -> None:
    """A cursor that no page gave is refused, with what would be right."""
    with pytest.raises(RejectedError, match=r"is not one that find\(\) gave; leave it out"):
        storage.find(cursor=cursor)


def test_an_interrupted_save_leaves_nothing_behind(
    storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks a save off, Ctrl-C included, rolls it back, and the connection stays usable."""
    storage.write(first(put={"a": b"1"}))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sessionkit_sqlite.dialects.sqlite_saves._add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            storage.write(following(2))

    storage.write(following(2, put={"a": b"2"}))
    assert StoredSession(head=head(version=2), parts={"a": b"2"}) == storage.read("s")


WITHOUT_RIGHTS = """
import os, sqlite3, sys  # the driver while this user may still read where Python lies
from sessionkit.errors import RejectedError
from sessionkit_sqlite.storage import SqliteStorage

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for name in ("new.db", "old.db"):
    try:
        SqliteStorage.open(f"sqlite:///{sys.argv[1]}/{name}").setup()
    except RejectedError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no users to change to")
def test_missing_rights_are_named(run_python: Callable[..., str]) -> None:
    """A folder that can't be written to and a file that can't be read are named, with the missing right."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old.db").touch()
        (folder / "old.db").chmod(0)
        folder.chmod(0o555)
        shown = run_python(WITHOUT_RIGHTS, name)
        folder.chmod(0o700)

    new, old = shown.splitlines()
    assert new.startswith(f"{folder / 'new.db'}: can't be made: ")
    assert "right to write to the folder" in new
    assert old.startswith(f"{folder / 'old.db'}: unable to open database file; it must be a file")


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


@pytest.mark.skipif(sys.platform == "win32", reason="this system limits files in another way")
def test_too_many_open_files_may_pass(run_python: Callable[..., str], tmp_path: Path) -> None:
    """A file that this user may open is tried again: what it lacks is a place among the open ones."""
    shown = run_python(WITHOUT_FILES, str(tmp_path))

    assert shown.startswith(f"{tmp_path / 'own.db'}: unable to open database file; its folder may")
