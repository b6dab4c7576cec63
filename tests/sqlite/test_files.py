# SPDX-License-Identifier: Apache-2.0
"""A database's file that is removed or replaced while it is in use."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from sessionkit import SessionManager, load_settings
from sessionkit.errors import ConflictError, RejectedError, UnavailableError
from sessionkit.events import SessionEvent, StoreLostSessions
from sessionkit.testing.storage_samples import NOW, first, following
from sessionkit_sqlite.storage import SqliteStorage, SqlStorage

Opened = Callable[..., SqliteStorage]


def remove(file: Path) -> None:
    """Remove the database as ``rm`` does, its log too."""
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)


def ids_in(file: Path) -> list[str]:
    """Return what another process finds."""
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT session_id FROM sessionkit_session ORDER BY 1")
        return [session_id for (session_id,) in found]


@pytest.mark.parametrize("how", ["the file", "its folder", "the main file alone"])
def test_a_file_that_was_removed_is_made_anew(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the next call, private, with its tables, and without what its log still held; it is told once."""
    file = tmp_path / "kept" / "sessions.db"
    with closing(SqliteStorage.open(f"sqlite:///{file}")) as storage:
        storage.setup()
        storage.write(first("before"))
        if how == "its folder":
            shutil.rmtree(file.parent)
        elif how == "the file":
            remove(file)
        else:
            file.unlink()
        storage.write(first("after"))

        assert storage.read("before") is None
        with pytest.raises(ConflictError) as caught:
            storage.write(following(2, "before"))
        assert caught.value.current is None
        assert ["after"] == ids_in(file)
        assert (0o700, 0o600) == (
            file.parent.stat().st_mode & 0o777,
            file.stat().st_mode & 0o777,
        )
    assert [f"{file} was removed, and made anew, while it was in use"] == [
        message.partition(";")[0] for message in caplog.messages
    ]


def test_a_file_that_was_replaced_is_opened(
    storage: SqliteStorage, file: Path, tmp_path: Path
) -> None:
    """Such as by a backup: what the storage reads and writes is what others see."""
    storage.write(first("backed up"))
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    storage.write(first("lost"))
    backup.replace(file)
    storage.write(first("after"))

    assert storage.read("lost") is None
    assert ["after", "backed up"] == ids_in(file)
    with closing(sqlite3.connect(file)) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()


def test_another_process_may_have_made_it_anew(
    storage: SqliteStorage, opened: Opened, file: Path
) -> None:
    """Both go on in one file."""
    storage.write(first("before"))
    other = opened()
    other.read("before")
    remove(file)
    other.write(first("others"))
    storage.write(first("ours"))
    other.write(first("more"))

    assert ["more", "others", "ours"] == ids_in(file)
    assert storage.read("more") is not None


def test_many_threads_meet_a_file_that_was_removed(storage: SqliteStorage, file: Path) -> None:
    """It is made anew once, and no call finds it without tables."""
    storage.write(first("before"))
    remove(file)
    start, errors = Barrier(8, timeout=20), []

    def write(number: int) -> None:
        start.wait()
        try:
            storage.write(first(f"s{number}"))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [] == errors
    assert [f"s{number}" for number in range(8)] == ids_in(file)


@pytest.mark.parametrize("kind", [SqliteStorage, SqlStorage])
def test_an_engine_of_the_app_is_no_other(tmp_path: Path, kind: type[SqlStorage]) -> None:
    """Its pool hands out connections that have the former file open: they are passed over."""
    file = tmp_path / "app.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    storage = kind(engine)
    storage.setup()
    storage.write(first("before"))
    remove(file)
    storage.write(first("after"))

    assert ["after"] == ids_in(file)
    engine.dispose()


def test_a_file_that_cannot_be_made_anew_is_told(storage: SqliteStorage, file: Path) -> None:
    """A save that went nowhere is no save; once it can be, it is."""
    storage.write(first("before"))
    shutil.rmtree(file.parent)
    file.parent.write_text("a file is where a folder was")
    for _ in range(2):
        with pytest.raises((RejectedError, UnavailableError)):
            storage.write(first("after"))
    file.parent.unlink()
    storage.write(first("after"))

    assert ["after"] == ids_in(file)


def test_tables_that_could_not_be_laid_out_are_tried_again(
    storage: SqliteStorage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the next call: a file without tables is no store."""
    storage.write(first("before"))
    remove(file)
    with monkeypatch.context() as patch:

        def down() -> None:
            msg = "down"
            raise UnavailableError(msg)

        patch.setattr(storage._dialect.file, "lay_out", down)  # type: ignore[attr-defined]
        with pytest.raises(UnavailableError):
            storage.write(first("after"))
    storage.write(first("after"))

    assert ["after"] == ids_in(file)


def test_a_relative_url_means_the_folder_that_it_was_opened_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that goes to another folder has lost no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with closing(SqliteStorage.open("sqlite:///sessions.db")) as storage:
        storage.setup()
        storage.write(first("before"))
        monkeypatch.chdir(tmp_path / "elsewhere")
        storage.touch("before", last_activity=NOW, expires_at=None)

        assert storage.read("before") is not None
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_process_stores_its_sessions_in_the_new_file(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All that live, with the first save; nothing is called saved that is not there."""
    caplog.set_level(logging.ERROR)
    file = tmp_path / "sessions.db"
    settings = load_settings(
        storage="sqlite",
        storages={"sqlite": {"url": f"sqlite:///{file}"}},
        security={"secret_key": "x" * 20},
    )
    with SessionManager(settings) as manager:
        told: list[SessionEvent] = []
        monkeypatch.setattr(manager.plugins, "emit", told.append)
        sessions = [manager.bootstrap(name) for name in ("a", "b", "c")]
        for session in sessions:
            session.inputs["x"] = 1
            manager.save(session, immediate=True)
        remove(file)
        if how == "replaced":
            with SessionManager(settings) as other:
                other.save(other.bootstrap("other"), immediate=True)
        sessions[0].inputs["x"] = 2
        manager.save(sessions[0], immediate=True)
        while manager.persistence.status().pending:
            manager.flush()

        assert ["a", "b", "c", *(["other"] if how == "replaced" else [])] == ids_in(file)
        assert [3] == [one.sessions for one in told if isinstance(one, StoreLostSessions)]
        assert manager.persistence.status().lost_at is not None
    with SessionManager(settings) as again:
        found = again.repository.load("a")
        assert found is not None
        assert {"x": 2} == found.inputs


@pytest.mark.parametrize(("folder", "ignored"), [(".sessionkit", True), ("data", False)])
def test_our_own_folder_stays_out_of_version_control(
    tmp_path: Path, folder: str, *, ignored: bool
) -> None:
    """Where a script keeps its sessions without a secret, too; another folder is the app's."""
    with closing(SqliteStorage.open(f"sqlite:///{tmp_path / folder / 'sessions.db'}")) as storage:
        storage.setup()
    assert ignored == (tmp_path / folder / ".gitignore").exists()
