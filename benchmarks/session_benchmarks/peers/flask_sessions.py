# SPDX-License-Identifier: Apache-2.0
"""Flask-Session as an app's session interface, over SQLAlchemy and over cachelib's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import ExitStack
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

from cachelib.file import FileSystemCache
from flask import Flask
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from session_harness.schedules import Library
from werkzeug.test import EnvironBuilder


def libraries(stack: ExitStack) -> dict[str, Library]:
    """Return two apps' sessions by name."""
    name = f"Flask-Session {version('flask-session')}"
    folder = stack.enter_context(TemporaryDirectory())
    return {
        f"{name}, sqlalchemy": FlaskLibrary(_with_sqlalchemy(stack, folder)),
        f"{name}, cachelib": FlaskLibrary(_with_cachelib(folder)),
    }


def _with_sqlalchemy(stack: ExitStack, folder: str) -> Flask:
    app = Flask("sqlalchemy")
    app.config.update(
        SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/sessions.db"
    )
    database = SQLAlchemy(app)
    app.config["SESSION_SQLALCHEMY"] = database
    Session(app)
    stack.callback(_dispose, app, database)
    return app


def _dispose(app: Flask, database: SQLAlchemy) -> None:
    with app.app_context():
        database.engine.dispose()


def _with_cachelib(folder: str) -> Flask:
    app = Flask("cachelib")
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(f"{folder}/cache"))
    Session(app)
    return app


class FlaskLibrary:
    """The sessions of one app."""

    def __init__(self, app: Flask) -> None:
        """Take the app."""
        self._app = app

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""
        visit = FlaskVisit(self._app, [])
        visit.data.update(data)
        visit.finish()
        return visit.session_id

    def visit(self, session_id: str) -> FlaskVisit:
        """Begin a request by the browser that has this id."""
        cookie = f"{self._app.config['SESSION_COOKIE_NAME']}={session_id}"
        return FlaskVisit(self._app, [("Cookie", cookie)])


class FlaskVisit:
    """
    A request between the two calls that Flask makes to its session interface.

    A whole request could not be left for another one and entered again.
    """

    def __init__(self, app: Flask, headers: Iterable[tuple[str, str]]) -> None:
        """Begin it."""
        self._app = app
        request = app.request_class(EnvironBuilder(headers=headers).get_environ())
        with app.app_context():
            self._session: Any = app.session_interface.open_session(app, request)

    @property
    def session_id(self) -> str:
        """The id that the browser is given."""
        return str(self._session.sid)

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The session."""
        data: MutableMapping[str, Any] = self._session
        return data

    def changed(self) -> None:
        """Do nothing: the session notes by itself what is set in it."""

    def log_out(self) -> None:
        """End the session."""
        self._session.clear()

    def finish(self) -> None:
        """Let the interface save what is to be saved."""
        with self._app.app_context():
            response = self._app.response_class()
            self._app.session_interface.save_session(self._app, self._session, response)
