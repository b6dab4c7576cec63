# SPDX-License-Identifier: Apache-2.0
"""A manager with its session, as an app has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_urlsafe

from session_benchmarks.backends import Backend
from session_benchmarks.data import Size, fill
from sessionkit.manager.manager import SessionManager
from sessionkit.settings import Settings
from sessionkit.settings.settings import PersistenceSettings, SecuritySettings


@contextmanager
def managed(
    backend: Backend, size: Size, persistence: PersistenceSettings | None = None
) -> Iterator[SessionManager]:
    """Make a manager whose session is as large as *size* says, and stored."""
    settings = Settings(
        storage=next(iter(backend.storages)),
        storages=backend.storages,
        persistence=persistence or PersistenceSettings(),
        security=SecuritySettings(secret_key=token_urlsafe()),
    )
    with SessionManager(settings) as manager:
        session = manager.bootstrap()
        fill(session, size)
        manager.save(session, immediate=True)
        yield manager
