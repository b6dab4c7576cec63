# SPDX-License-Identifier: Apache-2.0
"""
Hearing of what others change: clauses of the storage suite.

To be heard is a matter of best effort, so a clause saves until it is, within a
deadline. Nothing sleeps: it waits for the call itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from threading import Condition
from typing import Final, TypeAlias, cast

import pytest

from sessionkit.records import SessionWrite
from sessionkit.storage import BatchStorage, Closeable, Storage, WatchStorage
from sessionkit.testing.storage_abilities import AbilityClauses, need
from sessionkit.testing.storage_samples import Connect, first, following

_DEADLINE: Final = 10.0
_EACH: Final = 0.25
"""How long to wait before one more save, in seconds."""

_ID: Final = "{a}:Ab \u00e9*"
"""The id that is heard byte for byte."""


class Heard:
    """Notes what a callback is told."""

    def __init__(self, storage: Storage) -> None:
        """Begin to watch."""
        self._changed = Condition()
        self.ids: list[str] = []
        self.watching: Closeable = cast("WatchStorage", storage).watch(self._take)

    def _take(self, session_id: str) -> None:
        with self._changed:
            self.ids.append(session_id)
            self._changed.notify_all()

    def hears(self, session_id: str, change: Callable[[], object]) -> bool:
        """Make the change again and again until it is heard; False when the deadline has passed."""
        ends = time.monotonic() + _DEADLINE
        while time.monotonic() < ends:
            change()
            with self._changed:
                if self._changed.wait_for(lambda: session_id in self.ids, _EACH):
                    return True
        return False


Listen: TypeAlias = Callable[[Storage], Heard]
"""Begins to watch through a handle."""


def _saves(session_id: str) -> Iterator[SessionWrite]:
    yield first(session_id, put={"a": b"1"})
    for version in count(2):
        yield following(version, session_id)


class WatchClauses(AbilityClauses):
    """What ``watch`` does."""

    @pytest.fixture
    def listen(self) -> Iterator[Listen]:
        """Return a function that begins to watch; what is still watched is closed after the test."""
        begun: list[Heard] = []

        def listen(storage: Storage) -> Heard:
            need(declared=self.watch, method="watch")
            begun.append(Heard(storage))
            return begun[-1]

        yield listen
        for heard in begun:
            heard.watching.close()

    def test_saves_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """A callback is called with the id of a session that another handle saves, and with no other."""
        heard, writes, other = listen(storage), _saves(_ID), connect()

        assert heard.hears(_ID, lambda: other.write(next(writes)))
        assert {_ID} == set(heard.ids)

    def test_batches_of_others_are_heard(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """Each session of a batch is heard of."""
        need(declared=self.batch, method="write_many")
        heard, other = listen(storage), cast("BatchStorage", connect())
        batches = zip(_saves("a"), _saves("b"), strict=True)

        assert heard.hears("a", lambda: other.write_many(next(batches)))
        assert heard.hears("b", lambda: other.write_many(next(batches)))

    def test_nothing_is_heard_after_close(
        self, storage: Storage, connect: Connect, listen: Listen
    ) -> None:
        """Closing, also twice, ends the calls of that callback and of no other."""
        closed, kept, writes, other = listen(storage), listen(storage), _saves("s"), connect()
        closed.watching.close()
        closed.watching.close()

        assert kept.hears("s", lambda: other.write(next(writes)))
        assert [] == closed.ids
