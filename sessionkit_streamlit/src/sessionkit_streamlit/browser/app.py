# SPDX-License-Identifier: Apache-2.0
"""What an ``st.App`` needs to know its browsers and to write before it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from sessionkit.errors import ConfigError, SessionKitError
from sessionkit.settings import load_settings
from sessionkit_streamlit.browser.cookie_options import SameSite, cookie_options
from sessionkit_streamlit.browser.cookies import CookieMiddleware, TicketRoute
from sessionkit_streamlit.browser.gate import TICKET_PATH, gate
from sessionkit_streamlit.browser.unchanged import read_names

if TYPE_CHECKING:
    from streamlit import App

    Lifespan = Callable[[App], AbstractAsyncContextManager[Mapping[str, Any] | None]]


def app_options(  # noqa: PLR0913 - keywords, as st.App has them
    *,
    samesite: SameSite | None = None,
    secure: bool | None = None,
    path: str | None = None,
    max_age: int | None = None,
    lifespan: Lifespan | None = None,
    middleware: Sequence[Middleware] = (),
    routes: Sequence[BaseRoute] = (),
) -> dict[str, Any]:
    """
    Return the keywords that make an ``st.App`` keep its sessions.

    What is said of the cookie here goes before the settings (``[hosts.streamlit]``, the keys
    that begin with ``cookie_``); None is what they say.

    Args:
        samesite: ``"lax"``, ``"strict"``, or ``"none"`` for an app inside a page
            of another site (the cookie is then Secure and Partitioned).
        secure: Whether the cookie is sent over https alone; where nobody says, if the page came so.
        path: The path that the cookie is sent to; where nobody says, the app's base path.
        max_age: Seconds that the browser keeps the cookie at most; it never outlives the session.
        lifespan: The app's own; what waits is written while its resources are still open.
        middleware: The app's own; ours comes first.
        routes: The app's own.

    Returns:
        ``middleware``, ``routes`` and ``lifespan`` for ``st.App``.

    Raises:
        ConfigError: If an option of the cookie is wrong.

    Example:
        ::

            app = st.App("page.py", **app_options())
    """
    said = {
        "cookie_samesite": samesite,
        "cookie_secure": secure,
        "cookie_path": path,
        "cookie_max_age": None if max_age is None else _seconds(max_age),
    }
    given: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    cookie_options(**given)  # what is wrong by itself is told here
    gate.given, gate.options = given, None
    trade = TicketRoute()
    paths = (f"/{TICKET_PATH}", f"/{{base:path}}/{TICKET_PATH}")
    return {
        "middleware": [Middleware(CookieMiddleware), *middleware],
        "routes": [*(Route(one, trade, methods=["POST"]) for one in paths), *routes],
        "lifespan": _flushed_lifespan(lifespan),
    }


def _seconds(max_age: float) -> timedelta:
    try:
        return timedelta(seconds=max_age)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"app_options(max_age=...) is a number of seconds such as 3600, not {max_age!r}"
        raise ConfigError(msg) from error


def _flushed_lifespan(inner: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[Mapping[str, Any] | None]:
        import anyio  # noqa: PLC0415 - comes with starlette

        _read_settings()
        async with nullcontext() if inner is None else inner(app) as state:
            try:
                yield state
            finally:
                await anyio.to_thread.run_sync(gate.flush)

    return lifespan


def _read_settings() -> None:
    """Look what the settings name, before any page runs; Streamlit has read its secrets by now."""
    try:
        read_names(load_settings())
    except SessionKitError:
        return  # said with the first page that is asked for
