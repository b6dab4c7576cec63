# SPDX-License-Identifier: Apache-2.0
"""A form keeps what is typed, says what is wrong, and takes back what its user did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager
from sessionkit_streamlit.widgets import drafts

Page = Callable[..., Path]

CONTACT = """
import attrs

def has_at(instance, attribute, value):
    if "@" not in value:
        raise ValueError("An address has an @.")

@attrs.define
class Contact:
    name: str
    email: str = attrs.field(default="", validator=has_at)
    size: int = 3
    news: bool = True

with form("contact", Contact{options}) as f:
    f.fields()
    f.submit()
f.undo()
f.redo()
f.discard()
st.text(f"submitted={f.submitted} value={f.value} dirty={f.is_dirty}")
"""

REQUIRED = r":red[:small[This field is required\.]]"
NO_AT = r":red[:small[An address has an \@\.]]"


def text(tab: AppTest) -> str:
    """Return what the page says of the form."""
    assert not tab.exception, tab.exception
    return str(tab.text[0].value)


def contact(page: Page, options: str = "") -> Path:
    """Write the page."""
    return page(CONTACT.replace("{options}", options))


def field(tab: AppTest, name: str) -> Any:
    """Return a field's widget."""
    key = f"contact.{name}"
    return next(
        one
        for kind in ("text_input", "number_input", "checkbox")
        for one in tab.get(kind)
        if one.key == key
    )


def fill(tab: AppTest, **values: Any) -> AppTest:
    """Fill in fields, one after the other."""
    for name, value in values.items():
        field(tab, name).set_value(value).run()
    return tab


def press(tab: AppTest, name: str) -> AppTest:
    """Press one of the form's buttons."""
    return tab.button(key=f"contact:{name}").click().run()


