# SPDX-License-Identifier: Apache-2.0
"""Pages without a line of ours are kept, where the settings name what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sessionkit.manager.default_manager
from sessionkit.errors import ConfigError
from sessionkit.plugins import Plugins
from sessionkit.settings import Settings, load_settings
from sessionkit.tokens import Tokens
from sessionkit_streamlit.browser.app import app_options
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.browser.unchanged import keep_pages, read_names
from sessionkit_streamlit.hooks import sessionkit_hosts

Write = Callable[[str], Path]

FIELDS = (
    "st.text_input('Name', key='name')\nst.slider('Size', 0, 99, key='size')\n"
    "st.text_input('Card', key='card.number')\nst.text_input('Pin', key='pin', type='password')\n"
    "st.text_input('No key')\nst.button('Send', key='send')\n"
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a stranger's script."""

    def script(body: str) -> Path:
        path = tmp_path / "page.py"
        path.write_text("import streamlit as st\n" + body)
        return path

    return script


@pytest.fixture
def keep(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Start the browser's server with settings that name what is kept of all pages."""

    def named(**table: Any) -> None:
        plain = browser.settings

        def settings() -> Any:
            known = plain()
            return load_settings(
                storage=known.storage,
                storages=known.storages,
                security={"secret_key": "a secret for tests only", "folder": browser.folder},
                persistence={"debounce_ms": 60_000, "max_wait_ms": 60_000},
                hosts={"streamlit": table},
            )

        monkeypatch.setattr(type(browser), "settings", lambda _: settings())
        keep_pages(table.get("persist", ()))  # as the server does when it starts
        browser.restart()

    return named


def fill(tab: Any, **values: Any) -> Any:
    """Fill in fields."""
    for field in (*tab.text_input, *tab.slider):
        if field.key in values:
            field.set_value(values[field.key])
    return tab.run()


def test_keeps_every_widget_that_has_a_key(
    browser: Any, keep: Callable[..., None], write: Write
) -> None:
    """By ``persist = ["*"]``; what ``never`` names, a password and what has no key is left out."""
    keep(persist=["*"], never=["card.*"])
    script = write(FIELDS)
    fill(
        browser.open(script).run(), **{"name": "Ada", "size": 7, "card.number": "4711", "pin": "1"}
    )
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    assert ["Ada", "", "", ""] == [one.value for one in again.text_input]
    assert 7 == again.slider[0].value
    assert {"name": "Ada", "size": 7} == browser.session().inputs


def test_is_there_before_the_first_line(
    browser: Any, keep: Callable[..., None], write: Write
) -> None:
    """What a script does before its first widget sees what was kept, its own values included."""
    keep(persist=["*", "cart"])
    script = write(
        "if 'cart' not in st.session_state:\n    st.session_state.cart = []\n"
        "st.session_state.seen = len(st.session_state.cart)\n"
        "if st.button('add', key='add'):\n    st.session_state.cart.append('tea')\n"
    )
    tab = browser.open(script).run()
    tab.button(key="add").click().run()
    tab.button(key="add").click().run()
    browser.restart()
    again = browser.open(script).run()
    assert (2, ["tea", "tea"]) == (again.session_state.seen, again.session_state.cart)


def test_keeps_each_page_once(
    browser: Any, keep: Callable[..., None], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is given its session once, a fragment's none, and a page that bootstraps by itself goes on as it did."""
    keep(persist=["*"])
    calls, original = [], browser.manager.bootstrap
    monkeypatch.setattr(
        browser.manager, "bootstrap", lambda *a, **k: (calls.append(1), original(*a, **k))[1]
    )
    tab = browser.open(write(FIELDS)).run().run()
    assert 2 == len(calls)
    tab.text_input(key="name").set_value("x").run()
    assert 3 == len(calls)
    own = "from sessionkit import bootstrap_session\nst.session_state.seen = bootstrap_session()\n"
    assert "x" == browser.open(write(own)).run().session_state.seen.inputs["name"]


def test_nothing_is_kept_where_nothing_is_named(browser: Any, write: Write) -> None:
    """A page that says nothing is left alone, also in a process where others are kept."""
    fill(browser.open(write(FIELDS)).run(), name="Ada")
    browser.restart()
    assert "" == browser.open(write(FIELDS)).run().text_input(key="name").value


def test_a_script_that_gives_settings_itself_comes_first(
    browser: Any, keep: Callable[..., None], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manager is made of what it says; its later runs are given their session as any other."""
    keep(persist=["*"])
    browser.stop()
    monkeypatch.setattr(sessionkit.manager.default_manager._DEFAULT, "manager", None)
    monkeypatch.setattr(gate, "keeper", None)
    script = write(
        "from sessionkit import bootstrap_session, configure\n"
        "configure(storage='memory', security={'secret_key': 'a secret for tests only'},"
        " hosts={'streamlit': {'persist': ['*']}})\n"
        "bootstrap_session()\n" + FIELDS
    )
    tab = browser.open(script).run()
    assert not tab.exception
    assert "memory" == sessionkit.get_manager().settings.storage
    fill(tab, name="Ada")
    assert "Ada" == browser.open(script).run().text_input(key="name").value
    sessionkit.get_manager().close()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"persist": "order.*"}, r"\[hosts.streamlit\] persist: "),
        ({"persist": [1]}, r"\[hosts.streamlit\] persist: "),
        ({"never": [""]}, r"\[hosts.streamlit\] never: keys of widgets are needed"),
        ({"persist": [" "]}, r"\[hosts.streamlit\] persist: keys of widgets are needed"),
        ({"persists": ["*"]}, r"\[hosts.streamlit\] persists: .*persist"),
    ],
)
def test_wrong_names_are_refused(table: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A wrong setting is an error that names it, where the server starts."""
    settings = load_settings(
        storage="memory", hosts={"streamlit": table}, security={"folder": tmp_path}
    )
    with pytest.raises(ConfigError, match=words):
        check(settings)


def check(settings: Settings) -> None:
    """Check settings as ``sessionkit run`` does."""
    read_names(settings)
    Plugins().check_settings(settings, hosts=["streamlit"])


def test_an_empty_name_is_refused_where_the_host_is_made() -> None:
    """As elsewhere, where nobody has looked before, as in a script that configures itself."""
    with pytest.raises(ConfigError, match="never: keys of widgets are needed"):
        sessionkit_hosts()["streamlit"](Tokens("a secret for tests only"), never=("",))


async def _begin(options: dict[str, Any]) -> None:
    async with options["lifespan"](None):
        pass


def test_the_server_of_an_app_looks_before_any_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ``st.App`` reads the settings when its server starts; wrong ones are the page's to say."""
    import anyio  # noqa: PLC0415 - comes with starlette

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gate, "keeps_pages", False)
    monkeypatch.setattr(gate, "given", {})
    monkeypatch.setattr(gate, "options", None)
    monkeypatch.setattr(gate, "keeper", None)
    file = tmp_path / "sessionkit.toml"
    file.write_text('[hosts.streamlit]\npersist = [""]\n')
    anyio.run(_begin, app_options())
    assert not gate.keeps_pages
    file.write_text('[hosts.streamlit]\npersist = ["*"]\n')
    anyio.run(_begin, app_options())
    assert gate.keeps_pages
