# SPDX-License-Identifier: Apache-2.0
"""A live session as it is now, encoded, with a stamp for each change. The caller holds the track's lock."""

from __future__ import annotations

from sessionkit.codec import Encoded
from sessionkit.moments import to_micros
from sessionkit.save_context import SaveContext
from sessionkit.session import UserSession
from sessionkit.stamping import Stamper
from sessionkit.tracking import Track


def encode_live(context: SaveContext, session: UserSession, track: Track) -> Encoded:
    """
    Encode a session, and note when its changes were first seen: now.

    A save that is tried again later encodes it again; what changed before the
    first try keeps its stamp.
    """
    last = track.last_known
    stamper = Stamper(context.codec, last, to_micros(context.now()))
    encoded = context.codec.encode(session, last, stamper.note)
    track.last = stamper.stamped(encoded.parts)
    return Encoded(track.last, encoded.refused)
