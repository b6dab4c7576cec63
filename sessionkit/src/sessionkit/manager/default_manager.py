# SPDX-License-Identifier: Apache-2.0
"""The manager that the module-level functions use: that of a ``with`` block, else the process's own."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from sessionkit.errors import WRONG_SETTINGS, ConfigError, SessionKitError
from sessionkit.manager.overrides import OVERRIDES

if TYPE_CHECKING:
    from sessionkit.manager.manager import SessionManager


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


def configure(**settings: Any) -> SessionManager:  # noqa: ANN401 - each key has its own type
    """
    Make the process's manager with these settings, before its first use.

    A Streamlit script calls it at every rerun: equal settings return the same manager, also where
    functions, classes and objects in them are the page's own, which each rerun makes anew.

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
