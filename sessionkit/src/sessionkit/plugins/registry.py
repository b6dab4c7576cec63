# SPDX-License-Identifier: Apache-2.0
"""Imports plugins by need and asks them: the only file that touches pluggy's managers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import attrs
import pluggy

from sessionkit import hookspecs
from sessionkit.defaults import hooks as defaults
from sessionkit.errors import PluginError
from sessionkit.plugins.entry_points import EntryPoints, InstalledPlugin, core
from sessionkit.plugins.offers import Factories, Kind, Offer, unknown
from sessionkit.settings.suggestions import suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_LOG: Final = logging.getLogger("sessionkit")
_DEFAULTS: Final = "defaults"
_PLUGIN: Final = "plugin"
_PREFIX: Final = "sessionkit_"

Observer = tuple[InstalledPlugin, Callable[..., object]]


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
        self._loaded = [_Loaded(defaults, [_DEFAULTS], _managed(defaults))]

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
                raise unknown(_PLUGIN, name, self.points.names, said=said)
            try:
                record, point = self.points.one(name)
                self._register(_imported(record, point), record)
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

    def offers(self, kind: Kind, asked: Collection[str] = ()) -> list[Offer]:
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

    def offered_by(self, name: str, kinds: Iterable[Kind]) -> dict[str, tuple[str, ...]]:
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

    def _factories(self, one: _Loaded, kind: Kind) -> Factories:
        if kind.hook not in one.offered:
            one.offered[kind.hook] = self._asked(one, kind.hook)
        return one.offered[kind.hook]

    def _asked(self, one: _Loaded, hook: str) -> Factories:
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
            manager = _managed(plugin)
        except pluggy.PluginValidationError as error:
            msg = f"{record}: {' '.join(str(error).split())}"
            raise PluginError(msg) from error
        self._loaded.append(_Loaded(plugin, [record.name], manager))
        if manager.hook.sessionkit_event.get_hookimpls():
            self.observers += ((record, manager.hook.sessionkit_event),)


def _managed(plugin: object) -> pluggy.PluginManager:
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


def _imported(record: InstalledPlugin, point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # a plugin's code, which may raise anything
        msg = f"{record} can't be imported: {type(error).__name__}: {error}"
        raise PluginError(msg) from error
