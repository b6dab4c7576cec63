# SPDX-License-Identifier: Apache-2.0
"""Merges parts and whole sessions: the rules of :mod:`sessionkit.merge`, where no policy says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import attrs

from sessionkit.codec import EncodedParts, SessionCodec
from sessionkit.merge import Rule, merge_part, usual_rule
from sessionkit.parts import EXTENSION, FIELDS, PlainPart, from_parts, is_known, to_parts
from sessionkit.policies import FORMS, Policies
from sessionkit.session import UserSession

_COUNTING: Final = frozenset({"profile", "navigation"})
"""Parts that hold counters: two equal changes of a counter are two changes."""

PlainParts = Mapping[str, PlainPart]


@attrs.frozen
class Merger:
    """
    Merges what two writers did.

    Attributes:
        policies: What the settings say of single fields.
    """

    policies: Policies = attrs.field(factory=Policies)

    def part(
        self, name: str, base: PlainPart | None, ours: PlainPart | None, theirs: PlainPart | None
    ) -> PlainPart | None:
        """Merge the part called *name*; see :func:`~sessionkit.merge.merge_part`."""
        return merge_part(base, ours, theirs, partial(self._rule, name))

    def sessions(
        self, session_id: str, base: UserSession | None, ours: UserSession, theirs: UserSession
    ) -> UserSession:
        """Return a new session with what either side changed since *base*, which may be unknown."""
        before = {} if base is None else to_parts(base)
        mine, others = to_parts(ours), to_parts(theirs)
        merged = {
            name: self.part(name, before.get(name), mine.get(name), others.get(name))
            for name in dict.fromkeys((*mine, *others))
        }
        kept = {name: part for name, part in merged.items() if part is not None}
        return from_parts(session_id, kept)

    def encoded(
        self,
        codec: SessionCodec,
        base: EncodedParts | None,
        ours: EncodedParts,
        theirs: EncodedParts,
    ) -> EncodedParts:
        """Merge encoded parts; what only one side changed stays bytes and is not decoded. *base* may be unknown."""
        known = base or {}
        merged: EncodedParts = {}
        for name in dict.fromkeys((*ours, *theirs)):
            data = self._encoded_part(
                codec, name, known.get(name), ours.get(name), theirs.get(name)
            )
            if data is not None:
                merged[name] = data
        return merged

    def _encoded_part(
        self,
        codec: SessionCodec,
        name: str,
        base: bytes | None,
        ours: bytes | None,
        theirs: bytes | None,
    ) -> bytes | None:
        if theirs == base:
            return ours
        if ours == base or not is_known(name):
            return theirs
        if ours == theirs and not self._counts(name):
            return ours
        sides = (
            None if data is None else codec.decode_parts({name: data}, (name,)).get(name)
            for data in (base, ours, theirs)
        )
        merged = self.part(name, *sides)
        return None if merged is None else codec.serializer.dumps(merged)

    def _rule(self, name: str, field: str) -> Rule:
        return self.policies.at(*_path(name, field)).merging(usual_rule(field))

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
