# SPDX-License-Identifier: Apache-2.0
"""The fields that two writers changed to different values: which they are, whose value is taken, what is asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sessionkit.conflict import REMOVED, Conflict, FieldDecision, Side
from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import PlainPart, from_parts, is_known, path_of, to_parts
from sessionkit.errors import repr_of
from sessionkit.merge.absorb import absorb_changes
from sessionkit.merge.rules import MISSING, RULES, changed
from sessionkit.merge.stamps import NO_STAMP, Tree, When, latest, read_stamps, read_tree
from sessionkit.session.fields import from_micros, to_micros
from sessionkit.session.forms import FORM
from sessionkit.session.session import UserSession
from sessionkit.values.dicts import of_one_kind
from sessionkit.values.equality import content, same_stored

# What a field holds may be anything.
# ruff: noqa: ANN401

ASKED: Final = "ask"
"""Where questions lie in a session's ``extensions``."""

_NOTED: Final = frozenset({"last_saved", "saved_data"})
"""Fields of a form that note what it was: nobody has filled them in, so nobody is asked about them."""

# -- which they are, whatever strategy decided ---------------------------------


def conflict_of(  # noqa: PLR0913 - the sides of a conflict, by keyword
    codec: SessionCodec,
    session_id: str,
    *,
    base: EncodedParts | None,
    ours: EncodedParts,
    theirs: EncodedParts,
    merged: EncodedParts,
) -> Conflict:
    """Return a conflict as strategies get it, of encoded sides and what comes of merging them."""
    return Conflict(
        session_id,
        base=lambda: None if base is None else codec.decode(session_id, base),
        ours=lambda: codec.decode(session_id, ours),
        theirs=lambda: codec.decode(session_id, theirs),
        merged=lambda: codec.decode(session_id, merged),
        fields=lambda: conflicting_fields(codec, base, ours, theirs, merged),
    )


def conflicting_fields(
    codec: SessionCodec,
    base: EncodedParts | None,
    ours: EncodedParts,
    theirs: EncodedParts,
    result: EncodedParts,
) -> tuple[FieldDecision, ...]:
    """
    Return the fields that both sides changed to different values.

    Args:
        codec: Decodes the parts that both changed.
        base: What both started from; where it is unknown, all that differs counts.
        ours: Our parts.
        theirs: Their parts.
        result: What was decided.
    """
    known = base or {}
    stamps = [read_stamps(codec, parts) for parts in (known, ours, theirs)]
    names = (name for name in dict.fromkeys((*ours, *theirs)) if is_known(name))
    decisions: list[FieldDecision] = []
    for name in names:
        sides = [parts.get(name) for parts in (known, ours, theirs, result)]
        if sides[1] in (sides[0], sides[2]) or sides[2] == sides[0]:
            continue
        b, o, t, r = (MISSING if data is None else codec.decode_part(name, data) for data in sides)
        when = When(*(read_tree(codec, side.get(name)) for side in stamps))
        decisions += _decisions(_FieldConflict(name, (), b, o, t, r, when))
    return tuple(decisions)


class _FieldConflict(NamedTuple):
    """A field, or a part or a dict that holds several, as each side has it."""

    part: str
    keys: tuple[Any, ...]
    base: Any
    ours: Any
    theirs: Any
    result: Any
    when: When

    @property
    def has_entries(self) -> bool:
        """Whether both sides have entries that are decided one by one."""
        whole = len(self.keys) == 1 and self.keys[0] in RULES
        return of_one_kind(self.ours, self.theirs) and not whole

    def entry(self, key: Any) -> _FieldConflict:
        """Return what each side has under *key*."""
        sides = (self.base, self.ours, self.theirs, self.result)
        base, ours, theirs, result = (
            side.get(key, MISSING) if isinstance(side, dict) else MISSING for side in sides
        )
        keys = (*self.keys, key)
        return _FieldConflict(self.part, keys, base, ours, theirs, result, self.when.at(key))


