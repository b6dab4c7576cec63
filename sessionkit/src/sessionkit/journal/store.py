# SPDX-License-Identifier: Apache-2.0
"""
Where a process keeps its journal: one SQLite file, whose lock says whose it is.

SQLite holds the lock from the first access to the end of the process, however it ends. A row is a record of a
line: its id is the line's number times 1024 and the record's place in the line, and it has a checksum, as SQLite's
pages have none. The caller holds a lock, but for :meth:`JournalFile.sync`.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

import attrs

from sessionkit.journal.changes import (
    LineChange,
    LineHead,
    LineState,
    base_of,
    unpack,
)
from sessionkit.records import short_repr

ASIDE: Final = "aside"
"""The folder for what can't be used; nothing in it is ever read or removed by sessionkit."""

_SUFFIX: Final = ".db"
_LOG: Final = "-wal"
_TURN: Final = "turn"
_FORMAT: Final = 2
"""1 records parts whole, and what they were before in a line's head; both are read."""

_SCHEMA: Final = (
    "CREATE TABLE record (id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, data BLOB NOT NULL)"
)
_PAGE: Final = 4096
_SETUP: Final = (
    f"PRAGMA page_size = {_PAGE}",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA synchronous = {synchronous}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA secure_delete = ON",
)
_PLACES: Final = 2**10
_LINES: Final = 2**22
_FILES: Final = 2**31
_DELETE: Final = "DELETE FROM record WHERE id BETWEEN ? AND ?"
_PUT: Final = "INSERT OR REPLACE INTO record VALUES (?, ?, ?)"
_PUTS: Final = {1: _PUT, 2: f"{_PUT}, (?, ?, ?)"}
"""How one row is put, and two."""

_ATTEMPTS: Final = 10

_MUCH: Final = 2**20
"""Bytes that are written before SQLite's log is moved into the database where that holds nobody up."""

_MOST: Final = 4 * 2**20
"""Bytes that are written before it is moved in any case."""

_LONGEST: Final = 3600.0
"""Seconds that SQLite is told to wait for a lock, at most."""

_TAKEN: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN")
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

_LOGGER: Final = logging.getLogger("sessionkit")

_Row: TypeAlias = tuple[int, int, bytes]


@attrs.define(eq=False)
class JournalLine:
    """
    What one live session does to one id.

    Attributes:
        file: Where its records lie.
        number: Its number; no line in another file has it, but one that was copied from there.
        session_id: The session.
        place: Where its next record goes.
        size: The bytes that were written of it since it was last written anew.
        begin: The bytes that it began with.
        done: True when nothing is left to do for it.
    """

    file: JournalFile
    number: int
    session_id: str = attrs.field(repr=short_repr)
    place: int = 0
    size: int = 0
    begin: int = 0
    done: bool = False


class LineWrite(NamedTuple):
    """
    What is written of a line.

    Attributes:
        line: The line.
        records: Records by their places; one that is there already is replaced.
        anew: True when all that is there of the line is removed before.
    """

    line: JournalLine
    records: Mapping[int, bytes]
    anew: bool = False


def anew(line: JournalLine, state: LineState) -> LineWrite:
    """Return what is written to have a line say what a state does, and nothing else."""
    return LineWrite(line, state.records(), anew=True)


def end_of(line: JournalLine) -> LineWrite:
    """Return what is written when nothing is left to do for a line."""
    return LineWrite(line, {}, anew=True)


class DamageError(ValueError):
    """Raised when a file is no journal, or something in it can't be read."""


