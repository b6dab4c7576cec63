# SPDX-License-Identifier: Apache-2.0
"""One file of a journal: frames are only ever put at its end."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from sessionkit.journal.frames import PREAMBLE

SUFFIX: Final = ".segment"
# Windows lacks two of them; there no journal is made.
_FLAGS: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Segment:
    """
    A segment.

    Attributes:
        path: The file.
        size: Its bytes that count.
        live: How many of them are still needed.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        """Take a file as it is, up to *size*."""
        self.path = path
        self.size = size
        self.live = 0
        self._descriptor: int | None = None

    @classmethod
    def made(cls, path: Path) -> Segment:
        """
        Make a new one.

        Raises:
            OSError: If that fails; no file is left then.
        """
        segment = cls(path)
        segment._descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            segment.append(PREAMBLE)
        except OSError:
            segment.close()
            path.unlink()
            raise
        return segment

    @property
    def is_open(self) -> bool:
        """Whether frames can be put into it."""
        return self._descriptor is not None

    def append(self, data: bytes) -> int:
        """
        Put frames at the end, whole or not at all.

        Returns:
            Where they begin.

        Raises:
            OSError: If they could not be written.
        """
        descriptor = self._opened()
        try:
            left = data[os.write(descriptor, data) :]
            while left:
                left = left[os.write(descriptor, left) :]
        except BaseException:  # Ctrl-C too: nothing can be read behind half a frame; raised again
            self._cut(descriptor)
            raise
        # Not by what was there before: a Ctrl-C may come here, too.
        self.size = os.lseek(descriptor, 0, os.SEEK_CUR)
        return self.size - len(data)

    def _cut(self, descriptor: int) -> None:
        """Cut off what was written of a frame; where even that fails, write nothing behind it."""
        try:
            os.ftruncate(descriptor, self.size)
        except OSError:
            self.close()

    def read(self, begin: int, length: int) -> bytes:
        """Return bytes of the file."""
        if self._descriptor is not None:
            return os.pread(self._descriptor, length, begin)
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(length)

    def empty(self) -> None:
        """Drop all frames."""
        os.ftruncate(self._opened(), len(PREAMBLE))
        self.size = len(PREAMBLE)
        self.live = 0

    def sync(self) -> None:
        """Have the disk hold what was put into it."""
        # macOS has no fdatasync.
        getattr(os, "fdatasync", os.fsync)(self._opened())

    def close(self) -> None:
        """Put nothing more into it; closing twice is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Remove the file."""
        self.close()
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _opened(self) -> int:
        if self._descriptor is None:
            msg = f"{self.path} is closed"
            raise OSError(msg)
        return self._descriptor


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names of a folder's files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
