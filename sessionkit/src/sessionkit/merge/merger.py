# SPDX-License-Identifier: Apache-2.0
"""
Merges encoded sessions, part by part, and stamps what changed in one of them.

The rules of :mod:`sessionkit.merge.rules` decide, where no policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import EXTENSION, FIELDS, PlainPart, is_known
from sessionkit.errors import SerializationError
from sessionkit.merge.histories import HISTORIES, bounded, with_others
from sessionkit.merge.policies import FORMS, Policies
from sessionkit.merge.rules import RULES, UNSTAMPED, Rule, merge_part, merge_value
from sessionkit.merge.stamps import (
    LIFETIME,
    NO_STAMP,
    NO_STAMPS,
    STAMPS,
    Tree,
    When,
    latest,
    merge_stamps,
    prune,
    restamp,
)
from sessionkit.session.forms import FORM, UNDO

_COUNTING: Final = frozenset({"profile", "navigation"})
"""Parts that hold counters: two equal changes of a counter are two changes."""

_UNSTAMPED_PARTS: Final = frozenset(
    name for name, fields in FIELDS.items() if UNSTAMPED.issuperset(fields)
)

_LARGE: Final = 4_096
"""Bytes of stamps above which old ones are looked for."""


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
        when: When = NO_STAMPS,
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
        histories: list[str] = []
        for name in dict.fromkeys((*ours, *theirs)):
            if name == STAMPS:
                continue
            if name.startswith(HISTORIES) and ours.get(name) != theirs.get(name):
                histories.append(name)
            if theirs.get(name) == known.get(name) and others.get(name) == before.get(name):
                data, stamp = ours.get(name), mine.get(name)
            else:
                each = [_Part(parts.get(name), trees.get(name)) for parts, trees in sides]
                data, stamp = self._encoded_part(codec, name, *each)
            if data is not None:
                merged[name] = data
                if stamp is not None:
                    stamps[name] = stamp
        for name in histories:
            if name in merged:
                if name.startswith(UNDO) and base is not None:
                    form = FORM + name.removeprefix(UNDO)
                    trees = tuple(read_tree(codec, one.get(form)) for one in (before, mine, others))
                    merged[name] = with_others(codec, name, merged, (known, ours, theirs), trees)
                merged[name] = bounded(codec, name, merged, (known, ours, theirs))
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
        stamps = write_tree(codec, merge_stamps(merged, b, o, t, when))
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


class _Part(NamedTuple):
    """A part as one side has it, with its stamps; both encoded."""

    data: bytes | None
    stamps: bytes | None


def _path(name: str, *field: str) -> tuple[str, ...]:
    """Return where a part, or a field of it, lies in a session, as policies name it."""
    if name in FIELDS:
        return field or FIELDS[name][:1]
    kind, _, key = name.partition(":")
    # The one field of an extension is its value.
    return ("extensions", key) if f"{kind}:" == EXTENSION else (FORMS, key, *field)


# -- stamps of encoded sessions ------------------------------------------------


@attrs.define
class Stamper:
    """
    Stamps the changes of one session.

    Attributes:
        codec: Decodes what the parts were.
        before: The parts as they were last seen, with their stamps.
        now: When what changed was changed, in microseconds since the epoch.
        inputs: When single inputs were, by key, where it is known.
    """

    codec: SessionCodec
    before: Mapping[str, bytes]
    now: int
    inputs: Mapping[str, int] = attrs.field(factory=dict)
    _stamps: dict[str, bytes | None] | None = None

    def note(self, name: str, part: PlainPart) -> None:
        """Take a part that is not what it was; noting it again is fine."""
        if name in _UNSTAMPED_PARTS or name.startswith(UNDO):
            return
        stamps = self._known()
        data = self.before.get(name)
        was = None if data is None else self.codec.decode_part(name, data)
        fields = {field: part[field] for field in part if field not in UNSTAMPED}
        before = read_tree(self.codec, stamps.get(name))
        times = {name: self.inputs} if name == "inputs" else {}
        tree = restamp(was, fields, before, self.now, times)
        stamps[name] = write_tree(self.codec, tree)

    def stamped(self, parts: EncodedParts) -> EncodedParts:
        """Return the parts as they are now, with the stamps of all that was noted."""
        gone = [name for name in self.before if name not in parts and is_known(name)]
        if self._stamps is None and not gone:
            return parts
        stamps = self._known()
        kept = {name: data for name, data in stamps.items() if data and name in parts}
        return write_stamps(self.codec, parts, kept)

    def _known(self) -> dict[str, bytes | None]:
        if self._stamps is None:
            self._stamps = dict(read_stamps(self.codec, self.before))
        return self._stamps


def stamp_changes(
    codec: SessionCodec, before: Mapping[str, bytes], after: EncodedParts, now: int
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes the parts that changed.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        now: Microseconds since the epoch.
    """
    stamper = Stamper(codec, before, now)
    for name, data in after.items():
        if before.get(name) != data and is_known(name):
            stamper.note(name, codec.decode_part(name, data))
    return stamper.stamped(after)


def read_stamps(codec: SessionCodec, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the stamps of a session's parts, each encoded, by part name."""
    data = parts.get(STAMPS)
    stamps = {} if data is None else _load(codec, data)
    return stamps if isinstance(stamps, dict) else {}


def write_stamps(
    codec: SessionCodec, parts: Mapping[str, bytes], stamps: Mapping[str, bytes]
) -> EncodedParts:
    """Return *parts* with these stamps."""
    written = dict(parts)
    written.pop(STAMPS, None)
    if stamps:
        written[STAMPS] = codec.serializer.dumps(dict(sorted(stamps.items())))
    return written


def read_tree(codec: SessionCodec, data: bytes | None) -> Tree:
    """Return the stamps of one part."""
    return NO_STAMP if data is None else _load(codec, data)


def write_tree(codec: SessionCodec, tree: Tree) -> bytes | None:
    """Return the stamps of one part, encoded; of many those that are far older than the latest are left out."""
    if tree == NO_STAMP:
        return None
    data = codec.serializer.dumps(tree)
    if len(data) > _LARGE:
        return codec.serializer.dumps(prune(tree, latest(tree) - LIFETIME))
    return data


def _load(codec: SessionCodec, data: bytes) -> Any:  # noqa: ANN401 - whatever a store has
    # They only say which of two changes was later: without them no value is lost.
    if not isinstance(data, bytes):
        return NO_STAMP
    try:
        return codec.serializer.loads(data)
    except SerializationError:
        return NO_STAMP
