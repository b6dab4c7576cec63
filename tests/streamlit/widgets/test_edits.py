# SPDX-License-Identifier: Apache-2.0
"""Is a value the user's own doing? What is none undoes nothing that another tab has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from sessionkit import UserSession
from sessionkit_sqlite.storage import SqliteStorage
from sessionkit_streamlit.browser import handshake
from sessionkit_streamlit.widgets import edits

Page = Callable[..., Path]

CITY = "persist('city')\nst.text_input('City', key='city')\n"

IN_A_FRAGMENT = (
    "persist('city')\n@st.fragment\ndef part():\n    st.text_input('City', key='city')\npart()\n"
)


def city(tab: Any) -> str:
    """Return what the field shows."""
    value: str = tab.text_input(key="city").value
    return value


@pytest.fixture(params=[CITY, IN_A_FRAGMENT], ids=["script", "fragment"])
def crossed(browser: Any, page: Page, request: pytest.FixtureRequest) -> Any:
    """Give a tab that has just been sent ``Ghent``, while its browser still shows ``Bruges``."""
    script = page(request.param)
    tab, other = browser.open(script).run(), browser.open(script)
    tab.text_input(key="city").set_value("Bruges").run()
    other.run().text_input(key="city").set_value("Ghent").run()
    assert "Ghent" == city(tab.run())
    tab.text_input(key="city").set_value("Bruges")
    return tab


def test_a_request_that_crossed_the_page_is_no_edit(browser: Any, crossed: Any) -> None:
    """The browser sent what it showed before it had the new value: that stays."""
    crossed.run()
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(crossed.run())


def test_the_old_value_is_an_edit_once_the_page_has_arrived(
    browser: Any, crossed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees the new value may type the old one again."""
    began = monotonic()
    monkeypatch.setattr(edits, "monotonic", lambda: began + 3.0)
    assert "Bruges" == city(crossed.run())
    assert "Bruges" == browser.session().inputs["city"]


def test_another_value_is_an_edit_at_once(browser: Any, crossed: Any) -> None:
    """Only what the widget showed before can have crossed."""
    crossed.text_input(key="city").set_value("Antwerp").run()
    assert "Antwerp" == browser.session().inputs["city"]


def test_after_an_edit_the_old_value_is_an_edit_too(browser: Any, crossed: Any) -> None:
    """The user types on, and then what stood there before: that has not crossed anything."""
    for typed in ("Antwerp", "Bruges"):
        crossed.text_input(key="city").set_value(typed).run()
        assert typed == browser.session().inputs["city"]


ELSEWHERE = "if st.session_state.get('other'):\n    session.inputs['city'] = 'Ghent'\n"


def test_persist_input_of_an_unchanged_widget_undoes_nothing(browser: Any, page: Page) -> None:
    """Another tab changed the value while the run was under way: it stays, and is shown next."""
    body = (
        "name = st.text_input('City', key='city')\n" + ELSEWHERE + "persist_input('city', name)\n"
    )
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Bruges").run()
    tab.session_state.other = True
    tab.run()
    tab.session_state.other = False
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(tab.run())


def test_persist_input_in_a_tabs_first_run_undoes_nothing(browser: Any, page: Page) -> None:
    """The same, of a widget that was just made and never touched."""
    body = (
        "name = st.text_input('City', key='city')\nsession.inputs['city'] = 'Ghent'\n"
        "persist_input('city', name)\n"
    )
    tab = browser.open(page(body)).run()
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(tab.run())


def test_persist_input_of_the_apps_own_value_is_kept(browser: Any, page: Page) -> None:
    """What is not the widget's own value is the app's doing, whatever the widget shows."""
    body = (
        "name = st.text_input('City', 'x', key='city')\nsession.inputs['city'] = 'Ghent'\n"
        "persist_input('city', name.upper())\n"
    )
    browser.open(page(body)).run()
    assert "X" == browser.session().inputs["city"]


# -- a tab that comes from another server tells what its user did not touch ------


TELLS = f"$$STREAMLIT_INTERNAL_KEY_$$ID-0123456789abcdef-{handshake.KEY}__events"

