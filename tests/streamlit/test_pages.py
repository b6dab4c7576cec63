# SPDX-License-Identifier: Apache-2.0
"""Several pages: Streamlit forgets a widget when its page is left; the session does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Page = Callable[..., Path]


@pytest.fixture
def script(tmp_path: Path, page: Page) -> Path:
    """Write an app of two pages, of which the first has a text field."""
    (tmp_path / "one.py").write_text("import streamlit as st\nst.text_input('City', key='city')\n")
    (tmp_path / "two.py").write_text("import streamlit as st\nst.write('nothing here')\n")
    return page("persist('city')\nst.navigation([st.Page('one.py'), st.Page('two.py')]).run()\n")


def test_a_value_survives_leaving_its_page(browser: Any, script: Path) -> None:
    """The field shows its text again when the user comes back, and can be read in between."""
    tab = browser.open(script).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.switch_page("two.py").run().run()
    assert "Ghent" == tab.session_state.city
    assert "Ghent" == tab.switch_page("one.py").run().text_input(key="city").value


def test_an_old_value_does_not_resurrect(browser: Any, script: Path) -> None:
    """A value put back before its page was opened must not return once it was edited there."""
    tab = browser.open(script).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.switch_page("two.py").run()
    browser.restart()
    again = browser.open(script)
    again.switch_page("two.py")
    again.run().run()
    again.switch_page("one.py").run()
    assert "Ghent" == again.text_input(key="city").value
    again.text_input(key="city").set_value("Antwerp").run()
    again.switch_page("two.py").run().run()
    assert {"city": "Antwerp"} == browser.session().inputs
    assert "Antwerp" == again.switch_page("one.py").run().text_input(key="city").value
    assert "Antwerp" == again.run().text_input(key="city").value
