# SPDX-License-Identifier: Apache-2.0
"""
Encoded parts <-> what is stored.

A small session is stored as one part, a large one as many, so that a save costs
what changed. The two thresholds differ, so that a session near one of them does
not change its layout at each save. Comparison and merge never see packing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import ormsgpack

from sessionkit.errors import SerializationError

PACKED: Final = "*"
"""The stored name of the one part that holds all."""

SPLIT_ABOVE: Final = 16_384
"""Bytes in all above which a session is stored in many parts (measured break-even: 8 to 16 kB)."""

JOIN_BELOW: Final = 8_192
"""Bytes in all below which a split session becomes one part again."""


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
