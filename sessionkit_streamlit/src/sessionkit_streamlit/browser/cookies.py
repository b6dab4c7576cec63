# SPDX-License-Identifier: Apache-2.0
"""
The cookie: pure ASGI, no Streamlit inside.

A browser gets its signed id with the page, before the websocket is opened, so
the first run of a script knows it. A websocket can't set a cookie; an id that
changes later is handed over by a one-time ticket.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, get_args

import attrs

from sessionkit.errors import ConfigError, InvalidTokenError, SessionKitError
from sessionkit.events import RestoreRefused
from sessionkit.session.fields import new_session_id
from sessionkit_streamlit.browser.gate import MAX_AGE, gate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOGGER: Final = logging.getLogger(__name__)

SameSite = Literal["lax", "strict", "none"]

_PAGES: Final = frozenset({b"document", b"iframe", b"frame"})
_LONGEST_TICKET: Final = 4096
_NO_CONTENT: Final = 204
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_NOT_MODIFIED: Final = 304
_REDIRECTS: Final = 300


def _known(_: object, __: object, value: str) -> None:
    if value not in get_args(SameSite):
        allowed = ", ".join(repr(one) for one in get_args(SameSite))
        msg = f"samesite is one of {allowed}, not {value!r}"
        raise ConfigError(msg)


@attrs.frozen(kw_only=True)
class CookieOptions:
    """
    How the cookie is set; it is always HttpOnly.

    Attributes:
        samesite: ``"none"`` lets the app run in a page of another site; the
            cookie is then Secure and Partitioned, and needs https.
        secure: Whether it is sent over https alone; None where the page itself came so.
        path: The path that it is sent to; None for the app's base path.
        max_age: Seconds that the browser keeps it.
    """

    samesite: SameSite = attrs.field(default="lax", validator=_known)
    secure: bool | None = None
    path: str | None = None
    max_age: int = MAX_AGE

    def header(self, scope: Scope, name: str, value: str) -> tuple[bytes, bytes]:
        """Return the header that sets the cookie in answer to a request."""
        crossing = self.samesite == "none"
        secure = crossing or (_over_https(scope) if self.secure is None else self.secure)
        parts = [
            f"{name}={value}",
            f"Path={self.path or _base_path(scope)}",
            f"Max-Age={self.max_age}",
            "HttpOnly",
            f"SameSite={self.samesite.capitalize()}",
            *(["Secure"] if secure else []),
            *(["Partitioned"] if crossing else []),
        ]
        return b"set-cookie", "; ".join(parts).encode("latin-1")

    def withholds(self, scope: Scope) -> bool:
        """Return whether a browser that has the cookie keeps it back: one set now would take its place."""
        return self.samesite == "strict" and _header(scope, b"sec-fetch-site") == b"cross-site"


def _over_https(scope: Scope) -> bool:
    # A proxy that ends TLS says so; a lie only makes the liar's own cookie Secure.
    said = _header(scope, b"x-forwarded-proto").split(b",")[0].strip()
    return scope.get("scheme") == "https" or said == b"https"


def _base_path(scope: Scope) -> str:
    from streamlit import get_option  # noqa: PLC0415 - already there when a request comes

    configured = str(get_option("server.baseUrlPath") or "").strip("/")
    root = str(scope.get("root_path", "")).rstrip("/")
    return f"{root}/{configured}".rstrip("/") or "/"


def _header(scope: Scope, name: bytes) -> bytes:
    values: Iterable[bytes] = (value for key, value in scope["headers"] if key == name)
    return b", ".join(values) if name != b"cookie" else b"; ".join(values)


def _cookie(scope: Scope, name: str) -> str | None:
    # Not http.cookies, which gives up on all cookies at the first malformed one.
    found = None
    for pair in _header(scope, b"cookie").decode("latin-1").split(";"):
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
    purpose = _header(scope, b"sec-fetch-dest")
    return purpose in _PAGES if purpose else b"text/html" in _header(scope, b"accept")


class CookieMiddleware:
    """Gives each browser a signed, HttpOnly id with the page; leaves websockets alone."""

    def __init__(self, app: ASGIApp, options: CookieOptions | None = None) -> None:
        """
        Wrap an app.

        Args:
            app: What answers.
            options: How the cookie is set.
        """
        self._app = app
        self._options = options or CookieOptions()
        gate.middleware = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with a cookie where the browser has none that is ours."""
        asks = scope["type"] == "http" and _asks_for_page(scope)
        token = _new_token(scope) if asks and not self._options.withholds(scope) else None
        if token is None:
            await self._app(scope, receive, send)
            return
        cookie = self._options.header(scope, gate.signer().cookie_name, token)

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


def _new_token(scope: Scope) -> str | None:
    """Return the token that the browser is to get, or None if it holds a good one, or none can be signed."""
    try:
        tokens = gate.signer()
    except SessionKitError as error:
        # The script meets the same error, and its page shows it, to whom Streamlit's settings say.
        _LOGGER.error("no browser gets a cookie: %s", error)  # noqa: TRY400 - the text says it all
        return None
    held = _cookie(scope, tokens.cookie_name)
    if held is None:
        return tokens.issue(new_session_id())
    try:
        content = tokens.inspect(held)
    except InvalidTokenError as error:
        reason = f"the cookie {tokens.cookie_name}: {error}; the browser gets a fresh one"
        gate.emit(RestoreRefused(session_id=None, reason=reason))
        return tokens.issue(new_session_id())
    # Scripts can read a handshake's cookie; the same id in one that they can't is better.
    return tokens.issue(content.session_id, content.device_id) if content.readable else None


class TicketRoute:
    """Trades a ticket and the old cookie for a new cookie: an ASGI app for one route."""

    def __init__(self, options: CookieOptions | None = None) -> None:
        """Take how the cookie is set."""
        self._options = options or CookieOptions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 with the cookie, 403 without a cookie of ours, 409 when the ticket is for another."""
        status, headers = await self._trade(scope, receive)
        headers.append((b"cache-control", b"no-store"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _trade(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]]]:
        tokens = gate.signer()
        ticket = await _body(receive)
        if _header(scope, b"sec-fetch-site") not in {b"", b"same-origin"}:
            return _FORBIDDEN, []
        try:
            old = tokens.inspect(_cookie(scope, tokens.cookie_name))
        except InvalidTokenError:
            return _FORBIDDEN, []
        try:
            new = tokens.read_ticket(ticket, old)
        except InvalidTokenError as error:
            gate.emit(RestoreRefused(session_id=None, reason=f"a ticket: {error}"))
            return _CONFLICT, []
        token = tokens.issue(new.session_id, new.device_id)
        return _NO_CONTENT, [self._options.header(scope, tokens.cookie_name, token)]


async def _body(receive: Receive) -> str:
    """Return the body; of one that is too long for a ticket, the part that shows it."""
    body = b""
    while len(body) <= _LONGEST_TICKET:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body.decode("latin-1")
