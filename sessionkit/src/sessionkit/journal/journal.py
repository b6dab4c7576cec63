# SPDX-License-Identifier: Apache-2.0
"""
The journal of a process: what waits to be stored is recorded in a file that outlives it.

:class:`Journal` is told what live sessions do; the functions after it say what has to be recorded of that.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import JournalFailed, JournalSetAside, SessionEvent
from sessionkit.journal.changes import (
    LineState,
    Parts,
    Recorded,
    SentWrite,
    SessionView,
    pack_change,
    pack_head,
    stamps_of,
    unlike,
)
from sessionkit.journal.store import (
    ASIDE,
    DamageError,
    JournalFile,
    JournalLine,
    LineWrite,
    anew,
    end_of,
    files_in,
    former_folders,
    move_aside,
)
from sessionkit.records import SessionHead
from sessionkit.repository.tracks import Attempt, SaveInProgress, Track, Tracks
from sessionkit.session.fields import NOTHING, to_micros
from sessionkit.session.forms import held_parts
from sessionkit.session.session import UserSession

_LIVE: Final[WeakSet[Journal]] = WeakSet()
_HELD: Final[list[Lock]] = []
_PATIENCE: Final = 2.0
"""Seconds that a fork waits for a thread that writes into a journal, at most."""

_MOST_PLACES: Final = 64
_MOST_BYTES: Final = 2**18

_LOGGER: Final = logging.getLogger("sessionkit")


class Journal:
    """
    Records what waits to be stored before anyone is told that it was taken.

    Each process has a file of its own in the journal's folder, which it holds a lock
    on while it lives; what dead ones left is replayed and removed.

    Attributes:
        folder: Where the processes' files lie.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        folder: Path,
        *,
        codec: Callable[[], SessionCodec],
        tracks: Tracks,
        now: Callable[[], datetime],
        emit: Callable[[SessionEvent], None],
        fsync: bool = False,
    ) -> None:
        """
        Touch nothing yet.

        Args:
            folder: Made with the first record if it is not there.
            codec: Returns what encodes sessions.
            tracks: What is known of live sessions.
            now: Returns the present moment, aware.
            emit: Takes events.
            fsync: Whether the disk must hold a record before it counts.
        """
        self.folder = folder.absolute()
        self._codec, self._tracks, self._now, self._emit = codec, tracks, now, emit
        self._fsync = fsync
        self._passed_over: set[Path] = set()
        self._start_empty()
        _LIVE.add(self)

    def _start_empty(self) -> None:
        self._lock = Lock()
        self._own: JournalFile | None = None
        self._taken_over: list[JournalFile] = []
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
        with self._lock:
            old = self._live_entries.pop(former, None)
            if old is None or not old.is_open:
                return
            live = self._live_entries.setdefault(session, old)
            if live is not old:  # it is stored under the new id already, and has an entry by that
                live.former += [line for line in (*old.former, old.line) if line is not None]
        self.keep(session)

    def _keep(self, session: UserSession) -> JournalFile:
        codec = self._codec()
        # The session's lock orders those who keep it, and no one takes in what others
        # changed meanwhile; a save that lands meanwhile has its say before us or after.
        with session.lock:
            track = self._tracks.get(session) or new_track(codec, session)
            held = held_parts(session) if session.form_states else NOTHING
            ours = codec.encode(session, track.last_known, held).parts
            at = to_micros(self._now())
            with self._lock:
                removed = self._let_go_of_removed()
                live = self._entry(session)
                live.seen = track.last
                file = self._own_file()
                view = view_of(session, track, ours, codec.name)
                news = news_when_kept(live, view, file, at)
                if news is not None:
                    self._write([(live, news)])
        if removed is not None:
            self._failed(
                OSError(f"{removed} was removed; changes are recorded in a new file"), None
            )
        return file

    def _entry(self, session: UserSession) -> LiveEntry:
        live = self._live_entries.get(session)
        if live is None:
            live = self._live_entries[session] = LiveEntry()
        return live

    def _let_go_of_removed(self) -> Path | None:
        """Let go of this process's file if somebody has removed it, and return its path."""
        own = self._own
        if own is None or not own.is_removed():
            return None
        self._own = None
        own.abandon()
        return own.path

    def _own_file(self) -> JournalFile:
        if self._own is None:
            self._own = JournalFile.make(self.folder, fsync=self._fsync)
        return self._own

    def sending(self, saves: Sequence[SaveInProgress]) -> None:
        """Record that writes are about to be sent: whether they landed is then found in the store."""
        at = to_micros(self._now())
        self._note_saves(
            saves,
            lambda live, save: news_when_sent(
                live, save.session, save.track, self._codec().name, at
            ),
        )

    def settled(self, saves: Sequence[SaveInProgress]) -> None:
        """Record what became of saves; on the thread that saves, files are tidied, too."""
        self._note_saves(saves, lambda live, save: news_when_settled(live, save.track, save.error))
        gone = any(isinstance(save.error, SessionGoneError) for save in saves)
        with self._lock:
            for file in self._files():
                if gone:
                    file.erase()
                else:
                    file.tidy()

    def _note_saves(
        self,
        saves: Sequence[SaveInProgress],
        news: Callable[[LiveEntry, SaveInProgress], News | None],
    ) -> None:
        try:
            with self._lock:
                entries = [(self._entry(save.session), save) for save in saves]
                found = [(live, new) for live, save in entries if (new := news(live, save))]
                files = self._write(found)
            for file in files:
                file.sync()
        except Exception as error:  # noqa: BLE001 - a save must not fail for its safety net
            self._failed(error, None)

    def _write(self, found: Sequence[tuple[LiveEntry, News]]) -> Iterable[JournalFile]:
        """Write what is new of sessions, a file at a time, and note in their entries that it is there; return the files."""
        by_file: dict[JournalFile, list[LineWrite]] = {}
        for _, news in found:
            for write in news.writes:
                by_file.setdefault(write.line.file, []).append(write)
        try:
            for file, writes in by_file.items():
                file.write(writes)
        except BaseException:  # Ctrl-C too: what the files say now is not known; raised again
            for live, _ in found:
                live.recorded = None
            raise
        for live, news in found:
            live.line, live.recorded = news.line, news.recorded
            if live.former:
                live.former = [line for line in live.former if not line.done]
            if live.line is not None and _is_long(live.line):
                self._shorten(live, live.line)
        if found:
            self._failing = False
        return by_file

    def _shorten(self, live: LiveEntry, line: JournalLine) -> None:
        """Write a line anew that has become long: of its changes a few moments are told apart."""
        source = None if live.recorded is None else live.recorded.source
        live.recorded = None  # what the file says is not known till it is written
        state = line.file.state(line).thinned()
        line.file.write([anew(line, state)])
        live.recorded = state.recorded()
        live.recorded.source = source

    def _failed(self, error: Exception, session_id: str | None) -> None:
        if not self._failing:  # once, until it works again
            self._failing = True
            self._emit(JournalFailed(session_id=session_id, error=f"{self.folder}: {error}"))

    # -- what dead processes left ---------------------------------------------

    def take_over(self) -> None:
        """
        Take over what processes left that are no more.

        A file that is damaged is kept aside; what can be read of it is taken over. One of a newer release, or in
        an older format, is left as it is.

        Raises:
            OSError: If the folder can't be read.
        """
        for folder in former_folders(self.folder):
            if folder not in self._passed_over:
                self._passed_over.add(folder)
                _LOGGER.warning(
                    "%s is a journal of an early version of sessionkit, which this one does not read; it is left as "
                    "it is: start that version to have it stored, or remove it",
                    folder,
                )
        with self._lock:
            mine = {file.path for file in self._files()}
        for path in files_in(self.folder):
            if path not in mine:
                try:
                    file = self._taken(path)
                except OSError as error:
                    _LOGGER.warning("journal %s can't be replayed: %s", path, error)
                    continue
                if file is not None:
                    with self._lock:
                        self._taken_over.append(file)

    def _taken(self, path: Path) -> JournalFile | None:
        try:
            file = JournalFile.take_over(path, fsync=self._fsync)
        except DamageError as error:
            self._tell_aside(None, move_aside(path), str(error))
            return None
        if file is None:
            return None
        with self._lock:
            known = {number for other in self._files() for number in other.lines}
        # A line that is there twice was copied from a damaged file, which was not moved away any more.
        file.lines = {number: line for number, line in file.lines.items() if number not in known}
        return file if file.damage is None else self._salvaged(file)

    def _salvaged(self, damaged: JournalFile) -> JournalFile | None:
        """Go on with what can be read of a file in a new one: into a damaged one nothing should be written."""
        file = JournalFile.make(self.folder, fsync=self._fsync)
        for number, line in damaged.lines.items():
            with suppress(ValueError):  # it is told of the file
                file.write([anew(JournalLine(file, number, line.session_id), damaged.state(line))])
        file.sync()
        self._tell_aside(None, damaged.move_aside(), str(damaged.damage))
        return file

    def set_aside(self, line: JournalLine, reason: str) -> None:
        """
        Keep a line that can't be stored in a file of its own, and tell.

        Raises:
            OSError: If that can't be written.
        """
        with self._lock:
            state = line.file.state(line)
        file = JournalFile.make(self.folder / ASIDE, fsync=self._fsync)
        file.write([anew(file.new_line(line.session_id), state)])
        file.close()
        self._tell_aside(line.session_id, file.path, reason)

    def _tell_aside(self, session_id: str | None, path: Path, reason: str) -> None:
        _LOGGER.warning("journal: %s; what can't be used is kept as %s", reason, path)
        self._emit(JournalSetAside(session_id=session_id, path=str(path), reason=reason))

    def left(self) -> list[JournalLine]:
        """Return what dead processes left and no live session goes on with."""
        with self._lock:
            held = {live.line for live in list(self._live_entries.values())}
            lines = [line for file in self._taken_over for line in file.lines.values()]
        return [line for line in lines if line not in held]

    def state(self, line: JournalLine) -> LineState:
        """Return what a line says; raises OSError or ValueError if it can't be read any more."""
        with self._lock:
            return line.file.state(line)

    def go_on(self, session: UserSession, line: JournalLine, state: LineState) -> None:
        """
        Go on with a line in a session that was made of it.

        Args:
            session: The session.
            line: The line.
            state: What the session was made of; the line says the same afterwards.

        Raises:
            UnavailableError: If it can't be written: what is sent then could count twice.
        """
        with self._lock:
            try:
                line.file.write([anew(line, state)])
            except OSError as error:
                msg = f"the journal {line.file.path} can't be written: {error}"
                raise UnavailableError(msg) from error
            self._live_entries[session] = LiveEntry(line, recorded=state.recorded())

    def let_loose(self, session: UserSession) -> None:
        """Leave a session's line to whoever makes another session of it."""
        with self._lock:
            self._live_entries.pop(session, None)

    def forget(self, session_id: str) -> None:
        """Drop what waits under an id, such as one that was ended, and leave nothing of it in the files."""
        with self._lock:
            lines = [line for file in self._files() for line in file.lines.values()]
        for line in lines:
            if line.session_id == session_id:
                self.drop(line)
        with self._lock:
            for file in self._files():
                file.erase()

    def drop(self, line: JournalLine) -> None:
        """Have nothing done for a line any more."""
        try:
            with self._lock:
                if not line.done:
                    line.file.write([end_of(line)])
        except OSError as error:
            self._failed(error, line.session_id)

    def close_done(self) -> None:
        """Remove what was taken over and is all stored."""
        with self._lock:
            for file in [file for file in self._taken_over if not file.lines]:
                self._taken_over.remove(file)
                file.close()

    # -- the end --------------------------------------------------------------

    def close(self) -> None:
        """Leave what is not stored to the next process; without any, leave nothing. Closing twice is fine."""
        with self._lock:
            for file in self._files():
                file.close()
            self._own, self._taken_over = None, []
            self._live_entries = WeakKeyDictionary()

    def _files(self) -> list[JournalFile]:
        return [*self._taken_over, *([] if self._own is None else [self._own])]

    def hold(self) -> Lock | None:
        """Return the journal's lock, taken: no thread is inside SQLite then; None if it can't be had."""
        return self._lock if self._lock.acquire(timeout=_PATIENCE) else None

    def _in_child(self) -> None:
        """Begin anew in a child: all there is belongs to the parent."""
        for file in self._files():
            file.leave_to_parent()
        self._start_empty()


