# SPDX-License-Identifier: Apache-2.0
"""
The plugins that are installed, and what each offers: found by name, imported by need.

The only module that makes pluggy's managers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import attrs
import pluggy

from sessionkit import hookspecs
from sessionkit.defaults import hooks as defaults
from sessionkit.errors import (
    ConfigError,
    DuplicatePluginError,
    PluginError,
    UnknownPluginError,
    suggest,
)
from sessionkit.plugins.factories import call_factory, check_table

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

CORE: Final = "sessionkit-core"
"""The distribution of this package."""

MEMORY: Final = "memory"
PREFERRED: Final = "sqlite"
_LOG: Final = logging.getLogger("sessionkit")
_UNKNOWN: Final = "unknown"
_DEFAULTS: Final = "defaults"
_PLUGIN: Final = "plugin"
_PREFIX: Final = "sessionkit_"
_IN_MEMORY: Final = (
    "no storage is installed: sessions are kept in memory and end with this process; "
    "%s, or set storage = %r to say that this is meant"
)

_BROUGHT_BY: Final = {
    "redis": "sessionkit-redis",
    "sql": "sessionkit-sqlite",
    "sqlite": "sessionkit-sqlite",
    "streamlit": "sessionkit-streamlit",
}

_SPOKEN_BY: Final = {
    "postgres": ("sql", "postgresql://user:password@host/database"),
    "postgresql": ("sql", "postgresql://user:password@host/database"),
    "psycopg": ("sql", "postgresql://user:password@host/database"),
    "mysql": ("sql", "mysql://user:password@host/database"),
    "mariadb": ("sql", "mariadb://user:password@host/database"),
    "pymysql": ("sql", "mysql://user:password@host/database"),
    "mssql": ("sql", "mssql+pyodbc://user:password@host/database?driver=..."),
    "oracle": ("sql", "oracle+oracledb://user:password@host/?service_name=..."),
    "sqlalchemy": ("sql", "postgresql://user:password@host/database"),
    "sqlite": ("sqlite", "sqlite:///folder/sessions.db"),
    "sqlite3": ("sqlite", "sqlite:///folder/sessions.db"),
    "redis": ("redis", "redis://:password@host:6379/0"),
    "valkey": ("redis", "redis://:password@host:6379/0"),
    "valkeys": ("redis", "rediss://:password@host:6379/0"),
    "rediss": ("redis", "rediss://:password@host:6379/0"),
    "keydb": ("redis", "redis://:password@host:6379/0"),
}
"""What servers, drivers and addresses are called: the storage that speaks to them, and a url of theirs."""

Factories = Mapping[str, Callable[..., Any]]


@attrs.frozen
class PluginKind:
    """
    A kind of thing that plugins offer.

    Attributes:
        word: What messages call it.
        hook: The hook that offers it.
        setting: The key that names one.
        section: The settings' tables for its factories.
    """

    word: str
    hook: str
    setting: str
    section: str


STORAGE: Final = PluginKind("storage", "sessionkit_storages", "storage", "storages")
SERIALIZER: Final = PluginKind("serializer", "sessionkit_serializers", "serializer", "serializers")
STRATEGY: Final = PluginKind(
    "conflict strategy",
    "sessionkit_conflict_strategies",
    "conflict_strategy",
    "conflict_strategies",
)
HOST: Final = PluginKind("host", "sessionkit_hosts", "hosts", "hosts")
COMMAND: Final = PluginKind("command", "sessionkit_commands", "commands", "commands")
KINDS: Final = (STORAGE, SERIALIZER, STRATEGY, HOST, COMMAND)


@attrs.frozen
class InstalledPlugin:
    """
    An entry point of the group ``sessionkit``.

    Attributes:
        name: The name that users type.
        distribution: The distribution that brought it.
        version: The distribution's version.
        module: The module, or the module and the object in it, that it names.
        loaded: Whether it was imported.
        error: Why it can't be imported, or None.
    """

    name: str
    distribution: str
    version: str
    module: str
    loaded: bool = False
    error: str | None = None

    def __str__(self) -> str:
        """Return name and distribution, as messages say them."""
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


def core() -> InstalledPlugin:
    """Return the record of what this package plugs into itself."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - costs some 30 ms

    try:
        found = version(CORE)
    except PackageNotFoundError:
        found = _UNKNOWN
    return InstalledPlugin("defaults", CORE, found, "sessionkit.defaults.hooks", loaded=True)


