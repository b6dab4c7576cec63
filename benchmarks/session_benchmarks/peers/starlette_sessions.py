# SPDX-License-Identifier: Apache-2.0
"""starsessions: its ASGI middleware around an app that waits in the middle of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from contextlib import ExitStack, closing
from importlib.metadata import version
from typing import Any, Final

from session_harness.schedules import Library
from starlette.requests import HTTPConnection
from starsessions import (
    InMemoryStore,
    SessionAutoloadMiddleware,
    SessionMiddleware,
    get_session_id,
)

_COOKIE: Final = "session"


def libraries(stack: ExitStack) -> dict[str, Library]:
    """Return the sessions by name."""
    loop = stack.enter_context(closing(asyncio.new_event_loop()))
    return {f"starsessions {version('starsessions')}, memory": StarsessionsLibrary(loop)}


class StarsessionsLibrary:
    """Sessions in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the loop that runs the requests."""
        self._loop = loop
        self._store = InMemoryStore()

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""
        visit = StarsessionsVisit(self._loop, self._store, [])
        visit.data.update(data)
        visit.finish()
        return visit.session_id

    def visit(self, session_id: str) -> StarsessionsVisit:
        """Begin a request by the browser that has this id."""
        cookie = (b"cookie", f"{_COOKIE}={session_id}".encode())
        return StarsessionsVisit(self._loop, self._store, [cookie])


class StarsessionsVisit:
    """A request whose app waits until it is told to answer."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        store: InMemoryStore,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        """Begin it, up to where the app has the session."""
        self._loop = loop
        self._waits, self._answer = loop.create_future(), loop.create_future()
        self._scope: dict[str, Any] = {"type": "http", "path": "/", "headers": headers}
        app = SessionMiddleware(
            SessionAutoloadMiddleware(self._app), store=store, cookie_name=_COOKIE
        )
        self._request = loop.create_task(app(self._scope, _receive, _send))
        both = asyncio.wait((self._waits, self._request), return_when=asyncio.FIRST_COMPLETED)
        loop.run_until_complete(both)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG002 - as ASGI has it
        self._waits.set_result(None)
        await self._answer
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @property
    def session_id(self) -> str:
        """The id that the browser is given."""
        return str(get_session_id(HTTPConnection(self._scope)))

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The session."""
        data: MutableMapping[str, Any] = self._scope["session"]
        return data

    def changed(self) -> None:
        """Do nothing: the session is saved after each request."""

    def log_out(self) -> None:
        """End the session."""
        self.data.clear()

    def finish(self) -> None:
        """Let the app answer, and the middleware save."""
        self._answer.set_result(None)
        self._loop.run_until_complete(self._request)


async def _receive() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def _send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
    """Take an answer that nobody reads."""
