# SPDX-License-Identifier: Apache-2.0
"""
The records of a journal, and their bytes.

A *line* is what one live session does to one id: it begins with :class:`Begin`, goes on
with any number of :class:`Change` and :class:`Landed`, and is over with :class:`Done`.
The values in them are the serializer's bytes, as a store has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

import attrs
import ormsgpack

from sessionkit.records import SessionHead

Parts = dict[str, bytes | None]
"""Encoded parts by name; None where a part is not there."""


class Before(IntEnum):
    """What became of the write that was sent last, as a change knows it."""

    OPEN = 0
    LANDED = 1
    OVER = 2


class Step(NamedTuple):
    """
    Parts as they were at a moment.

    Attributes:
        at: Microseconds since the epoch.
        parts: Those that changed then.
    """

    at: int
    parts: Parts


class Sent(NamedTuple):
    """
    A write whose answer is not known.

    Attributes:
        head: What it stores; the store knows it by its ``save_id``.
        parts: The parts that it changes, and the stamps of all.
    """

    head: SessionHead
    parts: Parts


@attrs.frozen(kw_only=True)
class Begin:
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
    session_id: str
    serializer: str
    created_at: int
    save_id: str | None = None
    base: Parts | None = None
    known: SessionHead | None = None
    foreign: bool = False
    steps: Sequence[Step] = ()
    sent: Sent | None = None
    after: Sequence[Step] = ()


@attrs.frozen(kw_only=True)
class Change:
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
    before: Before = Before.OPEN
    base: Parts = attrs.field(factory=dict)
    ours: Parts = attrs.field(factory=dict)
    dropped: Sequence[str] = ()
    known: SessionHead | None = None
    foreign: bool = False
    sent: SessionHead | None = None
    ahead: bool = False


@attrs.frozen(kw_only=True)
class Landed:
    """What was sent last is stored; the line has changed since."""

    line: int


@attrs.frozen(kw_only=True)
class Done:
    """All of a line is stored, or never will be: nothing is left to do for it."""

    line: int


Record = Begin | Change | Landed | Done

_BEGIN, _CHANGE, _LANDED, _DONE = range(4)
_HEAD_FIELDS: Final = tuple(field.name for field in attrs.fields(SessionHead))


def pack(record: Record) -> bytes:
    """Return a record's bytes."""
    if isinstance(record, Change):
        plain = [_CHANGE, record.line, record.at, int(record.before), record.base, record.ours]
        plain += [list(record.dropped), _head(record.known), record.foreign]
        plain += [_head(record.sent), record.ahead]
    elif isinstance(record, Begin):
        sent = record.sent and [_head(record.sent.head), record.sent.parts]
        plain = [_BEGIN, record.line, record.session_id, record.serializer, record.created_at]
        plain += [record.save_id, record.base, _head(record.known), record.foreign]
        plain += [_steps(record.steps), sent, _steps(record.after)]
    else:
        plain = [_LANDED if isinstance(record, Landed) else _DONE, record.line]
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


def _begin(fields: Sequence[Any]) -> Begin:
    (line, session_id, serializer, created_at, save_id, base, known, foreign, *rest) = fields
    steps, sent, after = rest
    return Begin(
        line=line,
        session_id=session_id,
        serializer=serializer,
        created_at=created_at,
        save_id=save_id,
        base=base,
        known=_read_head(known),
        foreign=foreign,
        steps=tuple(Step(at, parts) for at, parts in steps),
        sent=None if sent is None else Sent(_surely(sent[0]), sent[1]),
        after=tuple(Step(at, parts) for at, parts in after),
    )


def _change(fields: Sequence[Any]) -> Change:
    line, at, before, base, ours, dropped, known, foreign, sent, ahead = fields
    return Change(
        line=line,
        at=at,
        before=Before(before),
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
    lambda fields: Landed(line=fields[0]),
    lambda fields: Done(line=fields[0]),
)