def draft(browser: Any) -> dict[str, Any]:
    """Return what the session holds of the form."""
    data: dict[str, Any] = browser.manager.bootstrap("the-session").get_form_state("contact").data
    return data


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each change be a step of its own."""
    monkeypatch.setattr(drafts, "PAUSE", -1.0)


def test_a_draft_is_kept_as_it_is_typed(browser: Any, page: Page) -> None:
    """Nothing is stored of what nobody touched; all comes back after a restart."""
    tab = fill(browser.open(contact(page)).run(), name="Ada", size=5)
    assert draft(browser) == {"name": "Ada", "size": 5}
    assert text(tab).endswith("dirty=True")
    browser.restart()
    tab = browser.open(contact(page)).run()
    assert (field(tab, "name").value, field(tab, "size").value) == ("Ada", 5)
    assert (field(tab, "email").value, field(tab, "news").value) == ("", True)


def test_what_is_right_is_handed_in(browser: Any, page: Page) -> None:
    """As an object of the class, in that run alone; the form is clean then, and keeps what it says."""
    tab = fill(browser.open(contact(page)).run(), name="Ada", email="a@b")
    tab = press(tab, "submit")
    handed_in = "Contact(name='Ada', email='a@b', size=3, news=True)"
    assert text(tab) == f"submitted=True value={handed_in} dirty=False"
    assert text(tab.run()) == f"submitted=False value={handed_in} dirty=False"
    assert field(tab, "name").value == "Ada"


def test_what_is_wrong_stands_at_its_field(browser: Any, page: Page) -> None:
    """From the first try on, until it is right; it comes back with the draft."""
    tab = browser.open(contact(page)).run()
    assert not tab.markdown
    tab = press(fill(tab, email="nobody"), "submit")
    assert text(tab) == "submitted=False value=None dirty=True"
    assert [one.value for one in tab.markdown] == [REQUIRED, NO_AT]
    fill(tab, name="Ada")
    assert [one.value for one in tab.markdown] == [NO_AT]
    fill(tab, email="a@b")
    assert not tab.markdown
    assert text(press(tab, "submit")).startswith("submitted=True")


def test_what_was_wrong_is_looked_at_again_after_f5(browser: Any, page: Page) -> None:
    """It was tried to hand it in, though not on this page: a message goes when its field is right."""
    press(fill(browser.open(contact(page)).run(), email="nobody", name="Ada"), "submit")
    tab = browser.open(contact(page)).run()
    assert [one.value for one in tab.markdown] == [NO_AT]
    fill(tab, email="a@b")
    assert not tab.markdown


def test_the_next_user_is_told_nothing(browser: Any, page: Page) -> None:
    """What one has tried is not what another one has."""
    body = CONTACT.replace("{options}", "") + "st.button('End', on_click=end_session)\n"
    tab = press(fill(browser.open(page(body)).run(), email="nobody"), "submit")
    assert tab.markdown
    (end,) = (one for one in tab.button if one.label == "End")
    tab = fill(end.click().run(), size=5)
    assert not tab.markdown


def test_what_is_sent_again_is_no_change(browser: Any, page: Page) -> None:
    """A tab that has found another server sends all that it shows: no step is made, and none is lost."""
    tab = press(fill(browser.open(contact(page)).run(), name="Ada", size=5), "undo")
    connection = browser.connection_of(tab)
    session = connection.session
    state = session.get_form_state("contact")
    before = (dict(state.data), list(state.snapshots), session.interaction_count)
    for key, value in (("contact.name", "Ada"), ("contact.size", 3), ("contact.email", "")):
        drafts.fill_in(connection, session, connection.fields[key], value)
    assert (state.data, state.snapshots, session.interaction_count) == before
    assert state.can_redo


def test_the_apps_own_words(browser: Any, page: Page) -> None:
    """Also at a field that is missing."""
    options = ", texts=FormTexts(submit='Senden', required='Fehlt')"
    tab = press(browser.open(contact(page, options)).run(), "submit")
    assert ":red[:small[Fehlt]]" in [one.value for one in tab.markdown]


def test_the_apps_own_check(browser: Any, page: Page) -> None:
    """Is asked where the class has no objection; it may speak of the whole form."""
    options = ', validate=lambda one: {"": "Not today"} if one.size > 3 else None'
    tab = press(
        fill(browser.open(contact(page, options)).run(), name="A", email="@", size=4), "submit"
    )
    assert [one.value for one in tab.markdown] == [":red[:small[Not today]]"]
    assert text(press(fill(tab, size=2), "submit")).startswith("submitted=True")


def test_changes_are_taken_back_and_made_again(browser: Any, page: Page) -> None:
    """One after the other, down to the beginning; each field shows it."""
    tab = fill(browser.open(contact(page)).run(), name="Ada", size=5, email="x")
    assert tab.button(key="contact:redo").disabled
    press(tab, "undo")
    assert (draft(browser), field(tab, "email").value) == ({"name": "Ada", "size": 5}, "")
    press(press(tab, "undo"), "undo")
    assert (draft(browser), field(tab, "name").value, field(tab, "size").value) == ({}, "", 3)
    assert tab.button(key="contact:undo").disabled
    press(press(tab, "redo"), "redo")
    assert (draft(browser), field(tab, "name").value, field(tab, "size").value) == (
        {"name": "Ada", "size": 5},
        "Ada",
        5,
    )
    fill(tab, news=False)
    assert tab.button(key="contact:redo").disabled
    press(tab, "undo")
    assert field(tab, "news").value is True


def test_undo_and_redo_say_what_they_would_do(browser: Any, page: Page) -> None:
    """By the field's label, with what it holds now and then; from what it begins with on."""
    tab = fill(browser.open(contact(page)).run(), name="Ada", news=False)
    undo, redo = (tab.button(key=f"contact:{name}") for name in ("undo", "redo"))
    assert (undo.help, redo.help) == ("Undo: News: ` no ` → ` yes `", "")
    tab = press(press(press(tab, "undo"), "undo"), "redo")
    undo, redo = (tab.button(key=f"contact:{name}") for name in ("undo", "redo"))
    assert (undo.help, redo.help) == (
        "Undo: Name: ` Ada ` → nothing",
        "Redo: News: ` yes ` → ` no `",
    )
    undo = press(tab, "discard").button(key="contact:undo")
    assert undo.help == "Undo: Name: nothing → ` Ada `"


