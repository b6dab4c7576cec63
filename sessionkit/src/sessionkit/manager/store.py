# SPDX-License-Identifier: Apache-2.0
"""Makes what a repository is made of, and the journal, from what the settings say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from threading import RLock
from typing import TypedDict

import attrs

from sessionkit.conflict import ConflictStrategy
from sessionkit.encoding.codec import SessionCodec
from sessionkit.events import SessionEvent
from sessionkit.journal import Journal
from sessionkit.journal.replay import JournalRecovery
from sessionkit.merge.merger import Merger
from sessionkit.merge.policies import read_policies
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import SaveObserver, Tracks
from sessionkit.serializer import Serializer
from sessionkit.settings.settings import Settings
from sessionkit.storage import Storage


@attrs.define(kw_only=True, eq=False)
class Assembly:
    """
    Puts parts together, each when it is first needed.

    Attributes:
        settings: What to use.
        plugins: What is installed.
        emit: Takes events.
        observer: Told of saves to the settings' own store; None for nobody.
    """

    settings: Settings
    plugins: Plugins
    emit: Callable[[SessionEvent], None]
    observer: SaveObserver | None = None
    _storage: Storage | None = None
    _tracks: dict[str, Tracks] = attrs.field(factory=dict)
    _lock: RLock = attrs.field(factory=RLock)
    _merger: Merger = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Read the policies now: what is wrong with them is an error at start."""
        fields = self.settings.conflict.fields
        self._merger = Merger(read_policies(fields, where=self.settings.where))

    def storage(self) -> Storage:
        """
        Return the storage, open and set up.

        Raises:
            UnavailableError: If the store can't be reached; the next call tries again.
            PluginError: If the plugin is missing or broken.
            ConfigError: If its settings are wrong, or the store refuses them.
            NewerFormatError: If a newer release has set the store up.
        """
        with self._lock:
            if self._storage is None:
                self._storage = self.plugins.open_storage(self.settings)
            return self._storage

    def serializer(self, name: str) -> Serializer:
        """Return the serializer of a name."""
        table = self.settings.serializers.get(name, {})
        return self.plugins.serializer(name, table, where=self.settings.where)

    def strategy(self, name: str) -> ConflictStrategy:
        """Return the conflict strategy of a name."""
        table = self.settings.conflict_strategies.get(name, {})
        return self.plugins.conflict_strategy(name, table, where=self.settings.where)

    def parts(
        self,
        storage: Storage | None = None,
        serializer: str | None = None,
        conflict_strategy: ConflictStrategy | str | None = None,
    ) -> RepositoryParts:
        """
        Return what a repository is made of.

        Args:
            storage: An open storage; None for the settings'.
            serializer: A serializer's name; None for the settings'.
            conflict_strategy: A strategy or its name; None for the settings'.
        """
        name = serializer or self.settings.serializer
        strategy = conflict_strategy or self.settings.conflict_strategy
        expiry = self.settings.expiry
        # One live session has one track, or its own saves would look foreign to it. The
        # bytes in a track are one serializer's, of one store.
        tracks = self.tracks(name) if storage is None else Tracks()
        own = storage is None and name == self.settings.serializer
        return RepositoryParts(
            tracks=tracks,
            storage=self.storage() if storage is None else storage,
            codec=self.codec(name),
            strategy=self.strategy(strategy) if isinstance(strategy, str) else strategy,
            expiry=Expiry(idle=expiry.idle, absolute=expiry.absolute),
            emit=self.emit,
            merger=self._merger,
            observer=self.observer if own else None,
        )

    def codec(self, serializer: str) -> SessionCodec:
        """Return what encodes sessions with the serializer of a name."""
        return SessionCodec(
            serializer=self.serializer(serializer),
            name=serializer,
            others=self.serializer,
            max_bytes=self.settings.limits.session_bytes,
            privacy=self.settings.privacy.names,
        )

    def tracks(self, serializer: str) -> Tracks:
        """Return what is known of live sessions that the serializer of a name encodes."""
        return self._tracks.setdefault(serializer, Tracks())

    def close(self) -> None:
        """Close the storage, if it was opened."""
        with self._lock:
            if self._storage is not None:
                self._storage.close()
                self._storage = None


def make_recovery(
    assembly: Assembly,
    repository: Callable[[], Repository],
    now: Callable[[], datetime],
    emit: Callable[[SessionEvent], None],
) -> JournalRecovery | None:
    """
    Return the journal that the settings ask for, or None; it observes all saves from now on.

    Raises:
        ConfigError: If the system can't have one.
    """
    settings = assembly.settings.persistence
    if settings.journal is None:
        return None
    name = assembly.settings.serializer
    journal = Journal(
        settings.journal,
        codec=cache(lambda: assembly.codec(name)),
        tracks=lambda: assembly.tracks(name),
        now=now,
        emit=emit,
        fsync=settings.journal_fsync,
    )
    assembly.observer = journal
    return JournalRecovery(journal=journal, repository=repository, emit=emit)


class RepositoryParts(TypedDict):
    """The arguments of :class:`~sessionkit.repository.repository.Repository` that settings decide."""

    storage: Storage
    codec: SessionCodec
    strategy: ConflictStrategy
    expiry: Expiry
    emit: Callable[[SessionEvent], None]
    tracks: Tracks
    merger: Merger
    observer: SaveObserver | None
