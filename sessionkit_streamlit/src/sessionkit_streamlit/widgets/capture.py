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
from sessionkit_streamlit.connection import (
    EXTENSION,
    ClearOnSubmitForms,
    Connection,
    Widgets,
    is_plain_same,
    is_same,
)
from sessionkit_streamlit.internals.messages import Field, Form, is_pressed
from sessionkit_streamlit.internals.state import MISSING, values
from sessionkit_streamlit.internals.widgets import at_default, to_keep
from sessionkit_streamlit.widgets.drafts import fill_in
from sessionkit_streamlit.widgets.edits import is_late, note_page_sent
from sessionkit_streamlit.widgets.named_keys import note_values
from sessionkit_streamlit.widgets.restore import show_joined

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession

_LOGGER: Final = logging.getLogger(__name__)


def capture_request(connection: Connection, session: UserSession, run: ScriptRunContext) -> bool:
    """
    Capture what the browser sent with the request that this run answers.

    Args:
        connection: What is known about the connection; brought together with its session.
        session: The session that it shows.
        run: The run's context.

    Returns:
        Whether anything was captured.
    """
    widgets, taken = connection.widgets, False
    if not connection.shows_its_session:
        return False
    with widgets.lock:
        for key, value in values(run, connection.known).items():
            if key not in widgets.shown or key in widgets.unsettable or _stays(widgets, key, value):
                continue
            with _apart(key):
                if _take(connection, session, run, key, value):
                    taken = True
                    show_joined(connection, session, run, key, value)
    return taken


def capture_run(connection: Connection, session: UserSession, run: ScriptRunContext) -> None:
    """
    Capture what a run changed that is about to end; its widgets are still there.

    Args:
        connection: What is known about the connection.
        session: The session that it shows.
        run: The run's context. Two runs of one connection may end in either
            order, so the state is taken as it is now.
    """
    widgets = connection.widgets
    if not connection.shows_its_session:
        return  # the session of the widgets that this run made ended during the run
    # Two runs may end at once: the later look must not be compared first.
    with widgets.lock:
        note_values(connection, run)
        known = connection.known
        state = values(run, known)
        for key in known:
            value = state.get(key, MISSING)
            if key in widgets.unsettable or _stays(widgets, key, value):
                continue
            with _apart(key):
                _capture(connection, session, run, key, value)
        note_page_sent(widgets)
        widgets.forms.submitted.clear()
    _note_widgets(connection, session)


def _stays(widgets: Widgets, key: str, value: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    """Return whether there is surely nothing to be done about a value: it is the one that was shown before."""
    return (
        is_plain_same(widgets.shown.get(key, MISSING), value)
        and value is not MISSING
        and key not in widgets.placed
        and key not in widgets.forms.fields
    )


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
        _note_deleted(connection, run, key)
        return
    _report_dropped(connection, key, value)
    _take(connection, session, run, key, value)


def _take(
    connection: Connection,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401 - any value a widget may return
) -> bool:
    """Take a value that this tab has changed; return whether it has."""
    widgets = connection.widgets
    if key in widgets.waiting:
        widgets.shown[key] = value
        return False
    if not _has_changed(connection, run, key, value):
        return False
    kept = joined = to_keep(value)
    field = connection.fields.get(key)
    if field is None and key in widgets.shown and connection.keeper is not None:
        before = to_keep(widgets.shown[key])
        joined = connection.keeper.joined_input(session, key, before, kept)
    session.activity.of_user = True  # before: whoever sees the value knows whose it is
    if field is None:
        session.set_input(key, joined)
    else:
        fill_in(connection, session, field, joined)
    widgets.agree(key, value)
    widgets.kept[key] = widgets.typed[key] = kept
    if joined is not kept and not is_same(joined, kept):
        widgets.kept[key] = MISSING  # the page is to show it
    widgets.replaced.pop(key, None)  # an edit: the browser is past what stood there
    if connection.page.tab is not None:  # another tab may tell its user when it was
        connection.page.tab.group.edits[key] = (joined, utc_now())
    return True


def _has_changed(connection: Connection, run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether this tab changed the value since it last looked; another tab's change is not ours."""
    widgets = connection.widgets
    if widgets.forms.is_submitted(key):
        return True  # its default, too, may have been meant
    if key in widgets.shown:
        return not is_same(widgets.shown[key], value) and not is_late(widgets, key, value)
    if key in widgets.sent or not at_default(run, key, value):
        return True
    # What a widget begins with is nobody's change: stored, it would undo another tab's.
    widgets.shown[key], widgets.kept[key] = value, MISSING
    return False


def _note_deleted(connection: Connection, run: ScriptRunContext, key: str) -> None:
    """
    Note a key that the app deleted during this run.

    Streamlit drops the keys of widgets that are on another page only after
    this moment. The stored value stays: a missing key is no delete.
    """
    widgets, latest = connection.widgets, connection.page.run
    if latest is not None and latest() is run and key in widgets.shown:
        widgets.forget(key)
        widgets.deleted.add(key)


def _report_dropped(connection: Connection, key: str, value: Any) -> None:  # noqa: ANN401
    """Report a value that was put back and that its widget quietly replaced."""
    placed = connection.widgets.placed.pop(key, None)
    if placed is not None and not _is_as_good_as(placed.taken, value):
        reason = f"the widget does not take it any more and shows {value!r}"
        connection.report(
            ValueDropped(
                session_id=connection.session_id, key=key, value=placed.stored, reason=reason
            )
        )


def _is_as_good_as(restored: Any, value: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    if isinstance(restored, list | tuple) and isinstance(value, list | tuple):
        return list(restored) == list(value)
    try:
        return bool(restored == value)
    except (TypeError, ValueError):  # arrays: no widget gives one back changed
        return True


def _note_widgets(connection: Connection, session: UserSession) -> None:
    """Note what the next connection has to know of widgets before they are made."""
    widgets = connection.widgets
    if not widgets.unsettable and not widgets.forms.fields and EXTENSION not in session.extensions:
        return
    notes = {
        "unsettable": sorted(widgets.unsettable & connection.known),
        "clearing": sorted(widgets.forms.fields.keys() & connection.known),
    }
    noted = session.extensions.get(EXTENSION, {})
    news = {name: keys for name, keys in notes.items() if keys != noted.get(name, [])}
    if news:
        with session.lock:
            session.extensions[EXTENSION] = {**session.extensions.get(EXTENSION, {}), **news}


# -- forms that clear on submit ------------------------------------------------
#
# Their fields are a sheet that is handed in: the session keeps what it said, and
# the next one is empty. Streamlit's own state goes on holding what was submitted
# while the browser shows the cleared fields, so what a field holds is news when
# its form is submitted, and at no other time is anything put there.


def note_form(connection: Connection, run: ScriptRunContext, part: Form | Field) -> None:
    """
    Look at what a run sends to the page about forms: which clear, what lies in them, which was submitted.

    Args:
        connection: What is known about the connection.
        run: The run's context.
        part: What it sends.
    """
    forms = connection.widgets.forms
    if isinstance(part, Form):
        (forms.ids.add if part.clears else forms.ids.discard)(part.form_id)
    elif part.submits:
        if is_pressed(run, part.widget_id):
            forms.submitted.add(part.form_id)
    else:
        _note_field(forms, part)


def _note_field(forms: ClearOnSubmitForms, field: Field) -> None:
    key = field.key
    if key is not None and field.form_id in forms.ids:
        forms.fields[key] = field.form_id
