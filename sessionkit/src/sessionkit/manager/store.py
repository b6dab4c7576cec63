# SPDX-License-Identifier: Apache-2.0
"""The store of the settings, opened when it is first needed, and what a repository is made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import TypedDict

import attrs

from sessionkit.conflict import ConflictStrategy
from sessionkit.encoding.codec import SessionCodec
from sessionkit.errors import UnavailableError
from sessionkit.events import SessionEvent
from sessionkit.merge.merger import Merger
from sessionkit.merge.policies import Policies, read_policies
from sessionkit.persistence.health import Outage
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import SaveObserver, Tracks
from sessionkit.serializer import Serializer
from sessionkit.settings.settings import Settings, check_journal_folder
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
        return self._tracks.get(serializer) or self._tracks.setdefault(serializer, Tracks())

    def close(self) -> None:
        """Close what was opened here: an open storage that the settings were given is whose who opened it."""
        with self._lock:
            if self._storage is not None and self._storage is not self.settings.storage:
                self._storage.close()
            self._storage = None
            while self._others:
                self._others.popitem()[1].close()


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


class Store:
    """
    The store of the settings: its repository, opened when it is first needed.

    Attributes:
        settings: What to use.
        emit: Takes events.
        outage: Whether the store was down just now: nobody waits to find that out again.
        if_open: The repository, or None while the store was never opened; never waits.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        emit: Callable[[SessionEvent], None],
    ) -> None:
        """
        Open nothing yet.

        Args:
            settings: What to use.
            plugins: What is installed.
            now: Returns the present moment, aware.
            clock: Returns seconds that never go back.
            emit: Takes events.
        """
        self.settings = settings
        self.emit = emit
        self.outage = Outage(clock)
        self.if_open: Repository | None = None
        self._plugins = plugins
        self._now = now
        self._opening, self._assembling = RLock(), RLock()
        self._assembly: Assembly | None = None
        self._was_checked = False
        self._watch: Callable[[Storage], None] = _ignore
        self._is_unwatched: Callable[[], bool] = bool
        self._recover: Callable[[Repository], None] = _ignore

    def watch_by(self, begin: Callable[[Storage], None], is_unwatched: Callable[[], bool]) -> None:
        """
        Have what others save heard of, before anyone is given a repository.

        Args:
            begin: Begins to hear it.
            is_unwatched: Tells whether that is to be tried again, since it could not begin.
        """
        self._watch, self._is_unwatched = begin, is_unwatched

    def recover_by(self, recover: Callable[[Repository], None]) -> None:
        """Have what dead processes left stored, after that."""
        self._recover = recover

    @property
    def assembly(self) -> Assembly:
        """Makes storage, serializer and strategy; raises :class:`ConfigError` as it is made."""
        with self._assembling:  # not the other lock: who has that may be waiting for the store
            if self._assembly is None:
                self._assembly = Assembly(
                    settings=self.settings, plugins=self._plugins, emit=self.emit
                )
            return self._assembly

    @property
    def repository(self) -> Repository:
        """Loads and saves whole sessions; raises as :meth:`Assembly.storage` does."""
        return self.if_open or self._open()

    def _open(self) -> Repository:
        """Open the storage, watch it, and store what the journal has; only then is there a repository for others."""
        with self._opening:
            self._watch(self.assembly.storage())
            if self.if_open is None:
                repository = Repository(**self.assembly.parts(), now=self._now)
                self._recover(repository)
                self.if_open = repository
                if self.outage.is_known:
                    self.outage.record_answer()
            return self.if_open

    def check(self) -> None:
        """
        Open the store, and look at the journal's folder, once a process: what is wrong with the settings is an
        error where the app starts. A store that could not be watched is asked again.

        A store that is down for now is none: sessions are provisional until it answers. Who finds that
        out has waited for it, and nobody else does.

        Raises:
            ConfigError: If the settings are wrong, or the store refuses them.
            PluginError: If a plugin is missing or broken.
            NewerFormatError: If a newer release has set the store up.
        """
        if self._was_checked and (self.if_open is None or not self._is_unwatched()):
            return
        with self._opening:  # whoever comes meanwhile is told what the first one found
            if not self._was_checked:
                check_journal_folder(self.settings)
                try:
                    _ = self.repository
                except UnavailableError as error:
                    self.outage.record_down(error)
                self._was_checked = True
            elif self.if_open is not None:
                self._open()

    def close(self) -> None:
        """Close the storages, if any was opened."""
        if self._assembly is not None:
            self._assembly.close()


def _ignore(_: object) -> None:
    """Do nothing."""
