# SPDX-License-Identifier: Apache-2.0
"""
The cookie: pure ASGI, no Streamlit inside.

A browser gets its signed id with the page, before the websocket is opened, so
the first run of a script knows it. A websocket can't set a cookie; an id that
changes later is handed over by a one-time ticket.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sessionkit.errors import InvalidTokenError, SessionKitError
from sessionkit.events import RestoreRefused
from sessionkit.session.fields import new_session_id
from sessionkit_streamlit.browser.cookie_options import CookieOptions, header_of
from sessionkit_streamlit.browser.gate import gate

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOGGER: Final = logging.getLogger(__name__)

_PAGES: Final = frozenset({b"document", b"iframe", b"frame"})
_LONGEST_TICKET: Final = 4096
_NO_CONTENT: Final = 204
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_NOT_MODIFIED: Final = 304
_REDIRECTS: Final = 300
_DIGITS: Final = 9


def _cookie(scope: Scope, name: str) -> str | None:
    # Not http.cookies, which gives up on all cookies at the first malformed one.
    found = None
    for pair in header_of(scope, b"cookie").decode("latin-1").split(";"):
        key, sign, value = pair.strip().partition("=")
        if sign and key == name:
            found = value.strip('"')  # the last one, as Streamlit reads them
    return found


def _asks_for_page(scope: Scope) -> bool:
    """
    Judge by the request: a page that is still fresh is answered by a 304, without a content type.

    Browsers say what a request is for only to https and localhost.
    """
    if scope["method"] != "GET":
        return False
    purpose = header_of(scope, b"sec-fetch-dest")
    return purpose in _PAGES if purpose else b"text/html" in header_of(scope, b"accept")


class CookieMiddleware:
    """Gives each browser a signed, HttpOnly id with the page; leaves websockets alone."""

    def __init__(self, app: ASGIApp, options: CookieOptions | None = None) -> None:
        """
        Wrap an app.

        Args:
            app: What answers.
            options: How the cookie is set; None for what the settings say.
        """
        self._app = app
        self._options = options
        gate.middleware = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with a cookie where the browser has none that is ours."""
        asks = scope["type"] == "http" and _asks_for_page(scope)
        cookie = _new_cookie(scope, self._options) if asks else None
        if cookie is None:
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message["status"]):
                message = {**message, "headers": [*_uncached(message), cookie]}
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _is_page(status: int) -> bool:
    return status < _REDIRECTS or status == _NOT_MODIFIED


def _uncached(message: Message) -> list[tuple[bytes, bytes]]:
    """Keep shared caches from handing one browser's id to all."""
    others = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"cache-control"]
    return [*others, (b"cache-control", b"private, no-cache")]


def _new_cookie(scope: Scope, options: CookieOptions | None) -> tuple[bytes, bytes] | None:
    """Return the header with the cookie that the browser is to get, or None if it needs none, or none can be signed."""
    try:
        options = options or gate.cookie_options()
        token = None if _withholds(options, scope) else _new_token(scope, options)
        if token is None:
            return None
        seconds = options.seconds(gate.lifetime())
        return options.header(scope, gate.signer().cookie_name, token, seconds)
    except SessionKitError as error:
        # The script meets the same error, and its page shows it, to whom Streamlit's settings say.
        _LOGGER.error("no browser gets a cookie: %s", error)  # noqa: TRY400 - the text says it all
        return None


def _withholds(options: CookieOptions, scope: Scope) -> bool:
    """Return whether a browser that has the cookie keeps it back: one set now would take its place."""
    return options.samesite == "strict" and header_of(scope, b"sec-fetch-site") == b"cross-site"


def _new_token(scope: Scope, options: CookieOptions) -> str | None:
    """Return the token that the browser is to get, or None if it holds a good one."""
    tokens = gate.signer()
    name = options.name(tokens.cookie_name)
    held = _cookie(scope, name)
    if held is None:
        return tokens.issue(new_session_id())
    try:
        content = tokens.inspect(held)
    except InvalidTokenError as error:
        reason = f"the cookie {name}: {error}; the browser gets a fresh one"
        gate.emit(RestoreRefused(session_id=None, reason=reason))
        return tokens.issue(new_session_id())
    # Scripts can read a handshake's cookie; the same id in one that they can't is better.
    return tokens.issue(content.session_id, content.device_id) if content.readable else None


class TicketRoute:
    """Trades a ticket and the old cookie for a new cookie: an ASGI app for one route."""

    def __init__(self, options: CookieOptions | None = None) -> None:
        """Take how the cookie is set; None for what the settings say."""
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 with the cookie, 403 without a cookie of ours, 409 when the ticket is for another."""
        status, headers = await self._trade(scope, receive)
        headers.append((b"cache-control", b"no-store"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _trade(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]]]:
        tokens, options = gate.signer(), self._options or gate.cookie_options()
        ticket = await _body(receive)
        if header_of(scope, b"sec-fetch-site") not in {b"", b"same-origin"}:
            return _FORBIDDEN, []
        try:
            old = tokens.inspect(_cookie(scope, options.name(tokens.cookie_name)))
        except InvalidTokenError:
            return _FORBIDDEN, []
        try:
            new = tokens.read_ticket(ticket, old)
        except InvalidTokenError as error:
            gate.emit(RestoreRefused(session_id=None, reason=f"a ticket: {error}"))
            return _CONFLICT, []
        token = tokens.issue(new.session_id, new.device_id)
        seconds = options.seconds(_said_lifetime(scope))
        return _NO_CONTENT, [options.header(scope, tokens.cookie_name, token, seconds)]


def _said_lifetime(scope: Scope) -> timedelta | None:
    """Return how long the page was told that its session may go on; a browser that says more keeps its own cookie longer."""
    said = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("max_age", [""])[-1]
    if not said.isdecimal() or len(said) > _DIGITS:
        return gate.lifetime()
    return timedelta(seconds=int(said))


async def _body(receive: Receive) -> str:
    """Return the body; of one that is too long for a ticket, the part that shows it."""
    body = b""
    while len(body) <= _LONGEST_TICKET:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body.decode("latin-1")
