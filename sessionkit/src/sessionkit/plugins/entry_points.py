# SPDX-License-Identifier: Apache-2.0
"""Which plugins are installed, found without importing any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import attrs

from sessionkit.errors import DuplicatePluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

CORE: Final = "sessionkit-core"
"""The distribution of this package."""

_UNKNOWN: Final = "unknown"


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
        for point in _installed(group) if points is None else points:
            self._by_name.setdefault(point.name, {})[_described(point)] = point
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


def _installed(group: str) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - costs some 30 ms

    return entry_points(group=group)


def _described(point: EntryPoint) -> InstalledPlugin:
    if point.dist is None:
        return InstalledPlugin(point.name, _UNKNOWN, _UNKNOWN, point.value)
    return InstalledPlugin(point.name, point.dist.name, point.dist.version, point.value)


def core() -> InstalledPlugin:
    """Return the record of what this package plugs into itself."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - costs some 30 ms

    try:
        found = version(CORE)
    except PackageNotFoundError:
        found = _UNKNOWN
    return InstalledPlugin("defaults", CORE, found, "sessionkit.defaults.hooks", loaded=True)
