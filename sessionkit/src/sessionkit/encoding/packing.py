# SPDX-License-Identifier: Apache-2.0
"""
Encoded parts <-> what is stored: packed into one part or split, large ones with patches, each sealed.

A large part that changes a little is not stored anew: a patch beside it says which of its bytes are replaced. The
patches of a part are applied in the order of the numbers in their names.

A sealed part says how to read itself::

    byte 0      the format, 1
    byte 1      0 for a part, 1 for a patch; a release that doesn't know it leaves the session alone, as one of a
                newer format
    byte 2      the length of the serializer's name
    then        the name, in ASCII, and the payload
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import ormsgpack

from sessionkit.errors import NewerFormatError, SerializationError

PACKED: Final = "*"
"""The stored name of the one part that holds all."""

SPLIT_ABOVE: Final = 16_384
"""Bytes in all above which a session is stored in many parts (measured break-even: 8 to 16 kB)."""

JOIN_BELOW: Final = 8_192
"""Bytes in all below which a split session becomes one part again."""

FORMAT: Final = 1

WHOLE: Final = 0
"""What is sealed is a part."""

PATCH: Final = 1
"""What is sealed is a patch of one."""

_KINDS: Final = (WHOLE, PATCH)

_NEWEST_IMAGINABLE: Final = 15

_HEADER: Final = 3

PATCH_BEGINS: Final = bytes((FORMAT, PATCH))
"""How the bytes of a patch begin."""

PATCHED_ABOVE: Final = 32_768
"""Bytes above which a part is patched; a smaller one is stored anew."""

_MOST_PATCHES: Final = 16
"""Patches that a part has at most: each is a row to read, and copies the part once."""

_BLOCK: Final = 64
"""Bytes of a part by which the same place is found in another."""

_STRIDE: Final = 8_192
"""Bytes that are compared at once."""

_GRAIN: Final = 32
"""Bytes that are written again rather than looked through for the first or last that is another."""

_NEAR: Final = 512
"""Bytes that are written rather than looked through for what in them is the same."""

_DEPTH: Final = 8
"""How often a change is taken apart, at most: each time may take as long as to look all of it through."""


Splice: TypeAlias = tuple[int, int, bytes]
"""Beginning and end of what is replaced, and what is there then."""


class StoredPart(NamedTuple):
    """
    How a part is stored.

    Attributes:
        patches: The numbers of its patches, in order; they are in their stored names.
        size: Their bytes.
        is_known: True when this process has the very bytes that are stored; they can be patched.
    """

    patches: tuple[int, ...] = ()
    size: int = 0
    is_known: bool = True


Layout = Mapping[str, StoredPart]
"""How a session's parts are stored, by all stored names; a patch is a name of its own."""

PLAIN: Final = StoredPart()
"""A part that is stored as this process has it."""

UNKNOWN: Final = StoredPart(is_known=False)
"""A part that is stored in other bytes, or that can't be read."""

IN_ONE: Final[Layout] = {PACKED: PLAIN}
"""All parts packed, as in most sessions: one object for all of them."""


# -- packed or split -----------------------------------------------------------


def is_split(size: int, layout: Collection[str]) -> bool:
    """
    Return whether a session is to be stored in many parts.

    Args:
        size: The bytes of all its parts, encoded.
        layout: The names that are stored now; empty when nothing is.
    """
    limit = JOIN_BELOW if layout and PACKED not in layout else SPLIT_ABOVE
    return size > limit


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
    patches = read_patches(stored, {}) if has_patches(stored) else {}
    numbers = (
        number for name in names if name in patches for number in patches[name].stored.patches
    )
    wanted = {*names, *map(patch_name, numbers)}
    found = {name: sealed for name, sealed in stored.items() if name in wanted}
    if PACKED in stored and PACKED not in names:
        opened = unseal(stored[PACKED])
        inner = unpack({PACKED: opened.payload})
        found |= {name: seal(inner[name], opened.serializer) for name in inner if name in names}
    return found


# -- patched -------------------------------------------------------------------


class Patch(NamedTuple):
    """
    What a part's bytes become.

    Attributes:
        part: The part's name.
        place: How many patches are applied before it.
        splices: What is replaced; in order, none over another.
    """

    part: str
    place: int
    splices: list[Splice]


def patch_name(number: int) -> str:
    """Return what a patch is stored under."""
    return f"#{number}"


def patch_number(name: str) -> int:
    """Return the number of a patch; 0 for the name of something else."""
    number = name.removeprefix("#")
    is_one = number != name and number.isascii() and number.isdecimal()
    return int(number) if is_one else 0


