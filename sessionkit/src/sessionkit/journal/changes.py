# SPDX-License-Identifier: Apache-2.0
"""
What a journal records of a session: the records, their bytes, what they add up to, and what is new to record.

A *line* is what one live session does to one id: it begins with :class:`LineBegin`, goes on
with any number of :class:`LineChange` and :class:`WriteLanded`, and is over with :class:`LineEnd`.
The values in them are the serializer's bytes, as a store has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

import attrs
import ormsgpack

from sessionkit.encoding.codec import EncodedParts
from sessionkit.encoding.parts import is_known
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead, short_repr

Parts = dict[str, bytes | None]
"""Encoded parts by name; None where a part is not there."""

_STEPS: Final = 5
"""Moments of which a line that is written anew remembers the parts."""


_BEGIN, _CHANGE, _LANDED, _DONE = range(4)

_HEAD_FIELDS: Final = tuple(field.name for field in attrs.fields(SessionHead))


# -- the records -------------------------------------------------------------


@attrs.frozen(kw_only=True)
class LineBegin:
    """
    All that is known of a line; whatever was recorded of it before no longer counts.

    Attributes:
        line: Its number.
        session_id: The session.
        serializer: The name of what encoded the parts.
        created_at: When the session began, in microseconds since the epoch.
        save_id: The save that the session was read from, where nothing else is known of it.
        base: What the parts that changed were before; None when that is unknown.
        known: The record that was last seen in the store; None when the session was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
        steps: How they changed; before it was sent, if it was.
        sent: A write whose answer is not known.
        after: How they changed since.
    """

    line: int
    session_id: str = attrs.field(repr=short_repr)
    serializer: str
    created_at: int
    save_id: str | None = None
    base: Parts | None = None
    known: SessionHead | None = None
    foreign: bool = False
    steps: Sequence[Step] = ()
    sent: SentWrite | None = None
    after: Sequence[Step] = ()


class LastWrite(IntEnum):
    """What became of the write that was sent last, as a change knows it."""

    OPEN = 0
    LANDED = 1
    OVER = 2


@attrs.frozen(kw_only=True)
class LineChange:
    """
    What changed in a line.

    Attributes:
        line: Its number.
        at: When, in microseconds since the epoch.
        before: What became of the write that was sent last.
        base: What parts that changed were before, where that is not in the line yet.
        ours: Parts as they are now; together with *sent*, the stamps, too.
        dropped: Parts that are what they were before again.
        known: The record that was last seen in the store, if that is another one now.
        foreign: Whether what was last seen is someone else's that no strategy has decided on yet.
        sent: The head of the write that is being sent; None when nothing is.
        ahead: True when the line is ahead of what is being sent: *ours* is what that has instead.
    """

    line: int
    at: int
    before: LastWrite = LastWrite.OPEN
    base: Parts = attrs.field(factory=dict)
    ours: Parts = attrs.field(factory=dict)
    dropped: Sequence[str] = ()
    known: SessionHead | None = None
    foreign: bool = False
    sent: SessionHead | None = None
    ahead: bool = False


@attrs.frozen(kw_only=True)
class WriteLanded:
    """What was sent last is stored; the line has changed since."""

    line: int


@attrs.frozen(kw_only=True)
class LineEnd:
    """All of a line is stored, or never will be: nothing is left to do for it."""

    line: int


class Step(NamedTuple):
    """
    Parts as they were at a moment.

    Attributes:
        at: Microseconds since the epoch.
        parts: Those that changed then.
    """

    at: int
    parts: Parts


class SentWrite(NamedTuple):
    """
    A write whose answer is not known.

    Attributes:
        head: What it stores; the store knows it by its ``save_id``.
        parts: The parts that it changes, and the stamps of all.
    """

    head: SessionHead
    parts: Parts


Record = LineBegin | LineChange | WriteLanded | LineEnd


# -- their bytes -------------------------------------------------------------


def pack(record: Record) -> bytes:
    """Return a record's bytes."""
    if isinstance(record, LineChange):
        plain = [_CHANGE, record.line, record.at, int(record.before), record.base, record.ours]
        plain += [list(record.dropped), _head(record.known), record.foreign]
        plain += [_head(record.sent), record.ahead]
    elif isinstance(record, LineBegin):
        sent = record.sent and [_head(record.sent.head), record.sent.parts]
        plain = [_BEGIN, record.line, record.session_id, record.serializer, record.created_at]
        plain += [record.save_id, record.base, _head(record.known), record.foreign]
        plain += [_steps(record.steps), sent, _steps(record.after)]
    else:
        plain = [_LANDED if isinstance(record, WriteLanded) else _DONE, record.line]
    return ormsgpack.packb(plain)


