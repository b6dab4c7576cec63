# SPDX-License-Identifier: Apache-2.0
"""A storage of ours used as a raw driver: one document, by the storage's own compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import orjson

from session_benchmarks.data import Document
from sessionkit.errors import ConflictError
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.session.fields import micros_now, new_save_id
from sessionkit.storage import Storage

_PART: Final = "document"


@attrs.define
class StorageSwaps:
    """
    One handle on a storage.

    Attributes:
        storage: The storage.
    """

    storage: Storage
    _seen: SessionHead | None = None

    @classmethod
    def open(cls, opener: Callable[[], Storage]) -> StorageSwaps:
        """Open the storage once more."""
        return cls(opener())

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over the one that was read last; return whether that is what is stored."""
        seen, now = self._seen, micros_now()
        head = SessionHead(
            session_id=_id_of(key),
            version=version,
            save_id=new_save_id(),
            created_at=seen.created_at if seen else now,
            last_activity=now,
        )
        expected = seen.save_id if seen else None
        write = SessionWrite(head=head, expected=expected, put={_PART: orjson.dumps(document)})
        try:
            self.storage.write(write)
        except ConflictError:
            return False
        return True

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""
        stored = self.storage.read(_id_of(key))
        if stored is None:
            msg = f"no document {key!r} is stored"
            raise RuntimeError(msg)
        self._seen = stored.head
        return stored.head.version, orjson.loads(stored.parts[_PART])

    def version(self, key: str) -> int:
        """Return which version is stored."""
        return self.read(key)[0]

    def close(self) -> None:
        """Close the storage."""
        self.storage.close()


def _id_of(key: str) -> str:
    return f"document-{key}"
