# SPDX-License-Identifier: Apache-2.0
"""
Which process a folder of segments belongs to: the one that holds the lock in it.

The system lets go of the lock when the process ends, however it ends. A child made by
``fork`` has the lock in common with its parent, so it closes its copy.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment] # checked before it is used

from sessionkit.errors import ConfigError
from sessionkit.journal.segment import SUFFIX

ASIDE: Final = "aside"
"""The folder for what can't be used; nothing in it is ever read or removed by sessionkit."""

_LOCK: Final = "lock"
_ATTEMPTS: Final = 10
_PAUSE: Final = 0.005


def check_system() -> None:
    """Raise ConfigError where a journal can't be kept."""
    if fcntl is None:  # pragma: no cover - Windows
        msg = "persistence.journal needs file locks as Linux, macOS and the BSDs have them; leave it out here"
        raise ConfigError(msg)


class OwnedFolder:
    """
    A folder that this process owns until it lets go.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path, descriptor: int) -> None:
        """Take a folder whose lock is held by a file descriptor."""
        self.folder = folder
        self._descriptor: int | None = descriptor

    def let_go(self) -> None:
        """Leave the folder to whoever comes next; doing so twice is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Remove the folder, which holds nothing any more, and let go."""
        with suppress(OSError):
            (self.folder / _LOCK).unlink()
            self.folder.rmdir()
        self.let_go()


def make_owned_folder(journal: Path) -> OwnedFolder:
    """
    Make a folder in *journal* that nobody else has.

    Raises:
        OSError: If it can't be made.
    """
    journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(_ATTEMPTS):
        folder = journal / f"{os.getpid()}-{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        # Whoever looks for folders of the dead may be quicker, and remove an empty one.
        with suppress(FileNotFoundError):
            owned = _locked(folder, os.O_CREAT | os.O_EXCL)
            if owned is not None:
                return owned
    msg = f"no folder in {journal} stays: something removes each at once"
    raise OSError(msg)


def dead_folders(journal: Path) -> Iterator[OwnedFolder]:
    """Yield the folders in *journal* that no living process owns; each is owned by this one then."""
    try:
        names = sorted(entry.name for entry in os.scandir(journal) if _is_ours(entry))
    except FileNotFoundError:
        return
    for name in names:
        owned = None
        with suppress(FileNotFoundError):
            owned = _locked(journal / name, _if_used(journal / name))
        if owned is not None:
            yield owned


@contextmanager
def take_turn(journal: Path, until: float) -> Iterator[None]:
    """
    Let one process at a time take over what the dead left: who comes second finds it stored.

    Args:
        journal: The folder; if it is not there, there is nothing to take over.
        until: When to go on all the same, by the monotonic clock.
    """
    try:
        descriptor = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        while not _try_lock(descriptor) and time.monotonic() < until:
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_ours(entry: os.DirEntry[str]) -> bool:
    # What another user put there, or a link to somewhere else, must not become our sessions.
    if entry.name == ASIDE or not entry.is_dir(follow_symlinks=False):
        return False
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _if_used(folder: Path) -> int:
    """Return how to open the lock of a folder: a power cut may leave segments without one."""
    with suppress(OSError):
        folder.rmdir()  # its owner ended before it had begun
    return os.O_CREAT if any(folder.glob(f"*{SUFFIX}")) else 0


def _locked(folder: Path, flags: int) -> OwnedFolder | None:
    path = folder / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    # Someone may live there, or have just removed it.
    with suppress(FileNotFoundError):
        if _try_lock(descriptor) and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return OwnedFolder(folder, descriptor)
    os.close(descriptor)
    return None