def _head(head: SessionHead | None) -> list[Any] | None:
    return None if head is None else [getattr(head, name) for name in _HEAD_FIELDS]


def _steps(steps: Sequence[Step]) -> list[list[Any]]:
    return [[step.at, step.parts] for step in steps]


def unpack(data: bytes) -> Record:
    """
    Return the record that bytes hold.

    Raises:
        ValueError: If they hold none.
    """
    try:
        kind, *fields = ormsgpack.unpackb(data)
        return _MAKE[kind](fields)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        msg = f"these bytes are no record of a journal: {error}"
        raise ValueError(msg) from error


def _begin(fields: Sequence[Any]) -> LineBegin:
    (line, session_id, serializer, created_at, save_id, base, known, foreign, *rest) = fields
    steps, sent, after = rest
    return LineBegin(
        line=line,
        session_id=session_id,
        serializer=serializer,
        created_at=created_at,
        save_id=save_id,
        base=base,
        known=_read_head(known),
        foreign=foreign,
        steps=tuple(Step(at, parts) for at, parts in steps),
        sent=None if sent is None else SentWrite(_surely(sent[0]), sent[1]),
        after=tuple(Step(at, parts) for at, parts in after),
    )


def _change(fields: Sequence[Any]) -> LineChange:
    line, at, before, base, ours, dropped, known, foreign, sent, ahead = fields
    return LineChange(
        line=line,
        at=at,
        before=LastWrite(before),
        base=base,
        ours=ours,
        dropped=tuple(dropped),
        known=_read_head(known),
        foreign=foreign,
        sent=_read_head(sent),
        ahead=ahead,
    )


def _read_head(plain: Sequence[Any] | None) -> SessionHead | None:
    return None if plain is None else _surely(plain)


def _surely(plain: Sequence[Any]) -> SessionHead:
    fields: Mapping[str, Any] = dict(zip(_HEAD_FIELDS, plain, strict=True))
    return SessionHead(**{**fields, "recent": tuple(fields["recent"])})


_MAKE: Final = (
    _begin,
    _change,
    lambda fields: WriteLanded(line=fields[0]),
    lambda fields: LineEnd(line=fields[0]),
)


# -- what the records of a line add up to ------------------------------------


