# SPDX-License-Identifier: Apache-2.0
"""What a form says."""

from __future__ import annotations

import attrs

from sessionkit_streamlit.browser.unsaved import LEAVE
from sessionkit_streamlit.forms.content import REQUIRED


@attrs.frozen(kw_only=True)
class FormTexts:
    """
    What a form says: English, unless you say otherwise.

    What stands in braces is filled in.

    Attributes:
        submit: On the button that hands it in.
        undo: On the button that takes the last change back.
        redo: On the button that makes it again.
        discard: On the button that empties the draft.
        required: At a field that has to be filled in, and is not.
        undo_help: What the button for undo would do, as Markdown; ``{change}``.
        redo_help: The same of redo.
        change: What becomes of one field, as Markdown; ``{field}``, ``{before}`` and ``{after}``.
        more: Stands for the fields that are not named; ``{n}`` is their number.
        nothing: Stands for a value where nothing is filled in.
        yes: Stands for a tick.
        no: Stands for none.
        recover: Asks a user about a draft that they have left elsewhere, as Markdown; ``{time}``.
        accept: On the button that puts it here.
        refuse: On the button that leaves it where it is.
        changed: At a field that was changed since the form was handed in, for those who hear the page.
        today: The format of a time of today, as for ``strftime``.
        earlier: Of a time of another day.
        leave: Asked before another page is shown, while a form with ``batch=True`` holds what was not handed in.
    """

    submit: str = "Submit"
    undo: str = "Undo"
    redo: str = "Redo"
    discard: str = "Discard"
    required: str = REQUIRED
    undo_help: str = "Undo: {change}"
    redo_help: str = "Redo: {change}"
    change: str = "{field}: {before} → {after}"
    more: str = "{n} more"
    nothing: str = "nothing"
    yes: str = "yes"
    no: str = "no"
    recover: str = "Recover your draft from {time}?"
    accept: str = "Recover"
    refuse: str = "No, go on here"
    changed: str = "changed"
    today: str = "%H:%M"
    earlier: str = "%Y-%m-%d %H:%M"
    leave: str = LEAVE
