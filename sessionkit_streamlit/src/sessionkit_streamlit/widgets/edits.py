# SPDX-License-Identifier: Apache-2.0
"""
Is this value the user's own doing?

A value that differs from what the session holds need not be an edit: the browser may have
sent what it showed before the newer value arrived, a page that has found another server
sends all that it shows, and a widget begins with a default that nobody chose. And an edit
may go over something that its user had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from hashlib import blake2b
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import attrs

from sessionkit.conflict import FieldDecision
from sessionkit.session.fields import utc_now
from sessionkit.values.equality import is_empty
from sessionkit_streamlit.browser.handshake import reported_page
from sessionkit_streamlit.connection import (
    EXTENSION,
    Connection,
    FormerValues,
    Marks,
    Tab,
    Widgets,
    is_plain_same,
    is_same,
)
from sessionkit_streamlit.internals.page import is_placed
from sessionkit_streamlit.internals.state import MISSING, value_of, values
from sessionkit_streamlit.internals.widgets import (
    at_default,
    begins_with,
    sent_keys,
    sent_values,
    to_keep,
    unseen_keys,
)

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession

_ON_THE_WAY: Final = 2.0
"""Seconds that a page and the request that crosses it take, at most."""

_TYPING: Final = 10.0
"""Seconds: for so long someone may go on typing over a value that appeared by itself."""

_BEGUN: Final = "begun"
_SESSION: Final = "the session"


# -- what the browser sent before it had the newer value -----------------------
#
# A tab goes on showing a value until a run puts the newer one there; and what the
# browser sends before that run's page has arrived still holds the one before.


def is_late(widgets: Widgets, key: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether the browser sent *value* before it had what was put in its place."""
    former = widgets.replaced.get(key)
    if former is None or _has_arrived(former) or is_same(widgets.shown.get(key), value):
        return False
    return any(is_same(one, value) for one in former.values)


