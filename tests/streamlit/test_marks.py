# SPDX-License-Identifier: Apache-2.0
"""A tab that comes from another server tells what its user did not touch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from sessionkit import UserSession
from sessionkit_streamlit.browser import handshake
from sessionkit_streamlit.widgets import edits as late

Page = Callable[..., Path]

TELLS = f"$$STREAMLIT_INTERNAL_KEY_$$ID-0123456789abcdef-{handshake.KEY}__events"
WIDGETS = (
    "persist('city', 'age', 'ok', 'tags')\nst.text_input('City', key='city')\n"
    "st.number_input('Age', 0, key='age')\nst.checkbox('OK', key='ok')\n"
    "st.multiselect('Tags', ['a', 'b'], key='tags')\n"
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Collect what each run tells its page: the marks are among it."""
    seen: list[dict[str, Any]] = []
    original = handshake._component

    def mounted(*, data: dict[str, Any], **options: Any) -> None:
        seen.append(data)
        original()(data=data, **options)

    monkeypatch.setattr(handshake, "_component", lambda: mounted)
    return seen


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
    monkeypatch.setattr(late, "_ON_THE_WAY", -1.0)
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


def test_a_page_whose_session_is_lost_stays(browser: Any, moved: Callable[..., Any]) -> None:
    """The store has nothing of it: what the page holds begins the next one."""
    browser.hold("fresh")
    moved(city="Antwerp")

    assert "Antwerp" == browser.session().inputs["city"]


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
