# SPDX-License-Identifier: Apache-2.0
"""Makes a session again of what a journal says, so that it can be saved as the live one would have been."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.journal.records import Parts, Sent, Step
from sessionkit.journal.state import State, fewer
from sessionkit.merge.merger import stamp_changes
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import Seen, Track
from sessionkit.session.fields import from_micros
from sessionkit.session.session import UserSession

_STEPS: Final = 32
"""Moments of which changes are told apart: each costs about as much as a save."""


def revive(repository: Repository, state: State) -> UserSession | None:
    """
    Return the session of a line, ready to be saved by *repository*.

    The save finds by itself what is no conflict (ended, deleted, written by someone
    else meanwhile), for the session is tracked as it was.

    Args:
        repository: Reads what is stored, and tracks the session.
        state: What the line says; it is changed to what is known then.

    Returns:
        None when the stored session has expired: nobody can have it any more.

    Raises:
        UnavailableError: If the store can't be reached.
        NewerFormatError: If a newer release wrote what is stored.
        SerializationError: If the line's parts can't be read.
        UnknownPluginError: If the serializer that wrote them is not installed.
    """
    codec = repository.codec
    _translate(codec, state)
    seen = repository.look(state.session_id) if _may_be_stored(state) else None
    if _has_landed(state, seen):
        state.land()
    if state.known is not None and seen is not None and not seen.usable:
        if repository.is_over(seen.head):
            return None
        state.known, state.base = None, None  # it can't be read: what we have is all there is
        track = Track(base={}, replaces=seen)
    else:
        track = _track(state, seen)
    track.last = _stamped(codec, state, track)
    session = _session(codec, state, track.last)
    if track.base is not None or track.stored is not None:
        repository.begin_at(session, track)
    return session


def _may_be_stored(state: State) -> bool:
    return state.known is not None or state.sent is not None


def _has_landed(state: State, seen: Seen | None) -> bool:
    if state.sent is None or seen is None:
        return False
    return state.sent.head.save_id in (seen.head.save_id, *seen.head.recent)


def _track(state: State, seen: Seen | None) -> Track:
    if state.known is None:
        # Never stored: all its parts are in the line. Without a base, the app had read it
        # from somewhere, and the repository finds where it stands.
        base = None if state.base is None else _over(_over({}, state.ours), state.base)
        return Track(base=base)
    start = {} if seen is None else seen.parts
    base = None if state.base is None else _over(start, state.base)
    foreign = state.foreign or base is None
    if seen is not None and seen.head.save_id == state.known.save_id:
        return Track(base=base, stored=seen, foreign=foreign)
    # As the live session knew the store: its save meets what is there now.
    layout = frozenset() if seen is None else seen.layout
    stored = Seen(head=state.known, parts=start if base is None else base, layout=layout)
    return Track(base=base, stored=stored, foreign=foreign)


def _over(parts: Mapping[str, bytes], changed: Parts) -> EncodedParts:
    """Return *parts* with what changed in them."""
    both = {**parts, **changed}
    return {name: data for name, data in both.items() if data is not None}


def _stamped(codec: SessionCodec, state: State, track: Track) -> EncodedParts:
    """Return the session's parts, each change with its own stamp."""
    last = track.last_known
    for step in fewer([*state.steps, *state.after], _STEPS):
        last = stamp_changes(codec, last, _over(last, step.parts), step.at)
    return last


def _session(codec: SessionCodec, state: State, parts: EncodedParts) -> UserSession:
    session = codec.decode(state.session_id, parts)
    session.created_at = from_micros(state.created_at)
    session.save_id = state.save_id
    if state.known is not None:
        session.version, session.save_id = state.known.version, state.known.save_id
    moments = [step.at for step in (*state.steps, *state.after)]
    moments.append(state.known.last_activity if state.known else state.created_at)
    session.last_activity = from_micros(max(moments))
    return session


def _translate(codec: SessionCodec, state: State) -> None:
    """Have a line's parts in the words of another serializer than the one that wrote them."""
    if state.serializer == codec.name:
        return
    other = codec.others(state.serializer)

    def translated(parts: Parts) -> Parts:
        return {
            name: None if data is None else codec.serializer.dumps(other.loads(data))
            for name, data in parts.items()
        }

    def each(steps: Iterable[Step]) -> list[Step]:
        return [Step(step.at, translated(step.parts)) for step in steps]

    state.base = None if state.base is None else translated(state.base)
    state.ours = translated(state.ours)
    state.steps, state.after = each(state.steps), each(state.after)
    if state.sent is not None:
        state.sent = Sent(state.sent.head, translated(state.sent.parts))
    state.serializer = codec.name
