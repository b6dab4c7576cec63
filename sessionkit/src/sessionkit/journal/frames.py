# SPDX-License-Identifier: Apache-2.0
"""
Frames: how a record lies in a file, so that nothing else is ever taken for one.

A frame is a head of 12 bytes (the length of the payload, its CRC-32, and the CRC-32 of
these two) and the payload. With a checksum of its own the head tells a tail that was cut
off, as a crash leaves it, from one that was damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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