def _decisions(here: _FieldConflict) -> Iterator[FieldDecision]:
    if here.has_entries:
        for key in dict.fromkeys((*here.ours, *here.theirs)):
            if not here.keys and key in _NOTED and here.part.startswith(FORM):
                continue
            yield from _decisions(here.entry(key))
    elif (
        not same_stored(here.ours, here.theirs)
        and changed(here.base, here.ours, here.when.base, here.when.ours)
        and changed(here.base, here.theirs, here.when.base, here.when.theirs)
    ):
        yield _decision(here)


def _decision(here: _FieldConflict) -> FieldDecision:
    return FieldDecision(
        path=_path(here.part, here.keys),
        taken=_taken(here),
        ours=REMOVED if here.ours is MISSING else here.ours,
        theirs=REMOVED if here.theirs is MISSING else here.theirs,
        ours_at=_time_of_change(here.ours, here.when.ours),
        theirs_at=_time_of_change(here.theirs, here.when.theirs),
        part=here.part,
        keys=here.keys,
    )


def _taken(here: _FieldConflict) -> Literal["ours", "theirs", "merged"]:
    if same_stored(here.result, here.ours):
        return "ours"
    return "theirs" if same_stored(here.result, here.theirs) else "merged"


def _time_of_change(value: Any, tree: Tree) -> datetime | None:
    stamp = NO_STAMP if value is MISSING else latest(tree)  # what is not there has no stamp
    return from_micros(stamp) if stamp else None


def _path(part: str, keys: tuple[Any, ...]) -> str:
    if not keys:
        return path_of(part, "").rstrip(".") or part
    field, *deeper = keys
    return path_of(part, str(field)) + "".join(f"[{repr_of(key)}]" for key in deeper)


# -- one side's value, put into a session --------------------------------------


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
        session.capture_states()
        part = to_parts(session).get(field.part)
        before, after = (
            _session_of(session, field.part, one) for one in (part, _put(part, field.keys, value))
        )
        absorb_changes(session, before, after, (field.part,))


def value_at(session: UserSession, field: FieldDecision) -> Any:
    """Return what a session holds where two writers met, or ``REMOVED``."""
    session.capture_states()
    here: Any = to_parts(session).get(field.part, REMOVED)
    for key in field.keys:
        here = here.get(key, REMOVED) if isinstance(here, dict) else REMOVED
    return here


def _session_of(session: UserSession, name: str, part: Any) -> UserSession:
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


# -- questions, kept in a session until someone chooses ------------------------


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
    session.extensions[ASKED] = {**_stored_questions(session), key: question}


def questions(session: UserSession) -> tuple[FieldDecision, ...]:
    """Return what a session asks, oldest first."""
    read = (_read_question(key, entry) for key, entry in _stored_questions(session).items())
    return tuple(field for field in read if field is not None)


def forget(session: UserSession, question: str) -> None:
    """Take a question back; an unknown one is fine."""
    with session.lock:
        left = {key: entry for key, entry in _stored_questions(session).items() if key != question}
        if left:
            session.extensions[ASKED] = left
        else:
            session.extensions.pop(ASKED, None)


def _stored_questions(session: UserSession) -> Mapping[str, Any]:
    asked = session.extensions.get(ASKED)
    return asked if isinstance(asked, dict) else {}


def _read_question(key: str, entry: Any) -> FieldDecision | None:
    try:
        return FieldDecision(
            path=str(entry["path"]),
            taken="asked",
            ours=entry.get("ours", REMOVED),
            theirs=entry.get("theirs", REMOVED),
            ours_at=_time_or_none(entry.get("ours_at")),
            theirs_at=_time_or_none(entry.get("theirs_at")),
            part=str(entry["part"]),
            keys=tuple(entry["keys"]),
            question=key,
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None  # the app wrote something else there


def _time_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
