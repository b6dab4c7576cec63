# SPDX-License-Identifier: Apache-2.0
"""
What a journal says of a session: its records, their bytes, what they add up to, and what is new to record.

A *line* is what one live session does to one id. Its record 0 is a :class:`LineHead`, which is written over; those
after it are :class:`LineChange`, in their order. The values in them are the serializer's bytes, as a store has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple, Self, TypeVar

import attrs
import ormsgpack

from sessionkit.encoding.codec import EncodedParts
from sessionkit.encoding.parts import is_known
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead, short_repr
from sessionkit.session.plain import STORED, structure

T = TypeVar("T")

Parts = dict[str, bytes | None]
"""Encoded parts by name; None where a part is not there."""

_STEPS: Final = 5
"""Moments of which a line that is written anew remembers the parts."""

_NO_PART: Final = b"\xc1"
"""Bytes that no serializer makes: a part that isn't named equals none."""


# -- the records -------------------------------------------------------------


@attrs.frozen
class SentWrite:
    """
    A write whose answer is not known.

    Attributes:
        head: What it stores; the store knows it by its ``save_id``.
        parts: The parts that it changes, and the stamps of all.
    """

    head: SessionHead
    parts: Parts


@attrs.frozen(kw_only=True)
class LineHead:
    """
    What a line's changes rest on.

    Attributes:
        session_id: The session.
        serializer: The name of what encoded the parts.
        created_at: When the session began, in microseconds since the epoch.
        save_id: The save that the session was read from, where nothing else is known of it.
        base: What the parts that changed were before; None when that is unknown.
        known: The record that was last seen in the store; None when the session was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
        sent: A write whose answer is not known.
        sent_place: The last change that this write holds.
    """

    session_id: str = attrs.field(repr=short_repr)
    serializer: str
    created_at: int
    save_id: str | None = None
    base: Parts | None = None
    known: SessionHead | None = None
    foreign: bool = False
    sent: SentWrite | None = None
    sent_place: int = 0

    def landed(self) -> LineHead:
        """Return what further changes rest on when the write that was sent is stored."""
        if self.sent is None:
            return self
        base = {**(self.base or {}), **self.sent.parts}
        known = self.sent.head
        return attrs.evolve(self, base=base, known=known, foreign=False, sent=None, sent_place=0)


@attrs.frozen(kw_only=True)
class LineChange:
    """
    What changed in a line at a moment.

    Attributes:
        at: Microseconds since the epoch.
        parts: Parts as they are now.
        over: Parts of which earlier changes don't count any more: what they changed is another one now.
    """

    at: int
    parts: Parts
    over: tuple[str, ...] = ()


Record = LineHead | LineChange


# -- their bytes -------------------------------------------------------------


def pack(record: Record) -> bytes:
    """Return a record's bytes."""
    return ormsgpack.packb(STORED.unstructure(record))


def unpack(data: bytes, kind: type[T]) -> T:
    """
    Return the record that bytes hold.

    Raises:
        ValueError: If they hold none of this kind; the message says where they differ.
    """
    try:
        plain = ormsgpack.unpackb(data)
    except ValueError as error:
        msg = f"these bytes are no record: {error}"
        raise ValueError(msg) from error
    return structure(STORED, plain, kind, "record")


# -- what the records of a line add up to ------------------------------------


class Step(NamedTuple):
    """
    Parts as they were at a moment.

    Attributes:
        at: Microseconds since the epoch.
        parts: Those that changed then.
    """

    at: int
    parts: Parts


@attrs.define(kw_only=True, eq=False)
class LineState:
    """
    What a line says.

    Attributes:
        head: What its changes rest on.
        steps: How the parts changed; before the write was sent, if one was.
        after: How they changed since.
    """

    head: LineHead
    steps: list[Step] = attrs.field(factory=list)
    after: list[Step] = attrs.field(factory=list)

    @classmethod
    def of(cls, head: LineHead, changes: Iterable[tuple[int, LineChange]]) -> Self:
        """Return what records add up to, the changes with their places, in order."""
        state = cls(head=head)
        for place, change in changes:
            for step in (*state.steps, *state.after):
                for name in change.over:
                    step.parts.pop(name, None)
            is_later = head.sent is not None and place > head.sent_place
            steps = state.after if is_later else state.steps
            steps.append(Step(change.at, dict(change.parts)))
        return state

    def land(self) -> None:
        """Note that what was sent is stored: it is what further changes rest on."""
        if self.head.sent is not None:
            self.head = self.head.landed()
            self.steps, self.after = self.after, []

    def records(self) -> list[Record]:
        """Return the records that say as much, each in its place."""
        changes = [LineChange(at=step.at, parts=step.parts) for step in (*self.steps, *self.after)]
        return [self.recorded().head, *changes]

    def recorded(self) -> Recorded:
        """Return what a line says that has these records, for its live session."""
        after = _latest(self.after)
        place = 0 if self.head.sent is None else len(self.steps)
        head = attrs.evolve(self.head, sent_place=place)
        return Recorded(head=head, ours={**_latest(self.steps), **after}, after=after)

    def thinned(self) -> LineState:
        """Return what says as much of fewer moments."""
        steps, after = thin_out(self.steps, _STEPS), thin_out(self.after, _STEPS)
        return LineState(head=self.head, steps=steps, after=after)


def _latest(steps: Iterable[Step]) -> Parts:
    parts: Parts = {}
    for step in steps:
        parts.update(step.parts)
    return parts


