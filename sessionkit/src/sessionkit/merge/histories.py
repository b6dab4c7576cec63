# SPDX-License-Identifier: Apache-2.0
"""
What a merge does to histories once all parts are merged: steps to undo leave what others did, and none is over its bound.

A history lies in one part, and what it depends on in another: its bound, a form's fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.merge.rules import MISSING, changed
from sessionkit.merge.stamps import NO_STAMP, Tree, at
from sessionkit.session.forms import FORM, UNDO, merge_names
from sessionkit.session.unreadable import RECORD_IDS

HISTORIES: Final = ("navigation", UNDO)
"""How the names of parts begin that hold histories."""

_FIELDS: Final = ("snapshots", "redo_snapshots")
_ID: Final = RECORD_IDS["snapshots"]


# -- how many records a history keeps, whichever writer added them ------------------


class _Bound(NamedTuple):
    """Which fields hold records, and where it is said how many."""

    holder: str
    setting: str
    fields: tuple[str, ...]


def bounded(
    codec: SessionCodec, name: str, merged: EncodedParts, sides: Sequence[Mapping[str, bytes]]
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
        return _Bound(form, "max_snapshots", _FIELDS)
    return _Bound("profile", "max_history_size", ("navigation_history",))


def _is_within(
    codec: SessionCodec, whose: Sequence[Mapping[str, bytes]], bound: _Bound, most: int
) -> bool:
    """Return whether a history is that of a writer who had no larger bound."""
    sizes = (_most(codec, one, bound) for one in whose)
    return any(size is not None and size <= most for size in sizes)


def _most(codec: SessionCodec, parts: Mapping[str, bytes], bound: _Bound) -> int | None:
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


# -- which fields of a form someone else has changed since a snapshot was taken ------
#
# A snapshot that one writer has taken knows nothing of what the other one did meanwhile: to come
# back to it must leave that as it is.


def with_others(
    codec: SessionCodec,
    name: str,
    merged: EncodedParts,
    sides: Sequence[Mapping[str, bytes]],
    stamps: Sequence[Tree],
) -> bytes:
    """
    Return a form's merged snapshots, each with the fields that the other writer has changed.

    Args:
        codec: Decodes and encodes.
        name: The part that holds the snapshots.
        merged: What was merged.
        sides: What it was merged of: the base, ours and theirs.
        stamps: The stamps of each side's form.
    """
    form = FORM + name.removeprefix(UNDO)
    data, steps = ([_decoded(codec, part, one) for one in sides] for part in (form, name))
    if not any(data):
        return merged[name]
    known, *taken = (
        {step[_ID] for field in _FIELDS for step in one.get(field, ())} for one in steps
    )
    fields = [one.get("data", {}) for one in data]
    news = [
        _changed_fields(fields[0], fields[side], *(at(stamps[i], "data") for i in (0, side)))
        for side in (1, 2)
    ]
    part = codec.decode_part(name, merged[name])
    for field in _FIELDS:
        for step in part.get(field, ()):
            for side, others in ((0, news[1]), (1, news[0])):
                if others and step[_ID] in taken[side] - known - taken[1 - side]:
                    step["others"] = merge_names(step.get("others", ()), others)
    return codec.serializer.dumps(part)


def _decoded(codec: SessionCodec, name: str, parts: Mapping[str, bytes]) -> dict[str, Any]:
    return codec.decode_part(name, parts[name]) if name in parts else {}


def _changed_fields(base: Any, side: Any, before: Tree, after: Tree) -> list[Any]:  # noqa: ANN401 - what a store has
    if not isinstance(base, dict) or not isinstance(side, dict):
        return []
    return [
        key
        for key in dict.fromkeys((*base, *side))
        if changed(
            base.get(key, MISSING),
            side.get(key, MISSING),
            at(before, key) if key in base else NO_STAMP,
            at(after, key) if key in side else NO_STAMP,
        )
    ]
