# SPDX-License-Identifier: Apache-2.0
"""
Bytes <-> sealed bytes.

A sealed part says how to read itself::

    byte 0      the format, 1
    byte 1      flags, 0 in this release
    byte 2      the length of the serializer's name
    then        the name, in ASCII, and the payload
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sessionkit.errors import NewerFormatError, SerializationError

FORMAT: Final = 1
_NEWEST_IMAGINABLE: Final = 15
_HEADER: Final = 3


class Opened(NamedTuple):
    """
    What a sealed part held.

    Attributes:
        serializer: The name of the serializer that made the payload.
        payload: Its bytes.
    """

    serializer: str
    payload: bytes


def seal(payload: bytes, serializer: str) -> bytes:
    """
    Return *payload* sealed.

    Args:
        payload: What a serializer made.
        serializer: The serializer's name, up to 255 ASCII characters.
    """
    name = serializer.encode("ascii")
    return bytes((FORMAT, 0, len(name))) + name + payload


def unseal(sealed: bytes) -> Opened:
    """
    Return what :func:`seal` was given.

    Raises:
        NewerFormatError: If a newer release sealed it.
        SerializationError: If these are no sealed bytes.
    """
    if len(sealed) < _HEADER or not 1 <= sealed[0] <= _NEWEST_IMAGINABLE:
        msg = f"{len(sealed)} bytes that are no sealed part: format byte {sealed[:1].hex() or 'missing'}"
        raise SerializationError(msg)
    if sealed[0] > FORMAT or sealed[1]:
        msg = f"sealed in format {sealed[0]} with flags {sealed[1]}; this release reads format {FORMAT}"
        raise NewerFormatError(msg)
    end = _HEADER + sealed[2]
    name = sealed[_HEADER:end]
    if not name or len(name) < sealed[2] or not name.isascii():
        msg = "the serializer's name is cut off or damaged"
        raise SerializationError(msg)
    return Opened(name.decode("ascii"), sealed[end:])
