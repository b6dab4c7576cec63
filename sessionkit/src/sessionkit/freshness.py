# SPDX-License-Identifier: Apache-2.0
"""How a live session learns what others have saved. The caller holds the track's lock."""

from __future__ import annotations

from sessionkit.absorbing import apply_parts
from sessionkit.codec import SessionCodec
from sessionkit.errors import SessionGoneError
from sessionkit.merge import three_way
from sessionkit.save_context import SaveContext
from sessionkit.session import UserSession
from sessionkit.settling import went_back, why_gone
from sessionkit.tracking import Track


def look_again(context: SaveContext, session: UserSession, track: Track) -> None:
    """
    Note in *track* what is stored now, if someone else has saved the session.

    Raises:
        SessionGoneError: If it was ended, deleted or replaced.
        UnavailableError: If the store can't be reached.
    """
    known = track.stored
    if known is None or track.attempt is not None:
        return  # the next save meets what is stored
    seen = context.look(session.session_id)
    track.gone = track.gone or why_gone(known.head, seen, session.user_id)
    if track.gone is not None:
        raise SessionGoneError(session.session_id, track.gone)
    if seen is None or not seen.usable or seen.head.save_id == known.head.save_id:
        return
    if not went_back(known.head, seen.head):
        track.stored, track.foreign = seen, True


def take_in(codec: SessionCodec, session: UserSession, track: Track) -> tuple[str, ...]:
    """
    Put what others changed, from base to stored, into the live session; then base is stored.

    Returns:
        Names of the parts that changed.
    """
    if track.stored is None or track.base is None or track.attempt is not None:
        return ()
    with session.lock:
        live = codec.encode(session, track.base).parts
        if track.foreign and live != track.base:
            return ()  # two writers met: the next save asks the strategy first
        merged = three_way(codec, track.base, live, track.stored.parts)
        names = tuple(sorted(n for n in {*live, *merged} if live.get(n) != merged.get(n)))
        before, after = (codec.decode(session.session_id, parts) for parts in (live, merged))
        apply_parts(session, before, after, names)
        track.base, track.foreign = track.stored.parts, False
    return names
