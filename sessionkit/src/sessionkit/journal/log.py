# SPDX-License-Identifier: Apache-2.0
"""
The logs of a process: what it has recorded itself, and what it took over from processes that died.

A log is a row of segments, of which the last one grows. Segments are removed oldest first: the end
of a line must not go before its beginning. When too much of them is no longer needed, what is needed
of the oldest one is written anew at the end, a bounded piece of work. The caller holds a lock, but
for ``Log.sync``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import attrs

from sessionkit.journal.changes import LineBegin, LineEnd, LineState, Record, add_up, pack, unpack
from sessionkit.journal.owner import ASIDE, OwnedFolder, dead_folders, make_owned_folder
from sessionkit.journal.segment import SUFFIX, Scan, Segment, frame, payload_of, scan, sync_folder
from sessionkit.records import short_repr

_LOGGER: Final = logging.getLogger("sessionkit")

_SEGMENT_BYTES: Final = 2**20

_SMALL: Final = 4 * 2**20
"""Bytes up to which nothing is written anew."""

_MOST_RECORDS: Final = 256

_MOST_BYTES: Final = 2**18


class Log:
    """
    The records of one process.

    Attributes:
        lines: Those that are not done, by number.
    """

    def __init__(
        self, owned: OwnedFolder, segments: Sequence[Segment] = (), *, fsync: bool
    ) -> None:
        """
        Go on in a folder.

        Args:
            owned: The folder.
            segments: What lies in it, oldest first; nothing is put into these.
            fsync: Whether the disk must hold a record before it counts.
        """
        self.lines: dict[int, JournalLine] = {}
        self.owned = owned
        self._segments = list(segments)
        self._fsync = fsync
        self._number = max((int(one.path.stem) for one in segments), default=0)
        self._syncing = Lock()
        self._written = self._synced = 0
        self._rolled = False
        self._last_line = 0

    @property
    def size(self) -> int:
        """The bytes of all segments."""
        return sum(segment.size for segment in self._segments)

    @property
    def live(self) -> int:
        """How many of them are still needed."""
        return sum(segment.live for segment in self._segments)

    def write(self, records: Sequence[tuple[JournalLine, Record]]) -> None:
        """
        Put records at the end: all of them, or none.

        Raises:
            OSError: If they could not be written.
        """
        self._put(records)
        for line, _ in records:
            # Most lines are done before that: nothing is gained while all is small.
            if not line.done and _is_long(line) and self.size > _SMALL // 2:
                self._put([(line, self.state(line).whole(line.number))])
        self._tidy()

    def _put(self, records: Sequence[tuple[JournalLine, Record]]) -> None:
        frames = [frame(pack(record)) for _, record in records]
        segment = self._growing()
        begin = segment.append(b"".join(frames))
        self._written += 1
        for (line, record), framed in zip(records, frames, strict=True):
            self.file(line, record, RecordSpan(segment, begin, len(framed)))
            begin += len(framed)

    def _growing(self) -> Segment:
        last = self._segments[-1] if self._segments else None
        if last is None or not last.is_open or last.size > _SEGMENT_BYTES:
            path = self.owned.folder / f"{self._number + 1:08}{SUFFIX}"
            made = Segment.made(path)
            self._number += 1
            self._segments.append(made)
            self._rolled = True
            with self._syncing:
                if self._fsync:
                    self._sync_names(last)
                if last is not None:
                    last.close()
            return made
        return last

    def _sync_names(self, last: Segment | None) -> None:
        """Have the disk hold all up to a new segment, and its name."""
        folder = self.owned.folder
        for parent in [folder] if last is not None else [folder, *folder.parents[:2]]:
            sync_folder(parent)
        if last is not None and last.is_open:
            last.sync()

    def new_number(self) -> int:
        """Return a number that no line has had."""
        self._last_line += 1
        return self._last_line

    def file(self, line: JournalLine, record: Record, span: RecordSpan) -> None:
        """Note where a record of a line lies, and which ones it replaces."""
        if isinstance(record, LineBegin | LineEnd):
            self._release(line)
        if isinstance(record, LineEnd):
            line.done = True
            self.lines.pop(line.number, None)
            return
        if isinstance(record, LineBegin):
            self.lines[line.number] = line
            self._last_line = max(self._last_line, line.number)
        line.spans.append(span)
        line.size += span.length
        span.segment.live += span.length

    def _release(self, line: JournalLine) -> None:
        for span in line.spans:
            span.segment.live -= span.length
        line.spans = []
        line.size = 0

    def state(self, line: JournalLine) -> LineState:
        """
        Return what the records of a line add up to.

        Raises:
            OSError: If they can't be read.
            ValueError: If they are not what was written.
        """
        read = [
            unpack(payload_of(span.segment.read(span.begin, span.length))) for span in line.spans
        ]
        return add_up(read)[line.number]

    def _tidy(self) -> None:
        while len(self._segments) > 1 and not self._segments[0].live:
            self._segments.pop(0).remove()
        if not self.lines:
            if self._segments and self._segments[0].is_open:
                self._segments[0].empty()
        elif self._rolled and self.size > max(_SMALL, 2 * self.live):
            self._renew(self._segments[0])
        self._rolled = False

    def _renew(self, segment: Segment) -> None:
        for line in list(self.lines.values()):
            if line.spans[0].segment is segment:
                self._put([(line, self.state(line).whole(line.number))])

    def sync(self) -> None:
        """
        Have the disk hold all that was written, if it must.

        Raises:
            OSError: If it does not.
        """
        if not self._fsync:
            return
        ticket = self._written
        with self._syncing:
            if self._synced >= ticket or not self._segments:
                return  # another thread has done it for us
            ticket, last = self._written, self._segments[-1]
            if last.is_open:
                last.sync()
            self._synced = ticket

    def close(self) -> None:
        """Let go of the folder; it goes, too, when nothing in it is needed."""
        if self.lines:
            self.leave()
            return
        with suppress(OSError):  # whoever comes next finds nothing of use in it
            for segment in self._segments:
                segment.remove()
            self._segments = []
            self.owned.remove()
        self.leave()

    def leave(self) -> None:
        """Let go of the folder as it is."""
        for segment in self._segments:
            segment.close()
        self.owned.let_go()


@attrs.define(eq=False)
class JournalLine:
    """
    A line that is not done.

    Attributes:
        number: Its number.
        session_id: The session.
        spans: Where its records lie, since its last beginning.
        size: Their bytes.
        done: True when nothing is left to do for it.
    """

    number: int
    session_id: str = attrs.field(repr=short_repr)
    spans: list[RecordSpan] = attrs.field(factory=list)
    size: int = 0
    done: bool = False


class RecordSpan(NamedTuple):
    """Where a record lies."""

    segment: Segment
    begin: int
    length: int


def _is_long(line: JournalLine) -> bool:
    """Return whether a line is better begun anew."""
    if len(line.spans) > _MOST_RECORDS:
        return True
    return len(line.spans) > 1 and line.size > _MOST_BYTES + 16 * line.spans[0].length


def adopt_log(owned: OwnedFolder, *, fsync: bool) -> Log | None:
    """
    Return the log in a folder whose owner died.

    What can't be read is kept aside; what a newer release wrote is left alone.

    Args:
        owned: The folder.
        fsync: Whether the disk must hold a record before it counts.

    Returns:
        None if a newer release wrote it; it is let go of then.

    Raises:
        OSError: If it can't be read or cut.
    """
    try:
        return _adopted(owned, fsync=fsync)
    except OSError:
        owned.let_go()
        raise


def _adopted(owned: OwnedFolder, *, fsync: bool) -> Log | None:
    paths = sorted(path for path in owned.folder.glob(f"*{SUFFIX}") if path.stem.isdigit())
    scans = [(path, data, scan(data)) for path in paths for data in [path.read_bytes()]]
    if any(found.newer for _, _, found in scans):
        _LOGGER.warning(
            "%s was written by a newer release of sessionkit and is left as it is: "
            "start that release to have it stored",
            owned.folder,
        )
        owned.let_go()
        return None
    read = [_read(path, data, found) for path, data, found in scans]
    log = Log(owned, [one.segment for one in read], fsync=fsync)
    _file(log, read)
    return log


class _Read(NamedTuple):
    """A segment, its records with their places, and whether more was in it that can't be read."""

    segment: Segment
    records: list[tuple[Record, RecordSpan]]
    damaged: bool


