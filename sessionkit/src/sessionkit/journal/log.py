# SPDX-License-Identifier: Apache-2.0
"""
What one process has recorded: a row of segments, of which the last one grows.

Segments are removed oldest first: the end of a line must not go before its beginning.
When too much of them is no longer needed, what is needed of the oldest one is written
anew at the end, a bounded piece of work. The caller holds a lock, but for ``sync``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Final, NamedTuple

import attrs

from sessionkit.journal.changes import LineBegin, LineEnd, LineState, Record, add_up, pack, unpack
from sessionkit.journal.frames import frame, payload_of
from sessionkit.journal.owner import OwnedFolder
from sessionkit.journal.segment import SUFFIX, Segment, sync_folder
from sessionkit.records import short_repr

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