# -- plugins that were imported --------------------------------------------------------


Observer = tuple[InstalledPlugin, Callable[..., object]]


class Registry:
    """
    The plugins that were loaded, and those that could be.

    Attributes:
        lock: Held while plugins are loaded and asked.
        broken: Why a plugin could not be loaded, by its name.
        observers: The hook of each loaded plugin that observes events.
    """

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        """
        Look at nothing yet.

        Args:
            points: What to use instead of what is installed, in tests.
        """
        self.lock = RLock()
        self.broken: dict[str, str] = {}
        self.observers: tuple[Observer, ...] = ()
        self._given = points
        self._loaded = [_Loaded(defaults, [_DEFAULTS], _make_manager(defaults))]

    @cached_property
    def points(self) -> EntryPoints:
        """The entry points, found when they are first asked for."""
        return EntryPoints(hookspecs.NAME, self._given)

    def load(self, name: str, said: str = "") -> None:
        """
        Import the plugin called *name*, and no other.

        Args:
            name: The entry point's name.
            said: Who asked for it, for messages.

        Raises:
            UnknownPluginError: If none bears the name.
            DuplicatePluginError: If several distributions bring one of that name.
            PluginError: If it can't be imported, or its hooks aren't right.
        """
        with self.lock:
            if any(name in one.names for one in self._loaded):
                return
            if name not in self.points:
                raise unknown_plugin(_PLUGIN, name, self.points.names, said=said)
            try:
                record, point = self.points.one(name)
                self._register(_import(record, point), record)
            except PluginError as error:
                self.broken[name] = str(error)
                raise
            self.broken.pop(name, None)

    def load_all(self) -> None:
        """Import every plugin; what fails is logged once and left out."""
        with self.lock:
            for name in self.points.names:
                known = name in self.broken
                try:
                    self.load(name)
                except PluginError as error:
                    _LOG.log(logging.DEBUG if known else logging.WARNING, "%s; left out", error)

    def offers(self, kind: PluginKind, asked: Collection[str] = ()) -> list[Offer]:
        """
        Return what each loaded plugin offers.

        Args:
            kind: What is asked for.
            asked: Names of plugins that may not fail; another one that does is
                logged and left out.

        Raises:
            PluginError: If one of *asked* fails.
        """
        found = []
        with self.lock:
            for one in self._loaded:
                try:
                    found.append(Offer(self._record(one), self._factories(one, kind)))
                except PluginError as error:
                    if not set(asked).isdisjoint(one.names):
                        raise
                    _LOG.warning("%s; left out", error)
        return found

    def offered_by(self, name: str, kinds: Iterable[PluginKind]) -> dict[str, tuple[str, ...]]:
        """
        Return the names that one plugin offers, by kind.

        Raises:
            PluginError: If it can't be loaded, or fails.
        """
        with self.lock:
            self.load(name)
            one = next(one for one in self._loaded if name in one.names)
            found = {kind.word: tuple(self._factories(one, kind)) for kind in kinds}
        return {word: names for word, names in found.items() if names}

    def installed(self) -> tuple[InstalledPlugin, ...]:
        """Return what is installed, this package's own plugin first; imports nothing."""
        loaded = {name for one in self._loaded for name in one.names}
        others = (
            attrs.evolve(one, loaded=one.name in loaded, error=self.broken.get(one.name))
            for one in self.points.all()
        )
        return (self._core, *others)

    @cached_property
    def _core(self) -> InstalledPlugin:
        return core()

    def _record(self, one: _Loaded) -> InstalledPlugin:
        return self._core if one.plugin is defaults else self.points.one(one.names[0])[0]

    def _factories(self, one: _Loaded, kind: PluginKind) -> Factories:
        if kind.hook not in one.offered:
            one.offered[kind.hook] = self._ask(one, kind.hook)
        return one.offered[kind.hook]

    def _ask(self, one: _Loaded, hook: str) -> Factories:
        try:
            answers = getattr(one.manager.hook, hook)()
        except Exception as error:  # a plugin's code, which may raise anything
            msg = f"{self._record(one)}: {hook} failed: {type(error).__name__}: {error}"
            raise PluginError(msg) from error
        factories: dict[str, Callable[..., Any]] = {}
        for answer in answers:
            if not isinstance(answer, Mapping):
                found = type(answer).__name__
                msg = f"{self._record(one)}: {hook} has to return factories by name, not {found}"
                raise PluginError(msg)
            factories.update(answer)
        return factories

    def _register(self, plugin: object, record: InstalledPlugin) -> None:
        for one in self._loaded:
            if one.plugin is plugin:
                one.names.append(record.name)
                return
        try:
            manager = _make_manager(plugin)
        except pluggy.PluginValidationError as error:
            msg = f"{record}: {' '.join(str(error).split())}"
            raise PluginError(msg) from error
        self._loaded.append(_Loaded(plugin, [record.name], manager))
        if manager.hook.sessionkit_event.get_hookimpls():
            self.observers += ((record, manager.hook.sessionkit_event),)


