# SPDX-License-Identifier: Apache-2.0
"""
The journal of a process: what waits to be stored is recorded in files that outlive it.

:class:`Journal` is told what live sessions do; the functions after it say what has to be recorded of that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import JournalFailed, SessionEvent
from sessionkit.journal.changes import (
    LastWrite,
    LineBegin,
    LineChange,
    LineEnd,
    LineState,
    Parts,
    SentWrite,
    SessionView,
    WriteLanded,
    changed_parts,
    fits,
    make_begin,
    make_change,
    make_sent_write,
    sent_parts,
)
from sessionkit.journal.log import JournalEntry, JournalLine, Log, Logs
from sessionkit.journal.owner import check_system
from sessionkit.records import SessionHead
from sessionkit.repository.tracks import Attempt, SaveInProgress, Track, Tracks
from sessionkit.session.fields import to_micros
from sessionkit.session.held_forms import held_parts
from sessionkit.session.session import UserSession

_LIVE: Final[WeakSet[Journal]] = WeakSet()


class Journal:
    """
    Records what waits to be stored before anyone is told that it was taken.

    Each process has a folder of its own in the journal's, which it holds a lock
    on while it lives; what dead ones left is replayed and removed.

    Attributes:
        folder: Where the processes' folders lie.
        logs: What it has recorded, and what it took over from the dead.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        folder: Path,
        *,
        codec: Callable[[], SessionCodec],
        tracks: Callable[[], Tracks],
        now: Callable[[], datetime],
        emit: Callable[[SessionEvent], None],
        fsync: bool = False,
    ) -> None:
        """
        Touch nothing yet.

        Args:
            folder: Made with the first record if it is not there.
            codec: Returns what encodes sessions.
            tracks: Returns what is known of live sessions.
            now: Returns the present moment, aware.
            emit: Takes events.
            fsync: Whether the disk must hold a record before it counts.

        Raises:
            ConfigError: If the system has no locks for it.
        """
        check_system()
        self.folder = folder.absolute()
        self._codec, self._tracks, self._now, self._emit = codec, tracks, now, emit
        self._fsync = fsync
        self._start_empty()
        _LIVE.add(self)

    def _start_empty(self) -> None:
        self.logs = Logs(self.folder, fsync=self._fsync)
        self._live_entries: WeakKeyDictionary[UserSession, LiveEntry] = WeakKeyDictionary()
        self._failing = False

    # -- what live sessions do ------------------------------------------------

    def keep(self, session: UserSession) -> bool:
        """
        Record what a session has that the store may lack; waits for no store, and raises nothing.

        Returns:
            Whether a crash loses nothing of it from now on; an event tells why not.
        """
        if session.ended:
            return True  # there is nothing left in it
        try:
            self._keep(session).sync()
        except Exception as error:  # noqa: BLE001 - an app must not fail for its safety net
            self._failed(error, session.session_id)
            return False
        return True

    def follow(self, former: UserSession, session: UserSession) -> None:
        """Go on in the object that a session has moved to: the old one's lines are done when that one has all of them."""
        with self.logs.lock:
            old = self._live_entries.pop(former, None)
            if old is None or not old.is_open:
                return
            live = self._live_entries.setdefault(session, old)
            if live is not old:  # it is stored under the new id already, and has an entry by that
                live.former += [line for line in (*old.former, old.line) if line is not None]
        self.keep(session)

    def _keep(self, session: UserSession) -> Log:
        codec, tracks = self._codec(), self._tracks()
        # The session's lock orders those who keep it, and no one takes in what others
        # changed meanwhile; a save that lands meanwhile has its say before us or after.
        with session.lock:
            track = tracks.get(session) or new_track(codec, session)
            ours = encoded(codec, session, track)
            at = to_micros(self._now())
            with self.logs.lock:
                live = self._of(session)
                live.seen = track.last
                view = view_of(session, track, ours)
                entries = list(entries_when_kept(live, view, codec.name, at))
                self._write(entries, [session] * len(entries))
        return live.log

    def _of(self, session: UserSession) -> LiveEntry:
        live = self._live_entries.get(session)
        if live is None:
            live = self._live_entries[session] = LiveEntry(self.logs.own())
        elif not live.is_open:
            live.log = self.logs.own()  # the one that it was in may be gone
        return live

    def sending(self, saves: Sequence[SaveInProgress]) -> None:
        """Record that writes are about to be sent: whether they landed is then found in the store."""
        self._note(
            saves,
            lambda live, save: entries_when_sent(
                live, save.session, save.track, self._codec().name, to_micros(self._now())
            ),
        )

    def settled(self, saves: Sequence[SaveInProgress]) -> None:
        """Record what became of saves."""
        self._note(saves, lambda live, save: entries_when_settled(live, save.track, save.error))

    def _note(
        self,
        saves: Sequence[SaveInProgress],
        news: Callable[[LiveEntry, SaveInProgress], Iterable[JournalEntry]],
    ) -> None:
        try:
            with self.logs.lock:
                entries: list[JournalEntry] = []
                sessions: list[UserSession] = []
                for save in saves:
                    mine = list(news(self._of(save.session), save))
                    entries += mine
                    sessions += [save.session] * len(mine)
                self._write(entries, sessions)
            for log in {log for log, _, _ in entries}:
                log.sync()
        except Exception as error:  # noqa: BLE001 - a save must not fail for its safety net
            self._failed(error, None)

    def _write(self, entries: Sequence[JournalEntry], sessions: Sequence[UserSession]) -> None:
        try:
            self.logs.write(entries)
        except BaseException:  # Ctrl-C too: what the files say now is not known; raised again
            for session in sessions:
                self._live_entries[session].state = None
            raise
        for session, entry in zip(sessions, entries, strict=True):
            note_written(self._live_entries[session], entry)
        if entries:
            self._failing = False

    def _failed(self, error: Exception, session_id: str | None) -> None:
        if not self._failing:  # once, until it works again
            self._failing = True
            self._emit(JournalFailed(session_id=session_id, error=f"{self.folder}: {error}"))

    # -- what is left of other processes --

    def left(self) -> list[tuple[Log, JournalLine]]:
        """Return what dead processes left and no live session goes on with."""
        with self.logs.lock:
            held = {live.line for live in list(self._live_entries.values())}
        return [(log, line) for log, line in self.logs.adopted_lines() if line not in held]

    def go_on(self, session: UserSession, log: Log, line: JournalLine, state: LineState) -> None:
        """
        Go on with a line in a session that was made of it.

        Args:
            session: The session.
            log: Where the line is.
            line: The line.
            state: What the session was made of; the line says the same afterwards.

        Raises:
            UnavailableError: If it can't be written: what is sent then could count twice.
        """
        with self.logs.lock:
            try:
                self.logs.write([(log, line, state.whole(line.number))])
            except OSError as error:
                msg = f"the journal {log.owned.folder} can't be written"
                raise UnavailableError(msg) from error
            self._live_entries[session] = LiveEntry(
                log, line, state=attrs.evolve(state, remembers=False)
            )

    def let_loose(self, session: UserSession) -> None:
        """Leave a session's line to whoever makes another session of it."""
        with self.logs.lock:
            self._live_entries.pop(session, None)

    def forget(self, session_id: str) -> None:
        """Drop what waits under an id, such as one that was ended."""
        for log, line in self.logs.lines():
            if line.session_id == session_id:
                self.drop(log, line)

    def drop(self, log: Log, line: JournalLine) -> None:
        """Have nothing done for a line any more."""
        try:
            self.logs.drop(log, line)
        except OSError as error:
            self._failed(error, line.session_id)

    # -- the end --------------------------------------------------------------

    def close(self) -> None:
        """Leave what is not stored to the next process; without any, leave nothing. Closing twice is fine."""
        self.logs.close()
        self._live_entries = WeakKeyDictionary()

    def _forked(self) -> None:
        """Begin anew in a child: all there is belongs to the parent."""
        self.logs.leave()
        self._start_empty()


