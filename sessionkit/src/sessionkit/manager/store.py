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
from sessionkit.merge.policies import Policies, read_policies
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import SaveObserver, Tracks
from sessionkit.serializer import Serializer
from sessionkit.settings.settings import Settings
from sessionkit.settings.types import name_of_serializer
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
    _others: dict[str, Storage] = attrs.field(factory=dict)
    _tracks: dict[str, Tracks] = attrs.field(factory=dict)
    _lock: RLock = attrs.field(factory=RLock)
    _merger: Merger = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Read the policies now: what is wrong with them is an error at start."""
        fields = self.settings.conflict.fields
        self._merger = Merger(read_policies(fields, where=self.settings.where))

    @property
    def policies(self) -> Policies:
        """What the settings say of single fields."""
        return self._merger.policies

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

    def storage_named(self, name: str) -> Storage:
        """
        Return the storage of a name: the settings' own, or another one, opened with its settings; it is closed with this.

        Raises as :meth:`storage`.
        """
        with self._lock:
            if self.settings.storage == name:
                return self.storage()
            if name not in self._others:
                other = attrs.evolve(self.settings, storage=name)
                self._others[name] = self.plugins.open_storage(other)
            return self._others[name]

    def serializer(self, given: Serializer | str) -> Serializer:
        """Return the serializer of a name; one that is given as an object is that itself."""
        if not isinstance(given, str):
            return given
        own = self.settings.serializer
        if not isinstance(own, str) and name_of_serializer(own) == given:
            return own
        table = self.settings.serializers.get(given, {})
        return self.plugins.serializer(given, table, where=self.settings.where)

    def strategy(self, given: ConflictStrategy | str) -> ConflictStrategy:
        """Return the conflict strategy of a name; one that is given as an object is that itself."""
        if not isinstance(given, str):
            return given
        table = self.settings.conflict_strategies.get(given, {})
        return self.plugins.conflict_strategy(given, table, where=self.settings.where)

    def parts(
        self,
        storage: Storage | str | None = None,
        serializer: Serializer | str | None = None,
        conflict_strategy: ConflictStrategy | str | None = None,
    ) -> RepositoryParts:
        """
        Return what a repository is made of.

        Args:
            storage: An open storage or its name; None for the settings'.
            serializer: A serializer or its name; None for the settings'.
            conflict_strategy: A strategy or its name; None for the settings'.
        """
        if isinstance(storage, str):
            storage = None if storage == self.settings.storage else self.storage_named(storage)
        chosen = self.settings.serializer if serializer is None else serializer
        name = chosen if isinstance(chosen, str) else name_of_serializer(chosen)
        strategy = conflict_strategy or self.settings.conflict_strategy
        expiry = self.settings.expiry
        # One live session has one track, or its own saves would look foreign to it. The
        # bytes in a track are one serializer's, of one store.
        tracks = self.tracks(name) if storage is None else Tracks()
        own = storage is None and (
            serializer is None or name == name_of_serializer(self.settings.serializer)
        )
        return RepositoryParts(
            tracks=tracks,
            storage=self.storage() if storage is None else storage,
            codec=self.codec(chosen),
            strategy=self.strategy(strategy),
            expiry=Expiry(idle=expiry.idle, absolute=expiry.absolute),
            emit=self.emit,
            merger=self._merger,
            observer=self.observer if own else None,
        )

    def codec(self, serializer: Serializer | str) -> SessionCodec:
        """Return what encodes sessions with a serializer, or with that of a name."""
        return SessionCodec(
            serializer=self.serializer(serializer),
            name=serializer if isinstance(serializer, str) else name_of_serializer(serializer),
            others=self.serializer,
            max_bytes=self.settings.limits.session_bytes,
            privacy=self.settings.privacy.names,
        )

    def tracks(self, serializer: str) -> Tracks:
        """Return what is known of live sessions that the serializer of a name encodes."""
        return self._tracks.setdefault(serializer, Tracks())

    def close(self) -> None:
        """Close what was opened here: an open storage that the settings were given is whose who opened it."""
        with self._lock:
            if self._storage is not None and self._storage is not self.settings.storage:
                self._storage.close()
            self._storage = None
            while self._others:
                self._others.popitem()[1].close()


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
    serializer = assembly.settings.serializer
    name = name_of_serializer(serializer)
    journal = Journal(
        settings.journal,
        codec=cache(lambda: assembly.codec(serializer)),
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