def free_number(*layouts: Layout) -> int:
    """Return a number that no patch has."""
    return 1 + max(
        (number for one in layouts for part in one.values() for number in part.patches[-1:]),
        default=0,
    )


def may_patch(data: bytes, stored: StoredPart) -> bool:
    """Return whether a part may be patched as it is stored, or is better stored anew."""
    return (
        len(data) > PATCHED_ABOVE
        and stored.is_known
        and len(stored.patches) < _MOST_PATCHES
        and stored.size < len(data) // 2
    )


def difference(before: bytes, after: bytes, near: Splice | None = None) -> Splice:
    """
    Return one splice that makes *after* of *before*; a few bytes longer than it must be, as those are sooner written than found.

    Args:
        before: What is there.
        after: What is to be.
        near: One that made something like it: where it does, the same bytes are replaced.
    """
    if near is not None:
        begin, end, _ = near
        new_end = len(after) - (len(before) - end)
        if new_end >= begin and after.startswith(before[:begin]) and after.endswith(before[end:]):
            return begin, end, after[begin:new_end]
    most = min(len(before), len(after))
    begin = _same_from(before, after, 0, 0, most, _GRAIN)
    same = _same_until(before, after, len(before), len(after), most - begin, _GRAIN)
    return begin, len(before) - same, after[begin : len(after) - same]


def differences(before: bytes, after: bytes) -> list[Splice]:
    """Return the splices that make *after* of *before*."""
    found: list[Splice] = []
    _add_differences(found, before, after, (0, len(before), 0, len(after)), _DEPTH)
    return found


def _add_differences(
    found: list[Splice],
    before: bytes,
    after: bytes,
    where: tuple[int, int, int, int],
    depth: int,
) -> None:
    begin, end, new_begin, new_end = where
    same = _same_from(before, after, begin, new_begin, min(end - begin, new_end - new_begin))
    begin, new_begin = begin + same, new_begin + same
    same = _same_until(before, after, end, new_end, min(end - begin, new_end - new_begin))
    end, new_end = end - same, new_end - same
    if begin == end and new_begin == new_end:
        return
    if depth and end - begin > _NEAR and new_end - new_begin > _NEAR:
        for part in (2, 4, 4 / 3):
            middle = begin + int((end - begin) / part)
            block = before[middle : min(middle + _BLOCK, end)]
            # The first on both sides: what repeats itself is met at its beginning.
            place = before.find(block, begin, end)
            there = after.find(block, new_begin, new_end)
            if there >= 0:
                _add_differences(found, before, after, (begin, place, new_begin, there), depth - 1)
                _add_differences(found, before, after, (place, end, there, new_end), depth - 1)
                return
    found.append((begin, end, after[new_begin:new_end]))


def _same_from(  # noqa: PLR0913, PLR0917 - two places, and how to look
    one: bytes, other: bytes, begin: int, there: int, most: int, least: int = 1
) -> int:
    """Return how many bytes, at *most*, are the same from these places on; steps are of that many, at *least*."""
    same, step = 0, min(_STRIDE, 1 << most.bit_length() >> 1)
    while step >= least:
        while same + step <= most and (
            one[begin + same : begin + same + step] == other[there + same : there + same + step]
        ):
            same += step
        step //= 2
    return same


def _same_until(  # noqa: PLR0913, PLR0917 - two places, and how to look
    one: bytes, other: bytes, end: int, there: int, most: int, least: int = 1
) -> int:
    """Return how many bytes, at *most*, are the same before these places; steps are of that many, at *least*."""
    same, step = 0, min(_STRIDE, 1 << most.bit_length() >> 1)
    while step >= least:
        while same + step <= most and (
            one[end - same - step : end - same] == other[there - same - step : there - same]
        ):
            same += step
        step //= 2
    return same


def write_patch(patch: Patch) -> bytes:
    """Return a patch as bytes."""
    return ormsgpack.packb([patch.part, patch.place, patch.splices])


def read_patch(data: bytes) -> Patch:
    """
    Return what :func:`write_patch` was given.

    Raises:
        SerializationError: If it is damaged.
    """
    try:
        part, place, splices = ormsgpack.unpackb(data)
        patch = Patch(part, place, [(begin, end, new) for begin, end, new in splices])
    except (ormsgpack.MsgpackDecodeError, TypeError, ValueError) as error:
        msg = f"a patch is damaged: {error}"
        raise SerializationError(msg) from error
    is_sound = type(part) is str and all(
        type(begin) is int and type(end) is int and type(new) is bytes
        for begin, end, new in patch.splices
    )
    if not is_sound:
        msg = "a patch is no list of splices"
        raise SerializationError(msg)
    return patch


