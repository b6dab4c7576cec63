# SPDX-License-Identifier: Apache-2.0
"""The shipped host suite over every host that we ship."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy, StreamlitCookies
from streamlit.testing.v1 import AppTest

from sessionkit.defaults.local_host import LocalHost
from sessionkit.host import Host
from sessionkit.testing import HostConformance
from sessionkit.testing.hosts import Connect
from sessionkit.tokens import Tokens
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.host import StreamlitHost

T = TypeVar("T")


class Script:
    """A script, which is its own connection."""

    def __init__(self) -> None:
        """Make its host."""
        self.host: Host = LocalHost()

    def run(self, call: Callable[[Host], T]) -> T:
        """Run code as a script does."""
        return call(self.host)


class TestLocalHost(HostConformance):
    """The host of scripts keeps every clause."""

    trusted = True

    @pytest.fixture
    def connect(self) -> Connect:
        """Return a function that begins a script; nobody logs in to one."""
        return lambda user=None: Script()  # noqa: ARG005 - the fixture's signature


PAGE: Final = "__kwargs['results'].append(__kwargs['call'](__kwargs['host']))"
"""A page that does what it is told."""


class Tab:
    """A tab of a browser, whose page Streamlit runs."""

    def __init__(self, host: Host, user: str | None) -> None:
        """Open it; nothing has run yet."""
        self.host = host
        self._page = AppTest.from_string(PAGE, default_timeout=20)
        if user is not None:
            issuer, _, subject = user.partition("|")
            self._page.user = {"is_logged_in": True, "iss": issuer, "sub": subject}

    def run(self, call: Callable[[Host], T]) -> T:
        """Have Streamlit run *call*."""
        results: list[T] = []
        self._page.kwargs = {"call": call, "host": self.host, "results": results}
        self._page.run()
        assert not self._page.exception, self._page.exception
        return results[0]


class TestStreamlitHost(HostConformance):
    """Streamlit's host keeps every clause, under plain ``streamlit run``."""

    users = True
    connected = True
    follows = True

    @pytest.fixture
    def connect(self, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
        """Return a function that opens a tab; all tabs are one server's."""
        monkeypatch.setattr(ContextProxy, "cookies", StreamlitCookies({}))
        # A page leaves itself as __main__, which processes that are spawned later would import.
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        monkeypatch.setattr(gate, "tokens", None)
        monkeypatch.setattr(gate, "keeper", None)
        monkeypatch.setattr(gate, "middleware", False)
        host = StreamlitHost(tokens)
        yield lambda user=None: Tab(host, user)
        st.cache_resource.clear()
