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
    cache       tracked cache keys, and what was invalidated
    x:<plugin>  UserSession.extensions[plugin]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from sessionkit.errors import SerializationError, shown
from sessionkit.session.fields import to_micros
from sessionkit.session.forms import FORM, UNDO, FormState
from sessionkit.session.plain import (
    STORED,
    is_app_dict,
    make_check,
    make_writer,
    read_stored,
    structure,
    typed_fields,
)
from sessionkit.session.session import UserSession
from sessionkit.session.typed_state import place_of
from sessionkit.session.unreadable import complete, set_typed_aside
from sessionkit.values import Opaque

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
    "cache": ("cache_keys", "cache_dependencies", "cache_invalidations"),
}
"""The fields of the session that each part of a fixed name holds."""

GRANTS: Final = "access"
"""The part that holds roles and permissions."""

EXTENSION: Final = "x:"
"""Begins the name of the part that holds a plugin's extension."""

LONGEST_NAME: Final = 190
"""Characters that a part's name may have: what every database takes as a key."""

_UNDO_FIELDS: Final = ("snapshots", "redo_snapshots")
_KNOWN: Final = {name: frozenset(fields) for name, fields in FIELDS.items()}
_KNOWN_UNDO: Final = frozenset(_UNDO_FIELDS)
_KNOWN_EXTENSION: Final = frozenset({"value"})


def is_known(name: str) -> bool:
    """Return whether this release knows the part; others are kept as they are."""
    return name in FIELDS or name.startswith((FORM, UNDO, EXTENSION))


def path_of(name: str, field: str) -> str:
    """Return where a field of a part lies in a session, as users write it."""
    kind, _, key = name.partition(":")
    if kind == "x":
        state = place_of(key)
        return f"extensions[{key!r}]" if state is None else f"{state[0]}[{state[1]!r}]"
    return f"form_states[{key!r}].{field}" if key else field


# -- session to parts ----------------------------------------------------------


_WRITE_FIELDS: Final = make_writer(UserSession, FIELDS)
_WRITE_FORM: Final = STORED.get_unstructure_hook(FormState)


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
    parts = _WRITE_FIELDS(session)
    if session.unknown:
        for name in session.unknown.keys() & parts.keys():
            _with_unknown(parts[name], session, name)
    if session.form_states:
        _add_forms(parts, session, refuse)
    if session.extensions or session.unreadable:
        _add_extensions(parts, session, refuse)
    return parts


def _add_forms(
    parts: dict[str, PlainPart],
    session: UserSession,
    refuse: Callable[[SerializationError], None],
) -> None:
    for form_id, state in _valid_entries("form_states", FORM, session.form_states, refuse):
        if not isinstance(state, FormState):
            where = f"form_states[{form_id!r}]"
            refuse(SerializationError(f"a form is a FormState, not {type(state).__name__}", where))
            continue
        name = UNDO + form_id
        form = _WRITE_FORM(state)
        undo = {field: form.pop(field) for field in _UNDO_FIELDS}
        if session.unknown:
            _with_unknown(undo, session, name)
        parts[FORM + form_id] = form
        if any(undo.values()):
            parts[name] = undo


def _add_extensions(
    parts: dict[str, PlainPart],
    session: UserSession,
    refuse: Callable[[SerializationError], None],
) -> None:
    extensions = (
        complete(session, "extensions", session.extensions)
        if session.unreadable
        else session.extensions
    )
    for key, value in _valid_entries("extensions", EXTENSION, extensions, refuse):
        name = EXTENSION + key
        parts[name] = _with_unknown({"value": value}, session, name)


def _with_unknown(part: PlainPart, session: UserSession, name: str) -> PlainPart:
    fields = session.unknown.get(name)
    if isinstance(fields, dict):
        part.update({field: value for field, value in fields.items() if field not in part})
    return part


def _valid_entries(
    where: str,
    prefix: str,
    entries: Mapping[Any, Any],
    refuse: Callable[[SerializationError], None],
) -> Iterator[tuple[str, Any]]:
    for key, value in entries.items():
        wrong = _why_invalid_name(prefix, key)
        if wrong is None:
            yield key, value
        else:
            refuse(SerializationError(wrong, f"{where}: key {shown(key)}"))


def _why_invalid_name(prefix: str, key: Any) -> str | None:  # noqa: ANN401 - the app's own
    if not isinstance(key, str):
        return f"a name is a str, not {type(key).__name__}"
    if len(prefix) + len(key) > LONGEST_NAME:
        return (
            f"a name has at most {LONGEST_NAME - len(prefix)} characters, this one has {len(key)}"
        )
    surrogate = not key.isascii() and any("\ud800" <= letter <= "\udfff" for letter in key)
    if surrogate or "\0" in key:
        return "a name holds neither NUL nor lone surrogates"
    return None


