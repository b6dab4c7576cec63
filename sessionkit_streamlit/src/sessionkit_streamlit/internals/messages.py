# SPDX-License-Identifier: Apache-2.0
"""What a run sends to the browser's page about forms and passwords, and whether a form was submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sessionkit_streamlit.internals.guard import MOVED, guarded, moved
from sessionkit_streamlit.internals.state import raw

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext


@attrs.frozen
class Form:
    """
    A form.

    Attributes:
        form_id: Its id.
        clears: Whether the browser clears it when it is submitted.
    """

    form_id: str
    clears: bool


@attrs.frozen
class Field:
    """
    What lies in a form.

    Attributes:
        form_id: The form's id.
        widget_id: The widget's.
        submits: Whether it is a button that submits the form.
    """

    form_id: str
    widget_id: str
    submits: bool

    @property
    def key(self) -> str | None:
        """The widget's key, if the app gave it one."""
        return _key_of(self.widget_id)


@attrs.frozen
class Password:
    """
    A field for a password.

    Attributes:
        key: The widget's key.
        field: The same as what lies in a form, if it lies in one.
    """

    key: str
    field: Field | None


def part_of(message: Any) -> Form | Field | Password | None:  # noqa: ANN401 - Streamlit's
    """Return what a message to the page says about a form or a password; None for all else."""
    try:
        return _part_of(message)
    except MOVED:
        effect = (
            "what is typed into a field for a password may be stored, and the fields of a form "
            "that clears on submit are filled in again"
        )
        moved("ForwardMsg.delta", effect)
        return None


def _part_of(message: Any) -> Form | Field | Password | None:  # noqa: ANN401 - Streamlit's
    delta = message.delta
    kind = delta.WhichOneof("type")
    if kind == "add_block":
        if delta.add_block.WhichOneof("type") != "form":
            return None
        form = delta.add_block.form
        return Form(form.form_id, form.clear_on_submit)
    if kind != "new_element":
        return None
    element = delta.new_element
    name = element.WhichOneof("type")
    inner: Any = getattr(element, name or "", None)
    form_id = getattr(inner, "form_id", "")
    is_password = name == "text_input" and inner.type
    if not form_id and not is_password:
        return None
    field = None
    if form_id:
        field = Field(form_id, inner.id, getattr(inner, "is_form_submitter", False))
    if is_password and inner.type == inner.PASSWORD:
        key = _key_of(inner.id)
        return field if key is None else Password(key, field)
    return field


def _key_of(element_id: str) -> str | None:
    from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

    key: str | None = user_key_from_element_id(element_id)
    return key


def is_pressed(run: ScriptRunContext, button_id: str) -> bool:
    """Return whether the run was asked for by a button that it has made already."""
    effect = "an empty form that is submitted after a refresh may count as untouched"
    return guarded(
        lambda: raw(run)._new_widget_state.get(button_id) is True,  # noqa: SLF001
        "SessionState._new_widget_state",
        effect,
        otherwise=False,
    )
