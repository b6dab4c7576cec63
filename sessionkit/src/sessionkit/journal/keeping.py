# SPDX-License-Identifier: Apache-2.0
"""Live sessions and their lines: says what a log has to be told. The caller holds the journal's lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import SessionGoneError
from sessionkit.journal.comparing import (
    View,
    begun,
    changed_parts,
    fits,
    gone_on,
    sent_by,
    sent_parts,
)
from sessionkit.journal.log import Line, Log
from sessionkit.journal.logs import Told
from sessionkit.journal.records import Before, Begin, Change, Done, Landed, Parts, Sent
from sessionkit.journal.state import State
from sessionkit.records import SessionHead
from sessionkit.repository.tracks import Attempt, Track
from sessionkit.session.fields import to_micros
from sessionkit.session.held_forms import held_parts
from sessionkit.session.session import UserSession


class Pending(NamedTuple):
    """
    A write whose answer is not known.

    Attributes:
        attempt: The write.
        sent: What it contributes.
        base: What the session's changes rested on when it was made.
    """

    attempt: Attempt
    sent: Sent
    base: EncodedParts | None


@attrs.define(eq=False)
class Kept:
    """
    What the journal knows of a live session.

    Attributes:
        log: Where its line is, or will be.
        line: The line; None when all is stored.
        state: What the line says; None when there is none, or that is not known.
        former: Its lines under ids that it had before, until this one has all of them.
        pending: A write whose answer is not known.
        seen: The parts that a save had encoded when the session was last kept: by that it is
            known which of the two is ahead.
    """

    log: Log
    line: Line | None = None
    former: list[Line] = attrs.field(factory=list)
    state: State | None = None
    pending: Pending | None = None
    seen: EncodedParts | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has a line that is not done."""
        return self.line is not None and not self.line.done

    def before(self, base: EncodedParts | None, known: SessionHead | None) -> Before:
        """Return what became of the write that was sent last, by what changes rest on now, and what is stored."""
        pending = self.pending
        if pending is None:
            sent = None if self.state is None else self.state.sent
            return Before.OPEN if sent is None else Before.OVER
        if base is pending.base:
            return Before.OPEN
        # A save that met someone may also find that nothing is left to write.
        saves = () if known is None else (known.save_id, *known.recent)
        return Before.LANDED if pending.attempt.write.head.save_id in saves else Before.OVER


def encoded(codec: SessionCodec, session: UserSession, track: Track) -> EncodedParts:
    """Encode a session as its next save does, but for the stamps."""
    return codec.encode(session, track.last_known, held=held_parts(session)).parts


def new_track(codec: SessionCodec, session: UserSession) -> Track:
    """Return where a session stands that no repository has met yet."""
    if session.save_id is not None:
        return Track(base=None)
    blank = UserSession(session_id=session.session_id, created_at=session.created_at)
    return Track(base=codec.encode(blank, {}).parts)


def view_of(session: UserSession, track: Track | None, ours: EncodedParts) -> View:
    """Return how a session stands, with *ours* for its parts."""
    stored = None if track is None else track.stored
    return View(
        session_id=session.session_id,
        created_at=to_micros(session.created_at),
        save_id=session.save_id,
        ours=ours,
        base=None if track is None else track.base,
        known=None if stored is None else stored.head,
        foreign=track is not None and track.foreign,
    )


