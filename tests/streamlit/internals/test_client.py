# SPDX-License-Identifier: Apache-2.0
"""What a connection was opened with is asked for once, and again when it is opened anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from streamlit import runtime

from sessionkit_streamlit.internals import client
from sessionkit_streamlit.internals.guard import moved

Page = Callable[..., Path]

SHOW = "persist('city')\nst.text_input('City', key='city')\nst.text(session.session_id)\n"


@attrs.define
class Server:
    """Stands for Streamlit's server, which knows the client of a connection."""

    client_context: object

    def get_client(self, _: str) -> Server | None:
        """Return the client; None while it is away."""
        return None if self.client_context is None else self


@pytest.fixture
def request_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let connections be opened by a request."""

    def opened(request: object) -> None:
        monkeypatch.setattr("sessionkit_streamlit.host.opened_by", lambda _: request)

    return opened


def test_the_request_is_the_servers_own_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another handshake is another object; while nobody is there it can't be told."""
    run: Any = type("Run", (), {"session_id": "tab"})()
    for request in ("one", "other", None):
        monkeypatch.setattr(runtime, "exists", lambda: True)
        monkeypatch.setattr(runtime, "get_instance", lambda request=request: Server(request))
        assert request is client.opened_by(run)


def test_the_cookie_is_read_once_for_each_request(
    browser: Any, page: Page, request_of: Callable[[object], None]
) -> None:
    """A cookie that the browser holds since then comes with its next handshake, and counts from there on."""
    request_of("the first")
    tab = browser.open(page(SHOW)).run()
    browser.hold("another")
    assert "the-session" == tab.run().text[0].value
    request_of("the second")
    assert "another" == tab.run().text[0].value


@pytest.mark.parametrize("leave", ["log_out()", "end_session()"])
def test_a_tab_whose_session_ended_elsewhere_loses_it_at_once(
    browser: Any, page: Page, request_of: Callable[[object], None], leave: str
) -> None:
    """What is known of its request says who the browser was, not what it may have."""
    request_of("the only one")
    body = f"{SHOW}if st.button('in', key='in'):\n    log_in('ada')\nif st.button('out', key='out'):\n    {leave}\n"
    first = browser.open(page(body)).run()
    first.button(key="in").click().run()
    first.run()
    other = browser.open(page(body)).run()
    first.text_input(key="city").set_value("Ghent").run()
    other.run()

    first.button(key="out").click().run()

    assert "Ghent" not in [one.value for one in other.run().text_input]
    assert "Ghent" not in [one.value for one in first.run().text_input]


def test_without_a_name_for_the_request_the_cookie_is_read_in_each_run(
    browser: Any, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    """As it is where a release of Streamlit has moved it."""
    moved.cache_clear()
    run: Any = object()
    assert None is client.opened_by(run)
    assert {} == client.user_info(run)
    tab = browser.open(page(SHOW)).run()
    browser.hold("another")
    assert "another" == tab.run().text[0].value
    assert "ScriptRunContext.user_info as expected" in caplog.text