def test_a_history_tells_each_step_in_words(browser: Any, page: Page) -> None:
    """Also what was undone; a password is in none."""
    body = """
with form("contact") as f:
    f.text_input("Name:", key="name")
    f.text_input("Code", key="code", type="password")
    f.text_input("Token", key="api_token")
    f.multiselect("Tags", ["a", "b"], key="tags")
f.undo()
f.discard()
for step in f.history:
    st.text(f"{step.text}{' (undone)' if step.is_undone else ''}")
"""
    tab = browser.open(page(body)).run()
    for place, value in enumerate(("Ana", "secret-1", "secret-2")):
        tab.text_input[place].set_value(value).run()
    tab.multiselect[0].set_value(["a", "b"]).run()
    tab.text_input[0].set_value("Anna").run()
    press(press(tab, "discard"), "undo")
    assert [one.value for one in tab.text] == [
        "Name: nothing → ` Ana `",
        "Tags: nothing → ` a, b `",
        "Name: ` Ana ` → ` Anna `",
        "Name: ` Anna ` → nothing; 1 more (undone)",
    ]


def test_what_follows_at_once_in_one_field_is_one_step(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause, or another field, begins a new one."""
    monkeypatch.setattr(drafts, "PAUSE", 60.0)
    tab = browser.open(contact(page)).run()
    for name in ("A", "Ad", "Ada"):
        fill(tab, name=name)
    fill(fill(tab, size=4), size=5)
    press(tab, "undo")
    assert (field(tab, "name").value, field(tab, "size").value) == ("Ada", 3)
    press(tab, "undo")
    assert field(tab, "name").value == ""


def test_undo_is_there_after_a_restart(browser: Any, page: Page) -> None:
    """The steps are stored with the draft."""
    fill(browser.open(contact(page)).run(), name="Ada", size=5)
    browser.restart()
    tab = press(browser.open(contact(page)).run(), "undo")
    assert (field(tab, "name").value, field(tab, "size").value) == ("Ada", 3)


def test_a_draft_is_thrown_away_and_back(browser: Any, page: Page) -> None:
    """That, too, is a step."""
    tab = press(fill(browser.open(contact(page)).run(), name="Ada", size=5), "discard")
    assert (draft(browser), field(tab, "name").value, field(tab, "size").value) == ({}, "", 3)
    press(tab, "undo")
    assert (field(tab, "name").value, field(tab, "size").value) == ("Ada", 5)


def test_a_form_that_clears_begins_anew(browser: Any, page: Page) -> None:
    """What was handed in is there for the run that takes it."""
    tab = fill(browser.open(contact(page, ", clear_on_submit=True")).run(), name="Ada", email="a@b")
    assert "value=Contact(name='Ada'" in text(press(tab, "submit"))
    assert (draft(browser), field(tab, "name").value, field(tab, "email").value) == ({}, "", "")
    assert text(tab.run()).startswith("submitted=False value=None")
    assert tab.button(key="contact:undo").disabled


def test_two_tabs_fill_in_one_form(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each shows what the other typed, and takes back what its own user did."""
    monkeypatch.setattr(drafts, "is_connected", lambda _: True)
    script = contact(page)
    one, other = browser.open(script).run(), browser.open(script).run()
    fill(one, name="Ada")
    fill(other, email="a@b")
    assert field(one.run(), "email").value == "a@b"
    press(one, "undo")
    assert (field(one, "name").value, field(one, "email").value) == ("", "a@b")
    assert one.button(key="contact:undo").disabled
    press(other, "undo")
    assert (field(other, "name").value, field(other, "email").value) == ("", "")
    press(one, "redo")
    assert draft(browser) == {"name": "Ada"}


def test_who_types_over_what_another_tab_typed_is_told(browser: Any, page: Page) -> None:
    """By the notice, which puts the other's value there."""
    script = page("conflict_notice()\n" + CONTACT.replace("{options}", ""))
    one, other = browser.open(script).run(), browser.open(script).run()
    fill(one, name="Ada")
    fill(other, name="Bob")
    other.run()
    (headline,) = other.markdown
    assert "**name**" in headline.value
    (take,) = (one for one in other.button if one.label == "Take theirs")
    take.click().run()
    assert (field(other, "name").value, draft(browser)) == ("Ada", {"name": "Ada"})
    assert not other.markdown


def test_another_replica_fills_in_the_same_form(browser: Any, page: Page) -> None:
    """Both stay."""
    tab = fill(browser.open(contact(page)).run(), name="Ada")
    browser.manager.flush()
    with SessionManager(browser.settings()) as elsewhere:
        session = elsewhere.recover("the-session")
        session.get_form_state("contact").data["email"] = "a@b"
        session.mark_form_dirty("contact")
        elsewhere.save(session, immediate=True)
    fill(tab, size=5)
    tab.run()
    assert field(tab, "email").value == "a@b"
    assert draft(browser) == {"name": "Ada", "email": "a@b", "size": 5}


def test_a_form_may_stand_in_two_places(browser: Any, page: Page) -> None:
    """Each part draws fields of its own; Streamlit takes the key of a place but once."""
    body = """
with form("contact") as f:
    f.text_input("Name", key="name")
with form("contact") as g:
    g.text_input("Form", key="form")
"""
    tab = browser.open(page(body)).run()
    assert not tab.exception, tab.exception
    fill(fill(tab, name="Ada"), form="A4")
    assert draft(browser) == {"name": "Ada", "form": "A4"}


def test_with_a_batch_only_what_was_handed_in_counts(browser: Any, page: Page) -> None:
    """One press is one step."""
    body = """
with form("contact", batch=True) as f:
    f.text_input("Name", key="name")
    f.number_input("Size", 1, 9, 3, key="size")
    f.submit("Send")
f.undo()
st.text(f"submitted={f.submitted} value={f.value}")
"""
    tab = browser.open(page(body)).run()
    tab.text_input[0].set_value("Ada")
    tab.number_input[0].set_value(5)
    (send,) = (one for one in tab.button if one.label == "Send")
    send.click().run()
    assert text(tab) == "submitted=True value={'name': 'Ada', 'size': 5}"
    assert draft(browser) == {"name": "Ada", "size": 5}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("with form('contact', int) as f:\n    pass", "not <class 'int'>"),
        ("with form('contact') as f:\n    f.text_input('Name')", 'write key="name"'),
        ("with form('contact') as f:\n    f.button('Go', key='go')", "button can't be kept"),
        ("with form('contact') as f:\n    f.nothing('x')", "a form has no 'nothing'"),
    ],
)
def test_mistakes_of_the_app_are_told(browser: Any, page: Page, body: str, words: str) -> None:
    """With what would be right."""
    (error,) = browser.open(page(body)).run().exception
    assert words in error.message


