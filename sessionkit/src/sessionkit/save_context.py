# SPDX-License-Identifier: Apache-2.0
"""What every save of a repository needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from sessionkit.codec import SessionCodec
from sessionkit.conflict import ConflictStrategy
from sessionkit.events import SessionEvent
from sessionkit.expiry import Expiry
from sessionkit.merger import Merger
from sessionkit.records import SessionHead
from sessionkit.storage import Storage
from sessionkit.tracking import Seen


@attrs.frozen(kw_only=True)
class SaveContext:
    """
    What every save needs; the repository makes it once.

    Attributes:
        storage: Takes the writes.
        codec: Encodes and decodes.
        strategy: Decides when two writers met.
        merger: Merges what needs no decision, and what a strategy leaves to it.
        expiry: When sessions end by themselves.
        look: Reads what the store holds of an id.
        look_head: Reads the head alone; None where the store can't.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    storage: Storage
    codec: SessionCodec
    strategy: ConflictStrategy
    merger: Merger
    expiry: Expiry
    look: Callable[[str], Seen | None]
    look_head: Callable[[str], SessionHead | None] | None
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]
