# SPDX-License-Identifier: Apache-2.0
"""Each session in a file of JSON: little code, and slow with thousands of sessions."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import attrs

from sessionkit import ConflictError, UnavailableError
from sessionkit.records import (
    SessionHead,
    SessionPage,
    SessionWrite,
    StoredSession,
    later_activity,
)


class FolderStorage:
    """Keeps each session in a file; any number of processes of one machine share the folder (Unix)."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if it is missing."""
        self._folder = folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, session_id: str) -> StoredSession | None:
        """Return one snapshot of a session."""
        with self._locked():
            return self._stored(session_id)

    def write(self, write: SessionWrite) -> None:
        """Store a save, if what is stored is what the writer has seen last."""
        with self._locked():
            stored = self._stored(write.head.session_id)
            found = stored.head.save_id if stored else None
            if found == write.head.save_id:
                return  # the answer to the first try was lost
            if found != write.expected:
                raise ConflictError(write.head.session_id, stored.head if stored else None)
            kept, old = (stored.parts, stored.head) if stored else ({}, write.head)
            parts = {name: kept[name] for name in kept.keys() - set(write.remove)}
            latest = later_activity(old.last_activity, write.head.last_activity)
            self._put(attrs.evolve(write.head, last_activity=latest), {**parts, **write.put})

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move the times of a session on."""
        with self._locked():
            stored = self._stored(session_id)
            if stored is None or stored.head.ended:
                return False
            if last_activity == later_activity(stored.head.last_activity, last_activity):
                head = attrs.evolve(stored.head, last_activity=last_activity, expires_at=expires_at)
                self._put(head, stored.parts)
            return True

    def delete(self, session_id: str) -> bool:
        """Remove a session."""
        with self._locked():
            return self._remove(session_id)

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List sessions; the cursor says which one came last."""

        def place(head: SessionHead) -> list[int | str]:
            return [0 if user_id is None else -head.last_activity, head.session_id]

        with self._locked():
            heads = sorted((head for head in self._heads() if not head.ended), key=place)
        if user_id is not None:
            heads = [head for head in heads if head.user_id == user_id]
        if cursor is not None:
            heads = [head for head in heads if place(head) > json.loads(cursor)]
        page = heads[:limit]
        more = json.dumps(place(page[-1])) if len(heads) > limit else None
        return SessionPage(heads=page, cursor=more)

    def count(self, *, active_since: int) -> int:
        """Count the active sessions."""
        with self._locked():
            active = [head for head in self._heads() if head.last_activity >= active_since]
        return sum(not head.ended for head in active)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove some of what has ended."""
        with self._locked():
            ended = [
                head.session_id
                for head in self._heads()
                if (head.expires_at is not None and head.expires_at < expired_before)
                or (idle_before is not None and not head.ended and head.last_activity < idle_before)
            ]
            return sum(self._remove(session_id) for session_id in ended[:limit])

    def close(self) -> None:
        """Do nothing: no file stays open."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else in: comparing and writing is one step."""
        try:
            with (self._folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:  # the disk is full, the share is away: it may come back
            msg = f"{self._folder}: {error}"
            raise UnavailableError(msg) from error

    def _stored(self, session_id: str) -> StoredSession | None:
        file = self._file(session_id)
        return _load(file.read_text(encoding="utf-8")) if file.exists() else None

    def _file(self, session_id: str) -> Path:
        return self._folder / f"{sha256(session_id.encode()).hexdigest()}.json"

    def _put(self, head: SessionHead, parts: Mapping[str, bytes]) -> None:
        new = self._file(head.session_id).with_suffix(".new")
        hexed = {name: data.hex() for name, data in parts.items()}
        new.write_text(json.dumps({"head": attrs.asdict(head), "parts": hexed}), encoding="utf-8")
        new.replace(new.with_suffix(".json"))  # the old file or the new one, never half of it

    def _remove(self, session_id: str) -> bool:
        there = self._file(session_id).exists()
        self._file(session_id).unlink(missing_ok=True)
        return there

    def _heads(self) -> Iterator[SessionHead]:
        for file in sorted(self._folder.glob("*.json")):
            yield _load(file.read_text(encoding="utf-8")).head


def _load(text: str) -> StoredSession:
    data = json.loads(text)
    head = SessionHead(**{**data["head"], "recent": tuple(data["head"]["recent"])})
    return StoredSession(head=head, parts={n: bytes.fromhex(h) for n, h in data["parts"].items()})
