# SPDX-License-Identifier: Apache-2.0
"""
Merges encoded sessions, part by part.

The rules of :mod:`sessionkit.merge.rules` decide, where no policy says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from sessionkit.encoding.codec import Decoded, EncodedParts, SessionCodec
from sessionkit.encoding.parts import EXTENSION, FIELDS, PlainPart, is_known
from sessionkit.merge.histories import HISTORIES, bounded, with_others
from sessionkit.merge.policies import FORMS, Policies
from sessionkit.merge.rules import RULES, Rule, merge_part, merge_value
from sessionkit.merge.stamps import (
    NO_STAMP,
    NO_STAMPS,
    STAMPS,
    Tree,
    When,
    merge_stamps,
    stamps_of,
    write_stamps,
)
from sessionkit.session.forms import FORM, UNDO
from sessionkit.session.typed_state import place_of

_COUNTING: Final = frozenset({"profile", "navigation"})
"""Parts that hold counters: two equal changes of a counter are two changes."""


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
        sides = _sides(codec, (base or {}, ours, theirs), decoded)
        data, stamps, met = self._sorted_out(sides)
        trees: dict[str, Tree] = {}
        if met:
            gathered = _gathered(codec, met, sides, decoded)
            self._merge(codec, gathered, sides, decoded, data, stamps, trees)
        merged = {name: part for name, part in data.items() if part is not None}
        kept = {name: one for name in merged if (one := stamps.get(name)) is not None}
        for name in merged:
            if name.startswith(HISTORIES) and ours.get(name) != theirs.get(name):
                known = sides if base is not None else None
                states = [side.parts for side in sides]
                merged[name] = _history(codec, decoded, name, merged, states, known)
        if kept and not trees:
            for side in (sides[2], sides[1]):
                if kept == side.stamps:
                    return merged | {STAMPS: side.parts[STAMPS]}
        return write_stamps(codec, merged, kept, trees, decoded)

    def _sorted_out(
        self, sides: Sequence[_Side]
    ) -> tuple[dict[str, bytes | None], dict[str, bytes | None], list[str]]:
        """Return the parts and their stamps as the side has them that changed them, and the names of those that both did."""
        base, ours, theirs = sides
        data: dict[str, bytes | None] = {**ours.parts}
        data.pop(STAMPS, None)
        stamps: dict[str, bytes | None] = {**ours.stamps}
        met: list[str] = []
        for name in dict.fromkeys((*ours.parts, *theirs.parts)):
            others, before = theirs.parts.get(name), base.parts.get(name)
            others_at, before_at = theirs.stamps.get(name), base.stamps.get(name)
            if name == STAMPS or (others == before and others_at == before_at):
                continue
            mine, mine_at = data.get(name), stamps.get(name)
            if mine == before and mine_at == before_at:
                data[name], stamps[name] = others, others_at
            elif mine != others or mine_at != others_at or self._counts(name):
                met.append(name)
        newer = [name for name in met if name not in FIELDS and not is_known(name)]
        for name in newer:  # as a newer release has it
            data[name], stamps[name] = theirs.parts.get(name), theirs.stamps.get(name)
            met.remove(name)
        return data, stamps, met

    def _merge(  # noqa: PLR0913, PLR0917 - what decodes and encodes, and what takes it
        self,
        codec: SessionCodec,
        met: Sequence[_Met],
        sides: Sequence[_Side],
        decoded: Decoded,
        data: dict[str, bytes | None],
        stamps: dict[str, bytes | None],
        trees: dict[str, Tree],
    ) -> None:
        """
        Merge parts that both sides changed: all of them before any is encoded.

        What is as one side has it is taken as it is there. What is not goes encoded into *data*, and its stamps
        into *trees*.
        """
        rules = [self._rules(one.name, *one.plain[1:]) for one in met]
        parts = [
            merge_part(*one.plain, one.when, rule) for one, rule in zip(met, rules, strict=True)
        ]
        merged = [
            NO_STAMP if part is None else merge_stamps(part, *one.plain, one.when)
            for one, part in zip(met, parts, strict=True)
        ]
        _, ours, theirs = sides
        dumps = codec.serializer.dumps
        fresh: list[tuple[bytes, PlainPart]] = []
        for (name, (_, mine, others), when), part, tree in zip(met, parts, merged, strict=True):
            if part is None or part is mine:
                data[name] = None if part is None else ours.parts[name]
            elif part is others:
                data[name] = theirs.parts[name]
            else:
                new = dumps(part)
                # What is equal is one object: it takes no memory of its own, and is compared at once.
                same = (one for side in (ours, theirs) if (one := side.parts.get(name)) == new)
                data[name] = new = next(same, None) or new
                fresh.append((new, part))
            stamps[name] = None
            if tree == when.ours != NO_STAMP:
                stamps[name] = ours.stamps[name]
            elif tree == when.theirs != NO_STAMP:
                stamps[name] = theirs.stamps[name]
            elif tree != NO_STAMP:
                trees[name] = tree
        decoded.put(*fresh)

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


class _Side(NamedTuple):
    """What one side has, with the stamps of its parts; all encoded."""

    parts: Mapping[str, bytes]
    stamps: Mapping[str, bytes]


class _Met(NamedTuple):
    """A part that both sides changed, as base, ours and theirs have it, and when each got what it has."""

    name: str
    plain: tuple[PlainPart | None, PlainPart | None, PlainPart | None]
    when: When


def _sides(
    codec: SessionCodec, states: Sequence[Mapping[str, bytes]], decoded: Decoded
) -> list[_Side]:
    return [*map(_Side, states, stamps_of(codec, states, decoded))]


def _gathered(
    codec: SessionCodec, names: Sequence[str], sides: Sequence[_Side], decoded: Decoded
) -> list[_Met]:
    """Return parts decoded, with their stamps: all of them before anything is merged."""
    each = [(name, side) for name in names for side in sides]
    parts = iter(decoded.parts(codec, [(name, side.parts.get(name)) for name, side in each]))
    trees = iter(decoded.values(codec, [side.stamps.get(name) for name, side in each]))
    return [
        _Met(
            name,
            (next(parts), next(parts), next(parts)),
            When(next(trees) or NO_STAMP, next(trees) or NO_STAMP, next(trees) or NO_STAMP),
        )
        for name in names
    ]


def _history(  # noqa: PLR0913, PLR0917 - the sides, and what decodes them
    codec: SessionCodec,
    decoded: Decoded,
    name: str,
    merged: EncodedParts,
    states: Sequence[Mapping[str, bytes]],
    sides: Sequence[_Side] | None,
) -> bytes:
    """Return a history that was merged, as it stands beside the other parts; without stamps where the base is unknown."""
    if name.startswith(UNDO) and sides is not None:
        form = FORM + name.removeprefix(UNDO)
        trees = decoded.values(codec, [side.stamps.get(form) for side in sides])
        stamps = [tree or NO_STAMP for tree in trees]
        merged = {**merged, name: with_others(codec, name, merged, states, stamps)}
    return bounded(codec, name, merged, states)


def _path(name: str, *field: str) -> tuple[str, ...]:
    """Return where a part, or a field of it, lies in a session, as policies name it."""
    if name in FIELDS:
        return field or FIELDS[name][:1]
    kind, _, key = name.partition(":")
    if f"{kind}:" != EXTENSION:
        return (FORMS, key, *field)
    # The one field of an extension is its value.
    return place_of(key) or ("extensions", key)