WIDGETS = (
    "persist('city', 'age', 'ok', 'tags')\nst.text_input('City', key='city')\n"
    "st.number_input('Age', 0, key='age')\nst.checkbox('OK', key='ok')\n"
    "st.multiselect('Tags', ['a', 'b'], key='tags')\n"
)


def telling(tab: Any) -> str:
    """Return what Streamlit calls the widget by which a tab's page tells something."""
    known = tab._session_state._state._new_widget_state.widget_metadata
    return next(name for name in known if name.endswith("__events"))


@pytest.fixture
def moved(browser: Any, page: Page, told: list[dict[str, Any]]) -> Callable[..., Any]:
    """Give a function that moves a tab with values to a new server, where newer ones are stored."""
    script = page("if st.session_state.pop('cut', False):\n    st.stop()\n" + WIDGETS)
    tab = browser.open(script).run()
    tab.text_input(key="city").set_value("Ghent")
    tab.number_input(key="age").set_value(36)
    tab.checkbox(key="ok").check()
    tab.multiselect(key="tags").set_value(["a"]).run()
    says = told[-1]["page"]

    def move(
        marks: Any = says["shown"],
        event: str = "resync",
        *,
        cut_short: bool = False,
        then: Sequence[Callable[[list[Any]], list[Any]]] = (),
        **edits: Any,
    ) -> Any:
        browser.elsewhere(city="Bruges", age=37, ok=False, tags=["b"])
        if "city" in edits:
            tab.text_input(key="city").set_value(edits["city"])
        sent = [one._widget_state for one in (tab.text_input[0], tab.number_input[0])]
        sent += [one._widget_state for one in (tab.checkbox[0], tab.multiselect[0])]
        value = {"turn": 1, **says, "shown": marks}
        word = json.dumps([{"event": event, "value": value}])
        sent.append(WidgetState(id=telling(tab), json_trigger_value=word))
        browser.restart()
        fresh = browser.open(script)
        if cut_short:
            fresh.session_state["cut"] = True
        fresh._run(WidgetStates(widgets=sent))
        for request in then:
            fresh._run(WidgetStates(widgets=request(sent)))
        return fresh

    return move


def test_what_nobody_touched_gives_way(browser: Any, moved: Callable[..., Any]) -> None:
    """What was changed elsewhere meanwhile is shown and kept: texts, numbers and ticks."""
    tab = moved()
    assert ("Bruges", 37) == (tab.text_input(key="city").value, tab.number_input(key="age").value)
    assert not tab.checkbox(key="ok").value
    inputs = browser.session().inputs
    assert ("Bruges", 37, False) == (inputs["city"], inputs["age"], inputs["ok"])


def test_what_was_touched_wins(browser: Any, moved: Callable[..., Any]) -> None:
    """A value that differs from its mark is the user's."""
    tab = moved(city="Antwerp")
    assert ("Antwerp", 37) == (tab.text_input(key="city").value, tab.number_input(key="age").value)
    assert "Antwerp" == browser.session().inputs["city"]


def in_old_words(sent: list[Any]) -> list[Any]:
    """Return a request of the page that has not heard of the first run: it asks once more."""
    return list(sent)


def by_a_click(sent: list[Any]) -> list[Any]:
    """Return the request that a click makes on that page: it tells no marks."""
    return sent[:-1]


@pytest.mark.parametrize("cut_short", [False, True], ids=["whole", "cut_short"])
@pytest.mark.parametrize("then", [[in_old_words], [by_a_click], [in_old_words, by_a_click]])
def test_requests_that_cross_the_first_page(
    browser: Any, moved: Callable[..., Any], then: list[Any], *, cut_short: bool
) -> None:
    """A slow page asks again, and its user clicks: what it sends is as old as before, and gives way as well."""
    tab = moved(then=then, cut_short=cut_short)
    assert ("Bruges", 37) == (tab.text_input(key="city").value, tab.number_input(key="age").value)
    assert not tab.checkbox(key="ok").value
    inputs = browser.session().inputs
    assert ("Bruges", 37, False) == (inputs["city"], inputs["age"], inputs["ok"])


