# SPDX-License-Identifier: Apache-2.0
"""
Everything that installed plugins offer, by name and typed.

A plugin is imported when it is asked for, and no other is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from sessionkit.errors import (
    ConfigError,
    NewerFormatError,
    PluginError,
    RejectedError,
    SessionKitError,
    UnavailableError,
    UnclearError,
)
from sessionkit.merge.policies import read_policies
from sessionkit.plugins.hosts import Hosts, refuse_in_words
from sessionkit.plugins.registry import (
    COMMAND,
    HOST,
    KINDS,
    MEMORY,
    PREFERRED,
    SERIALIZER,
    STORAGE,
    STRATEGY,
    InstalledPlugin,
    Offer,
    PluginKind,
    Registry,
    offers_named,
    pick,
    the_only_storage,
    the_only_table,
    unknown_plugin,
)
from sessionkit.session.fields import new_session_id
from sessionkit.settings.settings import check_journal_folder
from sessionkit.storage import SetupStorage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from sessionkit.conflict import ConflictStrategy
    from sessionkit.events import SessionEvent
    from sessionkit.hookspecs import CommandFactory
    from sessionkit.serializer import Serializer
    from sessionkit.settings.settings import Settings
    from sessionkit.storage import Storage
    from sessionkit.tokens import Tokens

_LOG: Final = logging.getLogger("sessionkit")
_NOTHING: Final[Mapping[str, Any]] = {}
_PATIENCE: Final = 15.0
"""Seconds that a check waits for a store; storages bound their own waits, to five by default."""

_INJECTED: Final = ("tokens",)
"""What the factory of a web host gets besides its table."""

Where = Callable[[str], str]
"""Says who set a key: ``Settings.where``."""


def _nowhere(_: str) -> str:
    return ""


class Plugins:
    """What is installed, loaded by need. Any number of threads may use one object."""

    def __init__(self, *, entry_points: Iterable[EntryPoint] | None = None) -> None:
        """
        Look at nothing yet.

        Args:
            entry_points: What to use instead of what is installed, in tests.
        """
        self._registry = Registry(entry_points)
        self._hosts: dict[Callable[[], Tokens], Hosts] = {}

    def storage(
        self, name: str, table: Mapping[str, Any] = _NOTHING, *, where: Where = _nowhere
    ) -> Storage:
        """
        Open the storage called *name*.

        Args:
            name: The name that a plugin offers it by.
            table: Keywords of its factory.
            where: Says who set a key, for messages.

        Raises:
            UnknownPluginError: If no installed plugin offers the name.
            DuplicatePluginError: If several do.
            PluginError: If the plugin can't be loaded or its factory fails.
            ConfigError: If the table has an unknown key, or lacks one.
        """
        return cast("Storage", self._make(STORAGE, name, table, where))

    def serializer(
        self, name: str, table: Mapping[str, Any] = _NOTHING, *, where: Where = _nowhere
    ) -> Serializer:
        """Return the serializer called *name*; arguments and errors are those of :meth:`storage`."""
        return cast("Serializer", self._make(SERIALIZER, name, table, where))

    def conflict_strategy(
        self, name: str, table: Mapping[str, Any] = _NOTHING, *, where: Where = _nowhere
    ) -> ConflictStrategy:
        """Return the strategy called *name*; arguments and errors are those of :meth:`storage`."""
        return cast("ConflictStrategy", self._make(STRATEGY, name, table, where))

    def check(
        self,
        kind: PluginKind,
        name: str,
        table: Mapping[str, Any] = _NOTHING,
        *,
        where: Where = _nowhere,
        injected: Collection[str] = (),
    ) -> None:
        """
        Check that a plugin offers a name and takes the keys of its table; makes nothing.

        Args:
            kind: What is offered.
            name: The name that a plugin offers it by.
            table: Keywords of its factory.
            where: Says who set a key, for messages.
            injected: Keywords that the factory gets besides.

        Raises:
            PluginError: As :meth:`storage`.
            ConfigError: As :meth:`storage`.
        """
        with self._registry.lock:
            offer = self._find(kind, name, where)
        offer.check(kind, name, table, where, injected)

    def check_settings(
        self,
        settings: Settings,
        *,
        hosts: Iterable[str] = (),
        tables_only: bool = False,
        open_store: bool = False,
    ) -> None:
        """
        Check that the plugins which settings name are there and take their keys, and the journal's folder.

        Args:
            settings: What to check; a storage that they don't name is chosen.
            hosts: The hosts whose tables are checked, too.
            tables_only: Whether a plugin that has no table is passed over: code may give it one.
            open_store: Whether the storage is opened, set up, reached and closed again, in a
                bounded time; else it is left alone.

        Raises:
            PluginError: If a plugin is missing or broken.
            ConfigError: If a key is unknown or missing, storages have to be chosen from, a policy
                is unknown, or the journal or the store can't be used with these settings.
            UnavailableError: If the store can't be reached for now; all else is right.
        """
        read_policies(settings.conflict.fields, where=settings.where)
        check_journal_folder(settings)
        storage = settings.storage or self.choose_storage(settings.storages)
        opened = isinstance(storage, str)
        used: list[tuple[PluginKind, object]] = [
            (STORAGE, storage),
            (SERIALIZER, settings.serializer),
            (STRATEGY, settings.conflict_strategy),
            *((HOST, host) for host in hosts),
        ]
        for kind, name in used:
            if not isinstance(name, str):
                continue  # code may give the thing itself
            table = getattr(settings, kind.section).get(name, _NOTHING)
            if table or not tables_only:
                given = _INJECTED if kind is HOST else ()
                self.check(kind, name, table, where=settings.where, injected=given)
        if open_store and opened:
            chosen = attrs.evolve(settings, storage=storage)  # to choose it again would warn again
            _within(_PATIENCE, lambda: self.open_storage(chosen, reach=True).close())

    def open_storage(self, settings: Settings, *, reach: bool = False) -> Storage:
        """
        Return the storage that settings choose, open, set up and tried; one that is given open is closed by nobody here.

        Args:
            settings: What to use.
            reach: Whether a store that can be read, and takes no write for now, is an error.

        Raises:
            PluginError: If the plugin is missing or broken.
            ConfigError: If the settings are wrong, or the store refuses them: a password, a
                right, a folder.
            NewerFormatError: If a newer release has set the store up.
            UnavailableError: If the store can't be reached for now.
        """
        name = settings.storage or self.choose_storage(settings.storages)
        if not isinstance(name, str):
            return _set_up(name, settings.where(STORAGE.setting))
        table, section = settings.storages.get(name, _NOTHING), f"{STORAGE.section}.{name}"
        said = settings.where(f"{section}.") or settings.where(STORAGE.setting)
        place = f"{said}: [{section}]" if said else f"[{section}]"
        try:
            storage = self.storage(name, table, where=settings.where)
            _try(storage, reach=reach)
        except NewerFormatError:
            raise
        except (RejectedError, UnclearError) as error:
            msg = f"{place} can't be used: {error}"
            raise ConfigError(msg) from error
        except SessionKitError:
            raise
        except Exception as error:  # a plugin's code, which may raise anything
            msg = f"{place} can't be used: {type(error).__name__}: {error}"
            raise PluginError(msg) from error
        return storage

    def hosts(
        self,
        tables: Mapping[str, Mapping[str, Any]],
        tokens: Callable[[], Tokens],
        *,
        where: Where = _nowhere,
    ) -> Hosts:
        """
        Return what knows the hosts of an app; for the same function of tokens, the same.

        Args:
            tables: Keywords of host factories, by name.
            tokens: Returns the app's tokens; a web host is made with them.
            where: Says who set a key, for messages.
        """
        return self._hosts.setdefault(tokens, Hosts(self._registry, tables, tokens, where))

    def refuse_in_words(self, error: SessionKitError) -> None:
        """
        Raise :class:`ConfigError` in words for visitors if a page is run, whose log has the reason; else return.

        Args:
            error: Says what is wrong with the settings, or with a plugin.
        """
        refuse_in_words(error, self._registry.points.names)

    def commands(self) -> Mapping[str, CommandFactory]:
        """Return the commands of all plugins by name; one that can't be loaded is logged and left out."""
        self._registry.load_all()
        offers = self._registry.offers(COMMAND)
        names = {name for offer in offers for name in offer.factories}
        return {name: partial(_run, name, offers) for name in sorted(names)}

    def choose_storage(self, tables: Collection[str] = ()) -> str:
        """
        Return the name of the storage to use where the settings name none.

        Args:
            tables: The storages that have settings.

        Returns:
            The one that has settings, whether installed or not; else the one that is
            installed; of several, ``sqlite``; with none, ``memory``, and a warning is logged.

        Raises:
            ConfigError: If several have settings; or several are installed, none of them ``sqlite``.
        """
        if tables:
            return the_only_table(tables)
        if PREFERRED in self._registry.points:
            return PREFERRED
        self._registry.load_all()
        offers = self._registry.offers(STORAGE)
        return the_only_storage({name for offer in offers for name in offer.factories} - {MEMORY})

    def load(self, name: str) -> None:
        """
        Import the plugin called *name*, and no other.

        Raises:
            UnknownPluginError: If none bears the name.
            DuplicatePluginError: If several distributions bring one of that name.
            PluginError: If it can't be imported, or implements a hook that isn't there.
        """
        self._registry.load(name)

    def observe(self, names: Iterable[str], *, where: Where = _nowhere) -> None:
        """
        Load plugins that only observe: what ``plugins = [...]`` lists.

        Raises:
            PluginError: As :meth:`load`.
        """
        for name in names:
            self._registry.load(name, where("plugins"))

    def emit(self, event: SessionEvent) -> None:
        """
        Tell every loaded plugin what happened; an observer's error is logged and changes nothing.

        What is no :class:`Exception`, such as Ctrl-C, is raised once all were told.
        """
        ending: BaseException | None = None
        for plugin, observe in self._registry.observers:
            try:
                observe(event=event)
            except Exception:  # noqa: BLE001 - a stranger's code, which may raise anything
                _LOG.exception("%s failed to observe %s", plugin, type(event).__name__)
            except BaseException as error:  # noqa: BLE001 - the others are told first; raised again
                ending = error
        if ending is not None:
            raise ending

    def installed(self) -> tuple[InstalledPlugin, ...]:
        """Return what is installed, this package's own plugin first; imports nothing."""
        return self._registry.installed()

    def offers(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """
        Return what the plugin called *name* offers: names by kind.

        Raises:
            PluginError: As :meth:`load`.
        """
        return self._registry.offered_by(name, KINDS)

    def _make(self, kind: PluginKind, name: str, table: Mapping[str, Any], where: Where) -> object:
        with self._registry.lock:
            offer = self._find(kind, name, where)
        return offer.make(kind, name, table, where)

    def _find(self, kind: PluginKind, name: str, where: Where) -> Offer:
        if name in self._registry.points:
            self._registry.load(name)
        offers = self._registry.offers(kind, {name})
        if not offers_named(name, offers):
            # It may be offered under another name than its plugin's; if not, the error lists all.
            self._registry.load_all()
            offers = self._registry.offers(kind, {name})
        if not offers_named(name, offers):
            available = {one for offer in offers for one in offer.factories}
            broken, said = self._registry.broken.values(), where(kind.setting)
            raise unknown_plugin(kind.word, name, available, said=said, broken=broken)
        return pick(kind, name, offers)


def _set_up(storage: Storage, said: str) -> Storage:
    """Return a storage that code has opened, set up."""
    try:
        if isinstance(storage, SetupStorage):
            storage.setup()
    except NewerFormatError:
        raise
    except (RejectedError, UnclearError) as error:
        msg = f"{said}: storage can't be used: {error}"
        raise ConfigError(msg) from error
    return storage


def _try(storage: Storage, *, reach: bool) -> None:
    """
    Set a storage up, read nothing and write nothing, which shows whether it answers and may be written.

    It is closed if it can't be used. One that can only be read for now, as in the midst of a failover, can.
    """
    unused = new_session_id()
    try:
        if isinstance(storage, SetupStorage):
            storage.setup()
        storage.read(unused)
        try:
            storage.touch(unused, last_activity=0, expires_at=None)
        except UnclearError:
            raise
        except UnavailableError:
            if reach:
                raise
    except BaseException:  # Ctrl-C too: nobody else could close it; raised again
        storage.close()
        raise


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Work on another thread, since a driver may wait for ever; raise what it raises."""
    outcomes: SimpleQueue[BaseException | None] = SimpleQueue()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised where the outcome is awaited
            outcomes.put(error)
        else:
            outcomes.put(None)

    Thread(target=run, name="sessionkit-check", daemon=True).start()
    try:
        error = outcomes.get(timeout=seconds)
    except Empty:
        msg = f"the store gave no answer within {seconds:g} seconds"
        raise UnavailableError(msg) from None
    if error is not None:
        raise error


def _run(name: str, offers: list[Offer]) -> object:
    # A command that two plugins offer is an error only for who runs it.
    return pick(COMMAND, name, offers).factories[name]()
