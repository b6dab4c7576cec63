# SPDX-License-Identifier: Apache-2.0
"""What a setting's value has to be, beyond its type: validators for attrs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sessionkit.errors import ConfigError
from sessionkit.secret_file import check_secret
from sessionkit.settings.settings_sources import ENV

_LONGEST: Final = timedelta(days=36500)


def whole_number(least: int, most: int) -> Callable[[Any, Any, int], None]:
    """Return a validator that refuses numbers outside of *least* to *most*."""

    def check(_: object, __: object, value: int) -> None:
        if not least <= value <= most:
            msg = f"a whole number from {least} to {most} is needed, not {value}"
            raise ConfigError(msg)

    return check


def one_of(*words: str) -> Callable[[Any, Any, str], None]:
    """Return a validator that refuses texts other than *words*."""

    def check(_: object, __: object, value: str) -> None:
        if value not in words:
            right = " or ".join(map(repr, words))
            msg = f"{right} is needed, not {value!r}"
            raise ConfigError(msg)

    return check


def lifetime(_: object, __: object, value: timedelta | None) -> None:
    """Refuse a duration that no session can have; None is for ever."""
    if value is not None and not timedelta() < value <= _LONGEST:
        msg = f"a duration above zero and up to {_LONGEST.days}d is needed, or 'never'; not {value}"
        raise ConfigError(msg)


def path_or_none(path: Path | None) -> Path | None:
    """Return a path; None for an empty one, which is how a variable says that there is none."""
    return path if path != Path() else None


def check_journal(persistence: Any, where: Callable[[str], str]) -> None:  # noqa: ANN401 - PersistenceSettings, which use this module
    """
    Refuse to spill sessions into a journal that is not there.

    Args:
        persistence: The table ``persistence``, from all sources together.
        where: Returns who set a key.
    """
    if persistence.when_full == "spill" and persistence.journal is None:
        msg = (
            f"{where('persistence.when_full')}: persistence.when_full is 'spill', which needs a journal:"
            " set persistence.journal, such as '.sessionkit/journal', or take 'block' or 'raise'"
        )
        raise ConfigError(msg)


def plugin_name(_: object, __: Any, value: Any) -> None:  # noqa: ANN401 - attrs hands over anything
    """Refuse an empty name of a plugin."""
    if isinstance(value, str) and not value.strip():
        msg = "the name of an installed plugin is needed, not an empty text"
        raise ConfigError(msg)


def plugin_names(_: object, __: object, values: tuple[str, ...]) -> None:
    """Refuse an empty name among names of plugins."""
    for value in values:
        plugin_name(None, None, value)


def long_enough(_: object, __: object, secret: str | None) -> None:
    """Refuse a secret that could be guessed; the variable that one stands in is looked at later."""
    if secret is not None and not secret.startswith(ENV):
        check_secret(secret)