class JournalFile:
    """
    A file of records, which this process owns until it lets go.

    Attributes:
        path: The file.
        lines: Its lines that are not done, by number.
        damage: What of it can't be read; None where all can.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, fsync: bool) -> None:
        """Take a file that is open and locked; *fsync* says whether the disk must hold a change before it counts."""
        self.path = path
        self.lines: dict[int, JournalLine] = {}
        self.damage: str | None = None
        self._connection = connection
        self._log: int | None = None
        self._fsync = fsync
        self._syncing = Lock()
        self._written = self._synced = 0
        self._size = 0
        self._stale = False
        # Rising: where rows are put at the end, SQLite touches the fewest pages.
        self._number = secrets.randbelow(_FILES) * _LINES

    @classmethod
    def make(cls, folder: Path, *, fsync: bool = False) -> JournalFile:
        """
        Make a new one in a folder, which is made, too, if it is not there.

        Raises:
            OSError: If it can't be made.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
            os.close(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
            file = None
            try:
                # A new file holds nothing yet that a power cut could take.
                file = _opened(path, fsync=fsync, synchronous="NORMAL" if fsync else "OFF")
                if file is not None:
                    file.lay_out()
            except (OSError, DamageError) as error:
                _remove(path, file)
                msg = f"{path}: {error}"
                raise OSError(msg) from error
            # Whoever looks for files of the dead may have been quicker, and have removed an empty one.
            if file is not None and path.exists():
                return file
            _remove(path, file)
        msg = f"no file in {folder} stays: something removes each at once"
        raise OSError(msg)

    def lay_out(self) -> None:
        """Create the table in a new file; raises OSError if that fails."""
        with _told_apart():
            self._connection.executescript(
                f"BEGIN; {_SCHEMA}; PRAGMA user_version = {_FORMAT}; COMMIT; PRAGMA synchronous = NORMAL;"
            )
        self._open_log()
        if self._fsync and hasattr(os, "O_DIRECTORY"):  # Windows has no way to
            for folder in self.path.parents[:3]:
                _sync_folder(folder)

    @classmethod
    def take_over(cls, path: Path, *, fsync: bool) -> JournalFile | None:
        """
        Return a file whose owner died, with its lines.

        Args:
            path: The file.
            fsync: Whether the disk must hold a change before it counts.

        Returns:
            None if somebody has it, or it is not there any more, or a newer release wrote it.

        Raises:
            DamageError: If it is no journal.
            OSError: If it can't be opened now.
        """
        file = _opened(path, fsync=fsync)
        if file is None:
            return None
        try:
            if path.exists() and not file.is_newer():
                file.read_lines()
                file.take_format()
                return file
        except BaseException:  # Ctrl-C too: it must not stay locked; raised again
            file.let_go()
            raise
        file.let_go()
        return None

    def is_newer(self) -> bool:
        """Return whether a newer release wrote the file, and say so in the log."""
        ((version,),) = self._read("PRAGMA user_version")
        if version > _FORMAT:
            _LOGGER.warning(
                "%s was written by a newer release of sessionkit and is left as it is: "
                "start that release to have it stored",
                self.path,
            )
        return bool(version > _FORMAT)

    def take_format(self) -> None:
        """Have older releases leave the file alone from now on: they can't read what is written into it."""
        ((version,),) = self._read("PRAGMA user_version")
        if version < _FORMAT and self.lines and self.damage is None:
            self._read(f"PRAGMA user_version = {_FORMAT}")

    def read_lines(self) -> None:
        """Find the lines that a dead process left; raises as :meth:`take_over`."""
        self._open_log()
        tables = self._read("SELECT sql FROM sqlite_master")
        if not tables:
            return  # its owner died before it had begun
        # A view or a trigger there could have us read without an end.
        if tables != [(_SCHEMA.encode(),)]:
            msg = "it has other tables than a journal"
            raise DamageError(msg)
        with self._noting_damage():
            ((sound,),) = self._read("PRAGMA quick_check(1)")
            if sound != b"ok":
                self.damage = sound.decode(errors="replace")
        ends: dict[int, int] = {}
        for key in self._keys((0, 2**63 - 1)):
            number, place = divmod(key, _PLACES)
            ends[number] = place + 1
        for number, end in ends.items():
            with self._noting_damage():
                line = JournalLine(self, number, "", place=end)
                line.session_id = self.state(line).head.session_id
                self.lines[number] = line

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            self.damage = self.damage or str(error)

    def _open_log(self) -> None:
        self._log = os.open(f"{self.path}{_LOG}", _FLAGS | os.O_CREAT, 0o600)

    # -- records ----------------------------------------------------------------

    def new_line(self, session_id: str) -> JournalLine:
        """Return a line that has no records yet."""
        self._number += 1
        return JournalLine(self, self._number, session_id)

    def write(self, writes: Sequence[LineWrite]) -> None:
        """
        Write all of this, or nothing.

        Raises:
            OSError: If it could not be written.
        """
        drops: list[tuple[int, int]] = []
        rows: list[_Row] = []
        for line, records, is_anew in writes:
            begin = line.number * _PLACES
            if is_anew and line.place:
                drops.append((begin, begin + _PLACES - 1))
            for place, data in records.items():
                rows.append((begin + place, _checksum(begin + place, data), data))
        self._run(drops, rows)
        self._written += 1
        self._stale = True
        for write in writes:
            self._note(write)
        if self._size > _MOST:
            self.tidy()

    def _run(self, drops: Sequence[tuple[int, int]], rows: Sequence[_Row]) -> None:
        execute = self._connection.execute
        try:
            if not drops and len(rows) in _PUTS:  # one statement is a transaction by itself
                execute(_PUTS[len(rows)], rows[0] if len(rows) == 1 else rows[0] + rows[1])
                return
            execute("BEGIN")
            for drop in drops:
                execute(_DELETE, drop)
            for row in rows:
                execute(_PUT, row)
            execute("COMMIT")
        except sqlite3.Error as error:
            self._take_back()
            raise OSError(str(error)) from error
        except BaseException:  # Ctrl-C too: half of it must not stay; raised again
            self._take_back()
            raise

    def _take_back(self) -> None:
        with suppress(sqlite3.Error):  # it was taken back already, or the next try finds the same
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _note(self, write: LineWrite) -> None:
        line, records, is_anew = write
        size = sum(map(len, records.values()))
        self._size += size + 2 * _PAGE
        if is_anew:
            self._size += line.size  # it is written over, too
            line.place = line.size = 0
            line.begin = size
        line.size += size
        if records:
            line.place = max(line.place, max(records) + 1)
            self.lines[line.number] = line
        else:
            line.done = True
            self.lines.pop(line.number, None)

    def state(self, line: JournalLine) -> LineState:
        """
        Return what those records of a line say that can be read.

        Raises:
            OSError: If the file can't be read.
            ValueError: If the line's beginning can't be read.
        """
        first = line.number * _PLACES
        head = self._record(first)
        if not isinstance(head, LineHead):
            msg = "it has no beginning"
            raise DamageError(msg)
        changes: list[tuple[int, LineChange]] = []
        for key in self._keys((first + 1, first + _PLACES - 1)):
            with self._noting_damage():
                record = self._record(key)
                if isinstance(record, LineChange):
                    changes.append((key - first, record))
        base = base_of(head, [change for _, change in changes])
        if head.sent is not None:
            head = attrs.evolve(head, sent=head.sent.whole(base))
        whole: list[tuple[int, LineChange]] = []
        for place, change in changes:
            with self._noting_damage():
                whole.append((place, change.whole(base)))
        return LineState.of(head, base, whole)

    def _keys(self, ends: tuple[int, int]) -> list[int]:
        """Return the ids of rows, in order; of a damaged tree those before the damage, and those behind it."""
        found: set[int] = set()
        for order in ("ASC", "DESC"):
            query = f"SELECT id FROM record WHERE id BETWEEN ? AND ? ORDER BY id {order}"  # noqa: S608 - of the two above
            with self._noting_damage(), _told_apart():
                for (key,) in self._connection.execute(query, ends):
                    found.add(key)
                break
        return sorted(found)

    def _record(self, key: int) -> LineHead | LineChange:
        """Return a record; raises ValueError where it is not as it was written."""
        rows = self._read("SELECT checksum, data FROM record WHERE id = ?", (key,))
        checksum, data = rows[0] if rows else (None, None)
        if type(data) is not bytes or checksum != _checksum(key, data):
            msg = "a record is not as it was written"
            raise DamageError(msg)
        return unpack(data, LineChange) if key % _PLACES else unpack(data, LineHead)

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with _told_apart():
            return self._connection.execute(query, values).fetchall()

    # -- the disk -----------------------------------------------------------------

    def sync(self) -> None:
        """
        Have the disk hold all that was written, if it must; threads that come together share one wait.

        Raises:
            OSError: If it does not.
        """
        if not self._fsync:
            return
        ticket = self._written
        with self._syncing:
            if self._synced >= ticket or self._log is None:
                return  # another thread has done it for us
            ticket = self._written
            # macOS has no fdatasync, nor has Windows.
            getattr(os, "fdatasync", os.fsync)(self._log)
            self._synced = ticket

    def tidy(self) -> None:
        """Move what SQLite's log holds into the database, if it is much: the log begins anew then."""
        if self._size > _MUCH:
            self._move("VACUUM" if not self.lines else None, "PRAGMA wal_checkpoint(PASSIVE)")
            self._stale = True

    def erase(self) -> None:
        """Leave nothing in the file of what was done before."""
        if self._stale:
            self._stale = False
            self._move("VACUUM" if not self.lines else None, "PRAGMA wal_checkpoint(TRUNCATE)")

    def _move(self, *statements: str | None) -> None:
        self._size = 0
        try:
            for statement in statements:
                if statement is not None:
                    self._connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            # On a full disk: what was not moved stays in the log, where it counts as much.
            _LOGGER.info("%s can't be tidied now: %s", self.path, error)

    def is_removed(self) -> bool:
        """Return whether somebody has removed the file: what is written then is written nowhere."""
        # By its log, which goes with it: that is open, and to look up a path takes longer than the rest of a write.
        return self._log is not None and os.fstat(self._log).st_nlink == 0

    def abandon(self) -> None:
        """Let go of the file that was removed, and of its lines."""
        for line in self.lines.values():
            line.done = True
        self.lines = {}
        self.let_go()

    def close(self) -> None:
        """Let go of the file; it goes, too, when nothing in it is needed."""
        self.let_go()
        if not self.lines:
            _remove(self.path, None)

    def let_go(self) -> None:
        """Leave the file to whoever comes next; doing so twice is fine."""
        self._close_log()
        with suppress(sqlite3.Error):  # what it can't move out of its log is moved by the next one
            self._connection.close()

    def leave_to_parent(self) -> None:
        """In a child: never touch the file again, which is the parent's."""
        import ctypes  # noqa: PLC0415 - five milliseconds, for children alone

        # SQLite would move and remove the parent's log when the connection is closed, as it is once nobody has it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
        # Without the lock, which a thread of the parent may have had: here there is one thread.
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _close_log(self) -> None:
        with self._syncing:
            if self._log is not None:
                os.close(self._log)
                self._log = None

    def move_aside(self) -> Path:
        """Keep the file beside the others, as it is, and let go of it; return where."""
        self.let_go()
        return move_aside(self.path)


def _checksum(key: int, data: bytes) -> int:
    return crc32(data, crc32(key.to_bytes(8, "big")))


@contextmanager
def _told_apart() -> Iterator[None]:
    """Raise DamageError for what SQLite says of damage, and OSError for all else."""
    try:
        yield
    except sqlite3.Error as error:
        if _name(error).startswith(_DAMAGED):
            raise DamageError(str(error)) from error
        raise OSError(str(error)) from error
    except UnicodeDecodeError as error:  # SQLite shows what it can't use, and that may be no text
        msg = "its tables can't be read"
        raise DamageError(msg) from error


def _name(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", "")  # what Python's own module raises has none


def _opened(path: Path, *, fsync: bool, synchronous: str = "NORMAL") -> JournalFile | None:
    """Return a file, locked; None if somebody has it, or it is not there."""
    log = Path(f"{path}{_LOG}")
    with suppress(FileNotFoundError):
        if not path.stat().st_size and log.exists() and log.stat().st_size:
            msg = "it is empty, and its log is not"  # SQLite would remove that
            raise DamageError(msg)
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = bytes  # from a disk: it may be no text
        for statement in _SETUP:
            connection.execute(statement.format(synchronous=synchronous)).fetchall()
        connection.execute("BEGIN IMMEDIATE")  # it is ours from now on
        connection.execute("COMMIT")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if connection is not None:
            connection.close()
        # A file that somebody removes meanwhile, as what is stored, can't be read to the end.
        if _name(error).startswith(_TAKEN) or not path.exists():
            return None
        with _told_apart():
            raise
    return JournalFile(path, connection, fsync=fsync)


def _remove(path: Path, file: JournalFile | None) -> None:
    if file is not None:
        file.let_go()
    for name in (path, Path(f"{path}{_LOG}")):
        with suppress(OSError):  # whoever comes next finds nothing of use in it
            name.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- the folder ---------------------------------------------------------------


def files_in(folder: Path) -> list[Path]:
    """Return the files of all processes in a folder."""
    return [path for path in _ours_in(folder) if path.suffix == _SUFFIX and path.is_file()]


def former_folders(folder: Path) -> list[Path]:
    """Return the folders in there that hold a journal in the format that was used before there was a release."""
    found = (path for path in _ours_in(folder) if path.name != ASIDE and path.is_dir())
    return [path for path in found if any(path.glob("*.segment"))]


def _ours_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    # What another user put there, or a link to somewhere else, must not become our sessions.
    user = getattr(os, "geteuid", lambda: 0)()
    return [folder / entry.name for entry in entries if _is_of(user, entry)]


def _is_of(user: int, entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.is_symlink() and entry.stat(follow_symlinks=False).st_uid == user
    except FileNotFoundError:  # whoever replayed it has removed it since
        return False


def move_aside(path: Path) -> Path:
    """Keep a file beside the others, with its log; return where."""
    aside = path.parent / ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in (f"{path.name}{_LOG}", path.name):
        with suppress(FileNotFoundError):
            (path.parent / name).replace(aside / name)
    return aside / path.name


@contextmanager
def take_turn(folder: Path, until: float) -> Iterator[None]:
    """
    Let one process at a time take over what the dead left: who comes second finds it stored.

    Args:
        folder: The journal's; if no files are there, there is nothing to take over, and nothing is made.
        until: When to go on all the same, by the monotonic clock.
    """
    if not files_in(folder):
        yield
        return
    path = folder / _TURN
    if not path.exists():
        with suppress(
            OSError
        ):  # another one made it, or nothing can be written: then nothing is taken over
            os.close(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
    wait = min(max(0.0, until - monotonic()), _LONGEST)
    turn = None
    # It may be gone, or taken too long: others see what is stored when they can wait no more.
    with suppress(sqlite3.Error):
        turn = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait, isolation_level=None
        )
        turn.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        if turn is not None:
            turn.close()