def kept_now(kept: Kept, view: View, serializer: str, at: int) -> Iterator[Told]:
    """
    Yield what has to be recorded for a session that is to be kept as it is now.

    Args:
        kept: What is known of it.
        view: How it stands.
        serializer: The name of what encoded it.
        at: Microseconds since the epoch.
    """
    before = kept.before(view.base, view.known)
    sent = kept.pending.sent if kept.pending is not None and before is Before.OPEN else None
    line, state = kept.line, kept.state
    settled = view.base is not None and view.known is not None and sent is None
    changed = changed_parts(view, sent)
    if settled and not changed:
        yield from _done(kept)
    elif line is None or state is None or not kept.is_open:
        yield _begin(kept, view, changed, serializer, at, sent)
    elif not fits(state, view, None if sent is None else sent.head.save_id):
        yield _begin(kept, view, changed, serializer, at, sent)
        others = [] if line.session_id == view.session_id else [line]
        yield from _over(kept, [*kept.former, *others])
    else:
        change = gone_on(state, view, changed, line.number, at, before=before)
        if change is not None:
            yield kept.log, line, change


def _done(kept: Kept) -> Iterator[Told]:
    return _over(kept, [*kept.former, *([] if kept.line is None else [kept.line])])


def _over(kept: Kept, lines: Iterable[Line]) -> Iterator[Told]:
    return ((kept.log, line, Done(line=line.number)) for line in lines if not line.done)


def _begin(  # noqa: PLR0913, PLR0917 - each is another fact about one line
    kept: Kept, view: View, changed: Parts, serializer: str, at: int, sent: Sent | None
) -> Told:
    line = kept.line
    if line is None or line.done or line.session_id != view.session_id:
        line = Line(number=kept.log.new_number(), session_id=view.session_id)
    return kept.log, line, begun(view, changed, serializer, line.number, at, sent=sent)


def sent_now(
    kept: Kept, session: UserSession, track: Track, serializer: str, at: int
) -> Iterator[Told]:
    """Yield what has to be recorded before a session's write is sent; note in *kept* that it is."""
    attempt = track.attempt
    if attempt is None or (kept.pending is not None and kept.pending.attempt is attempt):
        return  # the very same write is sent again
    view = view_of(session, track, attempt.ours)
    before = kept.before(view.base, view.known)
    if before is Before.OPEN and kept.pending is not None:
        before = Before.OVER  # or there would not be another one
    line, state = kept.line, kept.state
    ahead = kept.seen is attempt.ours
    changed = sent_parts(view, state if ahead else None)
    sent = sent_by(attempt.write.head, view, changed)
    kept.pending = Pending(attempt, sent, view.base)
    if line is None or state is None or not kept.is_open:
        return  # nothing was recorded that could be stored twice
    if fits(state, view, None):
        head = attempt.write.head
        change = gone_on(
            state, view, changed, line.number, at, before=before, sending=head, ahead=ahead
        )
        if change is not None:
            yield kept.log, line, change
    else:
        if line.session_id != view.session_id:
            kept.former.append(line)  # the session may come back to the id that it had
        now = {**changed, **state.ours} if ahead else changed
        yield _begin(kept, view, now, serializer, at, sent)


def settled_now(kept: Kept, track: Track, error: Exception | None) -> Iterator[Told]:
    """Yield what has to be recorded after a session's save; note in *kept* what became of its write."""
    line, state, base = kept.line, kept.state, track.base
    before = kept.before(base, None if track.stored is None else track.stored.head)
    if track.attempt is None:
        kept.pending = None
    if line is None or not kept.is_open:
        return
    if isinstance(error, SessionGoneError) or (state is None and error is None):
        yield from _done(kept)
    elif state is None:
        return
    elif track.attempt is None and base is not None:
        if all(base.get(name) == data for name, data in state.ours.items()):
            yield from _done(kept)
        elif before is Before.LANDED and state.sent is not None:
            yield kept.log, line, Landed(line=line.number)
            yield from _over(kept, kept.former)


def note(kept: Kept, told: Told) -> None:
    """Note that a record of a session's line was written."""
    _, line, record = told
    if isinstance(record, Begin):
        kept.line, kept.state = line, State.of(record, remembers=False)
    elif isinstance(record, Change | Landed) and kept.state is not None:
        kept.state.apply(record)
    elif line is kept.line:
        kept.line = kept.state = None
    elif line in kept.former:
        kept.former.remove(line)
