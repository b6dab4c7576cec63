# SPDX-License-Identifier: Apache-2.0
"""The line that says whether all is saved, and what keeps it true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs
import pytest
from streamlit.runtime.context import ContextProxy

from sessionkit import NotKept, UserSession
from sessionkit.errors import ConflictError, NewerFormatError, QueueFullError, RejectedError
from sessionkit.status import PersistenceStatus, Refusal, RejectedSave, refusal_of
from sessionkit_streamlit import StatusTexts, save_status
from sessionkit_streamlit.connection import CONNECTION_KEY
from sessionkit_streamlit.internals.state import hidden
from sessionkit_streamlit.notices import save_status as module
from sessionkit_streamlit.notices.save_status import viewer_zone

Page = Callable[..., Path]

LINE: Final = "save_status()\n"
CITY: Final = "persist('city')\nst.text_input('City', key='city')\n"
SAVED: Final = PersistenceStatus(state="saved")
SAVING: Final = PersistenceStatus(state="saving", pending=1)
DOWN_SINCE: Final = datetime(2026, 3, 1, 13, 3, tzinfo=UTC)
INCOMPLETE: Final = PersistenceStatus(
    state="incomplete", not_kept=(NotKept("inputs['scan']", "a file"),)
)
OFFLINE: Final = PersistenceStatus(state="offline", pending=1, offline_since=DOWN_SINCE)


def refused(reason: str, word: Refusal = "refused") -> PersistenceStatus:
    """Return the status of a save that the store will not take."""
    kept = RejectedSave(session=UserSession(), error=reason, since=DOWN_SINCE, refusal=word)
    return PersistenceStatus(state="rejected", rejected=(kept,), refusal=word)


@attrs.define
class Looks:
    """
    The looks that the server was asked for.

    Attributes:
        asked: When, in seconds from then, and how to look.
    """

    asked: list[tuple[float, Callable[[], bool]]] = attrs.field(factory=list)

    def ask(self, _: str, is_wrong: Callable[[], bool], after: float, __: str) -> bool:
        """Take one."""
        self.asked.append((after, is_wrong))
        return True

    def look(self) -> bool:
        """Do what was asked for first; return whether the line is drawn anew."""
        return self.asked.pop(0)[1]()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Let the test look in the place of Streamlit's event loop."""
    looks = Looks()
    monkeypatch.setattr(module, "rerun_when_idle", looks.ask)
    return looks


@pytest.fixture
def says(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[PersistenceStatus], None]:
    """Set the session's status."""

    def set_it(status: PersistenceStatus) -> None:
        monkeypatch.setattr(browser.manager, "save_status", lambda _: status)

    set_it(SAVED)
    return set_it


Says = Callable[[PersistenceStatus], None]


def lines(tab: Any) -> list[str]:
    """Return what the tab says about saving."""
    assert not tab.exception
    boxes = [f"{one.icon}: {one.value}" for one in (*tab.warning, *tab.error)]
    return [one.value for one in tab.caption] + boxes


# -- what it says --------------------------------------------------------------


@pytest.mark.usefixtures("looks")
def test_it_says_how_things_stand(browser: Any, page: Page, says: Says) -> None:
    """In words; an icon beside them."""
    tab = browser.open(page(LINE)).run()
    assert [":material/cloud_done: Saved"] == lines(tab)
    says(SAVING)
    assert [":material/sync: Saving…"] == lines(tab.run())
    says(attrs.evolve(OFFLINE, offline_since=datetime.now(UTC)))
    (line,) = lines(tab.run())
    assert line.startswith(":material/cloud_off:: Offline since ")
    assert line.endswith(": changes are kept and saved when the store is back")
    says(refused("it is too large"))
    assert [
        ":material/error:: Not saved: it can't be stored as it is; it may be too large"
    ] == lines(tab.run())