def thin_out(steps: Iterable[Step], most: int) -> list[Step]:
    """Return steps that lie further apart and lead to the same; a change that is left out counts as made at the next one."""
    kept = [step for step in steps if step.parts]
    if len(kept) <= most:
        return kept
    gaps = [later.at - earlier.at for earlier, later in pairwise(kept)]
    widest = sorted(range(len(gaps)), key=gaps.__getitem__)[1 - most :]
    fewer: list[Step] = []
    begin = 0
    for index in (*sorted(widest), len(gaps)):
        parts: Parts = {}
        for step in kept[begin : index + 1]:
            parts.update(step.parts)
        fewer.append(Step(kept[index].at, parts))
        begin = index + 1
    return fewer


# -- how a session stands, and what of it has to be recorded -----------------


@attrs.define(kw_only=True, eq=False)
class SessionView:
    """
    How a session stands.

    Attributes:
        session_id: Its id.
        serializer: The name of what encoded it.
        created_at: When it began, in microseconds since the epoch.
        save_id: The save that it was last stored by, or None.
        ours: Its parts.
        base: What its changes rest on; None when that is unknown.
        known: The record that was last seen in the store; None when it was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
    """

    session_id: str = attrs.field(repr=short_repr)
    serializer: str
    created_at: int
    save_id: str | None
    ours: EncodedParts
    base: EncodedParts | None
    known: SessionHead | None
    foreign: bool

    def changed(self, sent: SentWrite | None = None) -> Parts:
        """
        Return the parts that the session changed and the store may lack.

        Args:
            sent: A write whose answer is not known.

        Returns:
            All parts, where it is not known what the store has.
        """
        ours, base = self.ours, self.base
        changed: Parts
        if base is None or self.known is None:
            changed = {name: data for name, data in ours.items() if is_known(name)}
        else:
            changed = {
                name: data
                for name, data in ours.items()
                if base.get(name) != data and is_known(name)
            }
        removed = (base or {}).keys() - ours.keys()
        names = removed if sent is None else removed | sent.parts.keys()
        changed.update({name: ours.get(name) for name in names if is_known(name)})
        return changed

    def send(self, head: SessionHead, also: Iterable[str]) -> SentWrite:
        """Return what a write contributes that is made of the session as it stands: what changed, and *also* what may have."""
        parts: Parts = {name: self.ours.get(name) for name in also}
        return SentWrite(head, {**parts, **self.changed(), **_stamps(self.ours)})

    def head(self, changed: Iterable[str], sent: SentWrite | None) -> LineHead:
        """Return the head of a line in which some parts have changed."""
        base: Parts | None = None
        if self.base is not None:
            base = {name: self.base.get(name) for name in changed} | _stamps(self.base)
        return LineHead(
            session_id=self.session_id,
            serializer=self.serializer,
            created_at=self.created_at,
            save_id=self.save_id,
            base=base,
            known=self.known,
            foreign=self.foreign,
            sent=sent,
        )


def _stamps(parts: Mapping[str, bytes]) -> Parts:
    return {STAMPS: parts[STAMPS]} if STAMPS in parts else {}


def unlike(parts: Parts, others: Parts) -> Parts:
    """Return those of *parts* that are not the same in *others*, but for the stamps."""
    return {
        name: data
        for name, data in parts.items()
        if name != STAMPS and others.get(name, _NO_PART) != data
    }


@attrs.define(kw_only=True, eq=False)
class Recorded:
    """
    What a line says, as its live session knows it.

    Attributes:
        head: What its changes rest on.
        ours: The parts that changed, as they are now.
        after: Those of them that changed since the write was sent, if one was.
        base: All parts that the head was made of, where that is known.
    """

    head: LineHead
    ours: Parts
    after: Parts = attrs.field(factory=dict)
    base: EncodedParts | None = None

    def head_for(self, view: SessionView, ours: Parts, sent: SentWrite | None) -> LineHead:
        """Return the head for a session as it stands: that which is there, if it says the same."""
        head = self.head
        if (
            self.base is view.base is not None
            and head.known is view.known
            and head.foreign is view.foreign
            and head.sent is sent
            and ours.keys() == self.ours.keys()
        ):
            return head
        return view.head(ours, sent)

    def landed(self) -> Recorded:
        """Return what it says once the write that was sent is stored."""
        if self.head.sent is None:
            return self
        return Recorded(head=self.head.landed(), ours=self.after)

    @property
    def places_sent(self) -> tuple[int, int] | None:
        """The places of the changes that the write holds that was sent, or None."""
        return None if self.head.sent is None else (1, self.head.sent_place)

    def has_sent(self, sent: SentWrite) -> bool:
        """Return whether the line says that this write was sent."""
        return self.head.sent is not None and self.head.sent.head.save_id == sent.head.save_id

    def after_change(self, change: LineChange | None) -> Parts:
        """Return what has changed since the write was sent, after one more change."""
        if change is None:
            return self.after
        kept = {name: data for name, data in self.after.items() if name not in change.over}
        return {**kept, **change.parts}

    def change(self, head: LineHead, ours: Parts, at: int) -> LineChange | None:
        """
        Return what is new; None when nothing is.

        Args:
            head: What the changes rest on now.
            ours: The parts that changed, as they are now.
            at: Microseconds since the epoch.
        """
        if head is self.head:
            parts = unlike(ours, self.ours)
            return LineChange(at=at, parts=parts) if parts else None
        before, now = self.head.base, head.base
        if before is None or now is None:
            anew = set() if before is now else set(self.ours)
        else:
            anew = {
                name for name in self.ours if before.get(name, _NO_PART) != now.get(name, _NO_PART)
            }
        over = tuple(sorted(anew | (self.ours.keys() - ours.keys())))
        parts = unlike(ours, self.ours) | {name: ours[name] for name in over if name in ours}
        return LineChange(at=at, parts=parts, over=over) if parts or over else None