def test_a_page_that_asks_again_late(
    browser: Any, moved: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the first page took: what the browser says that it shows was not typed."""
    monkeypatch.setattr(edits, "monotonic", partial(next, count(0.0, 3.0)))
    tab = moved(then=[in_old_words])
    assert ("Bruges", 37) == (tab.text_input(key="city").value, tab.number_input(key="age").value)
    assert "Bruges" == browser.session().inputs["city"]


def test_an_edit_that_crosses_the_first_page_wins(browser: Any, moved: Callable[..., Any]) -> None:
    """It differs from what the page showed before."""

    def typed(sent: list[Any]) -> list[Any]:
        edited = [WidgetState.FromString(one.SerializeToString()) for one in sent[:-1]]
        edited[0].string_value = "Antwerp"
        return edited

    tab = moved(then=[typed])
    assert "Antwerp" == tab.text_input(key="city").value
    assert ("Antwerp", 37) == (
        browser.session().inputs["city"],
        browser.session().inputs["age"],
    )


@pytest.mark.parametrize(
    ("marks", "typed", "said"),
    [({}, "Antwerp", "Antwerp"), ({}, "", "Bruges"), (None, "", ""), ([1], "", "")],
)
def test_without_a_mark(
    browser: Any, moved: Callable[..., Any], marks: Any, typed: str, said: str
) -> None:
    """A field that the last page began to show, and is empty, was not touched; no page's word counts for nothing."""
    assert said == moved(marks=marks, city=typed).text_input(key="city").value
    assert said == browser.session().inputs["city"]


def test_another_word_of_the_page(moved: Callable[..., Any]) -> None:
    """It is no list of marks."""
    assert "Ghent" == moved(event="token").text_input(key="city").value


def test_a_page_of_another_session_is_loaded_anew(
    browser: Any, moved: Callable[..., Any], told: list[dict[str, Any]]
) -> None:
    """Somebody logged in in another tab: nothing of what this one shows goes into that user's session."""
    hers = UserSession(session_id="hers", inputs={"city": "Bruges", "tags": []})
    browser.manager.repository.save(hers)
    browser.hold("hers")
    tab = moved(city="Antwerp", then=[by_a_click])

    assert [True, True] == [each["leave"] for each in told[-2:]]
    assert not tab.text_input
    assert {"city": "Bruges", "tags": []} == browser.session().inputs


def test_a_page_whose_session_is_lost_stays(
    browser: Any, moved: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store has nothing of it: what the page holds begins it anew, under the browser's own id."""

    def lose(_: Any, **__: Any) -> None:
        browser.manager.flush()
        with closing(SqliteStorage.open(f"sqlite:///{browser.folder / 'sessions.db'}")) as storage:
            assert storage.delete("the-session")

    monkeypatch.setattr(type(browser), "elsewhere", lose)
    moved(city="Antwerp")

    assert "Antwerp" == browser.session().inputs["city"]


def test_a_page_of_a_session_that_ended_gives_the_next_one_nothing(
    browser: Any, moved: Callable[..., Any], told: list[dict[str, Any]]
) -> None:
    """The browser has another id by now, of which nothing is stored yet: the page is loaded anew."""
    browser.hold("fresh")
    tab = moved(city="Antwerp")

    assert told[-1]["leave"]
    assert not tab.text_input
    assert not browser.session().inputs


def test_marks_say_nothing(browser: Any, page: Page, told: list[dict[str, Any]]) -> None:
    """Equal values of other sessions have other marks; lists have none; and 36 is 36.0."""
    script = page(WIDGETS + "st.session_state.runs = st.session_state.get('runs', 0) + 1\n")
    for session in ("the-session", "another"):
        browser.hold(session)
        tab = browser.open(script).run()
        tab.text_input(key="city").set_value("Ghent").run()
    first, second = told[1]["page"]["shown"], told[3]["page"]["shown"]
    assert {"age", "city", "ok"} == set(first)
    assert first["city"] != second["city"]


def test_a_request_that_is_no_json(browser: Any, page: Page) -> None:
    """Whoever sent it is no page of ours; the app goes on."""
    fresh = browser.open(page(WIDGETS))
    told = WidgetState(id=TELLS, json_trigger_value="{")
    fresh._run(WidgetStates(widgets=[told]))
    assert not fresh.exception


# -- a login: what was only shown is nothing that was done -----------------------


LOGIN: Final = (
    "st.button('Other')\n"
    "if st.session_state.get('user'):\n"
    "    session = bootstrap_session(user_id='ada')\n"
    "st.text(session.inputs.get('work'))\n"
)

FIELDS: Final = [
    "persist_input('f', st.checkbox('Remember', value=True, key='f'))\n",
    "persist_input('f', st.text_input('Server', 'main', key='f'))\n",
    "persist_input('f', st.selectbox('Language', ['en', 'de'], key='f'))\n",
    "persist_input('f', st.slider('Days', 1, 30, (5, 7), key='f'))\n",
    "persist_input('f', st.date_input('Until', date(2026, 1, 1), key='f'))\n",
    "persist_input('f', st.multiselect('For', ['a', 'b'], ['b'], key='f'))\n",
    "persist('f')\nst.checkbox('Remember', value=True, key='f')\n",
    "persist_input('f', st.button('Send', key='f'))\n",
    "x = st.form('x', clear_on_submit=True)\npersist_input('f', x.text_input('Name', key='f'))\n",
]


@pytest.fixture
def visit(browser: Any, page: Page) -> Callable[[str], Any]:
    """Give what opens a page with a field, at a browser without a cookie; ada has left something elsewhere."""
    hers = UserSession(session_id="hers", user_id="ada", inputs={"work": "hers"})
    browser.manager.repository.save(hers)
    browser.cookies.clear()
    browser.hold("before-the-login")

    def open_with(field: str) -> Any:
        tab = browser.open(page("from datetime import date\n" + field + LOGIN)).run()
        assert not tab.exception
        return tab

    return open_with


def log_in(tab: Any) -> str:
    """Log in as ada; return whose work the page shows."""
    tab.session_state["user"] = True
    tab.run()
    assert not tab.exception
    return str(tab.text[0].value)


@pytest.mark.parametrize("runs", [0, 2])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_was_only_shown_hides_nothing(
    visit: Callable[[str], Any], field: str, runs: int
) -> None:
    """Whatever it begins with, and however often the page ran."""
    tab = visit(field)
    for _ in range(runs):
        tab.run()
    assert "hers" == log_in(tab)


def test_not_after_a_refresh_or_a_restart_either(
    browser: Any, page: Page, visit: Callable[[str], Any]
) -> None:
    """The store knows it."""
    visit(FIELDS[0])
    browser.restart()
    tab = browser.open(page(FIELDS[0] + LOGIN)).run()
    assert "hers" == log_in(tab)


def test_a_button_that_was_pressed_hides_nothing(visit: Callable[[str], Any]) -> None:
    """It is the one that logs in, likely; what it did is kept elsewhere."""
    tab = visit("persist_input('f', st.button('Send', key='f'))\n")
    tab.button[0].click()
    assert "hers" == log_in(tab)


def test_what_was_changed_goes_along(visit: Callable[[str], Any]) -> None:
    """Somebody did it, before the login."""
    tab = visit(FIELDS[1])
    tab.text_input(key="f").set_value("other").run()
    assert "None" == log_in(tab)


def test_what_the_app_adds_to_it_goes_along(visit: Callable[[str], Any]) -> None:
    """To the very list that the widget began with."""
    tab = visit(FIELDS[5] + "session.inputs['f'].append('c')\n")
    assert "None" == log_in(tab)


def test_what_the_app_keeps_by_itself_goes_along(visit: Callable[[str], Any]) -> None:
    """Nobody knows why it did."""
    assert "None" == log_in(visit("persist_input('f', 'main')\n"))


def test_a_field_of_another_name_goes_along(visit: Callable[[str], Any]) -> None:
    """What has no widget of its key can't be told from what the app made."""
    assert "None" == log_in(visit("persist_input('f', st.checkbox('Remember', value=True))\n"))
