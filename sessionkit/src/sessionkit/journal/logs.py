# SPDX-License-Identifier: Apache-2.0
"""The logs that a process has: its own, and those that it took over from the dead."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from sessionkit.journal.adoption import adopt_log
from sessionkit.journal.changes import LineEnd, LineState, Record
from sessionkit.journal.log import JournalLine, Log
from sessionkit.journal.owner import dead_folders, make_owned_folder

_LOGGER: Final = logging.getLogger("sessionkit")

JournalEntry = tuple[Log, JournalLine, Record]
"""A record, and where it belongs."""


class Logs:
    """
    The logs of a process.

    Attributes:
        folder: Where the processes' folders lie.
        lock: Held by whoever calls ``own`` and ``write``; never while a store is asked.
    """

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        """
        Touch nothing yet.

        Args:
            folder: Made with the first record if it is not there.
            fsync: Whether the disk must hold a record before it counts.
        """
        self.folder = folder
        self.lock = Lock()
        self._fsync = fsync
        self._own: Log | None = None
        self._adopted: list[Log] = []

    def own(self) -> Log:
        """
        Return the process's own log.

        Raises:
            OSError: If it can't be made.
        """
        if self._own is None:
            self._own = Log(make_owned_folder(self.folder), fsync=self._fsync)
        return self._own

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """
        Put records where they belong.

        Raises:
            OSError: If they could not be written.
        """
        by_log: dict[Log, list[tuple[JournalLine, Record]]] = {}
        for log, line, record in entries:
            by_log.setdefault(log, []).append((line, record))
        for log, records in by_log.items():
            log.write(records)

    def lines(self) -> list[tuple[Log, JournalLine]]:
        """Return all lines that are not done."""
        with self.lock:
            return [(log, line) for log in self._all() for line in log.lines.values()]

    def adopted_lines(self) -> list[tuple[Log, JournalLine]]:
        """Return those that dead processes left."""
        with self.lock:
            return [(log, line) for log in self._adopted for line in log.lines.values()]

    def state(self, log: Log, line: JournalLine) -> LineState:
        """Return what a line says; raises OSError or ValueError if it can't be read any more."""
        with self.lock:
            return log.state(line)

    def drop(self, log: Log, line: JournalLine) -> None:
        """
        Have nothing done for a line any more.

        Raises:
            OSError: If that could not be written.
        """
        with self.lock:
            if not line.done:
                log.write([(line, LineEnd(line=line.number))])

    def adopt_dead(self) -> None:
        """
        Take over what processes left that are no more.

        Raises:
            OSError: If the folder can't be read.
        """
        for owned in dead_folders(self.folder):
            try:
                log = adopt_log(owned, fsync=self._fsync)
            except OSError as error:
                _LOGGER.warning("journal %s can't be replayed: %s", owned.folder, error)
                continue
            if log is not None:
                with self.lock:
                    self._adopted.append(log)

    def close_done(self) -> None:
        """Remove what was taken over and is all stored."""
        with self.lock:
            for log in [log for log in self._adopted if not log.lines]:
                self._adopted.remove(log)
                log.close()

    def close(self) -> None:
        """Leave what is not stored to the next process; without any, leave nothing."""
        with self.lock:
            for log in self._all():
                log.close()
            self._own, self._adopted = None, []

    def leave(self) -> None:
        """Close all files as they are, without the lock: in a child, where they are the parent's."""
        for log in self._all():
            log.leave()

    def _all(self) -> list[Log]:
        return [*self._adopted, *([] if self._own is None else [self._own])]
