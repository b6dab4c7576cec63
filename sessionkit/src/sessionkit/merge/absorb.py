# SPDX-License-Identifier: Apache-2.0
"""
Changes of others are absorbed: put into a live session, change by change.

The app may hold any of its containers, so they are changed in place, and only
where before and after differ: what the app did meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

import attrs

from sessionkit.encoding.parts import EXTENSION, FIELDS
from sessionkit.session.forms import FORM, UNDO, FormSnapshot, FormState, merge_names
from sessionkit.session.session import UserSession
from sessionkit.session.unreadable import RECORD_IDS
from sessionkit.values.dicts import of_one_kind, put_in_order
from sessionkit.values.equality import same_stored

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

_MISSING: Final = object()
_FORM_FIELDS: Final = tuple(str(field.alias) for field in attrs.fields(FormState))


def absorb_changes(
    session: UserSession, before: UserSession, after: UserSession, names: Iterable[str]
) -> None:
    """
    Make in the parts called *names* of *session* the changes that lead from *before* to *after*.

    Args:
        session: The live session.
        before: The live session as it was stored or encoded last, decoded.
        after: What it is to become like; its values are taken over, not copied.
        names: Part names.
    """
    for name in names:
        _, _, key = name.partition(":")
        if name in FIELDS:
            _absorb_fields(session, before, after, FIELDS[name])
        elif name.startswith((FORM, UNDO)):
            _absorb_form(session, before, after, key)
        elif name.startswith(EXTENSION):
            was = None
            if session.states is not None:  # what was may be the very dict that is changed now
                was = deepcopy(before.extensions.get(key))
            _absorb_entry(session.extensions, before.extensions, after.extensions, key)
            if session.states is not None:
                session.states.absorb(session.extensions, key, was, after.extensions.get(key))
        _absorb_entry(session.unknown, before.unknown, after.unknown, name)
    _absorb_dict(session.unreadable, before.unreadable, after.unreadable)


def _absorb_form(
    session: UserSession, before: UserSession, after: UserSession, form_id: str
) -> None:
    forms, was = session.form_states, before.form_states.get(form_id)
    becomes = after.form_states.get(form_id)
    if becomes is None:
        forms.pop(form_id, None)
    elif form_id not in forms:
        forms[form_id] = becomes
    else:
        was = was or FormState(form_id=form_id)
        _leave_alone(forms[form_id], _changed_fields(was.data, becomes.data))
        _absorb_fields(forms[form_id], was, becomes, _FORM_FIELDS)


def _changed_fields(before: dict[Any, Any], after: dict[Any, Any]) -> list[Any]:
    keys = dict.fromkeys((*before, *after))
    return [
        key for key in keys if not same_stored(before.get(key, _MISSING), after.get(key, _MISSING))
    ]


def _leave_alone(form: FormState, names: list[Any]) -> None:
    """Have undo and redo leave fields as they are that someone else has changed."""
    if names:
        for snapshot in (*form.snapshots, *form.redo_snapshots):
            snapshot.leave_alone(names)


def _absorb_fields(ours: Any, before: Any, after: Any, fields: Iterable[str]) -> None:
    for field in fields:
        mine, was, becomes = (getattr(side, field) for side in (ours, before, after))
        changed = _absorbed(field, mine, was, becomes)
        if changed is not mine:
            setattr(ours, field, changed)


def _absorbed(field: str, ours: Any, before: Any, after: Any) -> Any:
    """Return what a field becomes: the container that it was, changed, or the new value."""
    if same_stored(before, after):
        return ours
    if field in RECORD_IDS:
        _absorb_records(ours, before, after, RECORD_IDS[field])
    elif isinstance(after, set):
        ours -= before - after
        ours |= after - before
    elif isinstance(after, dict):
        _absorb_dict(ours, before, after)
    else:
        return after
    return ours


def _absorb_records(ours: list[Any], before: list[Any], after: list[Any], ident: str) -> None:
    mine, was, becomes = (
        {getattr(record, ident): record for record in records} for records in (ours, before, after)
    )
    kept = [
        mine[key]
        if key in mine and same_stored(was.get(key), record)
        else _snapshot_of_others(mine.get(key), record)
        if isinstance(record, FormSnapshot)
        else record
        for key, record in becomes.items()
    ]
    # What the app appended since then is in neither of the two.
    added = [record for key, record in mine.items() if key not in was and key not in becomes]
    ours[:] = kept + added


def _snapshot_of_others(mine: Any, snapshot: FormSnapshot) -> FormSnapshot:
    """Return a snapshot that someone else has taken, or changed in the place of *mine*."""
    if isinstance(mine, FormSnapshot):
        snapshot.is_own, snapshot.is_foreign = mine.is_own, mine.is_foreign
        snapshot.taken_by = mine.taken_by
        snapshot.others_here = mine.others_here
        snapshot.others = merge_names(snapshot.others, mine.others)
    else:
        snapshot.is_foreign = True
    return snapshot


def _absorb_dict(ours: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> None:
    for key in (*before, *after):
        _absorb_entry(ours, before, after, key)
    put_in_order(ours, after)


def _absorb_entry(
    ours: dict[Any, Any], before: Mapping[Any, Any], after: Mapping[Any, Any], key: Any
) -> None:
    """Change an entry; but for dicts the app's values are whole, never edited."""
    was, becomes = before.get(key, _MISSING), after.get(key, _MISSING)
    if becomes is _MISSING:
        ours.pop(key, None)
    elif of_one_kind(was, becomes) and of_one_kind(ours.get(key), becomes):
        _absorb_dict(ours[key], was, becomes)
    elif not same_stored(was, becomes):
        ours[key] = becomes