def _forget_all() -> None:
    for journal in list(_LIVE):
        journal._forked()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


# -- live sessions and their lines; the caller holds the journal's lock ------


@attrs.define(eq=False)
class LiveEntry:
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
    line: JournalLine | None = None
    former: list[JournalLine] = attrs.field(factory=list)
    state: LineState | None = None
    pending: PendingWrite | None = None
    seen: EncodedParts | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has a line that is not done."""
        return self.line is not None and not self.line.done

    def before(self, base: EncodedParts | None, known: SessionHead | None) -> LastWrite:
        """Return what became of the write that was sent last, by what changes rest on now, and what is stored."""
        pending = self.pending
        if pending is None:
            sent = None if self.state is None else self.state.sent
            return LastWrite.OPEN if sent is None else LastWrite.OVER
        if base is pending.base:
            return LastWrite.OPEN
        # A save that met someone may also find that nothing is left to write.
        saves = () if known is None else (known.save_id, *known.recent)
        return LastWrite.LANDED if pending.attempt.write.head.save_id in saves else LastWrite.OVER


class PendingWrite(NamedTuple):
    """
    A write whose answer is not known.

    Attributes:
        attempt: The write.
        sent: What it contributes.
        base: What the session's changes rested on when it was made.
    """

    attempt: Attempt
    sent: SentWrite
    base: EncodedParts | None


def new_track(codec: SessionCodec, session: UserSession) -> Track:
    """Return where a session stands that no repository has met yet."""
    if session.save_id is not None:
        return Track(base=None)
    blank = UserSession(session_id=session.session_id, created_at=session.created_at)
    return Track(base=codec.encode(blank, {}).parts)


def encoded(codec: SessionCodec, session: UserSession, track: Track) -> EncodedParts:
    """Encode a session as its next save does, but for the stamps."""
    return codec.encode(session, track.last_known, held=held_parts(session)).parts


def view_of(session: UserSession, track: Track | None, ours: EncodedParts) -> SessionView:
    """Return how a session stands, with *ours* for its parts."""
    stored = None if track is None else track.stored
    return SessionView(
        session_id=session.session_id,
        created_at=to_micros(session.created_at),
        save_id=session.save_id,
        ours=ours,
        base=None if track is None else track.base,
        known=None if stored is None else stored.head,
        foreign=track is not None and track.foreign,
    )


def entries_when_kept(
    live: LiveEntry, view: SessionView, serializer: str, at: int
) -> Iterator[JournalEntry]:
    """
    Yield what has to be recorded for a session that is to be kept as it is now.

    Args:
        live: What is known of it.
        view: How it stands.
        serializer: The name of what encoded it.
        at: Microseconds since the epoch.
    """
    before = live.before(view.base, view.known)
    sent = live.pending.sent if live.pending is not None and before is LastWrite.OPEN else None
    line, state = live.line, live.state
    settled = view.base is not None and view.known is not None and sent is None
    changed = changed_parts(view, sent)
    if settled and not changed:
        yield from _done(live)
    elif line is None or state is None or not live.is_open:
        yield _begin(live, view, changed, serializer, at, sent)
    elif not fits(state, view, None if sent is None else sent.head.save_id):
        yield _begin(live, view, changed, serializer, at, sent)
        others = [] if line.session_id == view.session_id else [line]
        yield from _over(live, [*live.former, *others])
    else:
        change = make_change(state, view, changed, line.number, at, before=before)
        if change is not None:
            yield live.log, line, change


def entries_when_sent(
    live: LiveEntry, session: UserSession, track: Track, serializer: str, at: int
) -> Iterator[JournalEntry]:
    """Yield what has to be recorded before a session's write is sent; note in *live* that it is."""
    attempt = track.attempt
    if attempt is None or (live.pending is not None and live.pending.attempt is attempt):
        return  # the very same write is sent again
    view = view_of(session, track, attempt.ours)
    before = live.before(view.base, view.known)
    if before is LastWrite.OPEN and live.pending is not None:
        before = LastWrite.OVER  # or there would not be another one
    line, state = live.line, live.state
    ahead = live.seen is attempt.ours
    changed = sent_parts(view, state if ahead else None)
    sent = make_sent_write(attempt.write.head, view, changed)
    live.pending = PendingWrite(attempt, sent, view.base)
    if line is None or state is None or not live.is_open:
        return  # nothing was recorded that could be stored twice
    if fits(state, view, None):
        head = attempt.write.head
        change = make_change(
            state, view, changed, line.number, at, before=before, sending=head, ahead=ahead
        )
        if change is not None:
            yield live.log, line, change
    else:
        if line.session_id != view.session_id:
            live.former.append(line)  # the session may come back to the id that it had
        now = {**changed, **state.ours} if ahead else changed
        yield _begin(live, view, now, serializer, at, sent)


