# SPDX-License-Identifier: Apache-2.0
"""
What a save is to write: the session encoded, and brought together with what is stored.

The caller holds the track's lock.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sessionkit.conflict import ConflictReport, resolve
from sessionkit.encoding.codec import Encoded, EncodedParts, SessionCodec, until_steady
from sessionkit.encoding.parts import PlainPart
from sessionkit.errors import ConflictError
from sessionkit.events import ValueNotRead, ValueNotSaved
from sessionkit.merge.fields import conflict_of, conflicting_fields
from sessionkit.merge.stamps import STAMPS, Changes, stamp_changes, stamped
from sessionkit.records import RECENT_SAVES, SessionHead, SessionWrite
from sessionkit.repository.tracks import Attempt, Owner, ResolvedConflict, SaveContext, Track
from sessionkit.session.fields import NOTHING, new_save_id, to_micros
from sessionkit.session.forms import FORM, held_parts
from sessionkit.session.session import NotKept, UserSession


class Intent(NamedTuple):
    """
    What a session is to be stored as.

    Attributes:
        attempt: The write; None when the store has it all.
        resolved: The conflict with another writer that was resolved, if there was one.
    """

    attempt: Attempt | None
    resolved: ResolvedConflict | None = None


def encode_to_save(context: SaveContext, session: UserSession, track: Track) -> Encoded:
    """Encode a session, and tell what can't be kept, or did not fit as it was read; each value once."""
    encoded = encode_live(context, session, track)
    if session.states is not None:
        for path, reason in session.states.take_not_read().items():
            context.emit(ValueNotRead(session_id=session.session_id, path=path, reason=reason))
    if not encoded.refused and not session.not_kept:
        return encoded
    told = {value.path for value in session.not_kept}
    session.not_kept = tuple(NotKept(error.path, error.reason) for error in encoded.refused)
    for value in session.not_kept:
        if value.path not in told:
            event = ValueNotSaved(
                session_id=session.session_id, path=value.path, reason=value.reason
            )
            context.emit(event)
    return encoded


