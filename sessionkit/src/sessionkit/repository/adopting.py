# SPDX-License-Identifier: Apache-2.0
"""Where a session stands that its repository has not loaded itself."""

from __future__ import annotations

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.settling import why_gone
from sessionkit.repository.tracking import Track
from sessionkit.session.fields import to_micros
from sessionkit.session.session import UserSession


def adopt(context: SaveContext, session: UserSession) -> Track:
    """
    Return a track for a session that was made by the app, or read back from a dict.

    Raises:
        UnavailableError: If the store can't be reached.
        NewerFormatError: If a newer release wrote what is stored.
    """
    if session.save_id is None:
        return Track(base=_blank(context.codec, session))
    seen = context.look(session.session_id, None)
    if seen is None:
        return Track(base=None, gone="deleted")
    if not seen.usable:
        return Track(base=_blank(context.codec, session), replaces=seen)
    began = attrs.evolve(seen.head, created_at=to_micros(session.created_at))
    gone = why_gone(began, seen, session.user_id)
    if gone is not None:
        return Track(base=None, gone=gone)
    if seen.head.save_id == session.save_id:
        return Track(base=seen.parts, stored=seen)
    return Track(base=None, stored=seen, foreign=True)


def _blank(codec: SessionCodec, session: UserSession) -> EncodedParts:
    """Encode the empty session that *session* began as: all that differs is a change of ours."""
    blank = UserSession(session_id=session.session_id, created_at=session.created_at)
    return codec.encode(blank, {}).parts
