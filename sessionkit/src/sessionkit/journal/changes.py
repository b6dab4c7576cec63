# SPDX-License-Identifier: Apache-2.0
"""
What a journal says of a session: its records, their bytes, what they add up to, and what is new to record.

A *line* is what one live session does to one id. Its record 0 is a :class:`LineHead`, which is written over; those
after it are :class:`LineChange`, in their order. The values in them are the serializer's bytes, as a store has them:
once what a part was before it changed, and then, of a large one, the bytes that are others now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self, TypeVar

import attrs
import ormsgpack

from sessionkit.encoding.codec import EncodedParts
from sessionkit.encoding.packing import Splice, difference, spliced
from sessionkit.encoding.parts import is_known
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead, short_repr
from sessionkit.session.fields import to_micros
from sessionkit.session.plain import STORED, structure

T = TypeVar("T")

Parts = dict[str, bytes | None]
"""Encoded parts by name; None where a part is not there."""

Patches = dict[str, Splice]
"""What of a part's bytes is not as before the line's first change of it, by name."""

_STEPS: Final = 5
"""Moments of which a line that is written anew remembers the parts."""

_LARGE: Final = 1024
"""Bytes above which not all of a part is recorded again: to look for what is another costs more than to write it."""

_NO_PATCHES: Final[Patches] = {}

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
        patches: Of further ones what is not as in the line's base.
    """

    head: SessionHead
    parts: Parts
    patches: Patches = attrs.field(factory=dict)

    def whole(self, base: Parts | None) -> SentWrite:
        """Return the same with all parts whole; raises as :meth:`LineChange.whole`."""
        return SentWrite(self.head, _joined(self.parts, self.patches, base))


@attrs.frozen(kw_only=True)
class LineHead:
    """
    What a line's changes rest on.

    Attributes:
        session_id: The session.
        serializer: The name of what encoded the parts.
        created_at: When the session began, in microseconds since the epoch.
        save_id: The save that the session was read from, where nothing else is known of it.
        base: None when nothing is known of what was before; else that is in the changes, and nothing is here.
            Older releases had the stamps here, those that wrote format 1 the parts that changed, too.
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


@attrs.frozen(kw_only=True)
class LineChange:
    """
    What changed in a line at a moment.

    Attributes:
        at: Microseconds since the epoch.
        parts: Parts as they are now.
        over: Parts of which earlier changes don't count any more: what they changed is another one now.
        patches: Of further parts what is not as in the line's base.
        base: What parts were before, of which this is the line's first change; in a line's first one the stamps, too.
    """

    at: int
    parts: Parts
    over: tuple[str, ...] = ()
    patches: Patches = attrs.field(factory=dict)
    base: Parts = attrs.field(factory=dict)

    def whole(self, base: Parts | None) -> LineChange:
        """
        Return the same with all parts whole.

        Raises:
            ValueError: If the line's *base* lacks what a patch is made for.
        """
        parts = _joined(self.parts, self.patches, base)
        return LineChange(at=self.at, parts=parts, over=self.over)


def base_of(head: LineHead, changes: Iterable[LineChange]) -> Parts | None:
    """Return what parts were before a line's records; None when that is unknown."""
    if head.base is None:
        return None
    base = dict(head.base)
    for change in changes:
        base.update(change.base)
    return base


def _joined(parts: Parts, patches: Patches, base: Parts | None) -> Parts:
    joined = dict(parts)
    for name, splice in patches.items():
        before = (base or {}).get(name)
        if before is None:
            msg = f"a patch of {name!r}, of which there is nothing"
            raise ValueError(msg)
        joined[name] = spliced(before, splice)
    return joined


def _apart(parts: Parts, base: Parts | None, near: Patches) -> tuple[Parts, Patches]:
    """Return which parts are recorded whole, and the patches of the others; *near* are earlier ones."""
    whole: Parts = {}
    patches: Patches = {}
    for name, data in parts.items():
        before = base.get(name) if base and data is not None and len(data) > _LARGE else None
        if before is not None and data is not None:
            splice = difference(before, data, near.get(name))
            if 2 * len(splice[2]) < len(data):
                patches[name] = splice
                continue
        whole[name] = data
    return whole, patches


# -- their bytes -------------------------------------------------------------


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


def pack_head(head: LineHead, base: Parts | None) -> bytes:
    """Return the bytes of the head of a line whose changes have the *base*: a head is written again with each save."""
    plain = STORED.unstructure(head)
    sent = head.sent
    if sent is not None:
        parts, patches = _apart(sent.parts, base, _NO_PATCHES)
        plain["sent"] |= {"parts": parts, "patches": patches}
    plain["base"] = None if base is None else {}
    return ormsgpack.packb(plain)


