# SPDX-License-Identifier: Apache-2.0
"""
A server, and browsers that come back to it, for tests of an app by Streamlit's ``AppTest``.

A page that is tested by ``AppTest`` alone has no browser, so each test is somebody new. Here a browser keeps
what it was given::

    from sessionkit_streamlit.testing import AppServer


    def test_the_city_survives_a_restart():
        with AppServer("page.py") as server:
            browser = server.browser()
            browser.open().text_input(key="city").set_value("Ghent").run()
            server.restart()

            assert browser.open().text_input(key="city").value == "Ghent"
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import streamlit as st
from streamlit.testing.v1 import AppTest

from sessionkit import SessionKitError, SessionManager, get_manager
from sessionkit.plugins import Plugins
from sessionkit.settings import load_settings
from sessionkit_streamlit.connection import CONNECTION_KEY, Connection
from sessionkit_streamlit.internals.state import Private, hidden

if TYPE_CHECKING:
    from sessionkit import UserSession

__all__ = ["AppBrowser", "AppServer"]

_TIMEOUT: Final = 30.0
"""How long a run may take, in seconds: the first one of a process imports what components need."""


class AppServer:
    """
    What a server is to a page: a manager and a store that outlives it.

    A context manager. Inside its block pages and tests work through :attr:`manager`, as
    ``with SessionManager(...)`` has it.

    Attributes:
        manager: The manager that pages use now; another one after :meth:`restart`.
    """

    manager: SessionManager

    def __init__(
        self,
        script: str | os.PathLike[str] | Callable[[], None],
        *,
        timeout: float = _TIMEOUT,
        **settings: Any,  # noqa: ANN401 - as load_settings has them
    ) -> None:
        """
        Take what the server is made of; it starts with the block.

        Args:
            script: The page's file, from the present folder on, or a function as ``AppTest.from_function`` takes it.
            timeout: How long a run of the page may take, in seconds.
            **settings: Settings of the app, as ``configure`` takes them. Where they say nothing else, data are kept
                in memory, without a journal, and the key is made for this server. Who names another ``storage``
                says where it lies, too: else it is the app's own.

        Raises:
            FileNotFoundError: If there is no such file.
            ConfigError: If a setting is wrong.
        """
        self._script: Final = script if callable(script) else Path(script).absolute()
        if isinstance(self._script, Path) and not self._script.is_file():
            msg = f"there is no page {self._script}; name its file, or hand in a function"
            raise FileNotFoundError(msg)
        own: dict[str, Any] = {
            "storage": "memory",
            "security": {"secret_key": secrets.token_urlsafe()},
            "persistence": {"journal": None},  # the app's own waits for the app's store
        }
        for name, said in settings.items():
            both = isinstance(said, dict) and name in {"security", "persistence"}
            own[name] = {**own[name], **said} if both else said
        self._settings: Final = load_settings(**own)
        self._timeout: Final = timeout
        self._store: Final = ExitStack()
        self._running: Final = ExitStack()

    def __enter__(self) -> Self:
        """
        Open the store and start.

        Raises:
            SessionKitError: If the process's own manager is in use, which pages would get.
        """
        storage = Plugins().open_storage(self._settings)
        self._store.callback(storage.close)
        self._kept = attrs.evolve(self._settings, storage=storage)
        try:
            self._start()
            self._check_pages()
        except BaseException:
            # Ctrl-C too: without the end of a block nobody else closes the store.
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and close the store; what memory held is gone."""
        self._stop()

    def restart(self) -> None:
        """
        Restart as a deploy does: what waits is saved, and everything that lived in the process is gone.

        That is Streamlit's caches and every tab's ``st.session_state``. Tabs that are open belong to the server that is
        gone: open them again. Modules that the page imports stay as they are.
        """
        self._running.close()
        self._start()

    def browser(self) -> AppBrowser:
        """Return another browser: one that has never been here."""
        return AppBrowser(self)

    def page(self) -> AppTest:
        """Return the page for a browser of nobody, which has not run yet."""
        if isinstance(self._script, Path):
            return AppTest.from_file(self._script, default_timeout=self._timeout)
        return AppTest.from_function(self._script, default_timeout=self._timeout)

    def _start(self) -> None:
        self.manager = self._running.enter_context(SessionManager(self._kept))
        self._running.callback(st.cache_resource.clear)
        self._running.callback(st.cache_data.clear)

    def _stop(self) -> None:
        with self._store:
            self._running.close()

    def _check_pages(self) -> None:
        """Look from another thread, as AppTest's pages do."""
        found: list[SessionManager] = []
        look = Thread(target=lambda: found.append(get_manager()))
        look.start()
        look.join()
        if found != [self.manager]:
            msg = (
                "sessionkit is in use in this process with the app's own settings, and the page would go on with those: "
                "call bootstrap_session() and configure(...) in no test outside of an AppServer's block, and at no import"
            )
            raise SessionKitError(msg)


class AppBrowser:
    """
    A browser: it keeps the token that pages give it, and hands it to each tab that it opens.

    Made by :meth:`AppServer.browser`.
    """

    def __init__(self, server: AppServer) -> None:
        """Begin with no token."""
        self._server: Final = server
        self._token: str | None = None
        self._tabs: list[tuple[Connection, str | None]] = []

    def open(self, *, run: bool = True) -> AppTest:
        """
        Open a tab, as F5 does, or a link in a new tab.

        What waits is saved before: between two pages people take longer than a save does.

        Args:
            run: Whether to run the page at once. Without it, set what the run is to begin with first, such as
                ``query_params`` or ``user``, and call ``run()``.

        Returns:
            The tab, as ``AppTest`` has it.
        """
        token = self._held()
        self._server.manager.flush()
        tab, connection = self._server.page(), Connection()
        connection.identity.granted = token
        tab.session_state[hidden(CONNECTION_KEY)] = Private(connection)
        self._tabs.append((connection, token))
        return tab.run() if run else tab

    def session(self) -> UserSession | None:
        """
        Save what waits, and return the browser's session.

        Returns:
            The session as it is stored or lives, or None while the browser has none, or it has ended.

        Raises:
            StorageError: If the store can't be read.
        """
        token = self._held()
        if token is None:
            return None
        self._server.manager.flush()
        return self._server.manager.recover(self._server.manager.tokens.read(token))

    def _held(self) -> str | None:
        """Return the token that the browser holds now: the one that a tab was given last."""
        for place, (connection, had) in enumerate(self._tabs):
            has = connection.identity.granted
            if has != had:
                self._token = has
                self._tabs[place] = (connection, has)
        return self._token
