# SPDX-License-Identifier: Apache-2.0
"""A live session as it is now, encoded, with a stamp for each change. The caller holds the track's lock."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from sessionkit.encoding.codec import Encoded, EncodedParts, Note, SessionCodec
from sessionkit.merge.merger import Stamper
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.tracking import Track
from sessionkit.session.fields import to_micros
from sessionkit.session.forms import FORM
from sessionkit.session.held_forms import held_parts
from sessionkit.session.session import UserSession


def encode_live(context: SaveContext, session: UserSession, track: Track) -> Encoded:
    """
    Encode a session, and note when its changes were first seen: now.

    A save that is tried again later encodes it again; what changed before the
    first try keeps its stamp. Forms that don't save themselves are as they were
    encoded last, unless the app has asked for them: then they are as they are now.
    """
    last = track.last_known
    stamper = Stamper(context.codec, last, to_micros(context.now()))
    with session.lock:
        held = held_parts(session)
        kept = _held_from_now(context.codec, last, held, stamper.note) if held else last
        encoded = context.codec.encode(session, kept, stamper.note, held)
        if session.forms_asked_for:
            session.forms_asked_for = frozenset()
        # Under the lock: by it a journal knows what it kept before, and what after.
        track.last = stamper.stamped(encoded.parts)
    return Encoded(track.last, encoded.refused)


def encode_held(
    context: SaveContext, session: UserSession, live: EncodedParts
) -> EncodedParts | None:
    """
    Encode a session with what the user typed into forms that don't save themselves.

    Args:
        context: Encodes.
        session: The session; the caller has its lock.
        live: As :func:`encode_live` has encoded it just now.

    Returns:
        Its parts, with stamps of now for what *live* lacks; None when there are no such forms.
    """
    if not held_parts(session):
        return None
    stamper = Stamper(context.codec, live, to_micros(context.now()))
    return stamper.stamped(context.codec.encode(session, live, stamper.note).parts)


def _held_from_now(
    codec: SessionCodec, last: EncodedParts, held: AbstractSet[str], note: Note
) -> EncodedParts:
    """Return *last* with the one thing about a held form that changes by itself: that it is held."""
    kept = dict(last)
    for name in sorted(held & last.keys()):
        part = codec.decode_part(name, last[name])
        if name.startswith(FORM) and part.get("auto_save", True):
            part["auto_save"] = False
            kept[name] = codec.serializer.dumps(part)
            note(name, part)
    return kept