@pytest.mark.usefixtures("looks")
def test_compact_it_says_so_in_a_word(browser: Any, page: Page, says: Says) -> None:
    """And has no line of its own."""
    script = page("save_status(compact=True)\n")
    for status, word in ((SAVED, "cloud_done: Saved"), (SAVING, "sync: Saving…")):
        says(status)
        tab = browser.open(script).run()
        assert [f":gray-badge[:material/{word}]"] == [one.value for one in tab.markdown]
        assert [] == lines(tab)


@pytest.mark.usefixtures("looks")
def test_compact_it_opens_what_there_is_to_say(browser: Any, page: Page, says: Says) -> None:
    """A button with a word or two, and the sentence below it: on a phone, too."""
    script = page("save_status(compact=True)\n")
    for status, word, sentence in (
        (OFFLINE, ":orange[Offline]", "Offline since 2026-03-01 13:03"),
        (INCOMPLETE, ":orange[Not all saved]", "Saved, except what can't be kept: scan"),
        (refused("it is large"), ":red[Not saved]", "Not saved: it can't be stored as it is"),
    ):
        says(status)
        tab = browser.open(script).run()
        (popover,) = tab.get("popover")
        assert (word, "tertiary") == (popover.proto.popover.label, popover.proto.popover.type)
        (line,) = popover.markdown
        assert line.value.startswith(sentence)
        assert [] == lines(tab)


@pytest.mark.parametrize(
    ("status", "zone", "said"),
    [
        (OFFLINE, UTC, "2026-03-01 13:03 UTC"),
        (OFFLINE, ZoneInfo("Asia/Kolkata"), "2026-03-01 18:33"),
        (OFFLINE, timezone(timedelta(hours=-5)), "2026-03-01 08:03"),
    ],
)
def test_another_days_outage(status: PersistenceStatus, zone: tzinfo, said: str) -> None:
    """With its date, by the viewer's clock."""
    assert f"Offline since {said}: changes" in StatusTexts().of(status, zone)


def test_todays_outage() -> None:
    """The time is enough."""
    now = datetime.now(timezone(timedelta(hours=1)))
    said = StatusTexts().of(attrs.evolve(OFFLINE, offline_since=now), now.tzinfo or UTC)
    assert f"Offline since {now:%H:%M}: changes" in said


@pytest.mark.parametrize(
    ("name", "offset", "zone"),
    [
        ("Europe/Oslo", -60, ZoneInfo("Europe/Oslo")),
        ("Nowhere/Land", -60, timezone(timedelta(hours=1))),
        (None, 300, timezone(timedelta(hours=-5))),
        (None, None, UTC),
        ("../etc", None, UTC),
    ],
)
def test_where_the_viewer_is(
    monkeypatch: pytest.MonkeyPatch, name: str | None, offset: int | None, zone: tzinfo
) -> None:
    """By the browser's name for it, else by its offset, else unknown."""
    monkeypatch.setattr(ContextProxy, "timezone", property(lambda _: name))
    monkeypatch.setattr(ContextProxy, "timezone_offset", property(lambda _: offset))
    assert zone == viewer_zone()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConflictError("s"), "it was changed elsewhere meanwhile"),
        (NewerFormatError("format 9"), "a newer version of this app has saved it"),
        (QueueFullError("no room"), "too much waits to be saved"),
        (RejectedError("[x](http://e)"), "it can't be stored as it is; it may be too large"),
        (ValueError("a bug"), "something is wrong on the server"),
    ],
)
def test_a_reason_is_said_in_words(error: Exception, said: str) -> None:
    """What the store or a plugin said is for the log: it may name files and servers, or quote markup."""
    status = refused(str(error), refusal_of(error))
    assert f"Not saved: {said}" == StatusTexts().of(status, UTC)


