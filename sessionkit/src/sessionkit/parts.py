# SPDX-License-Identifier: Apache-2.0
"""
UserSession <-> named parts of plain data.

A part is stored, compared and merged on its own. Each is a mapping of fields::

    profile     who, since when, preferences, counters
    access      roles and permissions
    navigation  history and page views
    inputs      what persist_input keeps
    form:<id>   one form
    undo:<id>   its snapshots, apart, or each keystroke would rewrite them
    cache       tracked cache keys
    x:<plugin>  UserSession.extensions[plugin]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Final

import attrs

from sessionkit.errors import SerializationError
from sessionkit.forms import FormState
from sessionkit.plain import STORED, check_stored, read_stored, stored_fields
from sessionkit.session import UserSession

PlainPart = dict[str, Any]
"""A part's fields by name."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "profile": (
        "user_id",
        "authenticated",
        "created_at",
        "theme",
        "language",
        "timezone",
        "max_history_size",
        "interaction_count",
        "dirty_forms",
    ),
    "access": ("roles", "permissions"),
    "navigation": ("navigation_history", "page_views"),
    "inputs": ("inputs",),
    "cache": ("cache_keys", "cache_dependencies"),
}
"""The fields of the session that each part of a fixed name holds."""

FORM: Final = "form:"
UNDO: Final = "undo:"
EXTENSION: Final = "x:"

LONGEST_NAME: Final = 190
"""Characters that a part's name may have: what every database takes as a key."""


def _types(cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
    return {str(field.alias): field.type for field in attrs.fields(attrs.resolve_types(cls))}


_WRITERS: Final = {name: stored_fields(UserSession, fields) for name, fields in FIELDS.items()}
_WRITE_FORM: Final = STORED.get_unstructure_hook(FormState)
_UNDO_FIELDS: Final = ("snapshots", "redo_snapshots")
_SESSION_TYPES: Final = _types(UserSession)
_FORM_TYPES: Final = _types(FormState)


def is_known(name: str) -> bool:
    """Return whether this release knows the part; others are kept as they are."""
    return name in FIELDS or name.startswith((FORM, UNDO, EXTENSION))


def place(name: str, field: str) -> str:
    """Return where a field of a part lies in a session, as users write it."""
    kind, _, key = name.partition(":")
    if kind == "x":
        return f"extensions[{key!r}]"
    return f"form_states[{key!r}].{field}" if key else field


def _raise(error: SerializationError) -> None:
    raise error


def to_parts(
    session: UserSession, refuse: Callable[[SerializationError], None] = _raise
) -> dict[str, PlainPart]:
    """
    Return a session's parts; the app's own values are in them as they are, not copied.

    Args:
        session: The session.
        refuse: Takes an error for each form or extension whose name no part can bear.

    Raises:
        RuntimeError: If another thread changed a dict meanwhile.
    """
    session.trim()
    parts = {
        name: _with_unknown(fields(session), session, name) for name, fields in _WRITERS.items()
    }
    for form_id, state in _named("form_states", FORM, session.form_states, refuse):
        name = UNDO + form_id
        form = _WRITE_FORM(state)
        undo = _with_unknown({field: form.pop(field) for field in _UNDO_FIELDS}, session, name)
        parts[FORM + form_id] = form
        if any(undo.values()):
            parts[name] = undo
    for key, value in _named("extensions", EXTENSION, session.extensions, refuse):
        name = EXTENSION + key
        parts[name] = _with_unknown({"value": value}, session, name)
    return parts


def _with_unknown(part: PlainPart, session: UserSession, name: str) -> PlainPart:
    fields = session.unknown.get(name)
    if isinstance(fields, dict):
        part.update({field: value for field, value in fields.items() if field not in part})
    return part


def _named(
    where: str,
    prefix: str,
    entries: Mapping[Any, Any],
    refuse: Callable[[SerializationError], None],
) -> Iterator[tuple[str, Any]]:
    for key, value in entries.items():
        wrong = _why_no_name(prefix, key)
        if wrong is None:
            yield key, value
        else:
            refuse(SerializationError(wrong, f"{where}: key {key!r:.80}"))


def _why_no_name(prefix: str, key: Any) -> str | None:  # noqa: ANN401 - the app's own
    if not isinstance(key, str):
        return f"a name is a str, not {type(key).__name__}"
    if len(prefix + key) > LONGEST_NAME:
        return (
            f"a name has at most {LONGEST_NAME - len(prefix)} characters, this one has {len(key)}"
        )
    if "\0" in key or any("\ud800" <= character <= "\udfff" for character in key):
        return "a name holds neither NUL nor lone surrogates"
    return None


def misfits(name: str, part: PlainPart) -> dict[str, SerializationError]:
    """
    Return an error for each field of a part that could not be read again.

    The app may have put anything into a list or a dict; what would be refused
    when the session is loaded must not be stored.
    """
    types = _SESSION_TYPES if name in FIELDS else _FORM_TYPES
    known = () if name.startswith(EXTENSION) else types.keys() & part.keys()
    wrong = {}
    for field in known:
        where = partial(place, name, field)
        try:
            check_stored(part[field], types[field], where)
        except SerializationError as error:
            wrong[field] = SerializationError(error.reason, error.path or where())
    return wrong


def from_parts(session_id: str, parts: Mapping[str, PlainPart]) -> UserSession:
    """
    Return a session made of *parts*; what is missing has its default.

    Raises:
        SerializationError: If a part is no mapping or a field has the wrong type.
    """
    plain: dict[str, Any] = {"session_id": session_id, "unknown": {}}
    for name, part in parts.items():
        if not isinstance(part, dict):
            msg = f"a part is a mapping of fields, not {type(part).__name__}"
            raise SerializationError(msg, name)
        _add(plain, name, part)
    session = read_stored(plain, UserSession, "session")
    session.last_activity = max(session.last_activity, session.created_at)
    return session


def _add(plain: dict[str, Any], name: str, part: PlainPart) -> None:
    _, _, key = name.partition(":")
    if name in FIELDS:
        plain.update(_known_of(plain, name, part, FIELDS[name]))
    elif name.startswith(FORM):
        _form(plain, key).update(part)
    elif name.startswith(UNDO):
        _form(plain, key).update(_known_of(plain, name, part, _UNDO_FIELDS))
    elif name.startswith(EXTENSION):
        known = _known_of(plain, name, part, ("value",))
        plain.setdefault("extensions", {})[key] = known.get("value")


def _form(plain: dict[str, Any], form_id: str) -> PlainPart:
    forms = plain.setdefault("form_states", {})
    form: PlainPart = forms.setdefault(form_id, {"form_id": form_id})
    return form


def _known_of(
    plain: dict[str, Any], name: str, part: PlainPart, fields: Collection[str]
) -> PlainPart:
    """Return the fields that this release knows, and keep the others as unknown."""
    unknown = {field: value for field, value in part.items() if field not in fields}
    if unknown:
        plain["unknown"][name] = unknown
    return {field: part[field] for field in fields if field in part}
