# SPDX-License-Identifier: Apache-2.0
"""
How a live session gets what others have saved: refreshed from the store, then absorbed.

The caller holds the track's lock.
"""

from __future__ import annotations

from typing import Any

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import GRANTS
from sessionkit.errors import NewerFormatError, SessionGoneError
from sessionkit.events import SessionGone, StoreWentBack
from sessionkit.merge.absorb import absorb_changes
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import SessionHead
from sessionkit.repository.attempt import encode_held, encode_live, is_conflict
from sessionkit.repository.stored_sessions import damage_of
from sessionkit.repository.tracks import (
    LastSeen,
    SaveContext,
    Track,
    Tracks,
    gone_reason,
    went_back,
    why_gone,
)
from sessionkit.session.fields import micros_now, to_micros
from sessionkit.session.forms import FORM, UNDO
from sessionkit.session.session import Origin, UserSession


def refresh_track(context: SaveContext, session: UserSession, track: Track) -> bool:
    """
    Record in *track* what is stored now, if someone else has saved the session.

    Returns:
        Whether the store was asked.

    Raises:
        SessionGoneError: If it was ended or replaced.
        UnavailableError: If the store can't be reached.
        NewerFormatError: If a newer release has saved it.
    """
    known = track.stored
    if track.attempt is not None:
        return False  # the next save meets what is stored
    if known is None:
        # What was begun while the store was down waits to be saved: that meets what is stored.
        is_asked = session.unused and not session.provisional
        return is_asked and _refresh_unstored(context, session, track)
    asked_at = micros_now()
    head = None if context.read_head is None else context.read_head(session.session_id)
    if head is not None and head.save_id in (known.head.save_id, track.unfit):
        session.owned_at = asked_at
        _record_times(track, known, head)
        track.missing = False
        return True
    seen = _load_parts(context, session, track, head)
    track.gone = track.gone or why_gone(context, session, track, seen)
    if track.gone is not None:
        context.emit(SessionGone(session_id=session.session_id, reason=track.gone))
        raise SessionGoneError(session.session_id, track.gone)
    if seen is None:
        record_missing(track)
    elif seen.usable:
        if seen.head.save_id != known.head.save_id:
            record_seen(context, session, track, seen)
        _record_times(track, known, seen.head)
        session.owned_at = asked_at
    return True


def _refresh_unstored(context: SaveContext, session: UserSession, track: Track) -> bool:
    """Record what somebody else has stored under the id of a session that was never stored here."""
    asked_at = micros_now()
    seen = _load_parts(context, session, track, None)
    track.gone = why_gone(context, session, track, seen)
    if track.gone is not None:
        context.emit(SessionGone(session_id=session.session_id, reason=track.gone))
        raise SessionGoneError(session.session_id, track.gone)
    if seen is not None and seen.usable:
        record_seen(context, session, track, seen)
        session.owned_at = asked_at
    return True


def _load_parts(
    context: SaveContext, session: UserSession, track: Track, head: SessionHead | None
) -> LastSeen | None:
    try:
        seen = context.load_parts(session.session_id, track.stored, None)
    except NewerFormatError:
        # An event told; until it is saved again, its head is enough to know it by.
        track.unfit = None if head is None else head.save_id
        raise
    track.unfit = None if seen is None or seen.usable else seen.head.save_id
    return seen


def _record_times(track: Track, known: LastSeen, head: SessionHead) -> None:
    """Record when a session that nobody has saved since was in use elsewhere, and so when it ends."""
    is_of_this_save = track.stored is known and head.save_id == known.head.save_id
    if is_of_this_save and head != known.head and damage_of(head) is None:
        track.stored = attrs.evolve(known, head=head)


def absorb_track(context: SaveContext, session: UserSession, track: Track) -> tuple[str, ...]:
    """
    Put what others changed, from base to stored, into the live session; then base is stored.

    Returns:
        Names of the parts that changed.
    """
    if track.stored is None or track.base is None or track.attempt is not None:
        return ()
    codec = context.codec
    with session.lock:
        live = encode_live(context, session, track).parts
        same_owner = track.stored.head.user_id == session.user_id
        if same_owner and is_conflict(context, session, track, live):
            return ()  # the next save asks the strategy first
        merged = context.merger.encoded(codec, track.base, live, track.stored.parts, track.decoded)
        typed = encode_held(context, session, track, live)
        if typed is None:
            names = _put_in(codec, session, live, merged)
        else:
            # What waits in a form is the user's own change, too, but none that a save contributes.
            both = context.merger.encoded(
                codec, track.base, typed, track.stored.parts, track.decoded
            )
            names = _put_in(codec, session, typed, both)
        track.base, track.last, track.foreign = track.stored.parts, merged, False
        session.save_id = track.stored.head.save_id
        track.decoded.forget(but=merged.get(STAMPS))
    return names


def _put_in(
    codec: SessionCodec, session: UserSession, live: EncodedParts, merged: EncodedParts
) -> tuple[str, ...]:
    """Change a session that is as *live* into *merged*; return the names of the parts that differ."""
    names = tuple(sorted(n for n in {*live, *merged} - {STAMPS} if live.get(n) != merged.get(n)))
    # A form and its steps are absorbed as one; of all else what is the same on both sides is not looked at.
    needed = {*names, *(FORM + name.removeprefix(UNDO) for name in names if name.startswith(UNDO))}
    before, after = (
        codec.decode(session.session_id, {name: parts[name] for name in parts if name in needed})
        for parts in (live, merged)
    )
    absorb_changes(session, before, after, names)
    return names


# -- what another writer stored ----------------------------------------------


