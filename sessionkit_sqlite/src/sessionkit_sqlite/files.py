# SPDX-License-Identifier: Apache-2.0
"""
A SQLite database's file: made private, and made anew where it was removed or replaced while it is in use.

SQLite itself goes on writing to the file that it has opened, though it has no name any more: every
save would succeed, and be gone with the process.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock, get_ident
from typing import Final, TypeAlias

from sessionkit.errors import RejectedError, StorageError, UnavailableError

try:
    import fcntl
except ImportError:  # Windows removes no file that is open
    _LOCKS = False
else:
    _LOCKS = True

_OWN_FOLDER: Final = ".sessionkit"
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)

_LOGGER: Final = logging.getLogger("sessionkit")

_Identity: TypeAlias = "tuple[int, int] | None"
"""Device and inode; None for no file."""


class DatabaseFile:
    """
    The file that a storage's connections have open.

    Attributes:
        identity: Which file it is: what a connection has open is of use while it is the same.
        lay_out: Creates the tables in a new file.
    """

    def __init__(self, path: Path) -> None:
        """
        Know no file yet.

        Args:
            path: Where it lies.
        """
        self.identity: _Identity = None
        self.lay_out: Callable[[], None] = lambda: None
        self._path = path.absolute()  # as SQLAlchemy does: the process may go to another folder
        self._name = str(self._path)
        self._log = f"{self._path}-wal", f"{self._path}-shm"
        self._log_identity: _Identity = None
        self._lock = RLock()
        self._renewing = 0

    def note(self) -> _Identity:
        """Note which file is there, when the first connection has opened it; return which one is known."""
        if self.identity is None:
            self.identity = _identity_of(self._name)
        return self.identity

    def check(self) -> None:
        """
        See to it that what is known is what is there; about a microsecond where it is.

        Raises:
            RejectedError: If a file that is gone can't be made anew.
            UnavailableError: If the disk is full.
        """
        known = self.identity
        if known is None or self._renewing == get_ident():
            return
        if self._renewing or known != _identity_of(self._name):
            self._renew()
        elif self._log_identity is None:  # it comes with the first call after that
            self._log_identity = _identity_of(self._log[0])

    def _renew(self) -> None:
        with self._lock:
            before = self.identity
            if before == _identity_of(self._name):
                return  # another thread has done it
            how = self._make_anew()
            self._renewing = get_ident()
            try:
                self.identity, self._log_identity = _identity_of(self._name), None
                self.lay_out()
            except BaseException:  # Ctrl-C too: the next call tries again; raised again
                self.identity = before
                raise
            finally:
                self._renewing = 0
        _LOGGER.warning(
            "%s was %s while it was in use; what this process has is stored again", *how
        )

    def _make_anew(self) -> tuple[str, str]:
        """Make a file that is gone, without what is left of its log; return what happened to it."""
        with _one_process(self._path.parent):
            is_gone = _identity_of(self._name) is None
            log = _identity_of(self._log[0])
            if is_gone or (log is not None and log == self._log_identity):
                # The log of the former file would be played into the one that is there now.
                for name in self._log:
                    Path(name).unlink(missing_ok=True)
            make_private(self._path)
        return self._name, "removed, and made anew," if is_gone else "replaced"


def _identity_of(name: str) -> _Identity:
    try:
        found = os.stat(name)  # noqa: PTH116 - at each call of the storage; a Path takes three times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _one_process(folder: Path) -> Iterator[None]:
    """Let one process at a time look at a folder, made where it is not there, and change it."""
    if not _LOCKS:
        yield
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _explain(error, folder) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def make_private(file: Path) -> None:
    """
    Make a file that only this user may read (0600), and its folder (0700), where they are not there.

    Raises:
        RejectedError: If they can't be made.
        UnavailableError: If the disk is full.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.parent.name == _OWN_FOLDER:
            _ignore(file.parent)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise _explain(error, file) from error


def _ignore(folder: Path) -> None:
    """Keep our own folder out of version control, as the core does where it makes a secret there."""
    # Sessions are kept all the same where that file can't be made.
    with suppress(OSError):
        made = os.open(folder / ".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write("*\n")


def _explain(error: OSError, file: Path) -> StorageError:
    if error.errno in _NO_SPACE:
        return UnavailableError(f"{file}: can't be made: {error}; free some disk space")
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return RejectedError(
            f"{file}: can't be made: {error}; a file is where a folder is needed: move it away,"
            " or let the storage's url name another folder"
        )
    return RejectedError(
        f"{file}: can't be made: {error}; this user needs the right to write to the folder,"
        " or the storage's url must name another one"
    )
