# SPDX-License-Identifier: Apache-2.0
"""What a save writes: the session encoded, brought together with what is stored."""

from __future__ import annotations

from typing import NamedTuple

from sessionkit.deciding import decision_of
from sessionkit.decisions import ConflictReport
from sessionkit.encoding.codec import Encoded, EncodedParts
from sessionkit.encoding.parts import PlainPart
from sessionkit.errors import ConflictError
from sessionkit.events import ValueNotSaved
from sessionkit.merge.fields import conflict_of, met_fields
from sessionkit.merge.merger import stamp_changes
from sessionkit.merge.strategies import Merge
from sessionkit.records import RECENT_SAVES, SessionHead, SessionWrite
from sessionkit.repository.detecting import differing, is_conflict
from sessionkit.repository.encoding import encode_live
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.tracking import Attempt, Meeting, Track
from sessionkit.session.fields import new_save_id, to_micros
from sessionkit.session.session import NotKept, UserSession


class Intent(NamedTuple):
    """
    What a session is to be stored as.

    Attributes:
        attempt: The write; None when the store has it all.
        met: The writers who met, if any did.
    """

    attempt: Attempt | None
    met: Meeting | None = None


def encode_to_save(context: SaveContext, session: UserSession, track: Track) -> Encoded:
    """Encode a session, and tell what can't be kept; each value once."""
    encoded = encode_live(context, session, track)
    told = {value.path for value in session.not_kept}
    session.not_kept = tuple(NotKept(error.path, error.reason) for error in encoded.refused)
    for value in session.not_kept:
        if value.path not in told:
            event = ValueNotSaved(
                session_id=session.session_id, path=value.path, reason=value.reason
            )
            context.emit(event)
    return encoded


def intend(context: SaveContext, session: UserSession, track: Track, ours: EncodedParts) -> Intent:
    """
    Say what has to be written so that the store has a session's changes.

    Args:
        context: What every save needs.
        session: The session.
        track: What is known of the store.
        ours: The session's parts, encoded when the save began.

    Raises:
        ConflictError: If the conflict strategy refused.
        PluginError: If it failed, or returned what can't be stored.
        SessionKitError: If the session is too large, or can't be decoded or encoded.
    """
    stored = track.stored
    conflict = is_conflict(context, session, track, ours)
    target = _target(context, session.session_id, track, ours, conflict=conflict)
    met = _meeting(context, track, ours, target) if conflict else None
    before = stored.parts if stored and not track.rewrite else {}
    changed = differing(before, target)
    if stored is not None and before == target:
        return Intent(attempt=None, met=met)
    under = stored or track.replaces
    sealed = context.codec.seal(target, before, under.layout if under else ())
    profile = context.codec.decode_part("profile", target["profile"])
    write = SessionWrite(
        head=_head(context, session, stored.head if stored else None, profile),
        expected=under.head.save_id if under else None,
        put=sealed.put,
        remove=sealed.remove,
    )
    attempt = Attempt(
        write=write,
        ours=ours,
        target=target,
        layout=sealed.layout,
        changed=changed,
        met=met,
        authenticated=profile.get("authenticated", False),
    )
    return Intent(attempt=attempt)


def _target(
    context: SaveContext, session_id: str, track: Track, ours: EncodedParts, *, conflict: bool
) -> EncodedParts:
    if track.stored is None or track.stored.parts == track.base:
        return ours
    theirs = track.stored.parts
    if ours == track.base:
        return theirs
    if conflict:
        return _decide(context, session_id, track, ours)
    # Also where both did the same: two equal changes of a counter are two changes.
    return context.merger.encoded(context.codec, track.base, ours, theirs)


def _decide(
    context: SaveContext, session_id: str, track: Track, ours: EncodedParts
) -> EncodedParts:
    codec, base = context.codec, track.base
    theirs = track.stored.parts if track.stored else {}
    merged = context.merger.encoded(codec, base, ours, theirs)
    if type(context.strategy) is Merge:
        return merged  # decoding it would be for nothing but to encode it again
    conflict = conflict_of(codec, session_id, base=base, ours=ours, theirs=theirs, merged=merged)
    decided = decision_of(context.strategy, conflict)
    if decided is None:
        raise ConflictError(session_id, track.stored.head if track.stored else None)
    # What differs from a merge is a decision made now, and later than both.
    parts = codec.encode(decided, merged).parts
    return stamp_changes(codec, merged, parts, to_micros(context.now()))


def _meeting(
    context: SaveContext, track: Track, ours: EncodedParts, target: EncodedParts
) -> Meeting:
    base = track.base
    theirs = track.stored.parts if track.stored else {}
    report = ConflictReport(lambda: met_fields(context.codec, base, ours, theirs, target))
    return Meeting(differing(ours, theirs), report)


def _head(
    context: SaveContext, session: UserSession, before: SessionHead | None, profile: PlainPart
) -> SessionHead:
    created_at = before.created_at if before else to_micros(session.created_at)
    last_activity = to_micros(session.last_activity)
    if before and 0 <= last_activity - before.last_activity < context.expiry.touch_interval:
        # Stores keep indices on it: so little activity is worth none of their writes.
        last_activity = before.last_activity
    return SessionHead(
        session_id=session.session_id,
        version=before.version + 1 if before else 1,
        save_id=new_save_id(),
        recent=(before.save_id, *before.recent)[:RECENT_SAVES] if before else (),
        user_id=profile.get("user_id"),
        created_at=created_at,
        last_activity=last_activity,
        expires_at=context.expiry.of(created_at=created_at, last_activity=last_activity),
    )
