# SPDX-License-Identifier: Apache-2.0
"""The journal of a process: what waits to be stored, in files that outlive it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

import attrs

from sessionkit.encoding.codec import SessionCodec
from sessionkit.errors import UnavailableError
from sessionkit.events import JournalFailed, SessionEvent
from sessionkit.journal import keeping
from sessionkit.journal.keeping import Kept
from sessionkit.journal.log import Line, Log
from sessionkit.journal.logs import Logs, Told
from sessionkit.journal.owning import check_system
from sessionkit.journal.state import State
from sessionkit.repository.tracks import SaveInProgress, Tracks
from sessionkit.session.fields import to_micros
from sessionkit.session.session import UserSession


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
        self._kept: WeakKeyDictionary[UserSession, Kept] = WeakKeyDictionary()
        self._failing = False

    # -- what live sessions do -------------------------------------------------

    def keep(self, session: UserSession) -> bool:
        """
        Record what a session has that the store may lack; waits for no store, and raises nothing.

        Returns:
            Whether a crash loses nothing of it from now on; an event tells why not.
        """
        try:
            self._keep(session).sync()
        except Exception as error:  # noqa: BLE001 - an app must not fail for its safety net
            self._failed(error, session.session_id)
            return False
        return True

    def _keep(self, session: UserSession) -> Log:
        codec, tracks = self._codec(), self._tracks()
        # The session's lock orders those who keep it, and no one takes in what others
        # changed meanwhile; a save that lands meanwhile has its say before us or after.
        with session.lock:
            track = tracks.get(session) or keeping.new_track(codec, session)
            ours = keeping.encoded(codec, session, track)
            at = to_micros(self._now())
            with self.logs.lock:
                kept = self._of(session)
                kept.seen = track.last
                view = keeping.view_of(session, track, ours)
                told = list(keeping.kept_now(kept, view, codec.name, at))
                self._write(told, [session] * len(told))
        return kept.log

    def _of(self, session: UserSession) -> Kept:
        kept = self._kept.get(session)
        if kept is None:
            kept = self._kept[session] = Kept(self.logs.own())
        elif not kept.is_open:
            kept.log = self.logs.own()  # the one that it was in may be gone
        return kept

    def sending(self, saves: Sequence[SaveInProgress]) -> None:
        """Record that writes are about to be sent: whether they landed is then found in the store."""
        self._note(
            saves,
            lambda kept, save: keeping.sent_now(
                kept, save.session, save.track, self._codec().name, to_micros(self._now())
            ),
        )

    def settled(self, saves: Sequence[SaveInProgress]) -> None:
        """Record what became of saves."""
        self._note(saves, lambda kept, save: keeping.settled_now(kept, save.track, save.error))

    def _note(
        self,
        saves: Sequence[SaveInProgress],
        news: Callable[[Kept, SaveInProgress], Iterable[Told]],
    ) -> None:
        try:
            with self.logs.lock:
                told: list[Told] = []
                sessions: list[UserSession] = []
                for save in saves:
                    mine = list(news(self._of(save.session), save))
                    told += mine
                    sessions += [save.session] * len(mine)
                self._write(told, sessions)
            for log in {log for log, _, _ in told}:
                log.sync()
        except Exception as error:  # noqa: BLE001 - a save must not fail for its safety net
            self._failed(error, None)

    def _write(self, told: Sequence[Told], sessions: Sequence[UserSession]) -> None:
        try:
            self.logs.write(told)
        except BaseException:  # Ctrl-C too: what the files say now is not known; raised again
            for session in sessions:
                self._kept[session].state = None
            raise
        for session, one in zip(sessions, told, strict=True):
            keeping.note(self._kept[session], one)
        if told:
            self._failing = False

    def _failed(self, error: Exception, session_id: str | None) -> None:
        if not self._failing:  # once, until it works again
            self._failing = True
            self._emit(JournalFailed(session_id=session_id, error=f"{self.folder}: {error}"))

    # -- what is left of other processes, or of sessions that were let go of -----

    def left(self) -> list[tuple[Log, Line]]:
        """Return what dead processes left and no live session goes on with."""
        return self._unheld(self.logs.adopted_lines())

    def let_go(self, session_id: str) -> list[tuple[Log, Line]]:
        """Return the lines of an id that no live session goes on with."""
        return self._unheld([one for one in self.logs.lines() if one[1].session_id == session_id])

    def _unheld(self, lines: Sequence[tuple[Log, Line]]) -> list[tuple[Log, Line]]:
        with self.logs.lock:
            held = {kept.line for kept in list(self._kept.values())}
        return [(log, line) for log, line in lines if line not in held]

    def held(self, session_id: str) -> UserSession | None:
        """Return a live session of an id that is not all stored yet, or None."""
        with self.logs.lock:
            kept = list(self._kept.items())
        mine = (one for one, its in kept if its.is_open and one.session_id == session_id)
        return next(mine, None)

    def go_on(self, session: UserSession, log: Log, line: Line, state: State) -> None:
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
            self._kept[session] = Kept(log, line, state=attrs.evolve(state, remembers=False))

    def let_loose(self, session: UserSession) -> None:
        """Leave a session's line to whoever makes another session of it."""
        with self.logs.lock:
            self._kept.pop(session, None)

    def forget(self, session_id: str) -> None:
        """Drop what waits under an id, such as one that was ended."""
        for log, line in self.logs.lines():
            if line.session_id == session_id:
                self.drop(log, line)

    def drop(self, log: Log, line: Line) -> None:
        """Have nothing done for a line any more."""
        try:
            self.logs.drop(log, line)
        except OSError as error:
            self._failed(error, line.session_id)

    # -- the end -----------------------------------------------------------------

    def close(self) -> None:
        """Leave what is not stored to the next process; without any, leave nothing. Closing twice is fine."""
        self.logs.close()
        self._kept = WeakKeyDictionary()

    def _forked(self) -> None:
        """Begin anew in a child: all there is belongs to the parent."""
        self.logs.leave()
        self._start_empty()


_LIVE: Final[WeakSet[Journal]] = WeakSet()


def _forget_all() -> None:
    for journal in list(_LIVE):
        journal._forked()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
