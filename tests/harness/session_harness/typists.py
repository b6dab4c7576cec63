# SPDX-License-Identifier: Apache-2.0
"""Threads that type into many sessions of one manager over a real file, and what that takes."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections import deque
from pathlib import Path
from threading import Event, Thread
from typing import Final

import attrs

from sessionkit import SessionManager, UserSession
from sessionkit.settings import Settings, load_settings
from sessionkit_sqlite.storage import SqliteStorage

MAX_WAIT: Final = 2.0
PATIENCE: Final = 3.0
"""Seconds over ``MAX_WAIT`` that a save may take on a machine that does much else."""

_A_SECOND: Final = 60
"""How often a second each thread types."""
_BUSY: Final = 5
"""How many sessions of each thread are typed into again and again, without a pause."""
_LOOK: Final = 0.25


def _settings(file: Path) -> Settings:
    return load_settings(
        storage="sqlite",
        storages={"sqlite": {"url": f"sqlite:///{file}"}},
        security={"secret_key": "the key of a soak, as long as a key should be"},
        persistence={"debounce_ms": 500, "max_wait_ms": round(MAX_WAIT * 1000)},
    )


@attrs.frozen
class Taken:
    """
    What the process has taken.

    Attributes:
        threads: Threads.
        files: Open files and sockets; 0 where nobody tells.
        objects: What the garbage collector looks after, and what it was told to leave alone.
        resident: Bytes of memory; 0 where nobody tells.
    """

    threads: int
    files: int
    objects: int
    resident: int

    @classmethod
    def now(cls) -> Taken:
        """Take a look, after the garbage is gone."""
        gc.collect()
        process = Path("/proc/self")
        resident = files = 0
        if process.exists():
            pages = int((process / "statm").read_text().split()[1])
            resident = pages * os.sysconf("SC_PAGE_SIZE")
            files = len(list((process / "fd").iterdir()))
        objects = len(gc.get_objects()) + gc.get_freeze_count()
        return cls(threading.active_count(), files, objects, resident)


@attrs.define(eq=False)
class Page:
    """
    A session, and what was typed into it.

    Attributes:
        session: The session.
        typed: When each of the latest numbers was typed, with the number; no more than is looked at.
    """

    session: UserSession
    typed: deque[tuple[float, int]] = attrs.field(factory=deque)

    def type(self) -> None:
        """Type the next number."""
        number = self.last + 1
        self.session.set_input("number", number)
        self.session.set_input("text", f"{number} times")
        now = time.monotonic()
        self.typed.append((now, number))
        while len(self.typed) > 1 and self.typed[1][0] < now - 2 * (MAX_WAIT + PATIENCE):
            self.typed.popleft()

    def number_before(self, moment: float) -> int:
        """Return the last number that was typed before a moment; 0 for none that is known."""
        typed = reversed(tuple(self.typed))
        return next((number for when, number in typed if when < moment), 0)

    @property
    def last(self) -> int:
        """The last number."""
        return self.typed[-1][1] if self.typed else 0


class Soak:
    """
    Sessions that are typed into, and a reader that looks whether the store has what it should have.

    Attributes:
        late: What was not stored in time: a session, what was typed, and what was stored.
        lost: The same, at the end.
        before: What the process had taken when it was warm.
        after: What it had taken at the end.
        changes: How often was typed.
        share: How much of one core it took.
    """

    before: Taken
    after: Taken

    def __init__(self, file: Path, *, sessions: int, threads: int) -> None:
        """Open the file; nothing runs yet."""
        self.late: list[tuple[str, int, int]] = []
        self.lost: list[tuple[str, int, int]] = []
        self.changes = 0
        self.share = 0.0
        self._manager = SessionManager(_settings(file))
        self._pages = [Page(UserSession(session_id=f"s{n}")) for n in range(sessions)]
        self._over = Event()
        self._chance = random.Random(3)  # noqa: S311 - who is looked at, no secret
        parts = [self._pages[n::threads] for n in range(threads)]
        self._typists = [Thread(target=self._type, args=(n, part)) for n, part in enumerate(parts)]

    def run(self, seconds: float) -> None:
        """Type for so long, and close."""
        with self._manager:
            for page in self._pages:
                self._manager.schedule_save(page.session)
            assert self._manager.flush()
            self._open_connections()
            for typist in self._typists:
                typist.start()
            try:
                self._watch(seconds)
            finally:
                self._over.set()
                for typist in self._typists:
                    typist.join()
            assert self._manager.flush()
            self.lost = self._behind(self._pages, time.monotonic())

    def _open_connections(self) -> None:
        """Open what the writer and the reader need at once, which may be for the first time late in the soak."""
        storage = self._manager.storage
        assert isinstance(storage, SqliteStorage)
        connections = storage._dialect._runner._connections  # type: ignore[attr-defined]
        for connection in (connections.take(), connections.take()):
            connections.give(connection)

    def _watch(self, seconds: float) -> None:
        warm = self._look_until(time.monotonic() + seconds / 3)
        self.before = Taken.now()
        cpu = time.process_time()
        over = self._look_until(warm + seconds * 2 / 3)
        self.share = (time.process_time() - cpu) / (over - warm)
        self.after = Taken.now()

    def _look_until(self, end: float) -> float:
        while (now := time.monotonic()) < end:
            some = self._chance.sample(self._pages, 20) + self._pages[: 2 * _BUSY]
            self.late += self._behind(some, now - MAX_WAIT - PATIENCE)
            self._over.wait(_LOOK)
        return now

    def _behind(self, pages: list[Page], moment: float) -> list[tuple[str, int, int]]:
        """Return those pages of which what was typed before a moment is not stored."""
        found = []
        for page in pages:
            typed = page.number_before(moment)
            stored = self._manager.repository.load(page.session.session_id)
            number = 0 if stored is None else stored.inputs.get("number", 0)
            if number < typed:
                found.append((page.session.session_id, typed, number))
        return found

    def _type(self, seed: int, pages: list[Page]) -> None:
        chance = random.Random(seed)  # noqa: S311 - what users do, no secret
        while not self._over.wait(1 / _A_SECOND):
            busy = chance.random() < 0.5
            page = chance.choice(pages[:_BUSY] if busy else pages)
            page.type()
            self._manager.schedule_save(page.session)
            self.changes += 1
