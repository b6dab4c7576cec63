# SPDX-License-Identifier: Apache-2.0
"""Forms that clear on submit: what was submitted is kept, and stays out of the fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

Page = Callable[..., Path]

FORM: Final = (
    "with st.form('note', clear_on_submit=True):\n"
    "    name = st.text_input('Name', key='name')\n"
    "    sent = st.form_submit_button('Send')\n"
)
ALWAYS: Final = FORM + "persist_input('name', name)\n"
WHEN_SENT: Final = FORM + "if sent:\n    persist_input('name', name)\n"
NAMED: Final = "persist('name')\n" + FORM
INSIDE: Final = (
    "form = st.form('note', clear_on_submit=True)\n"
    "persist_input('name', form.text_input('Name', key='name'))\n"
    "form.form_submit_button('Send')\n"
)
OTHER: Final = "st.button('Other')\n"


def submit(tab: Any, name: str) -> Any:
    """Fill the form in and send it."""
    tab.text_input(key="name").set_value(name)
    tab.button[0].click().run()
    assert not tab.exception
    return tab


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("body", [ALWAYS, WHEN_SENT, NAMED, INSIDE])
def test_after_a_refresh_the_fields_are_cleared_and_the_inputs_kept(
    browser: Any,
    page: Page,
    body: str,
    restart: bool,  # noqa: FBT001 - a table's column
) -> None:
    """As the browser showed it before; reruns change neither."""
    script = page(body + OTHER)
    submit(browser.open(script).run(), "Ada")
    assert "Ada" == browser.session().inputs["name"]
    if restart:
        browser.restart()
    tab = browser.open(script).run()
    for _ in range(2):
        assert "" == tab.text_input(key="name").value
        assert "Ada" == browser.session().inputs["name"]
        tab.button[1].click().run()


@pytest.mark.parametrize("body", [ALWAYS, WHEN_SENT, NAMED, INSIDE])
def test_what_is_submitted_next_counts_whatever_it_is(browser: Any, page: Page, body: str) -> None:
    """An empty form, too: the field's default was sent on purpose."""
    script = page(body)
    submit(browser.open(script).run(), "Ada")
    tab = submit(browser.open(script).run(), "")
    assert "" == browser.session().inputs["name"]
    submit(tab, "Eve")
    assert "Eve" == browser.session().inputs["name"]


def test_another_tab_is_not_filled_in_and_undoes_nothing(browser: Any, page: Page) -> None:
    """Each tab's form is a sheet of its own; the later submit wins."""
    script = page(ALWAYS + OTHER)
    one, two = browser.open(script).run(), browser.open(script).run()
    submit(one, "Ada")
    two.button[1].click().run()
    assert "" == two.text_input(key="name").value
    assert "Ada" == browser.session().inputs["name"]
    submit(two, "Bob")
    one.button[1].click().run()
    assert "Bob" == browser.session().inputs["name"]


def test_what_the_app_makes_of_it_is_kept_and_not_filled_in(browser: Any, page: Page) -> None:
    """``persist_input`` sets no field of such a form."""
    script = page(FORM + "if sent:\n    persist_input('name', name.title())\n" + OTHER)
    tab = submit(browser.open(script).run(), "ada")
    tab.button[1].click().run()
    assert "Ada" == browser.session().inputs["name"]
    assert not tab.text_input(key="name").proto.set_value


def test_a_form_that_no_longer_clears_is_filled_in_again(browser: Any, page: Page) -> None:
    """From the first run that shows it so; and the other way round."""
    script = page(ALWAYS)
    submit(browser.open(script).run(), "Ada")
    page(ALWAYS.replace("True", "False"))
    browser.open(script).run()
    assert "Ada" == browser.open(script).run().text_input(key="name").value
    page(ALWAYS)
    browser.open(script).run()
    assert "" == browser.open(script).run().text_input(key="name").value


def test_a_form_that_does_not_clear_is_filled_in(browser: Any, page: Page) -> None:
    """As ever."""
    script = page(ALWAYS.replace("True", "False"))
    submit(browser.open(script).run(), "Ada")
    assert "Ada" == browser.open(script).run().text_input(key="name").value


def test_who_leaves_leaves_nothing_in_the_fields(browser: Any, page: Page) -> None:
    """Streamlit's state holds what was submitted until the next submit."""
    script = page(ALWAYS + "st.button('End', on_click=end_session)\nst.text(session.inputs)\n")
    tab = submit(browser.open(script).run(), "Ada")
    tab.button[1].click().run()
    assert "" == tab.text_input(key="name").value
    assert "{'name': ''}" == tab.text[0].value