def test_a_reason_that_nobody_gave() -> None:
    """It is the server's fault, not the viewer's."""
    said = "Not saved: something is wrong on the server"
    assert said == StatusTexts().of(PersistenceStatus(state="rejected"), UTC)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["inputs['scan']"], "scan"),
        (["inputs['scan'][0]", "inputs['scan'][1].x", "inputs['b_c']"], "scan, b c"),
        (['inputs["it\'s"]'], "` it's `"),
        (["form_states['order'].data['city']"], "City"),
        (["inputs['e']"], "E-mail"),
        (["inputs['*x*']"], "` *x* `"),
        (["extensions['x']['y']"], "` extensions['x']['y'] `"),
        ([f"inputs['k{n}']" for n in range(5)], "k0, k1, k2, …"),
    ],
)
def test_what_can_not_be_kept_is_named(paths: list[str], said: str) -> None:
    """By the app's labels, else by its keys, each once and as no markup."""
    status = attrs.evolve(INCOMPLETE, not_kept=tuple(NotKept(path, "a file") for path in paths))
    labels = {"city": "City", "inputs['e']": "E-mail"}
    assert f"Saved, except what can't be kept: {said}" == StatusTexts().of(status, UTC, labels)


@pytest.mark.usefixtures("looks", "says")
def test_other_words(browser: Any, page: Page) -> None:
    """The texts are the app's."""
    tab = browser.open(page("save_status(texts=StatusTexts(saved='Gespeichert'))\n")).run()
    assert [":material/cloud_done: Gespeichert"] == lines(tab)


def test_outside_streamlit_it_does_nothing() -> None:
    """A script that is run bare may call it."""
    save_status()


# -- what keeps it true --------------------------------------------------------


def test_when_all_is_saved_nobody_looks(browser: Any, page: Page, looks: Looks, says: Says) -> None:
    """However often the page runs."""
    tab = browser.open(page(LINE + CITY)).run().run()
    assert [":material/cloud_done: Saved"] == lines(tab)
    assert [] == looks.asked
    says(refused("too large"))
    tab.run()
    assert [] == looks.asked
    says(attrs.evolve(refused("too large"), pending=1))
    tab.run()
    assert [1.0] == [after for after, _ in looks.asked]


