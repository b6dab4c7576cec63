# SPDX-License-Identifier: Apache-2.0
"""
Edits that went over something their user had not seen.

The tabs of one process share the session, and at a rerun a tab has what other
replicas saved: no save meets another one then. Yet a user may type into a field
that was changed elsewhere and still shows its old value here; or that a rerun of
ours has put the new value into, while the browser goes on showing what was half typed.
"""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import Any, Final

import attrs

from sessionkit.conflict import FieldDecision
from sessionkit.session.fields import utc_now
from sessionkit_streamlit.connection import MISSING, Connection, same

_PART: Final = "inputs"

_TYPING: Final = 10.0
"""Seconds: for so long someone may go on typing over a value that appeared by itself."""


def compare(connection: Connection, key: str, theirs: Any, ours: Any) -> None:  # noqa: ANN401
    """
    Note it when both changed: the user what the tab shows, someone else what the session holds.

    Args:
        connection: The tab's.
        key: The widget's key.
        theirs: What the session holds.
        ours: What Streamlit's state holds; it goes into the session when the run ends.
    """
    if key not in connection.shown or key in connection.waiting or ours is MISSING:
        return
    before = connection.shown[key]
    if same(before, ours) or same(ours, theirs):
        return
    path, known = path_of(key), connection.overtaken.get(path_of(key))
    moved = not same(connection.kept.get(key, MISSING), theirs) and not same(before, theirs)
    if moved or _is_hidden(connection, key, ours):
        connection.overtaken[path] = _met(connection, key, ours, theirs)
    elif known is not None and same(ours, known.theirs):
        del connection.overtaken[path]  # the user took it, by hand
    elif known is not None:
        connection.overtaken[path] = attrs.evolve(known, ours=ours)  # the user goes on typing


def shown(connection: Connection, key: str) -> None:
    """Note that a new value is put into a widget."""
    connection.overtaken.pop(path_of(key), None)
    connection.unasked.pop(key, None)
    if connection.tab is not None and connection.tab.ours:
        connection.unasked[key] = monotonic()


def _is_hidden(connection: Connection, key: str, ours: Any) -> bool:  # noqa: ANN401
    """Return whether what was put there just now may have lain under half-typed text."""
    moment = connection.unasked.pop(key, None)
    typed = isinstance(ours, str | int | float) and not isinstance(ours, bool)
    return typed and moment is not None and monotonic() - moment < _TYPING


def path_of(key: str) -> str:
    """Return where an input lies in a session, as users write it."""
    return f"{_PART}[{key!r}]"


def _met(connection: Connection, key: str, ours: Any, theirs: Any) -> FieldDecision:  # noqa: ANN401
    return FieldDecision(
        path=path_of(key),
        taken="ours",
        ours=ours,
        theirs=theirs,
        ours_at=utc_now(),
        theirs_at=_when(connection, key, theirs),
        part=_PART,
        keys=(_PART, key),
    )


def _when(connection: Connection, key: str, value: Any) -> datetime | None:  # noqa: ANN401
    """Return when another tab of this process changed a key to *value*; None if none did."""
    edits = {} if connection.tab is None else connection.tab.showing.edits
    known, moment = edits.get(key, (MISSING, None))
    return moment if same(known, value) else None