# -- parts to session ----------------------------------------------------------


def from_parts(session_id: str, parts: Mapping[str, PlainPart]) -> UserSession:
    """
    Return a session made of *parts*; what is missing has its default.

    The session takes the dicts in *parts* for its own, as a serializer has just made them.

    Raises:
        SerializationError: If a part is no mapping or a field has the wrong type.
    """
    plain: dict[str, Any] = {"session_id": session_id, "unknown": {}}
    for name, part in parts.items():
        if not isinstance(part, dict):
            msg = f"a part is a mapping of fields, not {type(part).__name__}"
            raise SerializationError(msg, name)
        known = _KNOWN.get(name)
        if known is None:
            _add_named(plain, name, part)
        elif known.issuperset(part):
            plain.update(part)
        else:
            plain.update(_known_of(plain, name, part, known))
    session = read_stored(plain, UserSession, "session")
    began = to_micros(session.created_at)
    session.activity.micros = max(session.activity.micros, began)
    return session


def _add_named(plain: dict[str, Any], name: str, part: PlainPart) -> None:
    _, _, key = name.partition(":")
    if name.startswith(FORM):
        _form(plain, key).update(part)
    elif name.startswith(UNDO):
        _form(plain, key).update(_known_of(plain, name, part, _KNOWN_UNDO))
    elif name.startswith(EXTENSION):
        known = _known_of(plain, name, part, _KNOWN_EXTENSION)
        plain.setdefault("extensions", {})[key] = known.get("value")


def _form(plain: dict[str, Any], form_id: str) -> PlainPart:
    forms = plain.setdefault("form_states", {})
    form: PlainPart = forms.setdefault(form_id, {"form_id": form_id})
    return form


def _known_of(
    plain: dict[str, Any], name: str, part: PlainPart, known: frozenset[str]
) -> PlainPart:
    """Return the fields that this release knows, and keep the others as unknown."""
    if known.issuperset(part):
        return part
    plain["unknown"][name] = {field: part[field] for field in part if field not in known}
    return {field: part[field] for field in part if field in known}


# -- what could not be read again ----------------------------------------------


def _types(cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
    fields = attrs.fields(attrs.resolve_types(cls))
    return {str(field.alias): field.type for field in fields if field.init}


_SESSION_TYPES: Final = _types(UserSession)
_FORM_TYPES: Final = _types(FormState)
_SESSION_OWN: Final = typed_fields(UserSession)
_FORM_OWN: Final = typed_fields(FormState)
_session_fits: Final = make_check(UserSession)
_form_fits: Final = make_check(FormState)


def misfits(parts: Mapping[str, PlainPart]) -> list[str]:
    """Return the names of parts whose own fields are not all just of the types that they should be; the app's values may be anything."""
    return [
        name
        for name, part in parts.items()
        if not name.startswith(EXTENSION)
        and not (_session_fits if name in FIELDS else _form_fits)(part)
    ]


def in_own_types(name: str, part: PlainPart) -> PlainPart:
    """
    Return a part with its own fields of just the types that they should be, as far as they can be.

    A role that is a member of a ``StrEnum`` is stored as the text that it is: another process need not know the enum.
    """
    return {field: _in_own_type(value, _types_of(name).get(field)) for field, value in part.items()}


def _in_own_type(value: Any, kind: Any) -> Any:  # noqa: ANN401 - the app's own
    if kind is None or is_app_dict(kind):
        return value
    try:
        return STORED.unstructure(structure(STORED, value, kind, ""), kind)
    except SerializationError:
        return value  # a save tells


def _types_of(name: str) -> Mapping[str, Any]:
    if name.startswith(EXTENSION):
        return {}
    return _SESSION_TYPES if name in FIELDS else _FORM_TYPES


def unreadable_fields(name: str, part: PlainPart) -> dict[str, SerializationError]:
    """
    Return an error for each field of a part that could not be read again.

    The app may have put anything into a list or a dict; what would be refused
    when the session is loaded must not be stored.
    """
    if not misfits({name: part}):
        return {}
    types = _types_of(name)
    if Opaque.made:  # what was set aside as it was read is stored again as it was
        part, _ = set_typed_aside(part, _SESSION_OWN if name in FIELDS else _FORM_OWN)
    errors = (
        (field, _why_unreadable(path_of(name, field), value, types[field]))
        for field, value in part.items()
        if field in types
    )
    return {field: error for field, error in errors if error is not None}


def _why_unreadable(where: str, value: Any, kind: Any) -> SerializationError | None:  # noqa: ANN401 - the app's own
    try:
        structure(STORED, value, kind, where)
    except SerializationError as error:
        return SerializationError(error.reason, error.path or where)
    return None
