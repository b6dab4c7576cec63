# SPDX-License-Identifier: Apache-2.0
"""Who typed over what another tab or replica had changed is told, and may choose."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sessionkit import SessionManager
from sessionkit.conflict import REMOVED, FieldDecision
from sessionkit.events import ValueDropped
from sessionkit.merge.fields import ask
from sessionkit_streamlit import NoticeTexts, conflict_notice, connection
from sessionkit_streamlit.widgets import edits

Page = Callable[..., Path]

NOTICE = "conflict_notice()\n"

COMPACT = "conflict_notice(compact=True)\n"

CITY = "persist('city')\nst.text_input('City', key='city')\n"

IN_A_FRAGMENT = "@st.fragment\ndef part():\n    conflict_notice()\npart()\n"


def told(tab: Any) -> list[str]:
    """Return the lines that a tab's notices begin with."""
    return [one.value for one in tab.markdown if "Changed in" in one.value]


def click(tab: Any, label: str) -> Any:
    """Click the first button of that label."""
    (button, *_) = [one for one in tab.button if one.label == label]
    return button.click().run()


def city(tab: Any) -> str:
    """Return what the field shows."""
    value: str = tab.text_input(key="city").value
    return value


@pytest.fixture(params=[NOTICE + CITY, COMPACT + CITY, CITY + NOTICE, CITY + IN_A_FRAGMENT])
def overtaken(browser: Any, page: Page, request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Give two tabs: the second's user typed over what the first had changed, unseen."""
    script = page(request.param)
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    two.text_input(key="city").set_value("Antwerp").run()
    return one, two


@pytest.mark.parametrize("notice", [NOTICE, COMPACT])
def test_nothing_is_drawn_while_nothing_is_open(browser: Any, page: Page, notice: str) -> None:
    """No element, and no trace after edits that met nobody's."""
    tab = browser.open(page(notice + CITY)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    browser.elsewhere(city="Bruges")
    tab.run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert not tab.exception
    assert [] == list(tab.button)
    assert [] == list(tab.markdown)


def test_the_later_edit_is_kept_and_its_user_told(overtaken: tuple[Any, Any]) -> None:
    """The tab that typed last is told at once, what is kept and what the other has; the other is not."""
    one, two = overtaken
    assert not two.exception
    assert [":material/sync_problem: Changed in another tab: **city**, just now"] == told(two)
    (outcome,) = [element.value for element in two.caption]
    assert "Yours is kept: ` Antwerp `. The other tab has ` Ghent `." == outcome
    one.run()
    assert [] == told(one)
    assert "Antwerp" == city(one)


def test_take_theirs(browser: Any, overtaken: tuple[Any, Any]) -> None:
    """The other's value is in the session and in the widgets of both tabs; the notice is gone."""
    one, two = overtaken
    click(two, "Take theirs")
    assert not two.exception
    assert ("Ghent", "Ghent") == (city(two), city(one.run()))
    assert ([], []) == (told(two), told(one))
    assert "Ghent" == browser.session().inputs["city"]
    assert [] == browser.told(ValueDropped)


@pytest.mark.parametrize("label", ["Keep mine", "Dismiss"])
def test_keep_mine_and_dismiss(browser: Any, overtaken: tuple[Any, Any], label: str) -> None:
    """Where one's own value is kept already both leave it."""
    one, two = overtaken
    click(two, label)
    assert ("Antwerp", "Antwerp") == (city(two), city(one.run()))
    assert [] == told(two)
    assert "Antwerp" == browser.session().inputs["city"]


def test_it_stays_until_someone_chooses(overtaken: tuple[Any, Any]) -> None:
    """Reruns don't take it away; whoever goes on typing keeps what was typed last."""
    _, two = overtaken
    two.run()
    two.text_input(key="city").set_value("Antwerp, Meir").run()
    assert 1 == len(told(two.run()))
    click(two, "Keep mine")
    assert "Antwerp, Meir" == city(two)


def test_it_goes_when_the_user_types_the_others_value(overtaken: tuple[Any, Any]) -> None:
    """There is nothing left to choose."""
    _, two = overtaken
    two.text_input(key="city").set_value("Ghent").run()
    assert [] == told(two)


def test_it_goes_when_the_field_shows_something_newer(overtaken: tuple[Any, Any]) -> None:
    """The other tab changes the field once more: that is shown, and there is nothing to choose."""
    one, two = overtaken
    one.run().text_input(key="city").set_value("Bruges").run()
    two.run()
    assert [] == told(two)
    assert "Bruges" == city(two)


def test_what_another_replica_changed(browser: Any, page: Page) -> None:
    """The rerun that brings the edit brings the other replica's change, too."""
    tab = browser.open(page(NOTICE + CITY)).run()
    browser.elsewhere(city="Ghent")
    tab.text_input(key="city").set_value("Antwerp").run()
    assert "Antwerp" == city(tab)
    assert 1 == len(told(tab))
    click(tab, "Take theirs")
    assert "Ghent" == city(tab)
    browser.manager.flush()
    assert "Ghent" == browser.session().inputs["city"]


def test_what_two_writers_saved_at_once(browser: Any, page: Page) -> None:
    """The store itself met the conflict: the manager's decision is shown, and settled there."""
    tab = browser.open(page(NOTICE + CITY)).run()
    tab.text_input(key="city").set_value("Bruges").run()
    browser.manager.flush()
    live = browser.session()
    live.set_input("city", "Antwerp")
    browser.manager.schedule_save(live)
    _save_elsewhere(browser, "Ghent")
    browser.manager.flush()
    assert 1 == len(browser.manager.decisions(live))
    tab.run()
    assert 1 == len(told(tab))
    other = {"Ghent", "Antwerp"} - {city(tab)}
    assert "Changed in two tabs: **city**" in told(tab)[0]  # neither was typed here
    click(tab, f"Take ` {min(other)} `")
    assert other == {city(tab)}
    assert [] == told(tab)
    assert () == browser.manager.decisions(live)


@pytest.mark.parametrize(
    ("typed", "headline", "outcome", "keep", "take"),
    [
        (
            "Antwerp",
            "another tab",
            "Yours is ` Antwerp `. The other is kept until",
            "Antwerp",
            "Ghent",
        ),
        ("Ghent", "another tab", "Yours is kept: ` Ghent `. The other tab has", "Ghent", "Antwerp"),
        (None, "two tabs", "Kept is ` Ghent `. The other value is", "Ghent", "Antwerp"),
    ],
)
def test_mine_is_what_was_typed_on_this_page(  # noqa: PLR0913, PLR0917 - fixtures and cases
    browser: Any,
    page: Page,
    typed: str | None,
    headline: str,
    outcome: str,
    keep: str,
    take: str,
) -> None:
    """Whoever saved asked in their own view; a page that was loaded anew can't know whose is whose."""
    script = page(NOTICE + CITY)
    for button, left in ((0, keep), (1, take)):
        tab = browser.open(script).run()
        if typed:
            tab.text_input(key="city").set_value("x").run()
            tab.text_input(key="city").set_value(typed).run()
        _ask(browser, ours="Antwerp", theirs="Ghent")
        tab.run()
        assert headline in told(tab)[0]
        assert tab.caption[0].value.startswith(outcome)
        assert ["Keep mine", "Take theirs"] == [one.label for one in tab.button[:2]] or not typed
        tab.button[button].click().run()
        assert ([], left) == (told(tab), city(tab))


def _ask(browser: Any, **sides: str) -> None:
    """Let the session ask, as it does where another replica's save has met one."""
    browser.manager.flush()
    session = browser.session()
    session.inputs["city"] = sides["theirs"]
    ask(session, decision(taken="asked", **sides))


def _save_elsewhere(browser: Any, value: str) -> None:
    with SessionManager(browser.settings()) as other:
        session = other.recover("the-session")
        assert session is not None
        session.set_input("city", value)
        other.save(session, immediate=True)


@pytest.mark.parametrize(("passed", "lines"), [(9.0, 1), (11.0, 0)])
def test_a_value_that_came_by_itself_may_lie_under_half_typed_text(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch, passed: float, lines: int
) -> None:
    """A rerun of ours put it there while its user typed: who types on is told, for some seconds."""
    script = page(NOTICE + CITY)
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    browser.connection_of(two).page.tab.asked = True
    monkeypatch.setattr(connection, "by_browser", lambda _: False)
    assert "Ghent" == city(two.run())
    began = time.monotonic()
    monkeypatch.setattr(edits, "monotonic", lambda: began + passed)
    two.text_input(key="city").set_value("Antwerp").run()
    assert lines == len(told(two))


def test_what_a_field_shows_already_is_not_put_there_again(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a rerun of ours, for another field, would make the first edit of this one pass for a conflict."""
    keeps = NOTICE + CITY + "persist_input('city', st.session_state.city)\n"
    tab = browser.open(page(keeps)).run()
    browser.connection_of(tab).page.tab.asked = True
    with monkeypatch.context() as patch:
        patch.setattr(connection, "by_browser", lambda _: False)
        tab.run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert [] == told(tab)


def test_a_first_edit_is_no_conflict(browser: Any, page: Page) -> None:
    """What ``persist_input`` kept of the untouched widget is nobody else's."""
    body = NOTICE + "persist_input('city', st.text_input('City', key='city'))\n"
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.text_input(key="city").set_value("Antwerp").run()
    assert [] == told(tab)


def test_the_default_that_another_tab_kept_is_no_change(browser: Any, page: Page) -> None:
    """It is what this tab showed all the time."""
    keeps = page(NOTICE + CITY + "persist_input('city', st.session_state.city)\n", "keeps.py")
    tab = browser.open(page(NOTICE + CITY)).run()
    browser.open(keeps).run()
    assert "" == browser.session().inputs["city"]
    tab.text_input(key="city").set_value("Ghent").run()
    assert [] == told(tab)


def test_a_value_that_the_app_changed_is_no_conflict(browser: Any, page: Page) -> None:
    """The app's own normalized value, not shown yet, is nobody else's."""
    body = (
        NOTICE + "name = st.text_input('City', key='city')\npersist_input('city', name.upper())\n"
    )
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("ghent").run()
    tab.text_input(key="city").set_value("antwerp").run()
    assert [] == told(tab)


def test_other_words(browser: Any, page: Page) -> None:
    """Fields and texts are the app's."""
    body = (
        "conflict_notice(labels={'city': 'Stadt'}, texts=NoticeTexts("
        "changed='Woanders geändert ({ago}): {field}', now='eben', take='Übernehmen'))\n" + CITY
    )
    script = page(body)
    one, two = browser.open(script).run(), browser.open(script).run()
    one.text_input(key="city").set_value("Ghent").run()
    two.text_input(key="city").set_value("Antwerp").run()
    assert ":material/sync_problem: Woanders geändert (eben): Stadt" == two.markdown[0].value
    assert "Ghent" == city(click(two, "Übernehmen"))


def test_outside_streamlit_it_does_nothing() -> None:
    """A script that is run bare may call it."""
    conflict_notice()


# -- what it says ----------------------------------------------------------------


def decision(**more: Any) -> FieldDecision:
    """Return a decision on an input called ``city``."""
    known = {
        "path": "inputs['city']",
        "taken": "ours",
        "ours": "a",
        "theirs": "b",
        "part": "inputs",
        "keys": ("inputs", "city"),
    }
    return FieldDecision(**{**known, **more})


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(seconds=119), "1 min ago"),
        (timedelta(hours=5, minutes=3), "5 h ago"),
        (timedelta(days=2, hours=3), "2 d ago"),
    ],
)
def test_how_long_ago(passed: timedelta, said: str) -> None:
    """In the largest unit that fits; a clock that is ahead says now."""
    moment = datetime.now(UTC) - passed
    assert said == NoticeTexts().ago(moment)
    line = NoticeTexts().headline(decision(theirs_at=moment), {})
    assert f"Changed in another tab: **city**, {said}" == line


def test_a_moment_that_nobody_knows() -> None:
    """The line does without; what has no key is called by its path."""
    assert "Changed in another tab: **city**" == NoticeTexts().headline(decision(), {})
    said = NoticeTexts().headline(decision(keys=()), {})
    assert "Changed in another tab: **` inputs['city'] `**" == said


@pytest.mark.parametrize("taken", ["ours", "theirs", "merged", "asked"])
def test_every_outcome_is_said(taken: str) -> None:
    """With both values, and words for one that was removed."""
    said = NoticeTexts().outcome(decision(taken=taken, theirs=REMOVED))
    assert "` a `" in said
    assert "nothing" in said
