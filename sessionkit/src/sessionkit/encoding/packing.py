# SPDX-License-Identifier: Apache-2.0
"""
Encoded parts <-> what is stored: packed into one part or split, each sealed.

A sealed part says how to read itself::

    byte 0      the format, 1
    byte 1      flags, 0 in this release
    byte 2      the length of the serializer's name
    then        the name, in ASCII, and the payload
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import ormsgpack

from sessionkit.errors import NewerFormatError, SerializationError

PACKED: Final = "*"
"""The stored name of the one part that holds all."""

SPLIT_ABOVE: Final = 16_384
"""Bytes in all above which a session is stored in many parts (measured break-even: 8 to 16 kB)."""

JOIN_BELOW: Final = 8_192
"""Bytes in all below which a split session becomes one part again."""

FORMAT: Final = 1

_NEWEST_IMAGINABLE: Final = 15

_HEADER: Final = 3

# -- packed or split -----------------------------------------------------------


def is_split(parts: Mapping[str, bytes], layout: Collection[str]) -> bool:
    """
    Return whether a session is to be stored in many parts.

    Args:
        parts: Encoded bytes by part name.
        layout: The names that are stored now; empty when nothing is.
    """
    limit = JOIN_BELOW if layout and PACKED not in layout else SPLIT_ABOVE
    return sum(map(len, parts.values())) > limit


def pack(parts: Mapping[str, bytes], *, split: bool) -> dict[str, bytes]:
    """Return what is stored for *parts*: themselves when *split*, else one part."""
    return dict(parts) if split else {PACKED: ormsgpack.packb(dict(parts))}


def unpack(stored: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Return the parts that :func:`pack` was given.

    Raises:
        SerializationError: If the one part is damaged.
    """
    if PACKED not in stored:
        return dict(stored)
    try:
        parts = ormsgpack.unpackb(stored[PACKED])
    except ormsgpack.MsgpackDecodeError as error:
        msg = f"the packed part is damaged: {error}"
        raise SerializationError(msg) from error
    # What ormsgpack makes is of exactly these types, or damaged.
    if type(parts) is not dict or not (
        {str}.issuperset(map(type, parts)) and {bytes}.issuperset(map(type, parts.values()))
    ):
        msg = "the packed part is no mapping of names to bytes"
        raise SerializationError(msg)
    return parts


def cut_out(stored: Mapping[str, bytes], names: Collection[str]) -> dict[str, bytes]:
    """
    Return what is stored of single parts, each sealed as it was.

    Args:
        stored: What is stored of a session.
        names: The names of the parts, or those that they are stored under.
    """
    found = {name: sealed for name, sealed in stored.items() if name in names}
    if PACKED in stored and PACKED not in names:
        opened = unseal(stored[PACKED])
        inner = unpack({PACKED: opened.payload})
        found |= {name: seal(inner[name], opened.serializer) for name in inner if name in names}
    return found


# -- sealed --------------------------------------------------------------------


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


class Opened(NamedTuple):
    """
    What a sealed part held.

    Attributes:
        serializer: The name of the serializer that made the payload.
        payload: Its bytes.
    """

    serializer: str
    payload: bytes