def entries_when_settled(
    live: LiveEntry, track: Track, error: Exception | None
) -> Iterator[JournalEntry]:
    """Yield what has to be recorded after a session's save; note in *live* what became of its write."""
    line, state, base = live.line, live.state, track.base
    before = live.before(base, None if track.stored is None else track.stored.head)
    if track.attempt is None:
        live.pending = None
    if line is None or not live.is_open:
        return
    if isinstance(error, SessionGoneError) or (state is None and error is None):
        yield from _done(live)
    elif state is None:
        return
    elif track.attempt is None and base is not None:
        if all(base.get(name) == data for name, data in state.ours.items()):
            yield from _done(live)
        elif before is LastWrite.LANDED and state.sent is not None:
            yield live.log, line, WriteLanded(line=line.number)
            yield from _over(live, live.former)


def _done(live: LiveEntry) -> Iterator[JournalEntry]:
    return _over(live, [*live.former, *([] if live.line is None else [live.line])])


def _over(live: LiveEntry, lines: Iterable[JournalLine]) -> Iterator[JournalEntry]:
    return ((live.log, line, LineEnd(line=line.number)) for line in lines if not line.done)


def _begin(  # noqa: PLR0913, PLR0917 - each is another fact about one line
    live: LiveEntry,
    view: SessionView,
    changed: Parts,
    serializer: str,
    at: int,
    sent: SentWrite | None,
) -> JournalEntry:
    line = live.line
    if line is None or line.done or line.session_id != view.session_id:
        line = JournalLine(number=live.log.new_number(), session_id=view.session_id)
    return live.log, line, make_begin(view, changed, serializer, line.number, at, sent=sent)


def note_written(live: LiveEntry, entry: JournalEntry) -> None:
    """Note that a record of a session's line was written."""
    _, line, record = entry
    if isinstance(record, LineBegin):
        live.line, live.state = line, LineState.of(record, remembers=False)
    elif isinstance(record, LineChange | WriteLanded) and live.state is not None:
        live.state.apply(record)
    elif line is live.line:
        live.line = live.state = None
    elif line in live.former:
        live.former.remove(line)