@attrs.define(kw_only=True, eq=False)
class LineState:
    """
    What is known of a line.

    Attributes:
        session_id: The session.
        serializer: The name of what encoded the parts.
        created_at: When the session began, in microseconds since the epoch.
        save_id: The save that the session was read from, where nothing else is known of it.
        base: What the parts that changed were before; None when that is unknown.
        ours: The parts that changed, as they are now.
        known: The record that was last seen in the store; None when the session was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
        sent: A write whose answer is not known.
        steps: How the parts changed; before it was sent, if it was.
        after: How they changed since.
        remembers: Whether the steps are kept: each change gets its stamp from them.
    """

    session_id: str = attrs.field(repr=short_repr)
    serializer: str
    created_at: int
    save_id: str | None
    base: Parts | None
    ours: Parts
    known: SessionHead | None
    foreign: bool
    sent: SentWrite | None
    steps: list[Step] = attrs.field(factory=list)
    after: list[Step] = attrs.field(factory=list)
    remembers: bool = True

    @classmethod
    def of(cls, begin: LineBegin, *, remembers: bool = True) -> Self:
        """Return the state that a line begins with."""
        steps = [Step(at, dict(parts)) for at, parts in begin.steps]
        after = [Step(at, dict(parts)) for at, parts in begin.after]
        ours: Parts = {}
        for step in (*steps, *after):
            ours.update(step.parts)
        return cls(
            session_id=begin.session_id,
            serializer=begin.serializer,
            created_at=begin.created_at,
            save_id=begin.save_id,
            base=None if begin.base is None else dict(begin.base),
            ours=ours,
            known=begin.known,
            foreign=begin.foreign,
            sent=begin.sent,
            steps=steps if remembers else [],
            after=after if remembers else [],
            remembers=remembers,
        )

    def apply(self, record: LineChange | WriteLanded) -> None:
        """Go on with a record."""
        if isinstance(record, WriteLanded) or record.before is LastWrite.LANDED:
            self.land()
        elif record.before is LastWrite.OVER:
            self._give_up()
        if isinstance(record, LineChange):
            self._change(record)

    def land(self) -> None:
        """Note that what was sent is stored: it is what further changes rest on."""
        if self.sent is not None:
            self.base = {**(self.base or {}), **self.sent.parts}
            self.known, self.foreign, self.sent = self.sent.head, False, None
            self.steps, self.after = self.after, []

    def _give_up(self) -> None:
        self.sent = None
        self.steps, self.after = [*self.steps, *self.after], []

    def _change(self, change: LineChange) -> None:
        if self.base is not None and change.base:
            self.base.update(change.base)
        if self.remembers:
            for name in (*change.base, *change.dropped):
                self._forget(name)
        for name in change.dropped:
            self.ours.pop(name, None)
            (self.base or {}).pop(name, None)
        parts = {name: data for name, data in change.ours.items() if name != STAMPS}
        self.known, self.foreign = change.known or self.known, change.foreign
        if change.sent is None:
            self.ours.update(parts)
            self._remember(parts, change.at)
        else:
            self._send(change, change.sent, parts)

    def _send(self, change: LineChange, head: SessionHead, parts: Parts) -> None:
        sent = {**self.ours, **parts}
        if change.ahead:
            self._remember(
                {name: self.ours[name] for name in change.base if name in self.ours}, change.at
            )
        else:
            self.ours.update(parts)
            self._remember(parts, change.at)
        stamps = {name: data for name, data in change.ours.items() if name == STAMPS}
        self.sent = SentWrite(head, {**sent, **stamps})
        later = {name: data for name, data in self.ours.items() if sent[name] != data}
        self._remember(later, change.at)

    def _remember(self, parts: Parts, at: int) -> None:
        if parts and self.remembers:
            (self.steps if self.sent is None else self.after).append(Step(at, dict(parts)))

    def _forget(self, name: str) -> None:
        """Leave a part out of what it was changed by: what it was changed from is another one now."""
        for step in (*self.steps, *self.after):
            step.parts.pop(name, None)

    def whole(self, line: int) -> LineBegin:
        """Return the record that a line with this state is begun anew with."""
        return LineBegin(
            line=line,
            session_id=self.session_id,
            serializer=self.serializer,
            created_at=self.created_at,
            save_id=self.save_id,
            base=self.base,
            known=self.known,
            foreign=self.foreign,
            steps=thin_out(self.steps, _STEPS),
            sent=self.sent,
            after=thin_out(self.after, _STEPS),
        )


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


def add_up(records: Iterable[Record]) -> dict[int, LineState]:
    """Return the lines that are not done, by number; what has no beginning is passed over."""
    lines: dict[int, LineState] = {}
    for record in records:
        if isinstance(record, LineBegin):
            lines[record.line] = LineState.of(record)
        elif isinstance(record, LineChange | WriteLanded):
            if record.line in lines:
                lines[record.line].apply(record)
        else:
            lines.pop(record.line, None)
    return lines


# -- what is new to record of a session --------------------------------------


@attrs.frozen(kw_only=True, eq=False)
class SessionView:
    """
    How a session stands.

    Attributes:
        session_id: Its id.
        created_at: When it began, in microseconds since the epoch.
        save_id: The save that it was last stored by, or None.
        ours: Its parts.
        base: What its changes rest on; None when that is unknown.
        known: The record that was last seen in the store; None when it was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
    """

    session_id: str = attrs.field(repr=short_repr)
    created_at: int
    save_id: str | None
    ours: EncodedParts
    base: EncodedParts | None
    known: SessionHead | None
    foreign: bool


def changed_parts(view: SessionView, sent: SentWrite | None = None) -> Parts:
    """
    Return the parts that a session changed and the store may lack.

    Args:
        view: How the session stands.
        sent: A write whose answer is not known.

    Returns:
        All parts, where it is not known what the store has.
    """
    ours, base = view.ours, view.base
    changed: Parts
    if base is None or view.known is None:
        changed = {name: data for name, data in ours.items() if is_known(name)}
    else:
        changed = {
            name: data for name, data in ours.items() if base.get(name) != data and is_known(name)
        }
    removed = (base or {}).keys() - ours.keys()
    names = removed if sent is None else removed | sent.parts.keys()
    changed.update({name: ours.get(name) for name in names if is_known(name)})
    return changed


