# SPDX-License-Identifier: Apache-2.0
"""What a line has to say of a session as it stands now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sessionkit.encoding.codec import EncodedParts
from sessionkit.encoding.parts import is_known
from sessionkit.journal.records import Before, Begin, Change, Parts, Sent, Step
from sessionkit.journal.state import State
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead


class View(NamedTuple):
    """
    How a session stands.

    Attributes:
        session_id: Its id.
        created_at: When it began, in microseconds since the epoch.
        save_id: The save that it was last stored by, or None.
        ours: Its parts.
        base: What its changes rest on; None when that is unknown.
        known: The record that was last seen in the store; None when it was never there.
        foreign: True when that is someone else's save that no strategy has decided on yet.
    """

    session_id: str
    created_at: int
    save_id: str | None
    ours: EncodedParts
    base: EncodedParts | None
    known: SessionHead | None
    foreign: bool


def changed_parts(view: View, sent: Sent | None = None) -> Parts:
    """
    Return the parts that a session changed and the store may lack.

    Args:
        view: How the session stands.
        sent: A write whose answer is not known.

    Returns:
        All parts, where it is not known what the store has.
    """
    ours, base = view.ours, view.base
    changed: Parts
    if base is None or view.known is None:
        changed = {name: data for name, data in ours.items() if is_known(name)}
    else:
        changed = {
            name: data for name, data in ours.items() if base.get(name) != data and is_known(name)
        }
    removed = (base or {}).keys() - ours.keys()
    names = removed if sent is None else removed | sent.parts.keys()
    changed.update({name: ours.get(name) for name in names if is_known(name)})
    return changed


def sent_by(head: SessionHead, view: View, changed: Parts) -> Sent:
    """Return what a write contributes that is made of a session as it stands."""
    return Sent(head, {**changed, **_stamps(view.ours)})


def sent_parts(view: View, state: State | None) -> Parts:
    """Return the parts that a write changes, or could: those that the line has changed, too."""
    names = () if state is None else state.ours
    return {**{name: view.ours.get(name) for name in names}, **changed_parts(view)}


def begun(  # noqa: PLR0913 - each is another fact about one line
    view: View, changed: Parts, serializer: str, line: int, at: int, *, sent: Sent | None = None
) -> Begin:
    """
    Return the record that says all of a session that has to be said.

    Args:
        view: How the session stands; for a write that is being sent, as that one has it.
        changed: Its parts that changed.
        serializer: The name of what encoded it.
        line: The line's number.
        at: Microseconds since the epoch.
        sent: A write whose answer is not known.
    """
    first = changed if sent is None else _without_stamps(sent.parts)
    later = {name: data for name, data in changed.items() if first.get(name, b"") != data}
    base: Parts | None = None
    if view.base is not None:
        base = {name: view.base.get(name) for name in changed} | _stamps(view.base)
    return Begin(
        line=line,
        session_id=view.session_id,
        serializer=serializer,
        created_at=view.created_at,
        save_id=view.save_id,
        base=base,
        known=view.known,
        foreign=view.foreign,
        steps=[Step(at, first)],
        sent=sent,
        after=[Step(at, later)] if sent is not None and later else (),
    )


def gone_on(  # noqa: PLR0913 - each is another fact about one change
    state: State,
    view: View,
    changed: Parts,
    line: int,
    at: int,
    *,
    before: Before,
    sending: SessionHead | None = None,
    ahead: bool = False,
) -> Change | None:
    """
    Return what is new since a line was last written to; None when nothing is.

    Args:
        state: What the line says; it fits the view.
        view: How the session stands.
        changed: Its parts that changed.
        line: The line's number.
        at: Microseconds since the epoch.
        before: What became of the write that was sent last.
        sending: The head of the write that is being sent.
        ahead: True when the line is ahead of what is being sent.
    """
    if before is Before.LANDED:
        state = _landed(state)
    base = _new_base(state, view, changed)
    ours = {
        name: data
        for name, data in changed.items()
        if (name in base and not ahead) or state.ours.get(name, b"") != data
    }
    dropped = tuple(name for name in state.ours if name not in changed)
    known = view.known if view.known != state.known else None
    if not (ours or dropped or sending):
        return None
    if sending is not None:
        ours |= _stamps(view.ours)
    return Change(
        line=line,
        at=at,
        before=before,
        base=base,
        ours=ours,
        dropped=dropped,
        known=known,
        foreign=view.foreign,
        sent=sending,
        ahead=ahead,
    )


def _landed(state: State) -> State:
    """Return what a line says once what was sent has landed."""
    if state.sent is None or state.base is None:
        return state
    return State(
        session_id=state.session_id,
        serializer=state.serializer,
        created_at=state.created_at,
        save_id=state.save_id,
        base={**state.base, **state.sent.parts},
        ours=state.ours,
        known=state.sent.head,
        foreign=False,
        sent=None,
    )


def _new_base(state: State, view: View, changed: Parts) -> Parts:
    if view.base is None or state.base is None:
        return {}
    base = {
        name: view.base.get(name)
        for name in changed
        if state.base.get(name, b"") != view.base.get(name)
    }
    return base | _stamps(view.base) if base else base


def _stamps(parts: Mapping[str, bytes]) -> Parts:
    return {STAMPS: parts[STAMPS]} if STAMPS in parts else {}


def _without_stamps(parts: Parts) -> Parts:
    return {name: data for name, data in parts.items() if name != STAMPS}


def fits(state: State, view: View, sent: str | None) -> bool:
    """
    Return whether a line can go on with a session as it stands.

    Args:
        state: What the line says.
        view: How the session stands.
        sent: The ``save_id`` of the write whose answer is not known, or None.
    """
    open_save = None if state.sent is None else state.sent.head.save_id
    return (
        state.session_id == view.session_id
        and (state.base is None) == (view.base is None)
        and (state.known is None) == (view.known is None)
        and (sent is None or open_save == sent)
    )
