# SPDX-License-Identifier: Apache-2.0
"""What a raw store has to offer to be compared with."""

from __future__ import annotations

from typing import Protocol

from session_benchmarks.data import Document


class RawSwaps(Protocol):
    """One connection that keeps whole documents, each with a version that it compares."""

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over version - 1; return whether that was what is stored."""

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""

    def version(self, key: str) -> int:
        """Return which version is stored."""

    def close(self) -> None:
        """Close the connection."""


class RawStore(RawSwaps, Protocol):
    """One connection that keeps whole documents as apps usually do."""

    def save(self, key: str, version: int, document: Document) -> None:
        """Store a document over version - 1, or raise."""

    def load(self, key: str) -> Document:
        """Return a document."""


class RawIndex(Protocol):
    """Many rows with a time each, to be counted and deleted."""

    def fill(self, number: int, data: bytes) -> None:
        """Store *number* rows of *data*, at the times 0, 1, 2, ..."""

    def count(self, since: int) -> int:
        """Return how many rows have a time of *since* or later."""

    def delete_before(self, time: int) -> None:
        """Delete what lies before *time*, all at once."""

    def close(self) -> None:
        """Close the connection."""


def check_saved(key: str, version: int, *, swapped: bool) -> None:
    """Raise unless the version-checked write was taken."""
    if not swapped:
        msg = f"{key!r}: version {version} was not stored"
        raise RuntimeError(msg)
