# SPDX-License-Identifier: Apache-2.0
"""What another library has to offer to be timed, and which of them are there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Final, Protocol, TypeAlias, runtime_checkable

import attrs

from session_benchmarks.data import Document


class PeerSession(Protocol):
    """One session of another library, in the state that its app sees."""

    @property
    def document(self) -> Document:
        """What the app reads and changes."""

    def save(self, number: int) -> None:
        """Make the change of this number in the document; return when it is stored."""

    def load(self) -> Document:
        """Read the document from the store, into an object of its own."""


@runtime_checkable
class GatheringSession(PeerSession, Protocol):
    """A session of a library that gathers changes: not each of them is a write."""

    def burst(self, changes: int) -> tuple[float, int]:
        """
        Make the first *changes* without a pause, and wait until the last one is stored.

        Returns:
            Seconds in the caller, all changes together, and how many writes were made.
        """


@attrs.frozen
class PeerStore:
    """
    Another library over one store.

    Attributes:
        library: Its name, its version, and what it is made to use.
        begin: Stores a document as a new session.
    """

    library: str
    begin: Callable[[Document], PeerSession]


OpenPeer: TypeAlias = Callable[[ExitStack, str], PeerStore]
"""Opens a library over the store at an address; the stack closes it."""

WAL: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
"""What raw driver and sessionkit use on SQLite, too; the libraries' default is far slower."""


def find_peer(module: str) -> OpenPeer | None:
    """Return how to open the library that *module* adapts; None when it is not installed."""
    try:
        found = import_module(f"session_benchmarks.peer_stores.{module}")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"left out: {module} ({error}; the dependency group bench has it)\n")
        return None
    opener: OpenPeer = found.open_store
    return opener
