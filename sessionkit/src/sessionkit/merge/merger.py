# SPDX-License-Identifier: Apache-2.0
"""
Merges encoded sessions, part by part, and stamps what changed in one of them.

The rules of :mod:`sessionkit.merge.rules` decide, where no policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import attrs

from sessionkit.encoding.codec import Decoded, EncodedParts, SessionCodec
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


_NO_TIMES: Final[Mapping[str, int]] = {}


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
        decoded: Decoded | None = None,
    ) -> EncodedParts:
        """
        Merge encoded parts, and their stamps.

        What only one side changed stays bytes and is not decoded.

        Args:
            codec: Decodes and encodes.
            base: What both started from, or None when it is unknown.
            ours: Our parts.
            theirs: Their parts.
            decoded: What is decoded already; remembers what is decoded here.
        """
        decoded = Decoded() if decoded is None else decoded
        known = base or {}
        states = (known, ours, theirs)
        before, mine, others = (read_stamps(codec, parts, decoded) for parts in states)
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
                data, stamp = self._encoded_part(codec, decoded, name, *each)
            if data is not None:
                merged[name] = data
                if stamp is not None:
                    stamps[name] = stamp
        trees = (before, mine, others) if base is not None else None
        for name in histories:
            if name in merged:
                merged[name] = _history(codec, decoded, name, merged, states, trees)
        written = write_stamps(codec, merged, stamps, decoded)
        if STAMPS in written and written[STAMPS] == theirs.get(STAMPS):
            written[STAMPS] = theirs[STAMPS]
        return written

    def _encoded_part(  # noqa: PLR0913, PLR0917 - the sides, and what decodes them
        self,
        codec: SessionCodec,
        decoded: Decoded,
        name: str,
        base: _Part,
        ours: _Part,
        theirs: _Part,
    ) -> _Part:
        if ours == base or not is_known(name):
            return theirs
        if ours == theirs and not self._counts(name):
            return ours
        sides = (base, ours, theirs)
        b, o, t = (
            None if side.data is None else decoded.part(codec, name, side.data) for side in sides
        )
        when = When(*(read_tree(codec, side.stamps, decoded) for side in sides))
        merged = self.part(name, b, o, t, when)
        if merged is None:
            return _Part(None, None)
        stamps = write_tree(codec, merge_stamps(merged, b, o, t, when), decoded)
        data = codec.serializer.dumps(merged)
        # What is equal is one object: it takes no memory of its own, and is compared at once.
        same = next((side.data for side in sides[1:] if side.data == data), None)
        if same is None:
            decoded.put(data, merged)
        return _Part(data if same is None else same, stamps)

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


def _history(  # noqa: PLR0913, PLR0917 - the sides, and what decodes them
    codec: SessionCodec,
    decoded: Decoded,
    name: str,
    merged: EncodedParts,
    sides: tuple[EncodedParts, ...],
    stamps: tuple[Mapping[str, bytes], ...] | None,
) -> bytes:
    """Return a history that was merged, as it stands beside the other parts; without stamps where the base is unknown."""
    if name.startswith(UNDO) and stamps is not None:
        form = FORM + name.removeprefix(UNDO)
        trees = tuple(read_tree(codec, one.get(form), decoded) for one in stamps)
        merged = {**merged, name: with_others(codec, name, merged, sides, trees)}
    return bounded(codec, name, merged, sides)


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


class Changes(NamedTuple):
    """
    What was changed in a session, and when.

    Attributes:
        parts: The fields of the parts that are not what they were, by part name.
        at: When they were changed, in microseconds since the epoch.
        inputs: When single inputs were, by key, where it is known.
    """

    parts: Mapping[str, PlainPart]
    at: int
    inputs: Mapping[str, int] = _NO_TIMES


def stamped(
    codec: SessionCodec,
    before: EncodedParts,
    after: EncodedParts,
    changes: Changes,
    decoded: Decoded | None = None,
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes what the parts were.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        changes: What leads from the one to the other.
        decoded: What is decoded already; remembers what is decoded here.
    """
    decoded = Decoded() if decoded is None else decoded
    # What is not stamped has no tree, and what it was is not asked for.
    changed = {name: part for name, part in changes.parts.items() if _is_stamped(name)}
    gone = any(name not in after and is_known(name) for name in before)
    if not changed and not gone:
        return after
    known = read_stamps(codec, before, decoded)
    stamps = {name: data for name, data in known.items() if name in after}
    for name, part in changed.items():
        data = before.get(name)
        was = None if data is None else decoded.part(codec, name, data)
        fields = {field: part[field] for field in part if field not in UNSTAMPED}
        times = {name: changes.inputs} if name == "inputs" else _NO_TIMES
        before_it = read_tree(codec, known.get(name), decoded)
        tree = restamp(was, fields, before_it, changes.at, times)
        # A tree has at least the stamps of the change; where it is as it was, nothing stamped has changed.
        if tree != before_it and (new := write_tree(codec, tree, decoded)) is not None:
            stamps[name] = new
    if stamps == known and after.get(STAMPS) == before.get(STAMPS):
        return after
    return write_stamps(codec, after, stamps, decoded)


def _is_stamped(name: str) -> bool:
    return name not in _UNSTAMPED_PARTS and not name.startswith(UNDO)


def stamp_changes(
    codec: SessionCodec, before: EncodedParts, after: EncodedParts, now: int
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes the parts that changed.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        now: Microseconds since the epoch.
    """
    changed = [name for name, data in after.items() if before.get(name) != data]
    return stamped(codec, before, after, Changes(codec.decode_parts(after, changed), now))


def read_stamps(
    codec: SessionCodec, parts: Mapping[str, bytes], decoded: Decoded | None = None
) -> Mapping[str, bytes]:
    """Return the stamps of a session's parts, each encoded, by part name."""
    data = parts.get(STAMPS)
    stamps = {} if data is None else _load(codec, data, decoded)
    return stamps if isinstance(stamps, dict) else {}


def write_stamps(
    codec: SessionCodec,
    parts: Mapping[str, bytes],
    stamps: Mapping[str, bytes],
    decoded: Decoded | None = None,
) -> EncodedParts:
    """Return *parts* with these stamps."""
    written = dict(parts)
    written.pop(STAMPS, None)
    if stamps:
        plain = dict(sorted(stamps.items()))
        written[STAMPS] = codec.serializer.dumps(plain)
        if decoded is not None:
            decoded.put(written[STAMPS], plain)
    return written


def read_tree(codec: SessionCodec, data: bytes | None, decoded: Decoded | None = None) -> Tree:
    """Return the stamps of one part."""
    return NO_STAMP if data is None else _load(codec, data, decoded)


def write_tree(codec: SessionCodec, tree: Tree, decoded: Decoded | None = None) -> bytes | None:
    """Return the stamps of one part, encoded; of many those that are far older than the latest are left out."""
    if tree == NO_STAMP:
        return None
    data = codec.serializer.dumps(tree)
    if len(data) > _LARGE:
        tree = prune(tree, latest(tree) - LIFETIME)
        data = codec.serializer.dumps(tree)
    if decoded is not None:
        decoded.put(data, tree)
    return data


def _load(codec: SessionCodec, data: bytes, decoded: Decoded | None) -> Any:  # noqa: ANN401 - whatever a store has
    # They only say which of two changes was later: without them no value is lost.
    if not isinstance(data, bytes):
        return NO_STAMP
    known = None if decoded is None else decoded.get(data)
    if known is not None:
        return known
    try:
        plain = codec.serializer.loads(data)
    except SerializationError:
        return NO_STAMP
    if decoded is not None:
        decoded.put(data, plain)
    return plain
