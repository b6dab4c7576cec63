# SPDX-License-Identifier: Apache-2.0
"""A Valkey for the whole folder, storages on it, and writers that go on whatever happens."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Event
from typing import Any, Final, Self

import pytest
from session_harness import valkeys
from session_harness.processes import HOST, needed

from sessionkit.errors import UnavailableError
from sessionkit.records import SessionWrite
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.storage import RedisStorage

_PATIENCE: Final = 40.0
_PAUSE: Final = 0.02
_WRITERS: Final = 3
_SESSIONS: Final = 8
_LARGE_EACH: Final = 5
_LARGE: Final = 60_000


@pytest.fixture(scope="session", name="valkey")
def _valkey() -> Iterator[valkeys.Node]:
    """Return one Valkey."""
    with needed(), valkeys.alone(valkeys.valkey_binary()) as node:
        yield node


@pytest.fixture(name="url")
def _url(valkey: valkeys.Node) -> str:
    """Return the url of an empty Valkey."""
    valkey.client.flushall()
    return f"redis://{HOST}:{valkey.port}/0"


@pytest.fixture(name="opened")
def _opened() -> Iterator[Callable[..., RedisStorage]]:
    """Return a function that opens storages; they are closed after the test."""
    with ExitStack() as stack:

        def opened(url: str, **keywords: Any) -> RedisStorage:
            return stack.enter_context(closing(RedisStorage.open(url, **keywords)))

        yield opened


@pytest.fixture(name="storage")
def _storage(url: str, opened: Callable[..., RedisStorage]) -> RedisStorage:
    """Return a storage on an empty Valkey."""
    return opened(url)


class Writers:
    """
    Threads that save sessions of their own, over and over, singly and in batches.

    A save that finds the store unavailable is sent again, the very same.

    Attributes:
        stored: The last version that each session's writer was told is stored.
        wrong: What a writer met that can't be: a conflict, say.
        retries: How many saves were sent again.
        longest: How long the slowest save took, in seconds.
    """

    def __init__(self, storage: RedisStorage) -> None:
        """Write to *storage*."""
        self.storage = storage
        self.stored: dict[str, int] = {}
        self.wrong: list[object] = []
        self.retries = 0
        self.longest = 0.0
        self._ended = Event()
        self._pool = ThreadPoolExecutor(_WRITERS)
        self._running: list[Future[None]] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._running = [self._pool.submit(self._write, number) for number in range(_WRITERS)]
        return self

    def __exit__(self, *_: object) -> None:
        """Let each finish what it is at."""
        self._ended.set()
        self._pool.shutdown()

    def have_saved(self, more: int) -> None:
        """Wait until so many more saves are stored."""
        goal = self.total + more
        valkeys.wait_until(
            lambda: self.total >= goal or any(one.done() for one in self._running),
            f"{more} more saves are stored",
            _PATIENCE,
        )

    @property
    def total(self) -> int:
        """How many saves are stored."""
        return sum(self.stored.copy().values())

    def check(self, what: str) -> None:
        """Assert that exactly what was acknowledged is stored, and say how long a save took."""
        print(  # noqa: T201 - for the log of the run
            f"{what}: {self.total} saves, {self.retries} sent again,"
            f" the longest took {self.longest:.2f} s"
        )
        for one in self._running:
            one.result()
        assert [] == self.wrong
        for session_id, version in self.stored.items():
            found = self.storage.read(session_id)
            assert found is not None
            parts = {name: data[:20] for name, data in found.parts.items()}
            expected = {name: data[:20] for name, data in _parts_after(version).items()}
            assert (version, expected) == (found.head.version, parts)
        ids = {head.session_id for head in self.storage.find(user_id="u").heads}
        assert self.stored.keys() == ids
        assert len(self.stored) == self.storage.count(active_since=0)

    def _write(self, number: int) -> None:
        ids = [f"s{number}-{at}" for at in range(_SESSIONS)]
        for version in itertools.count(1):
            writes = [_write_of(version, session_id) for session_id in ids]
            half = len(writes) // 2
            for batch in ([one] for one in writes[:half]):
                self._save(batch)
            self._save(writes[half:])
            if self._ended.is_set():
                return

    def _save(self, writes: Sequence[SessionWrite]) -> None:
        began = time.monotonic()
        while writes:
            outcomes = self.storage.write_many(writes)
            again = []
            for write, outcome in zip(writes, outcomes, strict=True):
                if isinstance(outcome, UnavailableError):
                    again.append(write)
                elif outcome is not None:
                    self.wrong.append(outcome)
                else:
                    self.stored[write.head.session_id] = write.head.version
            self.longest = max(self.longest, time.monotonic() - began)
            if again:
                self.retries += len(again)
                assert time.monotonic() < began + _PATIENCE, str(outcomes)
                time.sleep(_PAUSE)
            writes = again


def _write_of(version: int, session_id: str) -> SessionWrite:
    put = {"count": str(version).encode()}
    if version % _LARGE_EACH == 0:
        put["large"] = _parts_after(version)["large"]
    if version == 1:
        return first(session_id, put, user_id="u")
    return following(version, session_id, put=put, user_id="u")


def _parts_after(version: int) -> dict[str, bytes]:
    last = version - version % _LARGE_EACH
    large = {"large": str(last).encode().rjust(20) + b"x" * _LARGE} if last else {}
    return {"count": str(version).encode(), **large}


@pytest.fixture(name="writers")
def _writers() -> Callable[[RedisStorage], Writers]:
    """Return a function that makes writers."""
    return Writers