def _read(path: Path, data: bytes, found: Scan) -> _Read:
    segment = Segment(path)
    records: list[tuple[Record, RecordSpan]] = []
    end, damage = found.end, found.damage
    for begin, following in found.frames:
        try:
            record = unpack(payload_of(data[begin:following]))
        except ValueError as error:
            end, damage = begin, str(error)
            break
        records.append((record, RecordSpan(segment, begin, following - begin)))
    segment.size = end
    if damage is not None:
        set_aside(path, data, damage)
    if end < len(data):
        os.truncate(path, end)
    return _Read(segment, records, damage is not None)


def set_aside(path: Path, data: bytes, reason: str) -> Path:
    """Keep bytes that can't be used beside the folder they come from, and say so; return where."""
    folder = path.parent.parent / ASIDE
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{path.parent.name}-{path.name}"
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    _LOGGER.warning("journal %s can't be used as it is (%s); it is kept as %s", path, reason, kept)
    return kept


def _file(log: Log, read: list[_Read]) -> None:
    for record, span in _usable(read):
        line = log.lines.get(record.line)
        if line is None and isinstance(record, LineBegin):
            line = JournalLine(number=record.line, session_id=record.session_id)
        if line is not None:
            log.file(line, record, span)


def _usable(read: list[_Read]) -> Iterator[tuple[Record, RecordSpan]]:
    """Yield the records whose line is whole up to them."""
    seen: set[int] = set()
    torn: set[int] = set()
    for one in read:
        for record, span in one.records:
            if isinstance(record, LineBegin):
                torn.discard(record.line)
            if record.line not in torn or isinstance(record, LineEnd):
                yield record, span
            seen.add(record.line)
        if one.damaged:
            torn |= seen


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