def sent_parts(view: SessionView, state: LineState | None) -> Parts:
    """Return the parts that a write changes, or could: those that the line has changed, too."""
    names = () if state is None else state.ours
    return {**{name: view.ours.get(name) for name in names}, **changed_parts(view)}


def make_sent_write(head: SessionHead, view: SessionView, changed: Parts) -> SentWrite:
    """Return what a write contributes that is made of a session as it stands."""
    return SentWrite(head, {**changed, **_stamps(view.ours)})


def make_begin(  # noqa: PLR0913 - each is another fact about one line
    view: SessionView,
    changed: Parts,
    serializer: str,
    line: int,
    at: int,
    *,
    sent: SentWrite | None = None,
) -> LineBegin:
    """
    Return the record that says all of a session that has to be said.

    Args:
        view: How the session stands; for a write that is being sent, as that one has it.
        changed: Its parts that changed.
        serializer: The name of what encoded it.
        line: The line's number.
        at: Microseconds since the epoch.
        sent: A write whose answer is not known.
    """
    first = changed if sent is None else _without_stamps(sent.parts)
    later = {name: data for name, data in changed.items() if first.get(name, b"") != data}
    base: Parts | None = None
    if view.base is not None:
        base = {name: view.base.get(name) for name in changed} | _stamps(view.base)
    return LineBegin(
        line=line,
        session_id=view.session_id,
        serializer=serializer,
        created_at=view.created_at,
        save_id=view.save_id,
        base=base,
        known=view.known,
        foreign=view.foreign,
        steps=[Step(at, first)],
        sent=sent,
        after=[Step(at, later)] if sent is not None and later else (),
    )


def make_change(  # noqa: PLR0913 - each is another fact about one change
    state: LineState,
    view: SessionView,
    changed: Parts,
    line: int,
    at: int,
    *,
    before: LastWrite,
    sending: SessionHead | None = None,
    ahead: bool = False,
) -> LineChange | None:
    """
    Return what is new since a line was last written to; None when nothing is.

    Args:
        state: What the line says; it fits the view.
        view: How the session stands.
        changed: Its parts that changed.
        line: The line's number.
        at: Microseconds since the epoch.
        before: What became of the write that was sent last.
        sending: The head of the write that is being sent.
        ahead: True when the line is ahead of what is being sent.
    """
    if before is LastWrite.LANDED:
        state = _landed(state)
    base = _new_base(state, view, changed)
    ours = {
        name: data
        for name, data in changed.items()
        if (name in base and not ahead) or state.ours.get(name, b"") != data
    }
    dropped = tuple(name for name in state.ours if name not in changed)
    known = view.known if view.known != state.known else None
    if not (ours or dropped or sending):
        return None
    if sending is not None:
        ours |= _stamps(view.ours)
    return LineChange(
        line=line,
        at=at,
        before=before,
        base=base,
        ours=ours,
        dropped=dropped,
        known=known,
        foreign=view.foreign,
        sent=sending,
        ahead=ahead,
    )


def _landed(state: LineState) -> LineState:
    """Return what a line says once what was sent has landed."""
    if state.sent is None or state.base is None:
        return state
    return LineState(
        session_id=state.session_id,
        serializer=state.serializer,
        created_at=state.created_at,
        save_id=state.save_id,
        base={**state.base, **state.sent.parts},
        ours=state.ours,
        known=state.sent.head,
        foreign=False,
        sent=None,
    )


def _new_base(state: LineState, view: SessionView, changed: Parts) -> Parts:
    if view.base is None or state.base is None:
        return {}
    base = {
        name: view.base.get(name)
        for name in changed
        if state.base.get(name, b"") != view.base.get(name)
    }
    return base | _stamps(view.base) if base else base


def _stamps(parts: Mapping[str, bytes]) -> Parts:
    return {STAMPS: parts[STAMPS]} if STAMPS in parts else {}


def _without_stamps(parts: Parts) -> Parts:
    return {name: data for name, data in parts.items() if name != STAMPS}


def fits(state: LineState, view: SessionView, sent: str | None) -> bool:
    """
    Return whether a line can go on with a session as it stands.

    Args:
        state: What the line says.
        view: How the session stands.
        sent: The ``save_id`` of the write whose answer is not known, or None.
    """
    open_save = None if state.sent is None else state.sent.head.save_id
    return (
        state.session_id == view.session_id
        and (state.base is None) == (view.base is None)
        and (state.known is None) == (view.known is None)
        and (sent is None or open_save == sent)
    )
