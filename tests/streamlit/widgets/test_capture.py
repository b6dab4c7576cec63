# SPDX-License-Identifier: Apache-2.0
"""What changed is in the session at the end of every run, whichever way it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

Page = Callable[..., Path]

CITY = "persist('city')\nst.text_input('City', key='city')\n"

ENDS = {
    "to its end": "",
    "st.stop": "st.stop()\n",
    "an error": "raise ValueError('a bug of the app')\n",
    "st.rerun": "if st.session_state.setdefault('again', True):\n    st.session_state.again = False\n    st.rerun()\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_every_end_of_a_run_is_seen(browser: Any, page: Page, end: str) -> None:
    """The end of a script, ``st.stop``, an error, a rerun: nothing is lost."""
    tab = browser.open(page(CITY + end)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    browser.restart()
    assert {"city": "Ghent"} == browser.session().inputs


def test_what_was_typed_is_kept_when_the_run_begins(browser: Any, page: Page) -> None:
    """Not only when it ends: a run may take long, and F5 come first."""
    body = "st.session_state.begun_with = dict(session.inputs)\n" + CITY
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert {"city": "Ghent"} == tab.session_state.begun_with
    assert {"city": "Ghent"} == browser.session().inputs


def test_a_login_during_a_run_loses_nothing_that_was_typed(browser: Any, page: Page) -> None:
    """The page was left for the login; its run goes on, and the session moves meanwhile."""
    body = (
        "from sessionkit.repository.tracks import Owner\nmoves = get_manager()._rotation.bind\n"
        "if st.session_state.get('city'):\n    moves(session, Owner('https://id|ada', True))\n"
        + CITY
    )
    tab = browser.open(page(body)).run()
    session = browser.connection_of(tab).session
    tab.text_input(key="city").set_value("Ghent").run()
    moved = browser.manager._live.latest(session)
    assert "the-session" != moved.session_id
    assert {"city": "Ghent"} == moved.inputs
    assert {} == session.inputs


def test_a_run_that_ends_late_undoes_no_later_edit(browser: Any, page: Page) -> None:
    """F5 during a long run, and another edit there: the first run's end is not that edit's undoing."""
    body = (
        "if st.session_state.get('city') == 'Ghent':\n    session.set_input('city', 'Bruges')\n"
        + CITY
    )
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert {"city": "Bruges"} == browser.session().inputs


def test_a_fragments_run_is_seen(browser: Any, page: Page) -> None:
    """A fragment's rerun runs none of the script's own lines, and is captured all the same."""
    body = "persist('box')\n@st.fragment\ndef part():\n    st.checkbox('Box', key='box')\npart()\n"
    tab = browser.open(page(body)).run()
    tab.checkbox(key="box").check().run()
    browser.restart()
    assert browser.session().inputs["box"]


def test_an_untouched_widget_is_not_stored(browser: Any, page: Page) -> None:
    """What a widget begins with is nobody's change."""
    browser.open(page(CITY)).run()
    assert {} == browser.session().inputs


