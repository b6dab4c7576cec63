# SPDX-License-Identifier: Apache-2.0
"""Opening a SQLite storage: private files, urls, keywords, and who closes what."""

from __future__ import annotations

import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sessionkit.errors import ConfigError, RejectedError, UnavailableError
from sessionkit.storage import BatchStorage, SetupStorage
from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.hooks import open_sqlite, sessionkit_storages
from sessionkit_sqlite.storage import SqliteStorage


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_default_file_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keywords the file lies in a new folder of mode 0700, and all of SQLite's files are 0600."""
    monkeypatch.chdir(tmp_path)
    with closing(sessionkit_storages()["sqlite"]()) as storage:
        assert isinstance(storage, SetupStorage)
        storage.setup()
        folder = tmp_path / ".sessionkit"

        modes = {path.name: _mode(path) for path in folder.iterdir()}

    assert 0o700 == _mode(folder)
    assert dict.fromkeys(["sessions.db", "sessions.db-shm", "sessions.db-wal"], 0o600) == modes


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """A folder and a file that the app made stay as they are."""
    tmp_path.chmod(0o755)
    file = tmp_path / "own.db"
    file.touch(mode=0o644)
    file.chmod(0o644)

    SqliteStorage.open(f"sqlite:///{file}").close()

    assert (0o755, 0o644) == (_mode(tmp_path), _mode(file))


def test_file_opens_again(file: Path) -> None:
    """What one storage saved is there for the next one on the file."""
    for write in (first(), None):
        with closing(SqliteStorage.open(f"sqlite:///{file}")) as storage:
            storage.setup()
            if write is not None:
                storage.write(write)
            assert storage.read("s") is not None


def test_abilities(storage: SqliteStorage) -> None:
    """SQLite saves batches and is set up."""
    assert isinstance(storage, BatchStorage)
    assert isinstance(storage, SetupStorage)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "sqlite://",
            r"name a file, such as 'sqlite:///folder/sessions.db', or use storage = \"mem",
        ),
        ("sqlite:///:memory:", "each connection would have a database of its own"),
        ("sqlite:///file:x?mode=memory&uri=true", "each connection would have a database"),
        ("sqlite:///file::memory:?uri=true", "each connection would have a database"),
        ("sqlite+aiosqlite:///x.db", "only SQLite is supported"),
        ("postgresql://app:secret@db/app", r"'postgresql://app:\*\*\*@db/app': only SQLite is"),
        ("sessions.db", "url 'sessions.db' is no database URL; one would be 'sqlite:///folder/"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    """A URL that is none of a SQLite file is refused, with one that would be right and no password."""
    with pytest.raises(ConfigError, match=said) as caught:
        open_sqlite(url=url)

    assert "[storages.sqlite] url" in str(caught.value)


def test_other_engines_are_refused() -> None:
    """An engine for a database in memory is refused like its URL."""
    with pytest.raises(ConfigError, match=r"each connection would have a database of its own"):
        SqliteStorage(sa.create_engine("sqlite://"))


def test_wrong_keywords_are_refused(opened: Callable[..., SqliteStorage]) -> None:
    """A keyword that SQLite doesn't take is refused with what it takes."""
    with pytest.raises(ConfigError, match=r'synchronous is \'off\'; it can be "normal" or "full"'):
        opened(synchronous="off")
    with pytest.raises(ConfigError, match=r"busy_timeout_ms is -1; it must be 0 or more"):
        opened(busy_timeout_ms=-1)


def test_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """What is in the way is named, at whatever depth, and no right that is not missing."""
    (tmp_path / "taken").touch()

    for name in ("taken/sessions.db", "taken/below/sessions.db"):
        with pytest.raises(
            RejectedError, match=r"sessions\.db: can't be made: .*taken.*; a file is where a folder"
        ) as caught:
            open_sqlite(url=f"sqlite:///{tmp_path}/{name}")
        assert "right to write" not in str(caught.value)


def test_full_disk_may_be_tried_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without space for the file is no reason to give up for good."""

    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.open", no_space)

    with pytest.raises(UnavailableError, match=r"can't be made: .*free some disk space"):
        open_sqlite(url=f"sqlite:///{file}")


def test_who_opens_closes(opened: Callable[..., SqliteStorage]) -> None:
    """Closing a storage that opened its file leaves no connection open."""
    storage = opened()
    storage.setup()
    closed: list[object] = []
    sa.event.listen(storage._engine, "close", lambda *_: closed.append(1))

    storage.close()
    storage.close()

    assert [1] == closed


def test_an_engine_of_the_app_stays_open(file: Path) -> None:
    """Closing a storage on the app's engine closes nothing of the app's, and holds nothing back."""
    engine = sa.create_engine(f"sqlite:///{file}")
    closed: list[object] = []
    sa.event.listen(engine, "close", lambda *_: closed.append(1))
    storage = SqliteStorage(engine)
    storage.setup()

    assert isinstance(engine.pool, sa.QueuePool)
    assert 0 == engine.pool.checkedout()
    storage.close()
    assert [] == closed
    engine.dispose()


def test_hooks_import_no_driver(run_python: Callable[..., str]) -> None:
    """Loading the plugin loads neither SQLAlchemy nor sqlite3; opening does."""
    code = (
        "import sys, sessionkit_sqlite.hooks as hooks; hooks.sessionkit_storages();"
        "print([name for name in ('sqlalchemy', 'sqlite3') if name in sys.modules])"
    )

    assert "[]\n" == run_python(code)


def test_opening_imports_one_dialect(run_python: Callable[..., str], file: Path) -> None:
    """A storage on a file imports SQLite's dialect, and that of no server."""
    code = (
        "import sys; from sessionkit_sqlite.storage import SqliteStorage;"
        "SqliteStorage.open(sys.argv[1]).setup();"
        "room = 'sessionkit_sqlite.dialects.';"
        "print(sorted(name.removeprefix(room) for name in sys.modules if name.startswith(room)))"
    )

    assert "['sqlite', 'sqlite_saves']\n" == run_python(code, f"sqlite:///{file}")