@attrs.define(eq=False)
class _Loaded:
    """
    A plugin that was imported, with a manager of its own.

    In one manager for all, a hook of one plugin that fails would silence the others.
    """

    plugin: object
    names: list[str]
    manager: pluggy.PluginManager
    offered: dict[str, Factories] = attrs.field(factory=dict)


def _make_manager(plugin: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.NAME)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    implemented = manager.get_hookcallers(plugin) or []
    if not implemented:
        msg = "it implements no hook; mark its functions with sessionkit.hookspecs.hookimpl"
        raise pluggy.PluginValidationError(plugin, msg)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        wrong = next(caller.name for caller in implemented if not caller.has_spec())
        right = [name for name in vars(hookspecs) if name.startswith(_PREFIX)]
        msg = f"there is no hook {wrong!r}; {suggest(wrong, right, what='hooks')}"
        raise pluggy.PluginValidationError(plugin, msg) from error
    return manager


def _import(record: InstalledPlugin, point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # a plugin's code, which may raise anything
        msg = f"{record} can't be imported: {type(error).__name__}: {error}"
        raise PluginError(msg) from error


# -- one of several offers -------------------------------------------------------------


@attrs.frozen
class Offer:
    """
    What one plugin offers of one kind.

    Attributes:
        plugin: The plugin.
        factories: Its factories by name.
    """

    plugin: InstalledPlugin
    factories: Factories

    def make(
        self,
        kind: PluginKind,
        name: str,
        table: Mapping[str, Any],
        where: Callable[[str], str],
        **injected: object,
    ) -> Any:  # noqa: ANN401 - whatever the plugin makes
        """Call the factory called *name*; see :func:`~sessionkit.plugins.factories.call_factory`."""
        return call_factory(
            self.factories[name],
            table,
            section=f"{kind.section}.{name}",
            plugin=str(self.plugin),
            where=where,
            **injected,
        )

    def check(
        self,
        kind: PluginKind,
        name: str,
        table: Mapping[str, Any],
        where: Callable[[str], str],
        injected: Collection[str],
    ) -> None:
        """Refuse what the factory called *name* would not take; see :func:`~sessionkit.plugins.factories.check_table`."""
        check_table(self.factories[name], table, f"{kind.section}.{name}", where, injected)


def offers_named(name: str, offers: Sequence[Offer]) -> list[Offer]:
    """Return those of *offers* that bear *name*."""
    return [offer for offer in offers if name in offer.factories]


def pick(kind: PluginKind, name: str, offers: Sequence[Offer]) -> Offer:
    """
    Return the one offer that bears *name*; there is one at least.

    Raises:
        DuplicatePluginError: If several plugins offer it; the message names them.
    """
    first, *more = offers_named(name, offers)
    if more:
        owners = " and ".join(str(offer.plugin) for offer in (first, *more))
        msg = f"{kind.word} {name!r} is offered by {owners}; uninstall all but one"
        raise DuplicatePluginError(msg)
    return first


def unknown_plugin(
    word: str,
    name: str,
    available: Collection[str],
    *,
    said: str = "",
    broken: Collection[str] = (),
) -> UnknownPluginError:
    """
    Return the error about a name that no plugin offers.

    Args:
        word: What was asked for.
        name: Its name.
        available: The names that are offered.
        said: Who asked: a file, an environment variable; empty when not known.
        broken: Why other plugins could not be loaded.
    """
    place = f"{said}: " if said else ""
    # An address, too, is written where the name belongs: its password is not quoted.
    shown = f"{name.partition('://')[0]}://..." if "://" in name else name
    what = f"{place}no installed plugin offers a {word} named {shown!r}; "
    called = shown.partition("://")[0].partition("+")[0].casefold()
    if word == STORAGE.word and called in _SPOKEN_BY and shown not in _BROUGHT_BY:
        called, url = _SPOKEN_BY[called]
        what += f'its storage is {called!r}: set storage = "{called}", and url = "{url}" in [storages.{called}]; '
    if called not in available and (brought_by := _BROUGHT_BY.get(called)):
        what += f"the distribution {brought_by} brings it: {install_hint(brought_by)}; "
    what += suggest(shown, available, what="available")
    return UnknownPluginError("; ".join([what, *(f"not loaded: {reason}" for reason in broken)]))


def install_hint(distribution: str) -> str:
    """Return how one of this project's distributions is installed, since no package index has it."""
    return f"install the wheel of {distribution} by path, no index has it (README.md, Install it)"


def the_only_storage(names: Collection[str]) -> str:
    """
    Return the storage to use where none is named, of those that are installed.

    Raises:
        ConfigError: If there are several, none of them ``sqlite``.
    """
    if PREFERRED in names:
        return PREFERRED
    _refuse_several(names, "are installed")
    if not names:
        _LOG.warning(_IN_MEMORY, install_hint(_BROUGHT_BY[PREFERRED]), MEMORY)
    return next(iter(names), MEMORY)


def the_only_table(names: Collection[str]) -> str:
    """
    Return the storage to use where none is named, of those that have settings.

    Raises:
        ConfigError: If there are several.
    """
    _refuse_several(names, "have settings")
    return next(iter(names))


def _refuse_several(names: Collection[str], why: str) -> None:
    if len(names) > 1:
        msg = (
            f"several storages {why} ({', '.join(sorted(names))}) and none is named; set "
            'storage = "..." in sessionkit.toml, or environment variable SESSIONKIT_STORAGE'
        )
        raise ConfigError(msg)


# -- what is installed, found without an import ----------------------------------------


class EntryPoints:
    """
    Entry points by name.

    Attributes:
        names: All names, sorted.
    """

    def __init__(self, group: str, points: Iterable[EntryPoint] | None = None) -> None:
        """
        Take those of the installed distributions, or given ones.

        Args:
            group: The group to look in.
            points: What to use instead, in tests.
        """
        self._by_name: dict[str, dict[InstalledPlugin, EntryPoint]] = {}
        for point in _find_installed(group) if points is None else points:
            self._by_name.setdefault(point.name, {})[_describe(point)] = point
        self.names: Final = tuple(sorted(self._by_name))

    def __contains__(self, name: object) -> bool:
        """Return whether a plugin bears the name."""
        return name in self._by_name

    def all(self) -> tuple[InstalledPlugin, ...]:
        """Return all plugins, sorted by name; of a name that is offered twice, both."""
        return tuple(plugin for name in self.names for plugin in self._by_name[name])

    def one(self, name: str) -> tuple[InstalledPlugin, EntryPoint]:
        """
        Return the plugin of a name that is there.

        Raises:
            DuplicatePluginError: If several distributions offer the name.
        """
        found = self._by_name[name]
        if len(found) > 1:
            owners = " and ".join(
                f"{one.distribution} {one.version} ({one.module})" for one in found
            )
            msg = f"plugin {name!r} is offered by {owners}; uninstall all but one"
            raise DuplicatePluginError(msg)
        return next(iter(found.items()))


def _find_installed(group: str) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - costs some 30 ms

    return entry_points(group=group)


def _describe(point: EntryPoint) -> InstalledPlugin:
    if point.dist is None:
        return InstalledPlugin(point.name, _UNKNOWN, _UNKNOWN, point.value)
    return InstalledPlugin(point.name, point.dist.name, point.dist.version, point.value)