def _hold_all() -> None:
    """Before a fork: a lock inside SQLite that another thread has would stay locked in the child."""
    _HELD.extend(lock for journal in list(_LIVE) if (lock := journal.hold()) is not None)


def _let_go_of_all() -> None:
    while _HELD:
        _HELD.pop().release()


def _begin_anew() -> None:
    _HELD.clear()
    for journal in list(_LIVE):
        journal._in_child()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_hold_all, after_in_parent=_let_go_of_all, after_in_child=_begin_anew
    )


# -- live sessions and their lines; the caller holds the journal's lock ------


@attrs.define(eq=False)
class LiveEntry:
    """
    What the journal knows of a live session.

    Attributes:
        line: Its line; None when all is stored.
        former: Its lines under ids that it had before, until this one has all of them.
        recorded: What the line says; None when there is none, or that is not known.
        pending: A write whose answer is not known.
        seen: The parts that a save had encoded when the session was last kept: by that it is
            known which of the two is ahead.
    """

    line: JournalLine | None = None
    former: list[JournalLine] = attrs.field(factory=list)
    recorded: Recorded | None = None
    pending: PendingWrite | None = None
    seen: EncodedParts | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has a line that is not done."""
        return self.line is not None and not self.line.done

    def sent_now(self, base: EncodedParts | None) -> SentWrite | None:
        """Return the write whose answer is not known yet, by what changes rest on now."""
        pending = self.pending
        return None if pending is None or base is not pending.base else pending.sent

    def has_landed(self, base: EncodedParts | None, known: SessionHead | None) -> bool:
        """Return whether the write that was sent last is stored, by what changes rest on now, and what is stored."""
        pending = self.pending
        if pending is None or base is pending.base or known is None:
            return False
        # A save that met someone may also find that nothing is left to write.
        return pending.attempt.write.head.save_id in (known.save_id, *known.recent)


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


class News(NamedTuple):
    """
    What is new of a session.

    Attributes:
        writes: What is written.
        line: Its line afterwards.
        recorded: What that says then.
    """

    writes: list[LineWrite]
    line: JournalLine | None = None
    recorded: Recorded | None = None


def new_track(codec: SessionCodec, session: UserSession) -> Track:
    """Return where a session stands that no repository has met yet."""
    if session.save_id is not None:
        return Track(base=None)
    blank = UserSession(session_id=session.session_id, created_at=session.created_at)
    return Track(base=codec.encode(blank, {}).parts)


def view_of(session: UserSession, track: Track, ours: EncodedParts, serializer: str) -> SessionView:
    """Return how a session stands, with *ours* for its parts, as the serializer of a name has encoded them."""
    return SessionView(
        session_id=session.session_id,
        serializer=serializer,
        created_at=session.created_at,
        save_id=session.save_id,
        ours=ours,
        base=track.base,
        known=None if track.stored is None else track.stored.head,
        foreign=track.foreign,
    )


def news_when_kept(live: LiveEntry, view: SessionView, file: JournalFile, at: int) -> News | None:
    """
    Return what has to be recorded for a session that is to be kept as it is now.

    Args:
        live: What is known of it.
        view: How it stands.
        file: Where a line of it begins.
        at: Microseconds since the epoch.
    """
    sent = live.sent_now(view.base)
    ours = view.changed(sent)
    if view.base is not None and view.known is not None and sent is None and not ours:
        return _done(live)
    line, recorded = live.line, live.recorded
    if line is None or line.done or recorded is None:
        return _begun(live, view, ours, sent=sent, file=file, at=at)
    if line.session_id != view.session_id or (
        sent is not None and (not recorded.has_sent(sent) or recorded.has_moved(view))
    ):
        begun = _begun(live, view, ours, sent=sent, file=file, at=at)
        others = [one for one in (*live.former, line) if one is not begun.line]
        return begun._replace(writes=[*begun.writes, *_ends(others)])
    landed = live.has_landed(view.base, view.known)
    return _gone_on(line, recorded, view, ours, at=at, sent=sent, landed=landed)


def news_when_sent(
    live: LiveEntry, session: UserSession, track: Track, serializer: str, at: int
) -> News | None:
    """Return what has to be recorded before a session's write is sent; note in *live* that it is."""
    attempt = track.attempt
    if attempt is None or (live.pending is not None and live.pending.attempt is attempt):
        return None  # the very same write is sent again
    view = view_of(session, track, attempt.ours, serializer)
    line, recorded = live.line, live.recorded
    landed = live.has_landed(view.base, view.known)
    # What was kept since the write was encoded is not in it.
    is_ahead = recorded is not None and live.seen is attempt.ours
    ahead = recorded.still(landed=landed) if recorded is not None and is_ahead else {}
    sent = view.send(attempt.write.head, ahead)
    live.pending = PendingWrite(attempt, sent, view.base)
    if line is None or line.done or recorded is None:
        return None  # nothing was recorded that could be stored twice
    ours = {**unlike(sent.parts, {}), **ahead}
    if line.session_id != view.session_id:
        live.former.append(line)  # the session may come back to the id that it had
        return _begun(live, view, ours, sent=sent, file=line.file, at=at)
    return _gone_on(line, recorded, view, ours, at=at, sent=sent, landed=landed, is_sent_now=True)


