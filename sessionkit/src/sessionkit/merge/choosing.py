# SPDX-License-Identifier: Apache-2.0
"""
Puts one side's value of a field into a session, and keeps questions about such fields.

A question lies in the session's ``extensions``: any tab at any replica can
answer it, and a restart does not lose it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final

from sessionkit.decisions import REMOVED, FieldDecision, Side
from sessionkit.encoding.parts import PlainPart, from_parts, to_parts
from sessionkit.merge.absorbing import apply_parts
from sessionkit.session.fields import from_micros, to_micros
from sessionkit.session.session import UserSession
from sessionkit.values.equality import content

# What a field holds may be anything.
# ruff: noqa: ANN401

ASKED: Final = "ask"
"""Where questions lie in a session's ``extensions``."""


def choose(session: UserSession, field: FieldDecision, side: Side) -> None:
    """
    Put one side's value of a field into a session.

    Args:
        session: The session; what it holds elsewhere stays as it is.
        field: Where two writers met.
        side: ``"ours"`` or ``"theirs"``.
    """
    value = getattr(field, side)
    with session.lock:
        part = to_parts(session).get(field.part)
        before, after = (
            _session(session, field.part, one) for one in (part, _put(part, field.keys, value))
        )
        apply_parts(session, before, after, (field.part,))


def value_at(session: UserSession, field: FieldDecision) -> Any:
    """Return what a session holds where two writers met, or ``REMOVED``."""
    here: Any = to_parts(session).get(field.part, REMOVED)
    for key in field.keys:
        here = here.get(key, REMOVED) if isinstance(here, dict) else REMOVED
    return here


def _session(session: UserSession, name: str, part: Any) -> UserSession:
    parts = {name: dict(part)} if isinstance(part, dict) else {}
    return from_parts(session.session_id, parts)


def _put(here: Any, keys: tuple[Any, ...], value: Any) -> Any:
    """Return what lies *here* with *value* at the end of *keys*; nothing is changed in place."""
    if not keys:
        return value
    entries: PlainPart = copy(here) if isinstance(here, dict) else {}  # a Counter stays one
    first, *rest = keys
    below = _put(entries.get(first), tuple(rest), value)
    if below is REMOVED:
        entries.pop(first, None)
    else:
        entries[first] = below
    return entries


def ask(session: UserSession, field: FieldDecision) -> None:
    """Keep a field with both values in the session, until someone chooses."""
    question: dict[str, Any] = {"path": field.path, "part": field.part, "keys": list(field.keys)}
    for side in ("ours", "theirs"):
        value, moment = getattr(field, side), getattr(field, f"{side}_at")
        if value is not REMOVED:
            question[side] = value
        if moment is not None:
            question[f"{side}_at"] = to_micros(moment)
    # The same conflict met again, after another writer came between, asks the same.
    key = hashlib.sha256(content(question).encode()).hexdigest()[:16]
    session.extensions[ASKED] = {**_asked(session), key: question}


def questions(session: UserSession) -> tuple[FieldDecision, ...]:
    """Return what a session asks, oldest first."""
    read = (_question(key, entry) for key, entry in _asked(session).items())
    return tuple(field for field in read if field is not None)


def forget(session: UserSession, question: str) -> None:
    """Take a question back; an unknown one is fine."""
    with session.lock:
        left = {key: entry for key, entry in _asked(session).items() if key != question}
        if left:
            session.extensions[ASKED] = left
        else:
            session.extensions.pop(ASKED, None)


def _asked(session: UserSession) -> Mapping[str, Any]:
    asked = session.extensions.get(ASKED)
    return asked if isinstance(asked, dict) else {}


def _question(key: str, entry: Any) -> FieldDecision | None:
    try:
        return FieldDecision(
            path=str(entry["path"]),
            taken="asked",
            ours=entry.get("ours", REMOVED),
            theirs=entry.get("theirs", REMOVED),
            ours_at=_moment(entry.get("ours_at")),
            theirs_at=_moment(entry.get("theirs_at")),
            part=str(entry["part"]),
            keys=tuple(entry["keys"]),
            question=key,
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None  # the app wrote something else there


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
