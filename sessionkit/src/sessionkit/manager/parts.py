# SPDX-License-Identifier: Apache-2.0
"""What a manager is made of: hosts, live sessions, storage and repository, opened when they are first needed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Final

from sessionkit.errors import UnavailableError
from sessionkit.events import (
    SessionEvent,
    SessionSaved,
    SessionStoredAgain,
    StoreWentBack,
    log_event,
)
from sessionkit.host import Host
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.rerun_check import RerunCheck
from sessionkit.manager.store import Assembly
from sessionkit.manager.watch import Watcher
from sessionkit.persistence.health import Outage
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.repository import Repository
from sessionkit.settings.settings import Settings, check_journal_folder
from sessionkit.storage import Storage

if TYPE_CHECKING:
    from sessionkit.tokens import Tokens

_LOGGER: Final = logging.getLogger("sessionkit")


class ManagerParts:
    """
    Settings, plugins, host, tokens, storage and repository of one app.

    Attributes:
        settings: What is used.
        plugins: What is installed.
        now: Returns the present moment, aware.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Take what decides; nothing is opened yet."""
        self.settings = settings
        self.plugins = plugins
        self.plugins.observe(settings.plugins, where=settings.where)
        self.now = now
        self._opening = RLock()
        self._assembling = RLock()
        self._assembly: Assembly | None = None
        self._repository: Repository | None = None
        self._was_opened = False
        self._sign = lambda: self.tokens
        self._hosts = plugins.hosts(settings.hosts, self._sign, where=settings.where)
        self._outage = Outage(clock)
        self._rerun_check = RerunCheck(
            _interval(settings), opened=lambda: self._repository, clock=clock, outage=self._outage
        )
        self._live = LiveSessions(
            repository=lambda: self.repository,
            opened=lambda: self._repository,
            emit=self.emit,
            rerun_check=self._rerun_check,
            outage=self._outage,
        )
        self._watcher = Watcher(self._live, self._hosts.imported, wanted=self.watching, clock=clock)
        if settings.conflict.fields:
            _ = self.assembly  # what is wrong with them is an error at start

    @cached_property
    def tokens(self) -> Tokens:
        """What browsers are given, signed with the app's key."""
        from sessionkit.tokens import Tokens, load_secret  # noqa: PLC0415 - scripts need no signer

        return Tokens(load_secret(self.settings.security))

    @property
    def assembly(self) -> Assembly:
        """Makes storage, serializer and strategy; raises :class:`ConfigError` as it is made."""
        with self._assembling:
            if self._assembly is None:
                self._assembly = Assembly(
                    settings=self.settings, plugins=self.plugins, emit=self.emit
                )
            return self._assembly

    @property
    def watching(self) -> bool:
        """Whether connections left open are to show what others changed."""
        return self.settings.persistence.watch

    def is_private(self, name: str) -> bool:
        """Return whether the settings say that what is called so is never stored."""
        return self.settings.privacy.names.covers(name)

    @property
    def host(self) -> Host:
        """The framework that runs the calling code."""
        return self._hosts.active()

    @property
    def storage(self) -> Storage:
        """The open storage, set up; raises as :meth:`Assembly.storage` does."""
        return self.repository.storage

    @property
    def repository(self) -> Repository:
        """Loads and saves whole sessions; raises as :meth:`Assembly.storage` does."""
        if self._repository is None or self._watcher.is_missing:
            with self._opening:
                self._watcher.begin(self.assembly.storage())
                if self._repository is None:
                    repository = Repository(**self.assembly.parts(), now=self.now)
                    self._opened(repository)
                    self._repository = repository
                    if self._outage.is_known:
                        self._outage.record_answer()
        return self._repository

    def check_store(self) -> None:
        """
        Open the store, and look at the journal's folder, once a process: what is wrong with the settings is an
        error where the app starts.

        A store that is down for now is none: sessions are provisional until it answers. Who finds that
        out has waited for it, and nobody else does.

        Raises:
            ConfigError: If the settings are wrong, or the store refuses them.
            PluginError: If a plugin is missing or broken.
            NewerFormatError: If a newer release has set the store up.
        """
        if self._was_opened:
            return
        with self._opening:  # whoever comes meanwhile is told what the first one found
            if self._was_opened:
                return
            check_journal_folder(self.settings)
            try:
                _ = self.repository
            except UnavailableError as error:
                self._outage.record_down(error)
            self._was_opened = True

    def _opened(self, repository: Repository) -> None:
        """Do what comes before anyone is given a session."""

    def emit(self, event: SessionEvent) -> None:
        """Log an event and tell the observers; whatever one raises on a thread of our own is logged there."""
        if isinstance(event, SessionSaved) and event.session_id is not None:
            self._live.record_saved(event.session_id, event.version)
            self._watcher.record_saved(event.session_id, event.version)
            if self._outage.is_known:
                self._outage.record_answer()
        elif isinstance(event, SessionStoredAgain | StoreWentBack) and event.session_id is not None:
            self._record_lost(event.session_id)
        log_event(event)
        try:
            self.plugins.emit(event)
        except BaseException:
            if not self._is_own_thread():
                raise  # the caller's: a Ctrl-C, a time limit, a page that is stopped
            _LOGGER.exception("an observer of %s ended by what is no error", type(event).__name__)

    def _record_lost(self, session_id: str) -> None:
        """Record that the store had lost a session, or a save of it."""

    def _is_own_thread(self) -> bool:
        """Return whether the calling thread is one of ours, and no caller waits on it."""
        return False

    def _close_store(self) -> None:
        """Hear nothing more, and close the storage, if it was opened."""
        self._watcher.close()
        if self._assembly is not None:
            self._assembly.close()


def _interval(settings: Settings) -> float | None:
    """Return how many seconds are between two refreshes of a session; None to never refresh."""
    persistence = settings.persistence
    return persistence.refresh_interval_ms / 1000 if persistence.refresh == "rerun" else None
