# SPDX-License-Identifier: Apache-2.0
"""
Forms that clear on submit.

Their fields are a sheet that is handed in: the session keeps what it said, and
the next one is empty. Streamlit's own state goes on holding what was submitted
while the browser shows the cleared fields, so what a field holds is news when
its form is submitted, and at no other time is anything put there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessionkit_streamlit.connection import CONNECTION_KEY, Connection
from sessionkit_streamlit.internals.drawing import Field, Form, drawn, is_pressed
from sessionkit_streamlit.internals.state import peek

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext


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
