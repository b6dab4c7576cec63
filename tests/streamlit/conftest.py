# SPDX-License-Identifier: Apache-2.0
"""A browser in small: AppTest with cookies, over one store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.context import ContextProxy, StreamlitCookies
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.testing.v1 import AppTest

import sessionkit.manager.default_manager
from sessionkit import SessionManager, UserSession
from sessionkit.events import SessionEvent
from sessionkit.settings import Settings, load_settings
from sessionkit_streamlit.browser import handshake
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.connection import CONNECTION_KEY, Connection, Page
from sessionkit_streamlit.internals.guard import moved
from sessionkit_streamlit.internals.state import hidden


@attrs.define
class Browser:
    """
    One browser and the server that it talks to.

    Attributes:
        manager: The server's manager.
        cookies: What the browser sends with a connection.
        events: What the manager told.
    """

    folder: Path
    manager: SessionManager = None  # type: ignore[assignment]
    cookies: dict[str, str] = attrs.field(factory=dict)
    events: list[SessionEvent] = attrs.field(factory=list)
    stop: Callable[[], None] = lambda: None

    def restart(self) -> None:
        """End the server as a restart does, with all that waits written, and start another one."""
        self.stop()
        st.cache_resource.clear()
        self.manager = SessionManager(self.settings())
        self.stop = self.manager.close
        tell = self.manager.emit

        def emit(event: SessionEvent) -> None:
            self.events.append(event)
            tell(event)

        self.manager.emit = emit  # type: ignore[method-assign]
        sessionkit.manager.default_manager._DEFAULT.manager = self.manager

    def settings(self) -> Settings:
        """Return the settings of the server, and of any other one over the same store."""
        url = f"sqlite:///{self.folder / 'sessions.db'}"
        return load_settings(
            storage="sqlite",
            storages={"sqlite": {"url": url}},
            security={"secret_key": "a secret for tests only", "folder": self.folder},
            persistence={
                "debounce_ms": 60_000,
                "max_wait_ms": 60_000,
                "refresh_interval_ms": 0,
            },
        )

    def elsewhere(self, **inputs: Any) -> None:
        """Change inputs of the browser's session as another replica would."""
        self.manager.flush()
        with SessionManager(self.settings()) as other:
            session = other.recover("the-session") or UserSession(session_id="the-session")
            for key, value in inputs.items():
                session.set_input(key, value)
            other.save(session, immediate=True)

    def open(self, page: Path) -> AppTest:
        """Open a tab: a new connection, whose script has not run yet."""
        return AppTest.from_file(page, default_timeout=20)

    def hold(self, session_id: str) -> None:
        """Let the browser hold the cookie of a session."""
        tokens = self.manager.tokens
        self.cookies[tokens.cookie_name] = tokens.issue(session_id)

    def session(self) -> UserSession:
        """Return the stored session that the browser's cookie names."""
        tokens = self.manager.tokens
        found = self.manager.recover(tokens.read(self.cookies[tokens.cookie_name]))
        assert found is not None
        return found

    def connection_of(self, tab: AppTest) -> Connection:
        """Return what the server knows about a tab's connection."""
        connection: Connection = tab.session_state[hidden(CONNECTION_KEY)].value
        return connection

    def told(self, kind: type[SessionEvent]) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="session", autouse=True)
def _components_once() -> Iterator[None]:
    """Have Streamlit look once for components that are installed: before each page of AppTest that is most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner,
            "scan_component_manifests",
            cache(manifest_scanner.scan_component_manifests),
        )
        yield


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Give a browser that holds a cookie."""
    browser = Browser(tmp_path)
    monkeypatch.setattr(
        ContextProxy, "cookies", property(lambda _: StreamlitCookies(browser.cookies))
    )
    monkeypatch.setattr(gate, "tokens", None)
    monkeypatch.setattr(gate, "keeper", None)
    monkeypatch.setattr(gate, "middleware", True)
    monkeypatch.setattr(gate, "options", None)
    monkeypatch.setattr(gate, "given", {})
    monkeypatch.setattr(gate, "keeps_pages", False)
    monkeypatch.setattr(sessionkit.manager.default_manager._DEFAULT, "manager", None)
    moved.cache_clear()
    browser.restart()
    browser.hold("the-session")
    yield browser
    browser.stop()
    st.cache_resource.clear()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Collect what the component in the browser is told, each time that there is news for it."""
    seen: list[dict[str, Any]] = []
    original = handshake._tell

    def tell(page: Page, run: ScriptRunContext, news: dict[str, Any]) -> bool:
        seen.append(news)
        return original(page, run, news)

    monkeypatch.setattr(handshake, "_tell", tell)
    return seen


@pytest.fixture
def page(tmp_path: Path) -> Callable[[str], Path]:
    """Write the body of a script that has bootstrapped its session."""

    def write(body: str, name: str = "page.py") -> Path:
        head = (
            "import streamlit as st\n"
            "from sessionkit import *\n"
            "from sessionkit_streamlit import *\n"
            "session = bootstrap_session()\n"
        )
        script = tmp_path / name
        script.write_text(head + body)
        return script

    return write
