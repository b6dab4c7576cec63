# SPDX-License-Identifier: Apache-2.0
"""What the records of a line add up to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Self

import attrs

from sessionkit.journal.records import Before, Begin, Change, Landed, Parts, Record, Sent, Step
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead

_STEPS: Final = 5
"""Moments of which a line that is written anew remembers the parts."""


@attrs.define(kw_only=True, eq=False)
class State:
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

    session_id: str
    serializer: str
    created_at: int
    save_id: str | None
    base: Parts | None
    ours: Parts
    known: SessionHead | None
    foreign: bool
    sent: Sent | None
    steps: list[Step] = attrs.field(factory=list)
    after: list[Step] = attrs.field(factory=list)
    remembers: bool = True

    @classmethod
    def of(cls, begin: Begin, *, remembers: bool = True) -> Self:
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

    def apply(self, record: Change | Landed) -> None:
        """Go on with a record."""
        if isinstance(record, Landed) or record.before is Before.LANDED:
            self.land()
        elif record.before is Before.OVER:
            self._give_up()
        if isinstance(record, Change):
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

    def _change(self, change: Change) -> None:
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

    def _send(self, change: Change, head: SessionHead, parts: Parts) -> None:
        sent = {**self.ours, **parts}
        if change.ahead:
            self._remember(
                {name: self.ours[name] for name in change.base if name in self.ours}, change.at
            )
        else:
            self.ours.update(parts)
            self._remember(parts, change.at)
        stamps = {name: data for name, data in change.ours.items() if name == STAMPS}
        self.sent = Sent(head, {**sent, **stamps})
        later = {name: data for name, data in self.ours.items() if sent[name] != data}
        self._remember(later, change.at)

    def _remember(self, parts: Parts, at: int) -> None:
        if parts and self.remembers:
            (self.steps if self.sent is None else self.after).append(Step(at, dict(parts)))

    def _forget(self, name: str) -> None:
        """Leave a part out of what it was changed by: what it was changed from is another one now."""
        for step in (*self.steps, *self.after):
            step.parts.pop(name, None)

    def whole(self, line: int) -> Begin:
        """Return the record that a line with this state is begun anew with."""
        return Begin(
            line=line,
            session_id=self.session_id,
            serializer=self.serializer,
            created_at=self.created_at,
            save_id=self.save_id,
            base=self.base,
            known=self.known,
            foreign=self.foreign,
            steps=fewer(self.steps, _STEPS),
            sent=self.sent,
            after=fewer(self.after, _STEPS),
        )


def fewer(steps: Iterable[Step], most: int) -> list[Step]:
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


def add_up(records: Iterable[Record]) -> dict[int, State]:
    """Return the lines that are not done, by number; what has no beginning is passed over."""
    lines: dict[int, State] = {}
    for record in records:
        if isinstance(record, Begin):
            lines[record.line] = State.of(record)
        elif isinstance(record, Change | Landed):
            if record.line in lines:
                lines[record.line].apply(record)
        else:
            lines.pop(record.line, None)
    return lines
