# SPDX-License-Identifier: Apache-2.0
"""Django's sessions behind its own middleware, over four of its engines."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import ExitStack
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, Final

import django
from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest, HttpResponse
from session_harness.schedules import Library, RefusedError

from session_benchmarks.peers.django_setup import set_up

_ENGINES: Final = ("db", "file", "cache", "cached_db")


def libraries(stack: ExitStack) -> dict[str, Library]:
    """Set Django up and return its engines by name."""
    set_up()
    settings.SESSION_FILE_PATH = stack.enter_context(TemporaryDirectory())
    stack.callback(connections.close_all)
    call_command("migrate", verbosity=0)
    return {
        f"Django {django.get_version()}, {engine}": DjangoLibrary(engine) for engine in _ENGINES
    }


class DjangoLibrary:
    """Sessions of one engine."""

    def __init__(self, engine: str) -> None:
        """Take the engine's short name."""
        self._middleware = SessionMiddleware(lambda _: HttpResponse())
        # The setting that names the engine is one for the whole process.
        module = import_module(f"django.contrib.sessions.backends.{engine}")
        self._middleware.SessionStore = module.SessionStore

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""
        request = HttpRequest()
        visit = DjangoVisit(self._middleware, request)
        visit.data.update(data)
        visit.finish()
        return str(request.session.session_key)

    def visit(self, session_id: str) -> DjangoVisit:
        """Begin a request by the browser that has this id."""
        request = HttpRequest()
        request.COOKIES[settings.SESSION_COOKIE_NAME] = session_id
        return DjangoVisit(self._middleware, request)


class DjangoVisit:
    """A request between the two halves of the middleware."""

    def __init__(self, middleware: SessionMiddleware, request: HttpRequest) -> None:
        """Begin it."""
        self._middleware = middleware
        self._request = request
        middleware.process_request(request)

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The session."""
        data: MutableMapping[str, Any] = self._request.session
        return data

    def changed(self) -> None:
        """Do nothing: the session notes by itself what is set in it."""

    def log_out(self) -> None:
        """End the session."""
        self._request.session.flush()

    def finish(self) -> None:
        """
        Let the middleware save what is to be saved.

        Raises:
            RefusedError: If the session was deleted meanwhile.
        """
        try:
            self._middleware.process_response(self._request, HttpResponse())
        except SessionInterrupted as error:
            raise RefusedError from error