def pack_change(  # noqa: PLR0913 - each is another fact about one change
    at: int,
    parts: Parts,
    base: Parts | None,
    *,
    first: Iterable[str] = (),
    over: Sequence[str] = (),
    near: Patches = _NO_PATCHES,
) -> tuple[bytes, Patches]:
    """
    Return the bytes of a :class:`LineChange`, and the patches in it.

    Args:
        at: Microseconds since the epoch.
        parts: Parts as they are now.
        base: What they were before the line's first change of each; None when that is unknown.
        first: The parts of which this is the first one.
        over: As there.
        near: Patches of an earlier one: what is typed lies where the last letter was.
    """
    whole, patches = _apart(parts, base, near)
    plain: dict[str, Any] = {"at": at, "parts": whole}
    if patches:
        plain["patches"] = patches
    if over:
        plain["over"] = over
    if base is not None and first:
        plain["base"] = {name: base[name] for name in first}
    return ormsgpack.packb(plain), patches


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
        base: What the parts that changed were before, and the stamps; None when that is unknown.
        steps: How the parts changed; before the write was sent, if one was.
        after: How they changed since.
    """

    head: LineHead
    base: Parts | None = None
    steps: list[Step] = attrs.field(factory=list)
    after: list[Step] = attrs.field(factory=list)

    @classmethod
    def of(
        cls, head: LineHead, base: Parts | None, changes: Iterable[tuple[int, LineChange]]
    ) -> Self:
        """Return what records add up to, whole, the changes with their places, in order."""
        state = cls(head=attrs.evolve(head, base=None), base=base)
        for place, change in changes:
            state.drop(change.over)
            is_later = head.sent is not None and place > head.sent_place
            steps = state.after if is_later else state.steps
            steps.append(Step(change.at, dict(change.parts)))
        state.drop(())
        return state

    def drop(self, names: Iterable[str]) -> None:
        """Have changes of some parts not count any more."""
        for steps in (self.steps, self.after):
            for step in steps:
                for name in names:
                    step.parts.pop(name, None)
            steps[:] = [step for step in steps if step.parts]

    def land(self) -> None:
        """Note that what was sent is stored: it is what further changes rest on."""
        sent = self.head.sent
        if sent is not None:
            self.base = {**(self.base or {}), **sent.parts}
            self.head = attrs.evolve(self.head, known=sent.head, foreign=False, sent=None)
            self.steps, self.after = self.after, []

    def rest_on(self, view: SessionView) -> None:
        """Have the changes rest on what those of a session rest on now; one of a part that was another before is none any more."""
        changed = _latest((*self.steps, *self.after))
        if self.base is None or view.base is None:
            self.drop(changed if self.base is not view.base else ())
        else:
            self.drop([name for name in changed if self.base.get(name) != view.base.get(name)])
        self.head, self.base = view.head(None), view.base_of(changed)
        self.steps, self.after = [*self.steps, *self.after], []

    def records(self) -> dict[int, bytes]:
        """Return the records that say as much, by their places."""
        now = self.recorded()
        records = {0: pack_head(now.head, now.base)}
        first: Iterable[str] = [*now.ours, *stamps_of(now.base or {})]
        steps = [*self.steps, *self.after] or [Step(0, {})]
        for place, step in enumerate(steps, 1):
            records[place], _ = pack_change(step.at, step.parts, now.base, first=first)
            first = ()
        return records

    def recorded(self) -> Recorded:
        """Return what a line says that has these records, for its live session."""
        after = _latest(self.after)
        ours = {**_latest(self.steps), **after}
        base = self.base
        if base is not None:
            base = {name: base.get(name) for name in ours} | stamps_of(base)
        place = 0 if self.head.sent is None else len(self.steps)
        head = attrs.evolve(self.head, sent_place=place)
        return Recorded(head=head, base=base, ours=ours, after=after)

    def thinned(self) -> LineState:
        """Return what says as much of fewer moments."""
        steps, after = thin_out(self.steps, _STEPS), thin_out(self.after, _STEPS)
        return LineState(head=self.head, base=self.base, steps=steps, after=after)


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
        created_at: When it began.
        save_id: The save that it was last stored by, or None.
        ours: Its parts.
        base: What its changes rest on; None when that is unknown.
        known: The record that was last seen in the store; None when it was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
    """

    session_id: str = attrs.field(repr=short_repr)
    serializer: str
    created_at: datetime
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
                if data != base.get(name) and is_known(name)
            }
        names = (base or {}).keys() - ours.keys()
        if sent is not None:
            names |= sent.parts.keys()
        if names:
            changed.update({name: ours.get(name) for name in names if is_known(name)})
        return changed

    def send(self, head: SessionHead, also: Iterable[str]) -> SentWrite:
        """Return what a write contributes that is made of the session as it stands: what changed, and *also* what may have."""
        parts: Parts = {name: self.ours.get(name) for name in also}
        return SentWrite(head, {**parts, **self.changed(), **stamps_of(self.ours)})

    def head(self, sent: SentWrite | None) -> LineHead:
        """Return the head of a line, without a base."""
        return LineHead(
            session_id=self.session_id,
            serializer=self.serializer,
            created_at=to_micros(self.created_at),
            save_id=self.save_id,
            known=self.known,
            foreign=self.foreign,
            sent=sent,
        )

    def base_of(self, names: Iterable[str]) -> Parts | None:
        """Return what parts were before they changed, and the stamps; None when that is unknown."""
        base = self.base
        if base is None:
            return None
        return {name: base.get(name) for name in names} | stamps_of(base)


