# SPDX-License-Identifier: Apache-2.0
"""Database files in a folder of the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from sessionkit_sqlite.storage import SqliteStorage


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "sessions.db"


@pytest.fixture(name="opened")
def _opened(file: Path) -> Iterator[Callable[..., SqliteStorage]]:
    """Return a function that opens the file, not set up, and closes it after the test."""
    with ExitStack() as stack:

        def opened(url: str = f"sqlite:///{file}", **keywords: Any) -> SqliteStorage:
            return stack.enter_context(closing(SqliteStorage.open(url, **keywords)))

        yield opened


@pytest.fixture(name="storage")
def _storage(opened: Callable[..., SqliteStorage]) -> SqliteStorage:
    """Return a storage on the file, set up."""
    storage = opened()
    storage.setup()
    return storage


@pytest.fixture(name="run_python")
def _run_python() -> Callable[..., str]:
    """Return a function that runs code in a process of its own and returns what it printed."""

    def run(code: str, *arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-c", code, *arguments]
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            command, capture_output=True, text=True, check=False
        )
        assert (0, "") == (ran.returncode, ran.stderr)
        return ran.stdout

    return run