def patched(data: bytes, patches: Sequence[Patch]) -> bytes:
    """
    Return a part as its patches make it.

    Args:
        data: The part as it is stored.
        patches: All its patches, in their order.

    Raises:
        SerializationError: If one is missing, or is none of these bytes.
    """
    for place, patch in enumerate(patches):
        if patch.place != place:
            msg = f"patch {place} of {len(patches)} or more is missing"
            raise SerializationError(msg)
        data = _spliced(data, patch)
    return data


def spliced(data: bytes, splice: Splice) -> bytes:
    """
    Return what one splice makes of bytes.

    Raises:
        SerializationError: If it is none of these bytes.
    """
    return _spliced(data, Patch("", 0, [splice]))


def _spliced(data: bytes, patch: Patch) -> bytes:
    kept: list[bytes] = []
    passed = 0
    for begin, end, new in patch.splices:
        if not passed <= begin <= end <= len(data):
            msg = f"patch {patch.place} replaces bytes {begin} to {end} of {len(data)}"
            raise SerializationError(msg)
        kept += (data[passed:begin], new)
        passed = end
    return b"".join((*kept, data[passed:]))


class Patches(NamedTuple):
    """
    All patches of a part that are stored.

    Attributes:
        found: The patches, in their order.
        stored: How the part is stored by a process that has its very bytes.
    """

    found: list[Patch]
    stored: StoredPart


def has_patches(stored: Mapping[str, bytes]) -> bool:
    """Return whether some of what is stored may be patches."""
    return any(sealed.startswith(PATCH_BEGINS) for sealed in stored.values())


def read_patches(
    stored: Mapping[str, bytes], damages: dict[str, SerializationError]
) -> dict[str, Patches]:
    """
    Return the patches that are stored, by the name of their part.

    Args:
        stored: What is stored of a session.
        damages: Gets why patches can't be read, by stored name.
    """
    patches: dict[str, Patches] = {}
    for name in sorted(stored, key=patch_number):
        sealed = stored[name]
        if not sealed.startswith(PATCH_BEGINS):
            continue
        where = f"stored part {name!r}"
        if not patch_number(name):
            damages[name] = SerializationError("a patch under the name of something else", where)
            continue
        try:
            patch = read_patch(unseal(sealed).payload)
        except SerializationError as error:
            damages[name] = SerializationError(error.reason, where)
            continue
        found, part = patches.get(patch.part, Patches([], PLAIN))
        numbers = (*part.patches, patch_number(name))
        patches[patch.part] = Patches([*found, patch], StoredPart(numbers, part.size + len(sealed)))
    return patches


def patched_part(opened: Opened, patches: Patches, serializer: str) -> tuple[Opened, StoredPart]:
    """
    Return a part as its patches make it, and how it is stored.

    Args:
        opened: The part as it is stored itself.
        patches: Its patches.
        serializer: The name of the one that this process encodes parts with.

    Raises:
        SerializationError: If a patch is missing, or is none of these bytes.
    """
    payload = patched(opened.payload, patches.found)
    is_known = opened.serializer == serializer
    return opened._replace(payload=payload), patches.stored._replace(is_known=is_known)


# -- sealed --------------------------------------------------------------------


def seal(payload: bytes, serializer: str, kind: int = WHOLE) -> bytes:
    """
    Return *payload* sealed.

    Args:
        payload: What a serializer made, or a patch of that.
        serializer: The serializer's name, up to 255 ASCII characters.
        kind: Which of the two it is.
    """
    name = serializer.encode("ascii")
    return bytes((FORMAT, kind, len(name))) + name + payload


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
    if sealed[0] > FORMAT or sealed[1] not in _KINDS:
        msg = f"sealed in format {sealed[0]} with flags {sealed[1]}; this release reads format {FORMAT}"
        raise NewerFormatError(msg)
    end = _HEADER + sealed[2]
    name = sealed[_HEADER:end]
    if not name or len(name) < sealed[2] or not name.isascii():
        msg = "the serializer's name is cut off or damaged"
        raise SerializationError(msg)
    return Opened(name.decode("ascii"), sealed[end:], sealed[1])


class Opened(NamedTuple):
    """
    What a sealed part held.

    Attributes:
        serializer: The name of the serializer that made the payload.
        payload: Its bytes.
        kind: Whether they are a part or a patch of one.
    """

    serializer: str
    payload: bytes
    kind: int = WHOLE
