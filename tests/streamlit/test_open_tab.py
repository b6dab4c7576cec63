# SPDX-License-Identifier: Apache-2.0
"""A tab that is left open while its session expires, or while its record goes from the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

Page = Callable[..., Path]

FIELDS = """\
persist("kept")
st.text_input("Kept", key="kept")
persist_input("given", st.text_input("Given", key="given"))
st.selectbox("Choice", ["a", "b"], key="choice")
"""


def typed(tab: AppTest, label: str, text: str) -> None:
    """Type into a field."""
    next(one for one in tab.text_input if one.label == label).set_value(text).run()


def shown(tab: AppTest) -> list[str]:
    """Return what the fields show."""
    return [str(one.value) for one in tab.text_input]


@pytest.mark.parametrize("what", ["expired", "missing"])
def test_an_open_tab_keeps_what_it_shows(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """And takes what is typed next; all of it is stored, and there after F5."""
    script = page(FIELDS)
    tab = browser.open(script).run()
    typed(tab, "Kept", "half an hour of work")
    typed(tab, "Given", "more")
    browser.manager.flush()
    repository, [head] = browser.manager.repository, list(browser.manager.repository.heads())
    assert repository.storage.delete(head.session_id)
    if what == "expired":
        former = browser.manager._live.held(head.session_id)
        monkeypatch.setattr(repository, "has_expired", lambda session: session is former)
    typed(tab, "Given", "typed now")

    assert ["half an hour of work", "typed now"] == shown(tab)
    browser.manager.flush()
    stored = repository.load(head.session_id)
    assert stored is not None
    assert {"kept": "half an hour of work", "given": "typed now"} == {
        name: stored.inputs[name] for name in ("kept", "given")
    }
    assert ["half an hour of work", "typed now"] == shown(browser.open(script).run())