def stamps_of(parts: Mapping[str, bytes | None]) -> Parts:
    """Return the stamps among parts, if there are some."""
    return {STAMPS: parts[STAMPS]} if STAMPS in parts else {}


def unlike(parts: Parts, others: Parts) -> Parts:
    """Return those of *parts* that are not the same in *others*, but for the stamps."""
    return {
        name: data
        for name, data in parts.items()
        if name != STAMPS and others.get(name, _NO_PART) != data
    }


@attrs.define(eq=False)
class Recorded:
    """
    What a line says, as its live session knows it.

    Attributes:
        head: What its changes rest on, but for the base.
        base: What the parts that changed were before, and the stamps; None when that is unknown.
        ours: The parts that changed, as they are now.
        after: Those of them that changed since the write was sent, if one was.
        source: All parts of the session that the base is of, where that is known.
        patches: Those that were recorded last.
    """

    head: LineHead
    base: Parts | None
    ours: Parts
    after: Parts = attrs.field(factory=dict)
    source: EncodedParts | None = None
    patches: Patches = attrs.field(factory=dict)

    def has_moved(self, view: SessionView) -> bool:
        """Return whether a session's changes rest on something else now than the line says."""
        base = view.base
        if self.source is base:
            return False
        if self.base is None or base is None:
            return self.base is not base
        return any(base.get(name) != data for name, data in self.base.items())

    def still(self, *, landed: bool) -> Parts:
        """Return the parts that the store may lack, where it is known whether the write that was sent has landed."""
        return self.after if landed and self.head.sent is not None else self.ours

    def has_sent(self, sent: SentWrite) -> bool:
        """Return whether the line says that this write was sent."""
        return self.head.sent is not None and self.head.sent.head.save_id == sent.head.save_id

    def head_for(self, view: SessionView, sent: SentWrite | None) -> LineHead:
        """Return the head for a session as it stands: that which is there, if it says the same."""
        head = self.head
        if head.known is view.known and head.foreign is view.foreign and head.sent is sent:
            return head
        made = attrs.evolve(view.head(sent), sent_place=0 if sent is None else head.sent_place)
        return head if made == head else made

    def next(
        self, view: SessionView, ours: Parts, at: int, sent: SentWrite | None
    ) -> tuple[bytes | None, Recorded]:
        """
        Return the record of what is new of a session, if something is, and what the line says with it.

        Args:
            view: How the session stands.
            ours: Its parts that changed, as they are now.
            at: Microseconds since the epoch.
            sent: A write whose answer is not known.
        """
        said = self.ours
        parts = unlike(ours, said)
        over = [] if said.keys() <= ours.keys() else sorted(said.keys() - ours.keys())
        base, after, patches, change = self.base, self.after, self.patches, None
        if parts or over:
            first = () if base is None else [name for name in parts if name not in base]
            if base is not None and first:
                base = {**base, **(view.base_of(first) or {})}
            change, patches = pack_change(at, parts, base, first=first, over=over, near=patches)
            if sent is not None:
                after = {name: data for name, data in after.items() if name not in over} | parts
        head = self.head_for(view, sent)
        now = Recorded(head, base, ours, after, view.base, patches)
        return change, now
