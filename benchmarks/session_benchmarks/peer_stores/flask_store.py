# SPDX-License-Identifier: Apache-2.0
"""Flask-Session's interfaces for SQLAlchemy and for Redis."""

from __future__ import annotations

from contextlib import ExitStack, closing
from importlib.metadata import version
from secrets import token_urlsafe
from typing import Any, cast

import redis
from flask import Flask
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

from session_benchmarks.data import Document, change_document
from session_benchmarks.peer_sessions import WAL, PeerStore


def open_store(stack: ExitStack, address: str) -> PeerStore:
    """Set an app up that keeps its sessions at *address*."""
    app = Flask("timed")
    # One context for all, as if all happened in one request: each would open and close one.
    stack.enter_context(app.app_context())
    if address.startswith("redis:"):
        client = stack.enter_context(closing(redis.Redis.from_url(address)))
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    else:
        _use_sqlalchemy(stack, app, address)
    Session(app)
    kind = app.config["SESSION_TYPE"]
    return PeerStore(
        library=f"Flask-Session {version('flask-session')}, {kind}",
        begin=lambda document: FlaskSession(app, document),
    )


def _use_sqlalchemy(stack: ExitStack, app: Flask, address: str) -> None:
    app.config.update(SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=address)
    database = SQLAlchemy(app)
    app.config["SESSION_SQLALCHEMY"] = database
    event.listen(database.engine, "connect", _set_up_connection)
    stack.callback(database.engine.dispose)
    stack.callback(database.session.remove)


def _set_up_connection(connection: Any, _: object) -> None:  # noqa: ANN401 - any driver's
    for statement in WAL:
        connection.execute(statement)


class FlaskSession:
    """One session, saved and read where the interface meets its store."""

    def __init__(self, app: Flask, document: Document) -> None:
        """Store it."""
        self._interface = cast("Any", app.session_interface)
        self._lifetime = app.permanent_session_lifetime
        self._session = self._interface.session_class(document, sid=token_urlsafe())
        self._key = f"session:{self._session.sid}"
        self.save(0)

    @property
    def document(self) -> Document:
        """The session."""
        return cast("Document", self._session)

    def save(self, number: int) -> None:
        """Change a field and store all."""
        change_document(self.document, number)
        self._interface._upsert_session(self._lifetime, self._session, self._key)  # noqa: SLF001 - below it there is no public call

    def load(self) -> Document:
        """Read it."""
        return cast("Document", self._interface._retrieve_session_data(self._key))  # noqa: SLF001 - as above
