# SPDX-License-Identifier: Apache-2.0
"""Beaker's sessions in files, with the options that its middleware takes by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import ExitStack
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

from beaker.middleware import SessionMiddleware
from beaker.session import SessionObject
from session_harness.schedules import Library


def libraries(stack: ExitStack) -> dict[str, Library]:
    """Return the sessions by name."""
    folder = stack.enter_context(TemporaryDirectory())
    return {f"Beaker {version('beaker')}, file": BeakerLibrary(folder)}


class BeakerLibrary:
    """Sessions in one folder."""

    def __init__(self, folder: str) -> None:
        """Take the folder."""
        self._options = SessionMiddleware(_app, {"type": "file", "data_dir": folder}).options

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""
        session = SessionObject({}, **self._options)
        visit = BeakerVisit(session)
        visit.data.update(data)
        visit.changed()
        visit.finish()
        return str(session.id)

    def visit(self, session_id: str) -> BeakerVisit:
        """Begin a request by the browser that has this id."""
        environ = {"HTTP_COOKIE": f"{self._options['key']}={session_id}"}
        return BeakerVisit(SessionObject(environ, **self._options))


class BeakerVisit:
    """A request's session; a whole request could not be left for another one and entered again."""

    def __init__(self, session: SessionObject) -> None:
        """Take the session."""
        self._session = session

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The session."""
        data: MutableMapping[str, Any] = self._session
        return data

    def changed(self) -> None:
        """Have it saved, as an app has to."""
        self._session.save()

    def log_out(self) -> None:
        """End the session."""
        self._session.delete()

    def finish(self) -> None:
        """Do what the middleware does before it sends the headers."""
        if self._session.accessed():
            self._session.persist()


def _app(environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401, ARG001 - as WSGI has it
    return ()
