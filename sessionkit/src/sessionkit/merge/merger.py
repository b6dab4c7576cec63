# SPDX-License-Identifier: Apache-2.0
"""Merges encoded sessions, part by part: the rules of :mod:`sessionkit.merge.rules`, where no policy says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import EXTENSION, FIELDS, PlainPart, is_known
from sessionkit.merge.merge_parts import RULES, merge_part
from sessionkit.merge.policies import FORMS, Policies
from sessionkit.merge.rules import Rule, merge_value
from sessionkit.merge.stamping import read_stamps, read_tree, write_stamps, write_tree
from sessionkit.merge.stamps import NEVER, STAMPS, When, along

_COUNTING: Final = frozenset({"profile", "navigation"})
"""Parts that hold counters: two equal changes of a counter are two changes."""


class _Part(NamedTuple):
    """A part as one side has it, with its stamps; both encoded."""

    data: bytes | None
    stamps: bytes | None


@attrs.frozen
class Merger:
    """
    Merges what two writers did.

    Attributes:
        policies: What the settings say of single fields.
    """

    policies: Policies = attrs.field(factory=Policies)

    def part(
        self,
        name: str,
        base: PlainPart | None,
        ours: PlainPart | None,
        theirs: PlainPart | None,
        when: When = NEVER,
    ) -> PlainPart | None:
        """Merge the part called *name*; see :func:`~sessionkit.merge.rules.merge_part`."""
        return merge_part(base, ours, theirs, when, self._rules(name, ours, theirs))

    def encoded(
        self,
        codec: SessionCodec,
        base: EncodedParts | None,
        ours: EncodedParts,
        theirs: EncodedParts,
    ) -> EncodedParts:
        """
        Merge encoded parts, and their stamps.

        What only one side changed stays bytes and is not decoded.

        Args:
            codec: Decodes and encodes.
            base: What both started from, or None when it is unknown.
            ours: Our parts.
            theirs: Their parts.
        """
        known = base or {}
        before, mine, others = (read_stamps(codec, parts) for parts in (known, ours, theirs))
        sides = ((known, before), (ours, mine), (theirs, others))
        merged: EncodedParts = {}
        stamps: dict[str, bytes] = {}
        for name in dict.fromkeys((*ours, *theirs)):
            if name == STAMPS:
                continue
            if theirs.get(name) == known.get(name) and others.get(name) == before.get(name):
                data, stamp = ours.get(name), mine.get(name)
            else:
                each = [_Part(parts.get(name), trees.get(name)) for parts, trees in sides]
                data, stamp = self._encoded_part(codec, name, *each)
            if data is not None:
                merged[name] = data
                if stamp is not None:
                    stamps[name] = stamp
        return write_stamps(codec, merged, stamps)

    def _encoded_part(
        self, codec: SessionCodec, name: str, base: _Part, ours: _Part, theirs: _Part
    ) -> _Part:
        if ours == base or not is_known(name):
            return theirs
        if ours == theirs and not self._counts(name):
            return ours
        sides = (base, ours, theirs)
        b, o, t = (
            None if side.data is None else codec.decode_part(name, side.data) for side in sides
        )
        when = When(*(read_tree(codec, side.stamps) for side in sides))
        merged = self.part(name, b, o, t, when)
        if merged is None:
            return _Part(None, None)
        stamps = write_tree(codec, along(merged, b, o, t, when))
        return _Part(codec.serializer.dumps(merged), stamps)

    def _rules(self, name: str, *sides: PlainPart | None) -> Mapping[str, Rule]:
        if not self.policies.below:
            return RULES
        return {
            field: self.policies.at(*_path(name, field)).merging(RULES.get(field, merge_value))
            for side in sides
            for field in side or ()
        }

    def _counts(self, name: str) -> bool:
        """Return whether two equal changes of a part may be two changes."""
        return name in _COUNTING or self.policies.at(*_path(name)).sums


def _path(name: str, *field: str) -> tuple[str, ...]:
    """Return where a part, or a field of it, lies in a session, as policies name it."""
    if name in FIELDS:
        return field or FIELDS[name][:1]
    kind, _, key = name.partition(":")
    # The one field of an extension is its value.
    return ("extensions", key) if f"{kind}:" == EXTENSION else (FORMS, key, *field)
