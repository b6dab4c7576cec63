# SPDX-License-Identifier: Apache-2.0
"""What a run sends to the browser's page about forms and passwords, and whether a form was submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from sessionkit_streamlit.internals.guard import guarded
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
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        return user_key_from_element_id(self.widget_id)


def form_part(message: Any) -> Form | Field | None:  # noqa: ANN401 - Streamlit's
    """Return what a message to the page says about a form; None for all else."""
    effect = "the fields of a form that clears on submit are filled in again"
    return guarded(lambda: _form_part(message), "ForwardMsg.delta", effect, otherwise=None)


def _form_part(message: Any) -> Form | Field | None:  # noqa: ANN401 - Streamlit's
    delta = message.delta
    kind = delta.WhichOneof("type")
    if kind == "add_block" and delta.add_block.WhichOneof("type") == "form":
        form = delta.add_block.form
        return Form(form.form_id, form.clear_on_submit)
    if kind != "new_element":
        return None
    element = delta.new_element
    inner: Any = getattr(element, element.WhichOneof("type") or "", None)
    form_id = getattr(inner, "form_id", "")
    if not form_id:
        return None
    return Field(form_id, inner.id, getattr(inner, "is_form_submitter", False))


def password_key(message: Any) -> str | None:  # noqa: ANN401 - Streamlit's
    """Return the key of the field for a password that a message draws; None for all else."""
    effect = "what is typed into a field for a password may be stored"
    return guarded(lambda: _password_key(message), "ForwardMsg.delta", effect, otherwise=None)


def _password_key(message: Any) -> str | None:  # noqa: ANN401 - Streamlit's
    from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

    delta = message.delta
    if delta.WhichOneof("type") != "new_element" or not delta.new_element.HasField("text_input"):
        return None
    field = delta.new_element.text_input
    return user_key_from_element_id(field.id) if field.type == field.PASSWORD else None


def is_pressed(run: ScriptRunContext, button_id: str) -> bool:
    """Return whether the run was asked for by a button that it has made already."""
    effect = "an empty form that is submitted after a refresh may count as untouched"
    return guarded(
        lambda: raw(run)._new_widget_state.get(button_id) is True,  # noqa: SLF001
        "SessionState._new_widget_state",
        effect,
        otherwise=False,
    )
