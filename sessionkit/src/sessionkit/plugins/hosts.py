# SPDX-License-Identifier: Apache-2.0
"""Which host runs the calling code: that of a framework that was imported, else the local one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from sessionkit.errors import ConfigError, PluginError, SessionKitError
from sessionkit.plugins.registry import HOST, pick

if TYPE_CHECKING:
    from types import FrameType

    from sessionkit.host import Host, ServingHost
    from sessionkit.plugins.registry import Offer, Registry
    from sessionkit.tokens import Tokens

_LOGGER: Final = logging.getLogger("sessionkit")

_LOCAL: Final = "local"
_NOTHING: Final[Mapping[str, Any]] = {}
_WORDS: Final = "this app is not set up right, so it can keep nothing for you; its server's log says what is wrong"


class Hosts:
    """
    The hosts of one app.

    A host's plugin bears the name of its framework, and is loaded once that was imported.
    """

    def __init__(
        self,
        registry: Registry,
        tables: Mapping[str, Mapping[str, Any]],
        tokens: Callable[[], Tokens],
        where: Callable[[str], str],
    ) -> None:
        """
        Look at nothing yet.

        Args:
            registry: The plugins.
            tables: Keywords of host factories, by name.
            tokens: Returns the app's tokens; a web host is made with them.
            where: Says who set a key, for messages.
        """
        self._registry = registry
        self._tables = tables
        self._tokens = tokens
        self._where = where
        self._made: dict[str, Host] = {}
        self._known: tuple[Collection[str], AbstractSet[str] | None, Sequence[Host]] = (), None, ()

    def active(self) -> Host:
        """
        Return the one that runs the calling code; raises as :meth:`imported`.

        Asked at each input: it looks at the plugins only when a framework came or went.
        """
        names, imported, hosts = self._known
        if sys.modules.keys() & names != imported:
            hosts = self.imported()
        for host in hosts:
            if host.active():
                return host
        msg = "no host is active, not even the local one"
        raise PluginError(msg)

    def of_connection(self) -> Host:
        """
        Return the one whose connection the calling code belongs to.

        Raises:
            SessionKitError: If another one serves many users by this process, and runs other code.
        """
        names, imported, hosts = self._known
        if len(hosts) == 1 and sys.modules.keys() & names == imported:
            return hosts[0]  # the local one, which is always active: a script asks at each input
        host = self.active()
        if host.trusted and len(self._known[2]) > 1:
            _check_alone(self._known[2])
        return host

    def imported(self) -> Sequence[Host]:
        """
        Return those whose framework has been imported, the local one last.

        Raises:
            PluginError: If the plugin of an imported framework fails. It is not
                passed over: the local host, which trusts everyone, would take its place.
        """
        with self._registry.lock:
            names = self._registry.points.names
            imported = sys.modules.keys() & names
            for name in sorted(imported):
                self._registry.load(name)
            offers = self._registry.offers(HOST, imported)
            offered = {name for offer in offers for name in offer.factories}
            found = [*sorted((imported & offered) - {_LOCAL}), _LOCAL]
            hosts = tuple([self._host(name, offers) for name in found])
            self._known = names, imported, hosts
            return hosts

    def _host(self, name: str, offers: Sequence[Offer]) -> Host:
        if name not in self._made:
            offer = pick(HOST, name, offers)
            table = self._tables.get(name, _NOTHING)
            # The local host has no browser: a script makes no secret for nothing.
            given = {} if name == _LOCAL else {"tokens": self._tokens()}
            made = offer.make(HOST, name, table, self._where, **given)
            self._made[name] = cast("Host", made)
        return self._made[name]


def refuse_in_words(error: SessionKitError, frameworks: Collection[str]) -> None:
    """
    Raise an error that says in words that the settings are wrong, if a framework runs the calling code.

    Its page shows what is raised to whoever looks at it. The reason is logged. Who runs the code is
    told by the stack: with wrong settings there may be no host to ask.

    Args:
        error: Says what is wrong, where.
        frameworks: Their import names.

    Raises:
        ConfigError: The words.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - CPython's way to the stack, as inspect has it
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in frameworks:
            _LOGGER.error("%s", error)
            raise ConfigError(_WORDS) from None  # a page shows causes, too
        frame = frame.f_back


def _may_serve(host: Host) -> TypeGuard[ServingHost]:
    # What ``isinstance`` asks of a protocol takes 20 us, at each input of a script.
    return hasattr(host, "serves")


def _check_alone(hosts: Sequence[Host]) -> None:
    for host in hosts:
        if _may_serve(host) and host.serves():
            msg = (
                "this code belongs to no page, and would share one session with the code of all users: "
                "a thread, a task or a route of your own is not run by the framework. Take the page's "
                "session along, and change and save that: save_session(session)"
            )
            raise SessionKitError(msg)