def record_seen(context: SaveContext, session: UserSession, track: Track, seen: LastSeen) -> None:
    """Record what another writer has stored, or that the store went back."""
    known = track.stored
    track.missing = False
    track.shared.last_seen = seen
    if seen.head.save_id == session.save_id:
        # This very object was saved through another repository.
        track.base, track.stored, track.replaces = seen.parts, seen, None
    elif known is None:
        # It was never stored by us: its base is what it began as, and nothing is in conflict.
        if track.base is not None:
            track.base = _in_common(context.codec, track.base, seen.parts)
        if session.provisional and track.base is not None:
            # What is granted here and not there may have been revoked: nobody could look.
            track.base = {name: part for name, part in track.base.items() if name != GRANTS}
        track.stored, track.replaces = seen, None
        if session.provisional:
            session.origin = Origin.RESTORED
        session.provisional = session.unused = False
    elif not went_back(known.head, seen.head):
        track.stored, track.foreign = seen, True
        track.rewrite = track.rewrite or seen.damaged
    else:
        event = StoreWentBack(
            session_id=session.session_id,
            acknowledged=known.head.version,
            found=seen.head.version,
        )
        context.emit(event)
        _record_went_back(track, known, seen)


def _in_common(codec: SessionCodec, base: EncodedParts, theirs: EncodedParts) -> EncodedParts:
    """Return what is there in theirs, too, of what a session began as: nobody has removed the rest, it is new."""
    common: EncodedParts = {}
    for name in base.keys() & theirs.keys():
        common[name] = base[name]
        if base[name] != theirs[name]:
            part, other = (codec.decode_part(name, parts[name]) for parts in (base, theirs))
            entries = {field: _entries_of(part[field], other.get(field)) for field in part}
            common[name] = codec.serializer.dumps(entries)
    return common


def _entries_of(value: Any, other: Any) -> Any:  # noqa: ANN401 - what a part holds may be anything
    if type(value) is not dict or type(other) is not dict:
        return value
    return {key: _entries_of(entry, other[key]) for key, entry in value.items() if key in other}


def _record_went_back(track: Track, known: LastSeen, seen: LastSeen) -> None:
    if seen.head.save_id in known.head.recent:
        write_over(track, seen)
    else:
        # Someone saved on top of the old state: what both started from is lost.
        track.base, track.stored, track.foreign = None, seen, True


def write_over(track: Track, seen: LastSeen) -> None:
    """Have all parts stored again: what was acknowledged, or else what we have, is the truth."""
    track.missing = False
    if track.stored is None:
        track.replaces = seen
    else:
        track.stored = attrs.evolve(track.stored, head=seen.head, layout=seen.layout)
        track.rewrite = True


def record_missing(track: Track) -> None:
    """Have a session stored again, whole: no tombstone says that it ended, and this process has it."""
    track.replaces = None
    if track.stored is not None:
        track.stored = attrs.evolve(track.stored, layout={})
        track.rewrite = track.missing = True


# -- a session that the repository has not loaded itself ---------------------


def begin_track(context: SaveContext, session: UserSession) -> Track:
    """
    Return a track for a session that was made by the app, or read back from a dict.

    Raises:
        UnavailableError: If the store can't be reached.
        NewerFormatError: If a newer release wrote what is stored.
    """
    if session.ended:
        return Track(base=None, gone="moved")
    if session.save_id is None:
        return Track(base=_blank(context.codec, session))
    return _begin_stored(context, session, session.save_id)


def begin_from(tracks: Tracks, session: UserSession, shown: EncodedParts) -> bool:
    """
    Let the changes of a session that was never stored begin from what it was shown with.

    That has no stamps: it loses against any change.

    Args:
        tracks: What is known of live sessions.
        session: The session.
        shown: Its parts, encoded, as they were before anyone did anything in it.

    Returns:
        False where it is being saved, or is known to be stored: its changes have begun.
    """
    track = tracks.get_or_make(session, lambda: Track(base=shown))
    if not track.lock.acquire(blocking=False):
        return False
    try:
        if track.stored is not None or track.attempt is not None or not session.unused:
            return False
        track.base, track.last = shown, None
    finally:
        track.lock.release()
    return True


def _begin_stored(context: SaveContext, session: UserSession, save_id: str) -> Track:
    seen = context.load_parts(session.session_id, None, None)
    if seen is None:
        return _missing_track(context, session, save_id)
    if not seen.usable:
        return Track(base=_blank(context.codec, session), replaces=seen)
    began = attrs.evolve(seen.head, created_at=to_micros(session.created_at))
    gone = gone_reason(began, seen, session.user_id)
    if gone is not None:
        return Track(base=None, gone=gone)
    if seen.head.save_id == save_id:
        return Track(base=seen.parts, stored=seen)
    return Track(base=None, stored=seen, foreign=True)


def _missing_track(context: SaveContext, session: UserSession, save_id: str) -> Track:
    """Return a track for what was stored once: the next save creates it anew, on top of what others may know."""
    parts = context.codec.encode(session, {}).parts
    head = SessionHead(
        session_id=session.session_id,
        version=session.version,
        save_id=save_id,
        user_id=session.user_id,
        created_at=to_micros(session.created_at),
        last_activity=to_micros(session.last_activity),
    )
    stored = LastSeen(head=head, parts=parts, layout={}, authenticated=session.authenticated)
    track = Track(base=parts, stored=stored)
    record_missing(track)
    return track


def _blank(codec: SessionCodec, session: UserSession) -> EncodedParts:
    """Encode the empty session that *session* began as: all that differs is a change of ours."""
    blank = UserSession(session_id=session.session_id, created_at=session.created_at)
    return codec.encode(blank, {}).parts
