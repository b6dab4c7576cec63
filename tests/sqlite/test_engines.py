# SPDX-License-Identifier: Apache-2.0
"""Engines for files: private where they are new, and which urls and keywords are refused."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sessionkit.errors import ConfigError, RejectedError, UnavailableError
from sessionkit.storage import SetupStorage
from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.hooks import open_sqlite, sessionkit_storages
from sessionkit_sqlite.storage import SqliteStorage

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
    assert (
        dict.fromkeys([".gitignore", "sessions.db", "sessions.db-shm", "sessions.db-wal"], 0o600)
        == modes
    )


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


def test_other_databases_are_not_loaded(run_python: Callable[..., str], tmp_path: Path) -> None:
    """A process on SQLite does not wait until SQLAlchemy knows all about PostgreSQL and MySQL."""
    code = (
        "import sys; from sessionkit_sqlite.storage import SqliteStorage;"
        "storage = SqliteStorage.open(sys.argv[1]); storage.setup(); storage.read('s'); storage.close();"
        "print(*(name for name in sys.modules if name.startswith('sqlalchemy.dialects.')))"
    )
    loaded = run_python(code, f"sqlite:///{tmp_path}/sessions.db").split()

    assert "sqlalchemy.dialects.sqlite" in loaded
    assert {"sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mysql"}.isdisjoint(loaded)


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
