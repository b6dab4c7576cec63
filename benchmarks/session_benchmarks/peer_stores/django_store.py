# SPDX-License-Identifier: Apache-2.0
"""Django's session engines: ``db`` on SQL databases, ``cache`` on Redis."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from typing import Any, cast

import django
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from sqlalchemy.engine import URL, make_url

from session_benchmarks.data import Document, change_document
from session_benchmarks.peer_sessions import WAL, PeerStore
from session_benchmarks.peers.django_setup import set_up


def open_store(stack: ExitStack, address: str) -> PeerStore:
    """Have Django keep its sessions at *address*."""
    set_up()
    url = make_url(address)
    engine = "cache" if url.drivername == "redis" else "db"
    if engine == "cache":
        _use(stack, caches, _cache(address))
    else:
        _use(stack, connections, _database(url))
        call_command("migrate", verbosity=0)
    store = import_module(f"django.contrib.sessions.backends.{engine}").SessionStore
    return PeerStore(
        library=f"Django {django.get_version()}, {engine}",
        begin=lambda document: DjangoSession(store, document),
    )


def _use(stack: ExitStack, handler: Any, options: dict[str, Any]) -> None:  # noqa: ANN401 - without types
    """Make *options* the default connection's for a while: Django's settings are made once in a process."""
    before = handler.settings
    handler.settings = handler.configure_settings({"default": options})
    handler["default"] = handler.create_connection("default")

    def restore() -> None:
        handler.close_all()
        handler.settings = before
        del handler["default"]

    stack.callback(restore)


def _cache(address: str) -> dict[str, Any]:
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address}


def _database(url: URL) -> dict[str, Any]:
    if url.drivername == "sqlite":
        commands = {"init_command": "; ".join(WAL)}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database, "OPTIONS": commands}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
    }


class DjangoSession:
    """One session, saved and read by its engine."""

    def __init__(self, store: Any, document: Document) -> None:  # noqa: ANN401 - without types
        """Store it."""
        self._store = store
        self._session = store()
        self._session.update(document)
        self._session.create()

    @property
    def document(self) -> Document:
        """The session."""
        return cast("Document", self._session)

    def save(self, number: int) -> None:
        """Change a field and store all."""
        change_document(self.document, number)
        self._session.save()

    def load(self) -> Document:
        """Read it."""
        return cast("Document", self._store(self._session.session_key).load())