def news_when_settled(live: LiveEntry, track: Track, error: Exception | None) -> News | None:
    """Return what has to be recorded after a session's save; note in *live* what became of its write."""
    line, recorded, base = live.line, live.recorded, track.base
    landed = live.has_landed(base, None if track.stored is None else track.stored.head)
    if track.attempt is None:
        live.pending = None
    if line is None or line.done:
        return None
    if isinstance(error, SessionGoneError) or (recorded is None and error is None):
        return _done(live)
    if recorded is None or track.attempt is not None or base is None:
        return None
    if all(base.get(name) == data for name, data in recorded.ours.items()):
        return _done(live)
    if not landed or recorded.head.sent is None:
        return None
    state = line.file.state(line)
    state.land()
    return News([anew(line, state), *_ends(live.former)], line, state.recorded())


def _begun(  # noqa: PLR0913 - each is another fact about one line
    live: LiveEntry,
    view: SessionView,
    ours: Parts,
    *,
    sent: SentWrite | None,
    file: JournalFile,
    at: int,
) -> News:
    """Return a line's beginning, which says all of a session that has to be said; what was said of it before is replaced."""
    line = live.line
    if line is None or line.done or line.session_id != view.session_id:
        line = file.new_line(view.session_id)
    base, head = view.base_of(ours), view.head(sent)
    first, after, names = ours, {}, list(ours)
    if sent is not None:
        first = unlike(sent.parts, {})
        after = unlike(ours, first)
        names = [*ours.keys() | first.keys()]
        base = view.base_of(names)
        head = attrs.evolve(head, sent_place=1)
    names += stamps_of(base or {})
    begun, patches = pack_change(at, first, base, first=names)
    records = {0: pack_head(head, base), 1: begun}
    if after:
        records[2], patches = pack_change(at, after, base)
    recorded = Recorded(head, base, ours, after, view.base, patches)
    return News([LineWrite(line, records, anew=True)], line, recorded)