def test_a_run_without_changes_counts_no_interaction(browser: Any, page: Page) -> None:
    """A rerun that changes nothing leaves the session as it is."""
    tab = browser.open(page(CITY)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    before = browser.session().interaction_count
    tab.run()
    assert before == browser.session().interaction_count


def test_a_reset_to_the_default_is_a_change(browser: Any, page: Page) -> None:
    """Emptying a field that was filled is stored."""
    tab = browser.open(page(CITY)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.text_input(key="city").set_value("").run()
    assert {"city": ""} == browser.session().inputs


def test_a_hidden_widgets_value_stays(browser: Any, page: Page) -> None:
    """A key that goes missing because its widget is hidden is no delete, and comes back with it."""
    body = "persist('city')\nif st.checkbox('Show', True, key='show'):\n    st.text_input('City', key='city')\n"
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.checkbox(key="show").uncheck().run()
    tab.run()
    assert {"city": "Ghent"} == browser.session().inputs
    tab.checkbox(key="show").check().run()
    assert "Ghent" == tab.text_input(key="city").value


def test_a_deleted_key_stays_deleted_in_its_tab(browser: Any, page: Page) -> None:
    """The app resets a widget by deleting its key; the store is not asked to bring it back at once."""
    body = "persist('n')\nst.session_state.setdefault('n', 0)\nif st.button('reset', key='reset'):\n    del st.session_state.n\n    st.rerun()\nif st.button('more', key='more'):\n    st.session_state.n += 1\n"
    tab = browser.open(page(body)).run()
    tab.button(key="more").click().run()
    tab.button(key="reset").click().run()
    assert not tab.exception
    assert 0 == tab.session_state.n


def test_a_list_that_grows_in_place_is_kept(browser: Any, page: Page) -> None:
    """A value that is changed in place, not set anew, reaches the store."""
    body = "persist('cart')\ncart = st.session_state.setdefault('cart', [])\nif st.button('add', key='add'):\n    cart.append(len(cart))\n"
    tab = browser.open(page(body)).run()
    for _ in range(3):
        tab.button(key="add").click().run()
    browser.restart()
    assert [0, 1, 2] == browser.session().inputs["cart"]


def test_an_error_in_a_comparison_leaves_the_other_keys(
    browser: Any, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    """A value whose ``__eq__`` raises is logged by its key; the app and the other keys go on."""
    body = (
        "class Odd:\n    __hash__ = None\n    def __eq__(self, other):\n        raise RuntimeError('odd')\n"
        "Odd = st.session_state.setdefault('kind', Odd)\npersist('odd')\nst.session_state.odd = Odd()\n"
        + CITY
    )
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert not tab.exception
    assert "the value of 'odd' could not be captured" in caplog.text
    assert "Ghent" == browser.session().inputs["city"]


# -- persist_input ---------------------------------------------------------------


def test_persist_input_of_a_widgets_own_value(browser: Any, page: Page) -> None:
    """The seed's own line: the widget returns a value, persist_input keeps it, nothing is raised."""
    script = page(
        "name = st.text_input('Name', key='user_name')\npersist_input('user_name', name)\n"
    )
    tab = browser.open(script).run()
    tab.text_input(key="user_name").set_value("Ada").run()
    assert not tab.exception
    assert {} == browser.connection_of(tab).widgets.waiting
    browser.restart()
    assert "Ada" == browser.open(script).run().text_input(key="user_name").value


def test_persist_input_without_a_widget_is_set_at_once(browser: Any, page: Page) -> None:
    """A key that no widget holds is in the session state before the next line."""
    tab = browser.open(
        page("persist_input('view', 'overview')\nst.text(st.session_state.view)\n")
    ).run()
    assert "overview" == tab.text[0].value


def test_persist_input_of_another_value_waits_for_the_next_run(browser: Any, page: Page) -> None:
    """Streamlit refuses to change a widget that exists; the widget shows the value one run later."""
    body = "name = st.text_input('Name', key='name')\npersist_input('name', name.strip().upper())\n"
    script = page(body)
    tab = browser.open(script).run()
    tab.text_input(key="name").set_value(" ada ").run()
    assert not tab.exception
    assert " ada " == tab.text_input(key="name").value
    assert {"name": "ADA"} == browser.session().inputs
    assert "ADA" == tab.run().text_input(key="name").value
    assert {"name": "ADA"} == browser.session().inputs


def test_an_edit_wins_over_a_waiting_value(browser: Any, page: Page) -> None:
    """The user was quicker than the run that would have set the value."""
    body = "name = st.text_input('Name', key='name')\nif name == 'a':\n    persist_input('name', 'A')\nelse:\n    persist_input('name', name)\n"
    tab = browser.open(page(body)).run()
    tab.text_input(key="name").set_value("a").run()
    tab.text_input(key="name").set_value("b").run()
    assert "b" == tab.text_input(key="name").value
    assert {"name": "b"} == browser.session().inputs


# -- what can't be set -----------------------------------------------------------


UNSETTABLE = [
    "st.button('x', key='x')",
    "st.download_button('x', 'data', key='x')",
    "st.file_uploader('x', key='x')",
    "st.camera_input('x', key='x')",
    "st.data_editor([{'a': 1}], key='x')",
    "st.chat_input('x', key='x')",
]


@pytest.mark.parametrize("widget", UNSETTABLE, ids=[one.split("(")[0] for one in UNSETTABLE])
def test_what_nobody_can_set_is_noted_and_left_alone(browser: Any, page: Page, widget: str) -> None:
    """Naming a button, an upload or a data editor breaks nothing, now and after a restart."""
    script = page(f"persist('x')\n{widget}\npersist_input('other', 1)\n")
    tab = browser.open(script).run().run()
    assert not tab.exception
    assert {"other": 1} == browser.session().inputs
    assert ["x"] == browser.session().extensions["streamlit"]["unsettable"]
    browser.restart()
    assert not browser.open(script).run().exception


def test_a_button_that_is_not_pressed_any_more_is_stored(browser: Any, page: Page) -> None:
    """Streamlit resets it by itself: what the app passes is stored, run by run, and after a restart."""
    script = page("persist_input('go', st.button('Go', key='go'))\n")
    tab = browser.open(script).run()
    for _ in range(2):
        assert browser.session().inputs["go"] is False
        tab.button(key="go").click().run()
        assert browser.session().inputs["go"] is True
        tab.run()
    assert browser.session().inputs["go"] is False
    tab.button(key="go").click().run()
    browser.restart()
    browser.open(script).run()
    assert browser.session().inputs["go"] is False


def test_a_message_that_is_over_is_stored_as_none(browser: Any, page: Page) -> None:
    """A chat's input gives its text once."""
    tab = browser.open(page("persist_input('say', st.chat_input('Say', key='say'))\n")).run()
    tab.chat_input(key="say").set_value("hello").run()
    assert "hello" == browser.session().inputs["say"]
    tab.run()
    assert browser.session().inputs["say"] is None
    assert not tab.exception


def test_the_button_of_a_form_is_stored_as_it_is(browser: Any, page: Page) -> None:
    """A form's button is one like any other."""
    body = "with st.form('f'):\n    sent = st.form_submit_button('Go', key='go')\npersist_input('go', sent)\n"
    tab = browser.open(page(body)).run()
    tab.button(key="go").click().run()
    assert browser.session().inputs["go"] is True
    tab.run()
    assert browser.session().inputs["go"] is False


def test_what_another_tabs_button_did_is_overwritten_by_what_this_tab_passes(
    browser: Any, page: Page
) -> None:
    """Whatever the app passes is its word: no button is taken for one that goes on showing a value."""
    script = page("persist_input('go', st.button('Go', key='go'))\n")
    tab, other = browser.open(script).run(), browser.open(script).run()
    tab.button(key="go").click().run()
    other.run()
    assert browser.session().inputs["go"] is False


@pytest.mark.parametrize("widget", UNSETTABLE, ids=[one.split("(")[0] for one in UNSETTABLE])
def test_what_is_passed_for_what_nobody_can_set_is_stored(
    browser: Any, page: Page, widget: str
) -> None:
    """It replaces what another replica stored, and nothing comes into the widget."""
    script = page(f"value = {widget}\npersist_input('x', st.session_state.x)\n")
    tab = browser.open(script).run()
    shown = browser.session().inputs["x"]
    browser.elsewhere(x="from elsewhere")
    assert not tab.run().run().exception
    assert shown == browser.session().inputs["x"]


# -- forms that clear on submit --------------------------------------------------


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
