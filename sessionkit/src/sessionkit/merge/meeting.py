# SPDX-License-Identifier: Apache-2.0
"""Finds the fields in which two writers met, after the fact: whatever strategy decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sessionkit.conflict import Conflict
from sessionkit.decisions import REMOVED, FieldDecision
from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import is_known, place
from sessionkit.merge.merge_parts import RULES
from sessionkit.merge.rules import MISSING, changed
from sessionkit.merge.stamping import read_stamps, read_tree
from sessionkit.merge.stamps import NONE, Tree, When, latest
from sessionkit.session.fields import from_micros
from sessionkit.values.dicts import of_one_kind
from sessionkit.values.equality import same_content

# What a field holds may be anything.
# ruff: noqa: ANN401


class _Place(NamedTuple):
    """A place in a session, as each side has it."""

    part: str
    keys: tuple[Any, ...]
    base: Any
    ours: Any
    theirs: Any
    result: Any
    when: When

    @property
    def has_places(self) -> bool:
        """Whether both sides have entries here that are decided one by one."""
        whole = len(self.keys) == 1 and self.keys[0] in RULES
        return of_one_kind(self.ours, self.theirs) and not whole

    def at(self, key: Any) -> _Place:
        """Return the place that *key* leads to."""
        sides = (self.base, self.ours, self.theirs, self.result)
        base, ours, theirs, result = (
            side.get(key, MISSING) if isinstance(side, dict) else MISSING for side in sides
        )
        keys = (*self.keys, key)
        return _Place(self.part, keys, base, ours, theirs, result, self.when.at(key))


def conflict_of(  # noqa: PLR0913 - the sides of a conflict, by keyword
    codec: SessionCodec,
    session_id: str,
    *,
    base: EncodedParts | None,
    ours: EncodedParts,
    theirs: EncodedParts,
    merged: EncodedParts,
) -> Conflict:
    """Return a conflict as strategies get it, of encoded sides and what comes of merging them."""
    return Conflict(
        session_id,
        base=lambda: None if base is None else codec.decode(session_id, base),
        ours=lambda: codec.decode(session_id, ours),
        theirs=lambda: codec.decode(session_id, theirs),
        merged=lambda: codec.decode(session_id, merged),
        fields=lambda: met_fields(codec, base, ours, theirs, merged),
    )


def met_fields(
    codec: SessionCodec,
    base: EncodedParts | None,
    ours: EncodedParts,
    theirs: EncodedParts,
    result: EncodedParts,
) -> tuple[FieldDecision, ...]:
    """
    Return the fields that both sides changed to different values.

    Args:
        codec: Decodes the parts that both changed.
        base: What both started from; where it is unknown, all that differs counts.
        ours: Our parts.
        theirs: Their parts.
        result: What was decided.
    """
    known = base or {}
    stamps = [read_stamps(codec, parts) for parts in (known, ours, theirs)]
    names = (name for name in dict.fromkeys((*ours, *theirs)) if is_known(name))
    decisions: list[FieldDecision] = []
    for name in names:
        sides = [parts.get(name) for parts in (known, ours, theirs, result)]
        if sides[1] in (sides[0], sides[2]) or sides[2] == sides[0]:
            continue
        b, o, t, r = (MISSING if data is None else codec.decode_part(name, data) for data in sides)
        when = When(*(read_tree(codec, side.get(name)) for side in stamps))
        decisions += _decided(_Place(name, (), b, o, t, r, when))
    return tuple(decisions)


def _decided(here: _Place) -> Iterator[FieldDecision]:
    if here.has_places:
        for key in dict.fromkeys((*here.ours, *here.theirs)):
            yield from _decided(here.at(key))
    elif (
        not same_content(here.ours, here.theirs)
        and changed(here.base, here.ours, here.when.base, here.when.ours)
        and changed(here.base, here.theirs, here.when.base, here.when.theirs)
    ):
        yield _decision(here)


def _decision(here: _Place) -> FieldDecision:
    return FieldDecision(
        path=_path(here.part, here.keys),
        taken=_taken(here),
        ours=REMOVED if here.ours is MISSING else here.ours,
        theirs=REMOVED if here.theirs is MISSING else here.theirs,
        ours_at=_moment(here.ours, here.when.ours),
        theirs_at=_moment(here.theirs, here.when.theirs),
        part=here.part,
        keys=here.keys,
    )


def _taken(here: _Place) -> Literal["ours", "theirs", "merged"]:
    if same_content(here.result, here.ours):
        return "ours"
    return "theirs" if same_content(here.result, here.theirs) else "merged"


def _moment(value: Any, tree: Tree) -> datetime | None:
    stamp = NONE if value is MISSING else latest(tree)  # what is not there has no stamp
    return from_micros(stamp) if stamp else None


def _path(part: str, keys: tuple[Any, ...]) -> str:
    if not keys:
        return place(part, "").rstrip(".") or part
    field, *deeper = keys
    return place(part, str(field)) + "".join(f"[{key!r}]" for key in deeper)
