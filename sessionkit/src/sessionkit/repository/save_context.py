# SPDX-License-Identifier: Apache-2.0
"""What every save of a repository needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from sessionkit.conflict import ConflictStrategy
from sessionkit.encoding.codec import SessionCodec
from sessionkit.events import SessionEvent
from sessionkit.merge.merger import Merger
from sessionkit.records import SessionHead
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.tracking import Seen, Track
from sessionkit.session.session import UserSession
from sessionkit.storage import Storage


class SaveInProgress(Protocol):
    """What an observer sees of a save."""

    @property
    def session(self) -> UserSession:
        """The live session."""

    @property
    def track(self) -> Track:
        """Its place between app and store; its lock is held."""

    @property
    def error(self) -> Exception | None:
        """Why it failed, or None."""


class SaveObserver(Protocol):
    """Told of saves by those who make them, on their threads; raises nothing."""

    def sending(self, saves: Sequence[SaveInProgress]) -> None:
        """Take saves whose writes are sent next."""

    def settled(self, saves: Sequence[SaveInProgress]) -> None:
        """Take saves that are done, well or not."""


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
        look: Reads what the store holds of an id; what is known of it need not be decoded again.
        look_head: Reads the head alone; None where the store can't.
        now: Returns the present moment, aware.
        emit: Takes events.
        observer: Told of writes before they are sent, and of what became of them; None for nobody.
    """

    storage: Storage
    codec: SessionCodec
    strategy: ConflictStrategy
    merger: Merger
    expiry: Expiry
    look: Callable[[str, Seen | None], Seen | None]
    look_head: Callable[[str], SessionHead | None] | None
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]
    observer: SaveObserver | None = None
