# SPDX-License-Identifier: Apache-2.0
"""
One file of a journal: records lie in it as frames, which are only ever put at its end.

A frame is a head of 12 bytes (the length of the payload, its CRC-32, and the CRC-32 of
these two) and the payload. With a checksum of its own the head tells a tail that was cut
off, as a crash leaves it, from one that was damaged; nothing else is ever taken for a frame.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

VERSION: Final = 1
"""The format that this release reads and writes."""

_NAME: Final = b"sessionkit journal\0"
PREAMBLE: Final = _NAME + bytes([VERSION])
"""What a file begins with."""

_SUMS: Final = struct.Struct(">II")
_CHECK: Final = struct.Struct(">I")
_HEAD: Final = _SUMS.size + _CHECK.size


class Scan(NamedTuple):
    """
    What a file holds.

    Attributes:
        frames: Begin and end of each whole frame, in bytes.
        end: Where the last whole frame ends.
        damage: What is wrong behind it; None when nothing is, or a frame was merely cut off.
        newer: True when a newer release wrote the file.
    """

    frames: Sequence[tuple[int, int]]
    end: int
    damage: str | None = None
    newer: bool = False


def frame(payload: bytes) -> bytes:
    """Return a payload in its frame."""
    sums = _SUMS.pack(len(payload), crc32(payload))
    return b"".join((sums, _CHECK.pack(crc32(sums)), payload))


def payload_of(framed: bytes) -> bytes:
    """
    Return what a frame holds.

    Raises:
        ValueError: If it is not exactly one whole frame.
    """
    if len(framed) < _HEAD or _frame_end(framed, 0) != len(framed):
        msg = "these bytes are no frame"
        raise ValueError(msg)
    return framed[_HEAD:]


def scan(data: bytes) -> Scan:
    """Return the whole frames of a file, up to the first one that is cut off or damaged."""
    if len(data) < len(PREAMBLE):
        return Scan((), 0, None if PREAMBLE.startswith(data) else "it begins like no journal")
    if not data.startswith(_NAME):
        return Scan((), 0, "it begins like no journal")
    if data[len(_NAME)] != VERSION:
        return Scan((), 0, newer=data[len(_NAME)] > VERSION, damage="it has an unknown format")
    return _scan_frames(data)


def _scan_frames(data: bytes) -> Scan:
    frames: list[tuple[int, int]] = []
    end = len(PREAMBLE)
    while end + _HEAD <= len(data):
        try:
            following = _frame_end(data, end)
        except ValueError as error:
            return Scan(frames, end, f"{error} at byte {end}")
        if following is None:
            break
        frames.append((end, following))
        end = following
    return Scan(frames, end)


def _frame_end(data: bytes, begin: int) -> int | None:
    """Return where a frame ends; None when the file ends before it."""
    sums = data[begin : begin + _SUMS.size]
    if _CHECK.unpack_from(data, begin + _SUMS.size)[0] != crc32(sums):
        msg = "a frame's head is damaged"
        raise ValueError(msg)
    length, total = _SUMS.unpack(sums)
    end: int = begin + _HEAD + length
    if end > len(data):
        return None
    if crc32(memoryview(data)[begin + _HEAD : end]) != total:
        msg = "a frame's content is damaged"
        raise ValueError(msg)
    return end


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