def is_unchanged(widgets: Widgets, run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """
    Return whether a value is just what the key's widget went on showing.

    Another tab may have changed the session's value while this run was under way.

    Args:
        widgets: The tab's.
        run: The context of the script's run.
        key: The key of a widget of this run, which the session keeps a value of.
        value: What the app wants to keep.
    """
    if key in widgets.unsettable:
        return False  # nothing is put there: Streamlit takes a button back by itself
    if widgets.forms.is_submitted(key):
        return False
    if not is_same(value_of(run, key), value):
        return False  # the app made something else of it
    if key in widgets.shown:
        return is_same(widgets.shown[key], value) or is_late(widgets, key, value)
    return key not in widgets.sent and at_default(run, key, value)


def note_replaced(widgets: Widgets, key: str, before: Any) -> None:  # noqa: ANN401
    """Note the value that a widget shows until the page of this run has arrived."""
    former = widgets.replaced.get(key)
    if before is MISSING:
        return
    if former is None or _has_arrived(former):
        widgets.replaced[key] = former = FormerValues()
    former.values.append(before)
    former.sent_at = None


def note_page_sent(widgets: Widgets) -> None:
    """Note that a run has ended: its page is on the way."""
    now = monotonic()
    for key, former in list(widgets.replaced.items()):
        if former.sent_at is None:
            former.sent_at = now
        elif _has_arrived(former):
            widgets.replaced.pop(key, None)


def _has_arrived(former: FormerValues) -> bool:
    return former.sent_at is not None and monotonic() - former.sent_at > _ON_THE_WAY


def keys_sent_first(run: ScriptRunContext, era: int, *, is_first: bool) -> set[str]:
    """
    Return the keys of widgets of an era whose values came with a request before this connection had made them.

    They are what a page shows that was made elsewhere, and what its user has made of it.
    That may be more than one request: who types into a tab that has just found another
    server ends the run that was to draw it.

    Args:
        run: The context of the script's run.
        era: The era.
        is_first: Whether it is the connection's first. A widget that this run has made already
            looks as if it had come, too: at its default it counts as not sent.
    """
    if not is_first:
        return unseen_keys(run, era)
    sent = sent_keys(run, era)
    state = values(run, sent)
    return {
        key
        for key in sent
        if not (is_placed(run, key) and at_default(run, key, state.get(key, MISSING)))
    }


# -- what a page that has found another server sends ---------------------------
#
# After a restart or a fail-over a tab sends all that it shows. What it shows may be
# old: another tab has changed it since. So each run leaves a mark of every value
# in the page, which the page hands to the server that it finds. Its session may be
# another one by now, too: somebody logged in or out in another tab.


def mark_shown(connection: Connection, run: ScriptRunContext) -> None:
    """
    Note what the page of this run is to say at another server: marks of its session, and of each value by key.

    The same object, as long as it says the same.
    """
    session_id, before = connection.session_id or "", connection.widgets.marks
    shown = values(run, connection.known)
    known = before.values if before.session_id == session_id else {}
    marked = before.page.get("shown", {}) if known else {}
    if (
        before.session_id == session_id
        and known.keys() == shown.keys()
        and all(is_plain_same(known[key], value) for key, value in shown.items())
    ):
        return
    marks = {}
    for key, value in shown.items():
        same = key in marked and is_plain_same(known[key], value)
        mark = marked[key] if same else _mark(session_id, value)
        if mark is not None:
            marks[key] = mark
    page = {"session": _mark(session_id, _SESSION), "shown": marks}
    connection.widgets.marks = Marks(session_id, shown, page)


def shows_another_session(page: Mapping[str, Any], session: UserSession) -> bool:
    """
    Return whether the browser's page shows another session than its connection has.

    Args:
        page: What the page says that it shows, to the server that it has found.
        session: The session that the connection has. One that was lost begins anew
            under the id that the browser holds: the page shows that one.
    """
    told = page.get("session")
    return told is not None and told != _mark(session.session_id, _SESSION)


def note_crossing(connection: Connection, run: ScriptRunContext) -> set[str]:
    """
    Return the keys of which a request holds what the browser's page showed, not what its user typed.

    A page that has just found another server says what it shows, and may ask more
    than once before the first answer has arrived. What it says is remembered for
    the requests that cross that answer without saying anything, as a click's does.

    Args:
        connection: The tab's, with its session.
        run: The context of the script's run.
    """
    widgets = connection.widgets
    untouched = _untouched_values(run, connection.session_id or "", widgets.era)
    for key, value in untouched.items():
        note_replaced(widgets, key, value)
    sent = sent_values(run, widgets.era) if widgets.replaced else {}
    return {*untouched, *(key for key, value in sent.items() if is_late(widgets, key, value))}


def _untouched_values(run: ScriptRunContext, session_id: str, era: int) -> dict[str, Any]:
    """Return by key the values that the browser sent as the page that it comes from showed them."""
    page = reported_page(run)
    shown = None if page is None else page.get("shown")
    if not isinstance(shown, dict):
        return {}
    return {
        key: value
        for key, value in sent_values(run, era).items()
        if _is_as_shown(shown, session_id, key, value)
    }


def _is_as_shown(shown: Mapping[str, str], session_id: str, key: str, value: Any) -> bool:  # noqa: ANN401
    # A widget that the page's own run has made has no mark; touched, it would have had a run since.
    return _mark(session_id, value) == shown[key] if key in shown else not value


def _mark(session_id: str, value: Any) -> str | None:  # noqa: ANN401 - any value of a widget
    """Return a mark of a plain value that says nothing to whoever doesn't know the session's id."""
    if not isinstance(value, str | bool | int | float):
        return None
    plain = value if isinstance(value, str | bool) else float(value)
    secret = session_id.encode()[:64]
    return blake2b(repr(plain).encode(), key=secret, digest_size=6).hexdigest()


# -- edits that went over something their user had not seen --------------------
#
# The tabs of one process share the session, and at a rerun a tab has what other
# replicas saved: no save meets another one then. Yet a user may type into a field
# that was changed elsewhere and still shows its old value here; or that a rerun of
# ours has put the new value into, while the browser goes on showing what was half typed.


def note_overtaken(connection: Connection, key: str, theirs: Any, ours: Any) -> None:  # noqa: ANN401
    """
    Note it when both changed: the user what the tab shows, someone else what the session holds.

    Args:
        connection: The tab's.
        key: The widget's key.
        theirs: What the session holds.
        ours: What Streamlit's state holds; it goes into the session when the run ends.
    """
    widgets = connection.widgets
    if key not in widgets.shown or key in widgets.waiting or ours is MISSING:
        return
    before = widgets.shown[key]
    if is_same(before, ours) or is_same(ours, theirs):
        return
    path = connection.place_of(key).path
    known = widgets.overtaken.get(path)
    moved = not is_same(widgets.kept.get(key, MISSING), theirs) and not is_same(before, theirs)
    if moved or _was_hidden(widgets, key, ours):
        widgets.overtaken[path] = _decision(connection, key, ours, theirs)
    elif known is not None and is_same(ours, known.theirs):
        del widgets.overtaken[path]  # the user took it, by hand
    elif known is not None:
        widgets.overtaken[path] = attrs.evolve(known, ours=ours)  # the user goes on typing


def note_put(connection: Connection, key: str) -> None:
    """Note that a new value is put into a widget."""
    widgets, tab = connection.widgets, connection.page.tab
    widgets.overtaken.pop(connection.place_of(key).path, None)
    widgets.unasked.pop(key, None)
    if tab is not None and tab.ours:
        widgets.unasked[key] = monotonic()


def _was_hidden(widgets: Widgets, key: str, ours: Any) -> bool:  # noqa: ANN401
    """Return whether what was put there just now may have lain under half-typed text."""
    moment = widgets.unasked.pop(key, None)
    typed = isinstance(ours, str | int | float) and not isinstance(ours, bool)
    return typed and moment is not None and monotonic() - moment < _TYPING


def _decision(connection: Connection, key: str, ours: Any, theirs: Any) -> FieldDecision:  # noqa: ANN401
    place = connection.place_of(key)
    return FieldDecision(
        path=place.path,
        taken="ours",
        ours=ours,
        theirs=theirs,
        ours_at=utc_now(),
        theirs_at=_changed_at(connection.page.tab, key, theirs),
        part=place.part,
        keys=place.keys,
    )


def _changed_at(tab: Tab | None, key: str, value: Any) -> datetime | None:  # noqa: ANN401
    """Return when another tab of this process changed a key to *value*; None if none did."""
    edits = {} if tab is None else tab.group.edits
    known, moment = edits.get(key, (MISSING, None))
    return moment if is_same(known, value) else None


# -- what widgets began with ---------------------------------------------------
#
# A page that persists its fields puts their defaults into the session as it is
# shown. To a session that nobody owns it matters whether anyone did more: at a
# login one that was only shown makes room for what the user left behind.


def note_default(
    widgets: Widgets,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401
) -> None:
    """
    Note what a widget begins with, before its value is kept for the first time.

    Args:
        widgets: The tab's.
        session: The session that it shows.
        run: The context of the script's run.
        key: What the app keeps the value under.
        value: What it is about to keep.
    """
    if session.user_id is not None or is_empty(value):
        return
    if key in widgets.sent or not is_placed(run, key):
        return
    if at_default(run, key, value):
        with session.lock:
            noted = _noted(session)
            begun = {**_begun(noted), key: copy(to_keep(value))}  # the app may change its own
            session.extensions[EXTENSION] = {**noted, _BEGUN: begun}


def overwrites_unseen(widgets: Widgets, run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """
    Return whether a value that the app is about to keep is just what some widget began with.

    That of another key, or of none: no widget took the value that was put back under
    *key*, so nobody has seen what is overwritten now. True once a connection.

    Args:
        widgets: The tab's.
        run: The context of the script's run.
        key: A key under which this run has made no widget.
        value: What the app wants to keep.
    """
    restored = widgets.fresh.get(key, MISSING)
    if restored is MISSING or is_same(restored, value):
        return False
    del widgets.fresh[key]  # the app puts another value there
    return begins_with(run, value)


def is_only_shown(session: UserSession, key: str) -> bool:
    """Return whether an input is what its widget began with; whether a button was pressed counts for nothing."""
    noted, value = _noted(session), session.inputs.get(key, MISSING)
    if isinstance(value, bool) and key in noted.get("unsettable", ()):
        return True
    return is_same(_begun(noted).get(key, MISSING), value)


def _noted(session: UserSession) -> Mapping[str, Any]:
    noted = session.extensions.get(EXTENSION)
    return noted if isinstance(noted, Mapping) else {}


def _begun(noted: Mapping[str, Any]) -> Mapping[str, Any]:
    begun = noted.get(_BEGUN)
    return begun if isinstance(begun, Mapping) else {}