def test_while_something_waits_the_server_looks_until_it_is_saved(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """Each look asks for the next one; the page runs only when the line is wrong."""
    says(SAVING)
    tab = browser.open(page(LINE)).run()
    assert [1.0] == [after for after, _ in looks.asked]
    for _ in range(3):
        assert not looks.look()
        assert [1.0] == [after for after, _ in looks.asked]
    says(SAVED)
    assert looks.look()
    assert [] == looks.asked
    assert [":material/cloud_done: Saved"] == lines(tab.run())
    assert [] == looks.asked


BELOW: Final = "st.session_state.get('below', lambda: None)()\n"
"""What the test has happen after the line was drawn."""


def test_what_a_page_changes_below_the_line_is_told_soon(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """The line was drawn before that."""
    change = "if 'below' in st.session_state:\n    session.set_input('seen', True)\n"
    tab = browser.open(page(LINE + BELOW + change)).run()
    tab.session_state["below"] = lambda: says(SAVING)
    tab.run()
    assert [":material/cloud_done: Saved"] == lines(tab)
    assert [0.1] == [after for after, _ in looks.asked]
    assert looks.look()


def test_a_run_that_changes_nothing_is_looked_after_later(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """Its save finds nothing to store: it may be over at the first look, and the line is not touched."""
    tab = browser.open(page(LINE + BELOW + CITY)).run()
    tab.session_state["below"] = lambda: says(SAVING)
    tab.run()
    assert [1.0] == [after for after, _ in looks.asked]
    says(SAVED)
    assert not looks.look()
    assert [] == looks.asked


def test_a_line_that_left_the_page_is_forgotten(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """A look that finds it wrong is the last one."""
    says(SAVING)
    script = page(LINE)
    tab = browser.open(script).run()
    page("")
    tab.run()
    says(SAVED)
    assert looks.look()
    assert {} == browser.connection_of(tab).page.status_lines
    says(SAVING)
    tab.run()
    assert [] == looks.asked


def test_a_closed_tab_is_not_looked_after(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """It is let go of, even while the store is down."""
    says(OFFLINE)
    tab = browser.open(page(LINE)).run()
    tab.session_state[hidden(CONNECTION_KEY)] = None
    assert not looks.look()
    assert [] == looks.asked


def test_where_streamlit_can_not_the_line_waits_for_the_next_run(
    browser: Any, page: Page, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And asks again then."""
    tries: list[Any] = []
    monkeypatch.setattr(module, "rerun_when_idle", lambda *one: bool(tries.append(one)))
    says(SAVING)
    tab = browser.open(page(LINE)).run().run()
    assert [":material/sync: Saving…"] == lines(tab)
    assert 2 == len(tries)


@pytest.mark.usefixtures("looks", "says")
def test_drawing_the_line_anew_saves_nothing(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of that fragment alone schedules no save, or each look would bring the next; others do."""
    script = page(LINE + CITY)
    tab = browser.open(script).run()
    (fragment,) = browser.connection_of(tab).page.status_lines
    scheduled: list[UserSession] = []
    browser.manager.schedule_save = scheduled.append
    ran: list[str] = [fragment]
    monkeypatch.setattr(module, "fragments_of", lambda _: ran)
    tab.run()
    assert 0 == len(scheduled)
    ran.append("the app's own")
    tab.run()
    assert 1 == len(scheduled)
    ran.clear()
    tab.run()
    assert 1 + 1 == len(scheduled)


@pytest.mark.usefixtures("looks", "says")
def test_in_the_apps_own_fragment_it_has_one_of_its_own(browser: Any, page: Page) -> None:
    """What else the app does there is captured as ever."""
    body = (
        "from sessionkit_streamlit.internals.page import current_fragment\n"
        "@st.fragment\ndef part():\n"
        "    st.session_state['own'] = current_fragment()\n    save_status()\n"
        "part()\n"
    )
    tab = browser.open(page(body)).run()
    assert 1 == len(lines(tab))
    assert tab.session_state["own"] not in browser.connection_of(tab).page.status_lines
    assert 1 == len(browser.connection_of(tab).page.status_lines)


# -- with the real queue -------------------------------------------------------


def test_the_managers_own_status(browser: Any, page: Page, looks: Looks) -> None:
    """Saving until it is flushed."""
    tab = browser.open(page(CITY + LINE)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert [":material/sync: Saving…"] == lines(tab.run())
    browser.manager.flush()
    assert looks.look()
    assert "Ghent" == browser.session().inputs["city"]


@pytest.mark.usefixtures("looks")
def test_what_can_not_be_kept_is_not_called_saved(browser: Any, page: Page) -> None:
    """The line says so once all else is stored, until the value is one that can be kept."""
    flushed = (
        "persist_input('scan', object() if st.checkbox('odd') else 'plain')\n"
        "from sessionkit import get_manager\nget_manager().flush()\n"
        "save_status(labels={'scan': 'the scan'})\n"
    )
    tab = browser.open(page(flushed)).run()
    assert [":material/cloud_done: Saved"] == lines(tab)
    said = ":material/warning:: Saved, except what can't be kept: the scan"
    assert [said] == lines(tab.checkbox[0].check().run())
    assert [":material/cloud_done: Saved"] == lines(tab.checkbox[0].uncheck().run())


def test_another_value_that_can_not_be_kept_makes_the_line_wrong(
    browser: Any, page: Page, looks: Looks, says: Says
) -> None:
    """It names them."""
    says(attrs.evolve(INCOMPLETE, pending=1))
    browser.open(page(LINE)).run()
    assert not looks.look()
    says(attrs.evolve(INCOMPLETE, not_kept=(NotKept("inputs['photo']", "a file"),)))
    assert looks.look()
