# SPDX-License-Identifier: Apache-2.0
"""What the session holds goes into Streamlit's state when a run begins, and to the widgets that take it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from glob import escape
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

import streamlit as st

from sessionkit.events import ValueDropped
from sessionkit_streamlit.connection import (
    CONNECTION_KEY,
    EXTENSION,
    Connection,
    Placed,
    Widgets,
    is_plain_same,
    is_same,
)
from sessionkit_streamlit.internals.element_ids import forget_widgets, has_drawn, sent_era
from sessionkit_streamlit.internals.messages import Password
from sessionkit_streamlit.internals.state import (
    MISSING,
    adopt,
    context,
    entry,
    is_beside,
    peek,
    put,
    put_before_widgets,
    raw,
    unplug,
    values,
)
from sessionkit_streamlit.internals.widgets import in_url, momentary, show_in_url, take
from sessionkit_streamlit.widgets.edits import (
    is_late,
    keys_sent_first,
    note_crossing,
    note_overtaken,
    note_put,
    note_replaced,
)
from sessionkit_streamlit.widgets.named_keys import leave_out, note_widget

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession

_UNSETTABLE: Final = (
    "it is a button, an upload, a chart, a data editor or a form: Streamlit lets nobody set it"
)


def restore_inputs(
    connection: Connection, session: UserSession, run: ScriptRunContext
) -> frozenset[str]:
    """
    Put the session's inputs into Streamlit's state, where they are news to it.

    What the browser sent with this very request and what the user changed since
    the last run win over what is stored.

    Args:
        connection: What is known about the connection.
        session: The session that it shows from now on.
        run: The context of the script's run.

    Returns:
        The keys of widgets that were made before the session was there: their stored
        values can't be put back.
    """
    widgets = connection.widgets
    is_other = connection.session_id != session.session_id
    if is_other:
        noted = session.extensions.get(EXTENSION, {})
        widgets.unsettable |= set(noted.get("unsettable", ()))
        widgets.forms.fields = dict.fromkeys(noted.get("clearing", ()), "") | widgets.forms.fields
    connection.session, connection.session_id = session, session.session_id
    session.leave_out(*connection.left_out)
    before, connection.page.run = connection.page.run, ref(run)
    connection.page.has_ended = False
    is_first = before is None
    if before is None:
        widgets.era = sent_era(run)
    elif is_new_life(widgets.shown_for, session):
        widgets.shown.clear()  # what the page shows is all there is of it: it is taken as if typed now
        widgets.kept.clear()
    elif not connection.shows_its_session:
        if before() is run and has_drawn(run):
            return (
                frozenset()
            )  # widgets of this run show the session before; the next run's show this one
        _leave_era(widgets, run)
    widgets.shown_for = session
    crossing = note_crossing(connection, run)
    widgets.sent = keys_sent_first(run, widgets.era, is_first=is_first) - crossing
    _put(connection, run, _news(connection, connection.kept_values(session), run, crossing))
    return frozenset(widgets.waiting) if is_other else frozenset()


def go_on(connection: Connection, run: ScriptRunContext) -> None:
    """Have another run of a connection show what the one before has shown: nothing is to be put back."""
    connection.page.run, connection.page.has_ended = ref(run), False
    connection.widgets.sent = set()


def show_fields(connection: Connection, run: ScriptRunContext, keys: Iterable[str]) -> None:
    """
    Put what fields of a form hold into Streamlit's state, before their widgets are made.

    Args:
        connection: What is known about the connection, the fields too.
        run: The context of the script's run.
        keys: The keys of the widgets.
    """
    session = connection.live_session
    if session is not None and connection.shows_its_session:
        kept = connection.kept_values(session)
        wanted = {key: kept[key] for key in keys if key in kept}
        for key, current in values(run, wanted).items():
            if key not in connection.widgets.shown and is_same(current, wanted[key]):
                connection.widgets.agree(key, current)  # what the browser sent is what was there
        _put(connection, run, _news(connection, wanted, run, set()))


def is_new_life(shown_for: UserSession | None, session: UserSession) -> bool:
    """
    Return whether a session began anew under its id, its user still the same: it had expired while the tab was open.

    Nobody has logged out, and nobody else has come: the page goes on.

    Args:
        shown_for: The session that the page shows, or None.
        session: The one that the connection has now.
    """
    return (
        shown_for is not None
        and shown_for is not session
        and not shown_for.ended
        and (shown_for.session_id, shown_for.user_id) == (session.session_id, session.user_id)
    )


def _leave_era(widgets: Widgets, run: ScriptRunContext) -> None:
    """Let go of all that was shown for the session before: that one ended, or another user came."""
    kept = [*widgets.shown, *widgets.waiting, *widgets.passwords]
    widgets.begin_era()
    forget_widgets(run)
    for key in kept:
        st.session_state.pop(key, None)


def _news(
    connection: Connection, kept: dict[str, Any], run: ScriptRunContext, crossing: set[str]
) -> dict[str, Any]:
    """Return by key what is to replace what Streamlit's state holds now."""
    widgets, news = connection.widgets, {}
    wanted = widgets.waiting | kept
    state = values(run, wanted)
    for key, value in wanted.items():
        current = state.get(key, MISSING)
        if _stays(widgets, key, value, current) and key not in crossing:
            continue
        if key in widgets.unsettable or connection.is_private(key):
            continue
        if current is not MISSING and (key in crossing or is_late(widgets, key, current)):
            widgets.shown[key], widgets.kept[key] = current, MISSING
        if key in widgets.forms.fields:
            widgets.waiting.pop(key, None)
            continue
        note_overtaken(connection, key, value, current)
        if _is_news(widgets, key, value, current):
            note_replaced(widgets, key, current)
            news[key] = value
    return news


