# SPDX-License-Identifier: Apache-2.0
"""
Steps to undo: which fields of a form someone else has changed since a snapshot was taken.

A snapshot that one writer has taken knows nothing of what the other one did meanwhile: to
come back to it must leave that as it is. A form's fields and its snapshots lie in two parts,
so this comes when both were merged.
"""

from __future__ import annotations

from typing import Any, Final

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import RECORD_IDS
from sessionkit.merge.rules import MISSING, changed
from sessionkit.merge.stamps import NO_STAMP, Tree, at
from sessionkit.session.forms import FORM, UNDO, merge_names

_FIELDS: Final = ("snapshots", "redo_snapshots")
_ID: Final = RECORD_IDS["snapshots"]


def with_others(
    codec: SessionCodec,
    name: str,
    merged: EncodedParts,
    sides: tuple[EncodedParts, ...],
    stamps: tuple[Tree, ...],
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


def _decoded(codec: SessionCodec, name: str, parts: EncodedParts) -> dict[str, Any]:
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