def _gone_on(  # noqa: PLR0913 - each is another fact about one line
    line: JournalLine,
    recorded: Recorded,
    view: SessionView,
    ours: Parts,
    *,
    at: int,
    sent: SentWrite | None,
    landed: bool,
    is_sent_now: bool = False,
) -> News | None:
    """
    Return what is new since a line was last written to; None when nothing is.

    Args:
        line: The line.
        recorded: What it says.
        view: How the session stands; for a write that is being sent, as that one has it.
        ours: Its parts that changed.
        at: Microseconds since the epoch.
        sent: A write whose answer is not known.
        landed: True when the write that was sent before is stored.
        is_sent_now: True when *sent* is about to be sent.
    """
    records: dict[int, bytes] = {}
    place = line.place
    if landed or recorded.has_moved(view):
        # What the changes rest on is another one: the line is written anew.
        state = line.file.state(line)
        if landed:
            state.land()
        state.rest_on(view)
        records, recorded = state.records(), state.recorded()
        place = len(records)
    is_anew = bool(records)
    change, now = recorded.next(view, ours, at, sent)
    if change is not None:
        records[place] = change
        place += 1
    if is_sent_now and sent is not None:
        now.head = attrs.evolve(now.head, sent_place=place - 1)
        now.after = unlike(ours, sent.parts)
        if now.after:
            records[place], now.patches = pack_change(at, now.after, now.base)
    if now.head is not recorded.head:
        records[0] = pack_head(now.head, now.base)
    if not records:
        return None
    return News([LineWrite(line, records, anew=is_anew)], line, now)


def _done(live: LiveEntry) -> News | None:
    lines = live.former if live.line is None else [*live.former, live.line]
    return News(_ends(lines)) if lines else None


def _ends(lines: Iterable[JournalLine]) -> list[LineWrite]:
    return [end_of(line) for line in lines if not line.done]


def _is_long(line: JournalLine) -> bool:
    """Return whether a line is better written anew."""
    if line.place > _MOST_PLACES:
        return True
    return line.place > 2 and line.size > _MOST_BYTES + 16 * line.begin  # noqa: PLR2004 - it has begun with two