def intend(context: SaveContext, session: UserSession, track: Track, encoded: Encoded) -> Intent:
    """
    Say what has to be written so that the store has a session's changes.

    Args:
        context: What every save needs.
        session: The session.
        track: What is known of the store.
        encoded: The session, as it was when the save began.

    Raises:
        ConflictError: If the conflict strategy refused.
        PluginError: If it failed, or returned what can't be stored.
        SessionKitError: If the session is too large, or can't be decoded or encoded.
    """
    stored, ours = track.stored, encoded.parts
    conflict = is_conflict(context, session, track, ours)
    target = _target(context, session.session_id, track, ours, conflict=conflict)
    before = stored.parts if stored and not track.rewrite else {}
    changed = differing(before, target)
    resolved = _resolved_conflict(context, track, ours, target) if conflict else None
    if stored is not None and before == target:
        return Intent(attempt=None, resolved=resolved)
    under = stored or track.replaces
    if stored and before.get("profile") == target["profile"]:
        owner = Owner(stored.head.user_id, stored.authenticated)
    else:
        profile = track.decoded.part(context.codec, "profile", target["profile"])
        owner = Owner(profile.get("user_id"), profile.get("authenticated", False))
    sealed = context.codec.seal(target, before, under.layout if under else {})
    write = SessionWrite(
        head=_head(context, session, stored.head if stored else None, owner),
        expected=under.head.save_id if under and not track.missing else None,
        put=sealed.put,
        remove=sealed.remove,
    )
    attempt = Attempt(
        write=write,
        ours=ours,
        target=target,
        layout=sealed.layout,
        changed=changed,
        resolved=resolved,
        authenticated=owner.authenticated,
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
    return context.merger.encoded(context.codec, track.base, ours, theirs, track.decoded)


def _decide(
    context: SaveContext, session_id: str, track: Track, ours: EncodedParts
) -> EncodedParts:
    codec, base = context.codec, track.base
    theirs = track.stored.parts if track.stored else {}
    merged = context.merger.encoded(codec, base, ours, theirs, track.decoded)
    if context.decide is None:
        return merged  # decoding it would be for nothing but to encode it again
    conflict = conflict_of(codec, session_id, base=base, ours=ours, theirs=theirs, merged=merged)
    decided = resolve(context.decide, conflict)
    if decided is None:
        raise ConflictError(session_id, track.stored.head if track.stored else None)
    # What differs from a merge is a decision made now, and later than both.
    encoded = codec.encode(decided, merged)
    for error in encoded.refused:
        context.emit(ValueNotSaved(session_id=session_id, path=error.path, reason=error.reason))
    return stamp_changes(codec, merged, encoded.parts, to_micros(context.now()))


def _resolved_conflict(
    context: SaveContext, track: Track, ours: EncodedParts, target: EncodedParts
) -> ResolvedConflict:
    base = track.base
    theirs = track.stored.parts if track.stored else {}
    parts = differing(ours, theirs)
    report = ConflictReport(lambda: conflicting_fields(context.codec, base, ours, theirs, target))
    return ResolvedConflict(parts, report)


def _head(
    context: SaveContext, session: UserSession, before: SessionHead | None, owner: Owner
) -> SessionHead:
    created_at = before.created_at if before else to_micros(session.created_at)
    last_activity = session.activity.micros
    if before and 0 <= last_activity - before.last_activity < context.expiry.touch_interval:
        # Stores keep indices on it: so little activity is worth none of their writes.
        last_activity = before.last_activity
    return SessionHead(
        session_id=session.session_id,
        version=before.version + 1 if before else 1,
        save_id=new_save_id(),
        recent=(before.save_id, *before.recent)[:RECENT_SAVES] if before else (),
        user_id=owner.user_id,
        created_at=created_at,
        last_activity=last_activity,
        expires_at=context.expiry.of(created_at=created_at, last_activity=last_activity),
    )


# -- is the strategy to be asked? --------------------------------------------


def is_conflict(
    context: SaveContext, session: UserSession, track: Track, ours: EncodedParts
) -> bool:
    """
    Return whether the strategy is to be asked before our changes are stored.

    Any change of ours is in conflict with a save by someone else that no strategy has decided
    on. After a decision the live session may not show yet what was decided: then a change of
    ours is in conflict with it where it is made to the very fields in which both differ, else a
    rule such as "never less" would hold for the first save only.

    Args:
        context: What every save needs.
        session: The live session.
        track: What is known of the store.
        ours: The session's parts, as they are to be saved.
    """
    stored, base = track.stored, track.base
    if stored is None or ours == base:
        return False
    if track.foreign:
        return bool(differing(ours, stored.parts))
    if not session.version or stored.parts == base or context.decide is None:
        return False  # never stored by us, nothing to decide, or a merge anyway
    return bool(conflicting_fields(context.codec, base, ours, stored.parts, stored.parts))


def differing(one: EncodedParts, other: EncodedParts) -> tuple[str, ...]:
    """Return the names of the parts that are not the same, but for the stamps."""
    # Never by sets of bytes: most are the same objects, and hashing takes longer than comparing.
    names = one.keys() | other.keys()
    unequal = [name for name in names if one.get(name) != other.get(name) and name != STAMPS]
    return tuple(sorted(unequal))


# -- the live session, encoded -----------------------------------------------


def encode_live(context: SaveContext, session: UserSession, track: Track) -> Encoded:
    """
    Encode a session, and stamp its changes.

    They were made when the app last said that there are some, as it does by scheduling a save;
    an input when it was set; else now. A save that is tried again later encodes it again; what changed before the
    first try keeps its stamp. Forms that don't save themselves are as they were
    encoded last, unless the app has asked for them: then they are as they are now.
    """
    last = track.last_known
    with session.lock:
        times = session.change_times
        inputs = {key: at // 1000 for key, at in times.inputs.items()} if times.inputs else {}
        now = times.others // 1000 or to_micros(context.now())
        held = held_parts(session) if session.form_states else NOTHING
        marked = _held_from_now(context.codec, last, held) if held else {}
        known = last
        if marked:
            dumps = context.codec.serializer.dumps
            known = last | {name: dumps(part) for name, part in marked.items()}
        encoded = context.codec.encode(session, known, held)
        if "profile" in encoded.changed:  # nothing in there is the app's own: it stays as it is
            track.decoded.put((encoded.parts["profile"], encoded.changed["profile"]))
        changes = Changes(marked | encoded.changed, now, inputs)
        # Under the lock: by it a journal knows what it kept before, and what after.
        track.last = until_steady(
            stamped, context.codec, last, encoded.parts, changes, track.decoded
        )
        if session.forms_asked_for:
            session.forms_asked_for = NOTHING
        times.others, times.inputs = 0, {}
    return Encoded(track.last, encoded.refused, encoded.changed)


def encode_held(
    context: SaveContext, session: UserSession, track: Track, live: EncodedParts
) -> EncodedParts | None:
    """
    Encode a session with what the user typed into forms that don't save themselves.

    Args:
        context: Encodes.
        session: The session; the caller has its lock.
        track: What is known of it.
        live: As :func:`encode_live` has encoded it just now.

    Returns:
        Its parts, with stamps of now for what *live* lacks; None when there are no such forms.
    """
    if not held_parts(session):
        return None
    encoded = context.codec.encode(session, live)
    changes = Changes(encoded.changed, to_micros(context.now()))
    return until_steady(stamped, context.codec, live, encoded.parts, changes, track.decoded)


def _held_from_now(
    codec: SessionCodec, last: EncodedParts, held: AbstractSet[str]
) -> dict[str, PlainPart]:
    """Return the forms that are held from now on, with the one thing about them that changes by itself: that they are."""
    parts = codec.decode_parts(
        last, (name for name in sorted(held & last.keys()) if name.startswith(FORM))
    )
    return {
        name: {**part, "auto_save": False}
        for name, part in parts.items()
        if part.get("auto_save", True)
    }