def test_a_password_is_not_kept(browser: Any, page: Page) -> None:
    """Neither by its kind nor by its name."""
    body = """
with form("contact") as f:
    f.text_input("Code", key="code", type="password")
    f.text_input("Token", key="api_token")
    f.text_input("Name", key="name")
st.text(f"{f.data}")
"""
    tab = browser.open(page(body)).run()
    for place, value in enumerate(("secret-1", "secret-2", "Ada")):
        tab.text_input[place].set_value(value).run()
    browser.manager.flush()
    assert not any(b"secret" in one.read_bytes() for one in browser.folder.glob("sessions.db*"))
    assert draft(browser)["name"] == "Ada"


def test_a_field_begins_with_the_default_of_its_class_however_it_is_drawn(
    browser: Any, page: Page
) -> None:
    """Arguments may stand by their place, as in Streamlit; one that says what the widget begins with goes first."""
    body = """
import attrs

@attrs.define
class Trip:
    where: str = "Ghent"
    how: str = "train"
    days: int = 3
    extras: list[str] = attrs.field(factory=lambda: ["map"])

with form("trip", Trip) as f:
    f.selectbox("Where", ["Bruges", "Ghent"], key="where")
    f.radio("How", ["bus", "train"], 0, key="how")
    f.number_input("Days", 1, 9, 5, key="days")
    f.multiselect("Extras", ["map", "lunch"], key="extras")
st.text(f"{f.data}")
"""
    shown = "{'where': 'Ghent', 'how': 'bus', 'days': 5, 'extras': ['map']}"
    assert shown == text(browser.open(page(body)).run())


def test_a_form_in_two_places_does_once_what_a_button_asks_for(browser: Any, page: Page) -> None:
    """One press is one step back, and hands in what is in both places."""
    body = """
with form("contact", clear_on_submit=True) as f:
    f.text_input("Name", key="name")
with form("contact", clear_on_submit=True) as g:
    g.text_input("Form", key="form")
    g.submit()
g.undo()
st.text(f"{f.submitted} {g.submitted} {f.value} {g.value}")
"""
    tab = browser.open(page(body)).run()
    fill(fill(tab, name="Ada"), form="A4")
    tab.button(key="contact:undo").click().run()
    assert draft(browser) == {"name": "Ada"}
    tab.button(key="contact:submit").click().run()
    assert text(tab) == "True True {'name': 'Ada', 'form': ''} {'name': 'Ada', 'form': ''}"
