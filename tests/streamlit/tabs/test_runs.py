# SPDX-License-Identifier: Apache-2.0
"""What a run changes is found while it lasts, and its session is let go of when it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sessionkit_streamlit.tabs.runs import runs

Page = Callable[..., Path]

USED = 'st.text(f"used={[one is session for one in get_manager().persistence._writer.in_use.sessions()]}")\n'

STREAMS = f"""
session.inputs["answer"] = ["the first half"]
{USED}
get_manager().flush()
stored = get_manager().repository.load(session.session_id)
st.text(f"stored={{stored and stored.inputs['answer']}}")
session.inputs["answer"].append("the second half")
stop, again, fail = map(st.button, ("stop", "again", "fail"))
if stop:
    st.stop()
if again:
    st.rerun()
if fail:
    raise RuntimeError
"""

FRAGMENT = f"""
@st.fragment
def answer():
    if st.button("ask"):
        {USED}
answer()
"""

ROTATES = f"""
session = rotate_session()
{USED}
"""


def _used(browser: Any) -> int:
    return len(browser.manager.persistence._writer.in_use)


def test_a_run_uses_its_session_until_it_ends(browser: Any, page: Page) -> None:
    """What it has changed so far is stored by a flush, such as that of SIGTERM; however it ends, the use is over."""
    tab = browser.open(page(STREAMS)).run()

    assert ["used=[True]", "stored=['the first half']"] == [text.value for text in tab.text]
    assert 0 == _used(browser)
    for name in ("stop", "again", "fail"):
        next(button for button in tab.button if button.label == name).click().run()
        assert (name, 0) == (name, _used(browser))
    assert {} == runs._known


def test_a_run_of_a_fragment_uses_the_session_of_its_page(browser: Any, page: Page) -> None:
    """With what it shows first, though it asks for no session."""
    tab = browser.open(page(FRAGMENT)).run()
    tab.button[0].click().run()

    assert "used=[True]" == tab.text[0].value
    assert 0 == _used(browser)
    assert {} == runs._known


def test_a_run_goes_on_with_the_session_that_it_moved_to(browser: Any, page: Page) -> None:
    """The object that is left is looked at no more."""
    tab = browser.open(page(ROTATES)).run()

    assert "used=[True]" == tab.text[0].value
    assert 0 == _used(browser)
