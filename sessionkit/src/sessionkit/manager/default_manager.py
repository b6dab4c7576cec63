# SPDX-License-Identifier: Apache-2.0
"""The manager that the module-level functions use: that of a ``with`` block, else the process's own."""

from __future__ import annotations

from contextvars import ContextVar, Token
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from sessionkit.errors import WRONG_SETTINGS, ConfigError, SessionKitError

if TYPE_CHECKING:
    from sessionkit.manager.manager import SessionManager

# Importing this imports no manager: where one is handled here, its type is not known.
# ruff: noqa: ANN401


class Overrides:
    """
    The managers whose blocks are entered.

    A thread or task sees its own innermost block.

    Attributes:
        here: Returns the manager of this thread's or task's innermost block, or None.
    """

    def __init__(self) -> None:
        """Begin outside of all blocks."""
        self._own: ContextVar[Any] = ContextVar("sessionkit", default=None)
        self._entered: list[Any] = []
        self.here: Final = self._own.get  # asked at each input

    def anywhere(self) -> Any:
        """Return the manager of the block that was entered last by any thread, or None."""
        return next(iter(self._entered[-1:]), None)  # another thread may leave its block meanwhile

    def enter(self, manager: Any) -> Token[Any]:
        """Put a manager in force; return what :meth:`leave` needs."""
        self._entered.append(manager)
        return self._own.set(manager)

    def leave(self, manager: Any, token: Token[Any]) -> None:
        """Put in force again what was before."""
        self._own.reset(token)
        self._entered.remove(manager)


OVERRIDES: Final = Overrides()
"""The process's."""


class _Default:
    """Holds the manager of the process."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.manager: SessionManager | None = None


_DEFAULT: Final = _Default()


def get_manager() -> SessionManager:
    """
    Return the manager that is in force here; the process has one, made when first asked for.

    While it has none, a ``with`` block counts in all threads: a test's page runs in one that the
    test did not start.
    """
    override: SessionManager | None = OVERRIDES.here()
    if override is not None:
        return override
    if _DEFAULT.manager is None:
        with _DEFAULT.lock:
            if _DEFAULT.manager is None:
                elsewhere: SessionManager | None = OVERRIDES.anywhere()
                if elsewhere is not None:
                    return elsewhere
                from sessionkit.manager.manager import SessionManager  # noqa: PLC0415 - naming the functions imports no manager

                try:
                    _DEFAULT.manager = SessionManager()
                except WRONG_SETTINGS as error:
                    _refuse_in_words(error)
                    raise
    return _DEFAULT.manager


def _refuse_in_words(error: SessionKitError) -> None:
    from sessionkit.plugins.plugins import Plugins  # noqa: PLC0415 - needed where all is over

    Plugins().refuse_in_words(error)


def configure(**settings: Any) -> SessionManager:
    """
    Make the process's manager with these settings, before its first use.

    A Streamlit script calls it at every rerun: equal settings return the same manager, also where
    functions, classes and objects in them are the page's own, which each rerun makes anew. Where
    :func:`get_manager` returns the manager of a ``with`` block, as in tests of a page, that stays in force and is
    returned; the settings are only checked.

    Args:
        **settings: As for :func:`~sessionkit.settings.settings.load_settings`.

    Raises:
        ConfigError: If a setting is wrong, or a manager with others is in use.
    """
    from sessionkit.manager.manager import SessionManager  # noqa: PLC0415 - as above
    from sessionkit.settings.settings import load_settings  # noqa: PLC0415 - as above

    try:
        wanted = load_settings(**settings)
    except ConfigError as error:
        _refuse_in_words(error)
        raise
    with _DEFAULT.lock:
        block = OVERRIDES.here() or (_DEFAULT.manager is None and OVERRIDES.anywhere())
        if block:
            manager: SessionManager = block
            return manager
        if _DEFAULT.manager is None:
            _DEFAULT.manager = SessionManager(wanted)
        elif _DEFAULT.manager.settings != wanted:
            changed = ", ".join(wanted.keys_unlike(_DEFAULT.manager.settings))
            msg = (
                f"configure(...) came too late: sessionkit is in use with other settings: {changed} differs; "
                "call it before the first session is asked for, with the same settings everywhere, and "
                "restart the server after a change"
            )
            raise ConfigError(msg)
        return _DEFAULT.manager
