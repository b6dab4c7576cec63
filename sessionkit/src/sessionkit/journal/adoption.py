# SPDX-License-Identifier: Apache-2.0
"""Adoption: what a process that died has recorded becomes this process's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sessionkit.journal.changes import LineBegin, LineEnd, Record, unpack
from sessionkit.journal.frames import Scan, payload_of, scan
from sessionkit.journal.log import JournalLine, Log, RecordSpan
from sessionkit.journal.owner import ASIDE, OwnedFolder
from sessionkit.journal.segment import SUFFIX, Segment

_LOGGER: Final = logging.getLogger("sessionkit")


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
