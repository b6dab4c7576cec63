# SPDX-License-Identifier: Apache-2.0
"""What every save of a repository needs."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from sessionkit.codec import SessionCodec
from sessionkit.conflict import ConflictStrategy
from sessionkit.events import SessionEvent
from sessionkit.expiry import Expiry
from sessionkit.merger import Merger
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
        emit: Takes events.
    """

    storage: Storage
    codec: SessionCodec
    strategy: ConflictStrategy
    merger: Merger
    expiry: Expiry
    look: Callable[[str], Seen | None]
    emit: Callable[[SessionEvent], None]
