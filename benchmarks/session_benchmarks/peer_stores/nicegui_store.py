# SPDX-License-Identifier: Apache-2.0
"""NiceGUI's storage in files: dicts that write themselves when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast
from unittest import mock

from nicegui import background_tasks, core
from nicegui.persistence import file_persistent_dict
from nicegui.persistence.file_persistent_dict import FilePersistentDict
from nicegui.persistence.serialization import dumps

from session_benchmarks.data import Document, change_document
from session_benchmarks.ours import Stopwatch
from session_benchmarks.peer_sessions import PeerStore


def open_store(stack: ExitStack, _: str) -> PeerStore:
    """Make a folder and the loop that writes into it."""
    loop = stack.enter_context(closing(asyncio.new_event_loop()))
    stack.callback(lambda: loop.run_until_complete(loop.shutdown_default_executor()))
    stack.enter_context(mock.patch.object(core, "loop", loop))
    watch = Stopwatch()
    counted = watch.around(dumps)
    stack.enter_context(mock.patch.object(file_persistent_dict, "dumps", counted))
    folder = Path(stack.enter_context(TemporaryDirectory()))
    return PeerStore(
        library=f"NiceGUI {version('nicegui')}, file",
        begin=lambda document: NiceguiSession(loop, watch, folder / token_hex(), document),
    )


class ReadDict(FilePersistentDict):
    """A dict that is only read: one that was just read would write itself back."""

    def backup(self) -> None:
        """Write nothing."""


class NiceguiSession:
    """
    One user's dict, which writes itself after each change.

    All happens on NiceGUI's loop: without one a dict would write in the caller.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, writes: Stopwatch, file: Path, document: Document
    ) -> None:
        """Store it."""
        self._loop = loop
        self._writes = writes
        self._file = file
        self._dict = FilePersistentDict(file, encoding="utf-8")
        self._in_loop(lambda: self._dict.update(document))

    @property
    def document(self) -> Document:
        """The dict itself."""
        return cast("Document", self._dict)

    def save(self, number: int) -> None:
        """Change a field, and wait until what that sets going is done."""
        self._in_loop(lambda: change_document(self.document, number))

    def load(self) -> Document:
        """Read it, as for a user that was not seen before."""
        fresh = ReadDict(self._file, encoding="utf-8")
        fresh.initialize_sync()
        return cast("Document", fresh)

    def burst(self, changes: int) -> tuple[float, int]:
        """Make many changes without a pause."""
        before = self._writes.calls
        seconds = self._in_loop(lambda: self._change(changes))
        return seconds, self._writes.calls - before

    def _change(self, changes: int) -> None:
        for number in range(changes):
            change_document(self.document, number)

    def _in_loop(self, work: Callable[[], object]) -> float:
        return self._loop.run_until_complete(_and_wait(work))


async def _and_wait(work: Callable[[], object]) -> float:
    """Work, wait until nothing is left to write, and return the seconds of the work alone."""
    begin = perf_counter()
    work()
    seconds = perf_counter() - begin
    while background_tasks.running_tasks:
        await asyncio.wait(background_tasks.running_tasks)
    return seconds
