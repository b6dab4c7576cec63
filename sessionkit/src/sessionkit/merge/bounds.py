# SPDX-License-Identifier: Apache-2.0
"""
Bounds: how many records a merged history keeps, whichever writer added them.

A history and its bound lie in two parts, so this comes when both were merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import RECORD_IDS
from sessionkit.session.forms import FORM, UNDO

_OF_NAVIGATION: Final = ("profile", "max_history_size", ("navigation_history",))


class _Bound(NamedTuple):
    """Which part holds records, and where it is said how many."""

    name: str
    holder: str
    setting: str
    fields: tuple[str, ...]


def bound_histories(
    codec: SessionCodec, merged: EncodedParts, sides: tuple[EncodedParts, ...]
) -> EncodedParts:
    """
    Return merged parts in which no history is longer than it may be.

    Where both writers changed it, what is dropped is older than so many records that any side knows:
    also of those that one has removed, or it would matter in which order three writers are merged.

    Args:
        codec: Decodes and encodes.
        merged: What was merged.
        sides: What it was merged of: the base, which may be empty, ours and theirs.
    """
    base, *others = sides
    for bound in _bounds(merged):
        met = all(one.get(bound.name) != base.get(bound.name) for one in others)
        whose = [one for one in others if one.get(bound.name) == merged[bound.name]]
        if not met and any(one.get(bound.holder) == merged.get(bound.holder) for one in whose):
            continue  # as one writer has bounded it
        most = _most(codec, merged, bound)
        if most is None or (not met and _is_within(codec, whose, bound, most)):
            continue
        part = codec.decode_part(bound.name, merged[bound.name])
        if not met and all(len(part.get(field, ())) <= most for field in bound.fields):
            continue
        known = [codec.decode_part(bound.name, one[bound.name]) for one in sides if bound.name in one]  # fmt: skip
        for field in bound.fields:
            if field in part:
                part[field] = _newest(part[field], [one.get(field, []) for one in known], field, most)  # fmt: skip
        merged[bound.name] = codec.serializer.dumps(part)
    return merged


def _bounds(merged: EncodedParts) -> Iterator[_Bound]:
    for name in list(merged):
        if name == "navigation":
            yield _Bound(name, *_OF_NAVIGATION)
        elif name.startswith(UNDO):
            form = FORM + name.removeprefix(UNDO)
            yield _Bound(name, form, "max_snapshots", ("snapshots", "redo_snapshots"))


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
