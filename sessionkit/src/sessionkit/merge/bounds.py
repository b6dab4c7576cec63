# SPDX-License-Identifier: Apache-2.0
"""
Bounds: how many records a merged history keeps, whichever writer added them.

A history and its bound lie in two parts, so this comes when both were merged.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final, NamedTuple

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import RECORD_IDS
from sessionkit.session.forms import FORM, UNDO

HISTORIES: Final = ("navigation", UNDO)
"""How the names of parts begin that hold histories."""


class _Bound(NamedTuple):
    """Which fields hold records, and where it is said how many."""

    holder: str
    setting: str
    fields: tuple[str, ...]


def bounded(
    codec: SessionCodec, name: str, merged: EncodedParts, sides: tuple[EncodedParts, ...]
) -> bytes:
    """
    Return a merged history that is no longer than it may be.

    Where both writers changed it, what is dropped is older than so many records that any side knows:
    also of those that one has removed, or it would matter in which order three writers are merged.

    Args:
        codec: Decodes and encodes.
        name: The part that holds it; not the same on both sides.
        merged: What was merged.
        sides: What it was merged of: the base, which may be empty, ours and theirs.
    """
    base, *others = sides
    history, bound = merged[name], _bound_of(name)
    met = all(one.get(name) != base.get(name) for one in others)
    whose = [one for one in others if one.get(name) == history]
    if not met and any(one.get(bound.holder) == merged.get(bound.holder) for one in whose):
        return history  # as one writer has bounded it
    most = _most(codec, merged, bound)
    if most is None or (not met and _is_within(codec, whose, bound, most)):
        return history
    part = codec.decode_part(name, history)
    if not met and all(len(part.get(field, ())) <= most for field in bound.fields):
        return history
    known = [codec.decode_part(name, one[name]) for one in sides if name in one]
    for field in bound.fields:
        if field in part:
            part[field] = _newest(part[field], [one.get(field, []) for one in known], field, most)
    return codec.serializer.dumps(part)


def _bound_of(name: str) -> _Bound:
    if name.startswith(UNDO):
        form = FORM + name.removeprefix(UNDO)
        return _Bound(form, "max_snapshots", ("snapshots", "redo_snapshots"))
    return _Bound("profile", "max_history_size", ("navigation_history",))


def _is_within(codec: SessionCodec, whose: list[EncodedParts], bound: _Bound, most: int) -> bool:
    """Return whether a history is that of a writer who had no larger bound."""
    sizes = (_most(codec, one, bound) for one in whose)
    return any(size is not None and size <= most for size in sizes)


def _most(codec: SessionCodec, parts: EncodedParts, bound: _Bound) -> int | None:
    if bound.holder not in parts:
        return None
    most = codec.decode_part(bound.holder, parts[bound.holder]).get(bound.setting)
    return most if type(most) is int else None


def _newest(
    records: list[dict[str, Any]], known: list[list[dict[str, Any]]], field: str, most: int
) -> list[dict[str, Any]]:
    """Return those of *records* that are among the newest of all that are known."""
    ident = RECORD_IDS[field]
    places = {record[ident]: (record["timestamp"], record[ident]) for record in chain(records, *known)}  # fmt: skip
    newest = set(sorted(places, key=places.__getitem__)[max(0, len(places) - most) :])
    return [record for record in records if record[ident] in newest]