def _stays(widgets: Widgets, key: str, value: Any, current: Any) -> bool:  # noqa: ANN401
    """Return whether session and Streamlit's state surely hold what they held when they were last looked at."""
    return (
        is_plain_same(widgets.shown.get(key, MISSING), current)
        and is_plain_same(widgets.kept.get(key, MISSING), value)
        and current is not MISSING
        and key not in widgets.waiting
        and key not in widgets.replaced
    )


def show_joined(
    connection: Connection,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401 - any value of a widget
) -> None:
    """
    Have a widget show what the session made of its value, where a policy joined it with another one.

    Args:
        connection: The tab's.
        session: The session that it shows.
        run: The run's context.
        key: The widget's key.
        value: What the browser sent.
    """
    widgets = connection.widgets
    if widgets.kept.get(key, MISSING) is MISSING and key not in widgets.forms.fields:
        note_replaced(widgets, key, value)
        _put(connection, run, {key: session.inputs[key]})


def _is_news(widgets: Widgets, key: str, value: Any, current: Any) -> bool:  # noqa: ANN401
    """Return whether *value* is to replace what Streamlit's state holds now."""
    waited = widgets.waiting.pop(key, MISSING) is not MISSING
    if key not in widgets.shown:
        return waited or key not in widgets.sent | widgets.deleted
    if current is MISSING:
        return True
    if is_same(current, value):
        widgets.agree(key, value)  # there is nothing to put, and nothing that its user has not seen
        return False
    untouched = is_same(widgets.shown[key], current)
    return untouched and (waited or not is_same(widgets.kept.get(key, MISSING), value))


def _put(connection: Connection, run: ScriptRunContext, news: Mapping[str, Any]) -> None:
    """Put stored values back; one waits for the next run if its widget exists already."""
    widgets = connection.widgets
    refused = put_before_widgets(run, news)
    for key, value in news.items():
        if key in refused:
            widgets.waiting[key] = value
        else:
            widgets.agree(key, value)
            widgets.fresh[key] = value
            note_put(connection, key)


# -- when a widget takes what was put back -------------------------------------


def check_value(state: Any, widget: Any, key: str) -> None:  # noqa: ANN401 - Streamlit's
    """
    Have a stored value go the way of one that the browser sends, before its widget takes it.

    Streamlit gives a widget whatever is set under its key, and the widget may break on it.

    Args:
        state: Streamlit's raw state.
        widget: The widget's metadata.
        key: Its key.
    """
    connection = entry(state, CONNECTION_KEY)
    if not isinstance(connection, Connection):
        return
    widgets = connection.widgets
    if connection.patterns.texts and key not in connection.persisted:
        note_widget(connection, key, widget)
    widgets.forms.fields.pop(key, None)  # it is there again once it is drawn, if it still is so
    restored = widgets.fresh.pop(key, MISSING)
    lasts = not momentary(widget)
    if restored is MISSING and lasts and not is_beside(state, key):
        return
    if not connection.knows(key):
        return
    if not lasts:
        widgets.unsettable.add(key)
    adopt(state, widget, key)
    if restored is MISSING or key not in state or not is_same(restored, state[key]):
        return
    if not lasts:
        _drop(connection, state, key, restored, _UNSETTABLE)
        return
    taken = take(widget, restored)
    if taken.refusal is None:
        put(state, key, taken.value)
        widgets.shown[key] = taken.value
        if in_url(state, widget, key):
            return  # whoever followed the link chose that: it is a change, and nothing was dropped
        show_in_url(state, widget, key, taken.value)
        widgets.placed[key] = Placed(stored=restored, taken=taken.value)
    else:
        _drop(connection, state, key, restored, taken.refusal)


def note_password(connection: Connection, field: Password) -> None:
    """
    Note a field for a password that a run sends to the page: what is typed there is never stored.

    Args:
        connection: What is known about the connection.
        field: The field.
    """
    key = field.key
    if key not in connection.widgets.passwords:
        connection.widgets.forget(key)
        connection.widgets.passwords.add(key)
    leave_out(connection, [escape(key)])


def check_settable(key: str, *, settable: bool) -> bool:
    """
    Note whether a widget's value can be set, before Streamlit looks whether it was.

    Args:
        key: The widget's key.
        settable: Whether Streamlit lets its value be set.

    Returns:
        Whether the value that it finds was put back by us.
    """
    run = context()
    connection = None if run is None else peek(run, CONNECTION_KEY)
    if run is None or not isinstance(connection, Connection):
        return False
    widgets = connection.widgets
    if settable:
        widgets.unsettable.discard(key)
        return key in widgets.fresh
    widgets.unsettable.add(key)
    if key in widgets.fresh:
        _drop(connection, raw(run), key, widgets.fresh[key], _UNSETTABLE)
    return False


def check_slider(key: str) -> None:
    """
    Look at a slider's stored value before the slider takes its shape from it.

    Args:
        key: The slider's key.
    """
    run = context()
    connection = None if run is None else peek(run, CONNECTION_KEY)
    if run is None or not isinstance(connection, Connection):
        return
    value = connection.widgets.fresh.get(key, MISSING)
    ends = value if isinstance(value, list | tuple) else [value]
    if value is not MISSING and not all(isinstance(end, int | float | date | time) for end in ends):
        reason = f"a slider takes numbers, dates or times, not {type(value).__name__}"
        _drop(connection, raw(run), key, value, reason)


def _drop(connection: Connection, state: Any, key: str, value: Any, reason: str) -> None:  # noqa: ANN401
    unplug(state, key)
    connection.widgets.forget(key)
    # What the widget shows instead is then seen as a change.
    connection.widgets.agree(key, value)
    connection.report(
        ValueDropped(session_id=connection.session_id, key=key, value=value, reason=reason)
    )
