# SPDX-License-Identifier: Apache-2.0
"""
What changed in Streamlit's state goes into the session: at the end of every run, and what came
with the browser's request at its beginning.

A run may take long, and its session move meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sessionkit.events import ValueDropped
from sessionkit.session.fields import utc_now
from sessionkit_streamlit.connection import CONNECTION_KEY, EXTENSION, Connection, same
from sessionkit_streamlit.internals.drawing import Field, Form, drawn, is_pressed
from sessionkit_streamlit.internals.state import MISSING, peek, snapshot
from sessionkit_streamlit.internals.widgets import at_default
from sessionkit_streamlit.notices.save_status import only_lines, run_ended
from sessionkit_streamlit.tabs.tabs import open_tabs
from sessionkit_streamlit.widgets.edits import is_late, note_sent

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession


def drawing(run: ScriptRunContext, message: Any) -> None:  # noqa: ANN401 - Streamlit's
    """
    Look at what a run sends to the page: which forms clear, what lies in them, which was submitted.

    Args:
        run: The run's context.
        message: What it sends.
    """
    what = drawn(message)
    connection = None if what is None else peek(run, CONNECTION_KEY)
    if what is None or not isinstance(connection, Connection):
        return
    forms = connection.forms
    if isinstance(what, Form):
        (forms.clearing.add if what.clears else forms.clearing.discard)(what.form_id)
    elif what.submits:
        if is_pressed(run, what.widget_id):
            forms.submitted.add(what.form_id)
    else:
        _note_field(connection, what)


def _note_field(connection: Connection, field: Field) -> None:
    key = field.key
    if key is not None and field.form_id in connection.forms.clearing:
        connection.forms.fields[key] = field.form_id


_LOGGER: Final = logging.getLogger(__name__)


def run_finished(run: ScriptRunContext) -> None:
    """
    Capture what a run changed, whichever way it ended; widgets are still there.

    Args:
        run: The run's context. Two runs of one connection may end in either
            order, so the state is taken as it is now.
    """
    connection = peek(run, CONNECTION_KEY)
    if not isinstance(connection, Connection):
        return
    open_tabs.ended(connection.tab, run)
    session, keeper = connection.session, connection.keeper
    if session is None or keeper is None or session.session_id != connection.session_id:
        return
    if not only_lines(connection, run):  # else each look would be followed by a save
        _capture_all(connection, session, run)
        keeper.schedule_save(session)
    run_ended(connection, run)


def run_began(connection: Connection, session: UserSession, run: ScriptRunContext) -> bool:
    """
    Capture what the browser sent with the request that this run answers.

    Args:
        connection: What is known about the connection; brought together with its session.
        session: The session that it shows.
        run: The run's context.

    Returns:
        Whether anything was captured.
    """
    taken = False
    with connection.lock:
        state = snapshot(run)
        known = connection.known - connection.unsettable
        for key in known & state.keys() & connection.shown.keys():
            with _apart(key):
                taken |= _take(connection, session, run, key, state[key])
    return taken


def _capture_all(connection: Connection, session: UserSession, run: ScriptRunContext) -> None:
    # Two runs may end at once: the later look must not be compared first.
    with connection.lock:
        state = snapshot(run)
        for key in connection.known - connection.unsettable:
            with _apart(key):
                _capture(connection, session, run, key, state.get(key, MISSING))
        note_sent(connection)
        connection.forms.submitted.clear()
    _note_widgets(connection, session)


@contextmanager
def _apart(key: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        # An app's own __eq__ may raise anything; the other keys are still kept.
        _LOGGER.exception("the value of %r could not be captured", key)


def _capture(
    connection: Connection,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401 - any value a widget may return
) -> None:
    if value is MISSING:
        _missing(connection, run, key)
        return
    _compare_restored(connection, key, value)
    _take(connection, session, run, key, value)


def _take(
    connection: Connection,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401 - any value a widget may return
) -> bool:
    """Take a value that this tab has changed; return whether it has."""
    if key in connection.waiting:
        connection.shown[key] = value
        return False
    if not _changed(connection, run, key, value):
        return False
    session.set_input(key, value)
    connection.agree(key, value)
    connection.replaced.pop(key, None)  # an edit: the browser is past what stood there
    _date(connection, key, value)
    return True


def _date(connection: Connection, key: str, value: Any) -> None:  # noqa: ANN401
    """Note when a tab changed a value: another one may tell its user."""
    if connection.tab is not None:
        connection.tab.showing.edits[key] = (value, utc_now())


def _changed(connection: Connection, run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether this tab changed the value since it last looked; another tab's change is not ours."""
    if connection.forms.is_submitted(key):
        return True  # its default, too, may have been meant
    if key in connection.shown:
        return not same(connection.shown[key], value) and not is_late(connection, key, value)
    if key in connection.sent or not at_default(run, key, value):
        return True
    # What a widget begins with is nobody's change: stored, it would undo another tab's.
    connection.shown[key], connection.kept[key] = value, MISSING
    return False


def _missing(connection: Connection, run: ScriptRunContext, key: str) -> None:
    """
    Note a key that the app deleted during this run.

    Streamlit drops the keys of widgets that are on another page only after
    this moment. The stored value stays: a missing key is no delete.
    """
    latest = connection.run is not None and connection.run() is run
    if latest and key in connection.shown:
        connection.forget(key)
        connection.deleted.add(key)


def _compare_restored(connection: Connection, key: str, value: Any) -> None:  # noqa: ANN401
    """Report a value that was put back and that its widget quietly replaced."""
    restored = connection.placed.pop(key, MISSING)
    if restored is not MISSING and not _as_good_as(restored, value):
        reason = f"the widget does not take it any more and shows {value!r}"
        connection.report(
            ValueDropped(session_id=connection.session_id, key=key, value=restored, reason=reason)
        )


def _as_good_as(restored: Any, value: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    if isinstance(restored, list | tuple) and isinstance(value, list | tuple):
        return list(restored) == list(value)
    try:
        return bool(restored == value)
    except (TypeError, ValueError):  # arrays: no widget gives one back changed
        return True


def _note_widgets(connection: Connection, session: UserSession) -> None:
    """Note what the next connection has to know of widgets before they are made."""
    notes = {
        "unsettable": sorted(connection.unsettable & connection.known),
        "clearing": sorted(connection.forms.fields.keys() & connection.known),
    }
    noted = session.extensions.get(EXTENSION, {})
    news = {name: keys for name, keys in notes.items() if keys != noted.get(name, [])}
    if news:
        with session.lock:
            session.extensions[EXTENSION] = {**session.extensions.get(EXTENSION, {}), **news}
