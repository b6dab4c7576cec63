# SPDX-License-Identifier: Apache-2.0
"""
What can be set, and where it comes from.

For each key: code (:func:`load_settings`, ``configure``), then environment
variables, then the file, then the default.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, Final

import attrs

from sessionkit.conflict import ConflictStrategy
from sessionkit.errors import ConfigError
from sessionkit.serializer import Serializer
from sessionkit.session.privacy import NEVER, Privacy
from sessionkit.settings.sources import (
    CODE,
    DERIVED,
    ENV,
    find_file,
    from_environment,
    from_table,
    nest,
    overlay,
    own_variables,
    resolve_secret,
)
from sessionkit.settings.structure import build_settings, check_entries
from sessionkit.storage import Storage
from sessionkit.tokens import check_secret
from sessionkit.values.definitions import Definition

Table = Mapping[str, Any]

Tables = Mapping[str, Table]

_DERIVED: Final = {DERIVED: True}
_MOST_MS: Final = 2**31 - 1
_LONGEST: Final = timedelta(days=36500)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


# -- what a value has to be, beyond its type: validators and converters for attrs ------


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


_WHEN_FULL: Final = one_of("block", "raise")


def full_policy(_: object, __: object, value: str) -> None:
    """Refuse what can't be done with a session that has no room to wait."""
    if value == "spill":
        msg = (
            "'spill' is there no more: take 'block' or 'raise', and let more wait (max_pending, max_pending_bytes);"
            " a journal keeps what waits, whatever this is"
        )
        raise ConfigError(msg)
    _WHEN_FULL(None, None, value)


def lifetime(_: object, __: object, value: timedelta | None) -> None:
    """Refuse a duration that no session can have; None is for ever."""
    if value is not None and not timedelta() < value <= _LONGEST:
        msg = f"a duration above zero and up to {_LONGEST.days}d is needed, or 'never'; not {value}"
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


def patterns(_: object, __: object, values: tuple[str, ...]) -> None:
    """Refuse an empty pattern of a name: it fits nothing."""
    for value in values:
        if not value.removeprefix("!").strip():
            msg = f"patterns of names are needed, such as '*password*', not {value!r}"
            raise ConfigError(msg)


def long_enough(_: object, __: object, secret: str | None) -> None:
    """Refuse a secret that could be guessed; the variable that one stands in is looked at later."""
    if secret is not None and not secret.startswith(ENV):
        check_secret(secret)


def path_or_none(path: Path | None) -> Path | None:
    """Return a path; None for an empty one, which is how a variable says that there is none."""
    return path if path != Path() else None


def _frozen(tables: Tables) -> Tables:
    return MappingProxyType({name: MappingProxyType(dict(table)) for name, table in tables.items()})


def _texts(fields: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(fields))


def _keys_only(tables: Tables) -> str:
    # The values of a plugin's table hold passwords, often inside an address.
    return repr({name: sorted(table) for name, table in tables.items()})


def _hidden(secret: str | None) -> str:
    return "None" if secret is None else "'...'"


# -- the tables ------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class PersistenceSettings:
    """
    How sessions go to the store, and how what others saved comes from there.

    Attributes:
        debounce_ms: How long a save waits for more changes, in milliseconds.
        max_wait_ms: How long a save waits at most while changes keep coming, in milliseconds.
        batch_size: How many sessions are written at once, at most.
        max_pending: How many sessions may wait to be saved.
        max_pending_bytes: How many bytes they may hold, encoded.
        when_full: What is done with one more: ``"block"`` waits for room, then raises;
            ``"raise"`` raises.
        full_timeout_ms: How long to wait for room, in milliseconds.
        exit_timeout_ms: How long the end of the process waits for the store, in milliseconds.
        journal: A folder in which changes are kept that the store doesn't have yet; None for none.
        journal_fsync: Whether each change is on the disk before the app goes on.
        refresh: ``"rerun"`` to look at a rerun what others have saved, or ``"never"``.
        refresh_interval_ms: How long a look at a session's record counts, in milliseconds.
        watch: Whether tabs left idle are told of what others save.
    """

    debounce_ms: int = attrs.field(default=500, validator=whole_number(0, _MOST_MS))
    max_wait_ms: int = attrs.field(default=5000, validator=whole_number(0, _MOST_MS))
    batch_size: int = attrs.field(default=100, validator=whole_number(1, 100_000))
    max_pending: int = attrs.field(default=10_000, validator=whole_number(1, _MOST_MS))
    max_pending_bytes: int = attrs.field(default=2**28, validator=whole_number(1, 2**50))
    when_full: str = attrs.field(default="block", validator=full_policy)
    full_timeout_ms: int = attrs.field(default=1000, validator=whole_number(0, _MOST_MS))
    exit_timeout_ms: int = attrs.field(default=10_000, validator=whole_number(0, _MOST_MS))
    journal: Path | None = attrs.field(default=None, converter=path_or_none)
    journal_fsync: bool = False
    refresh: str = attrs.field(default="rerun", validator=one_of("rerun", "never"))
    refresh_interval_ms: int = attrs.field(default=1000, validator=whole_number(0, _MOST_MS))
    watch: bool = False

    @property
    def seconds_between_refreshes(self) -> float | None:
        """How many seconds are between two refreshes of a session; None to never refresh."""
        return self.refresh_interval_ms / 1000 if self.refresh == "rerun" else None


@attrs.frozen(kw_only=True)
class ExpirySettings:
    """
    When a session ends by itself; the earlier of the two counts.

    Attributes:
        idle: How long after its last activity; None for never.
        absolute: How long after it began; None for never.
    """

    idle: timedelta | None = attrs.field(default=timedelta(hours=24), validator=lifetime)
    absolute: timedelta | None = attrs.field(default=timedelta(days=30), validator=lifetime)


@attrs.frozen(kw_only=True)
class SecuritySettings:
    """
    What tokens are signed with.

    Attributes:
        secret_key: The secret, never shown; None for the one kept in *folder*.
        folder: Where a secret that sessionkit makes itself is kept.
    """

    secret_key: str | None = attrs.field(default=None, repr=_hidden, validator=long_enough)
    folder: Path = Path(".sessionkit")


@attrs.frozen(kw_only=True)
class LimitSettings:
    """
    How much is stored.

    Attributes:
        session_bytes: The size of an encoded session, in bytes, at most.
    """

    session_bytes: int = attrs.field(default=16 * 2**20, validator=whole_number(1024, 2**31 - 1))


@attrs.frozen(kw_only=True)
class PrivacySettings:
    """
    What is never stored, by its name.

    Attributes:
        never: Patterns of names (:mod:`fnmatch`), in place of those that count by default.
        never_also: Patterns besides those.
    """

    never: tuple[str, ...] = attrs.field(default=NEVER, validator=patterns)
    never_also: tuple[str, ...] = attrs.field(default=(), validator=patterns)

    @property
    def names(self) -> Privacy:
        """What all patterns say together."""
        return Privacy(self.never + self.never_also)


@attrs.frozen(kw_only=True)
class ConflictSettings:
    """
    What is stored where two writers changed one field.

    Attributes:
        fields: Names of policies (:mod:`sessionkit.merge.policies`) by path, such as ``inputs.cart``.
    """

    fields: Mapping[str, str] = attrs.field(factory=dict, converter=_texts)


@attrs.frozen(kw_only=True)
class Settings:
    """
    Everything that can be set.

    Attributes:
        storage: The name of a storage plugin; in code, an open storage, too, which stays the
            caller's to close. None for the one that is installed.
        serializer: The name of a serializer; in code, a serializer, too.
        conflict_strategy: The name of a conflict strategy; in code, a function or a strategy, too.
        plugins: Names of plugins that are loaded only to observe.
        storages: Keywords of storage factories, by name.
        serializers: Keywords of serializer factories, by name.
        conflict_strategies: Keywords of strategy factories, by name.
        hosts: Keywords of host factories, by name.
        conflict: What is stored where two writers changed one field.
        persistence: The write-behind queue.
        expiry: When a session ends by itself.
        security: What tokens are signed with.
        limits: How much is stored.
        privacy: What is never stored, by its name.
        source: The file that was read, or None; doesn't count when settings are compared.
        origins: Where each key that was set was said, by dotted path; doesn't count either.
    """

    storage: str | Storage | None = attrs.field(default=None, validator=plugin_name)
    serializer: str | Serializer = attrs.field(
        default="msgpack", validator=plugin_name, eq=Definition
    )
    conflict_strategy: str | ConflictStrategy = attrs.field(
        default="merge", validator=plugin_name, eq=Definition
    )
    plugins: tuple[str, ...] = attrs.field(default=(), validator=plugin_names)
    storages: Tables = attrs.field(factory=dict, converter=_frozen, repr=_keys_only, eq=Definition)
    serializers: Tables = attrs.field(
        factory=dict, converter=_frozen, repr=_keys_only, eq=Definition
    )
    conflict_strategies: Tables = attrs.field(
        factory=dict, converter=_frozen, repr=_keys_only, eq=Definition
    )
    hosts: Tables = attrs.field(factory=dict, converter=_frozen, repr=_keys_only, eq=Definition)
    conflict: ConflictSettings = ConflictSettings()
    persistence: PersistenceSettings = PersistenceSettings()
    expiry: ExpirySettings = ExpirySettings()
    security: SecuritySettings = SecuritySettings()
    limits: LimitSettings = LimitSettings()
    privacy: PrivacySettings = PrivacySettings()
    source: Path | None = attrs.field(default=None, eq=False, metadata=_DERIVED)
    origins: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False, metadata=_DERIVED)

    def keys_unlike(self, other: Settings) -> tuple[str, ...]:
        """Return the top-level keys in which two settings differ; not their values, which may be secrets."""
        return tuple(
            field.name
            for field in attrs.fields(Settings)
            if field.eq and attrs.evolve(self, **{field.name: getattr(other, field.name)}) != self
        )

    def where(self, key: str) -> str:
        """
        Return who set *key*: a file, an environment variable, ``configure(...)``.

        Args:
            key: A dotted path, such as ``storage`` or ``storages.sqlite.url``.

        Returns:
            For a key that nobody set, who set another one of its table; else an
            empty text.
        """
        if key in self.origins:
            return self.origins[key]
        table, dot, _ = key.rpartition(".")
        prefixes = (f"{key}.", f"{table}{dot}") if dot else f"{key}."
        near = (said for path, said in self.origins.items() if path.startswith(prefixes))
        return next(near, "")


# -- from all sources ------------------------------------------------------------------


def load_settings(**code: Any) -> Settings:  # noqa: ANN401 - each key has its own type
    """
    Return the settings of this process, as it stands now.

    >>> load_settings(persistence={"debounce_ms": 100}).persistence.debounce_ms
    100

    Args:
        **code: What the program itself sets; goes before everything else.
            Tables are dicts.

    Raises:
        ConfigError: If something is unknown, malformed or can't be read; the
            message says where it stands and what would be right.
    """
    own = own_variables(os.environ)
    file = find_file(own)
    said = [from_environment(own), from_table(code, CODE)]
    if file is not None:
        said.insert(0, from_table(file.table, str(file.path)))
    entries = resolve_secret(overlay(check_entries(Settings, said)), os.environ)
    return build_settings(
        Settings,
        nest({path: entry.value for path, entry in entries.items()}),
        source=file.path if file else None,
        origins={".".join(path): entry.origin for path, entry in entries.items()},
    )


def check_journal_folder(settings: Settings) -> None:
    """
    Make the journal's folder, if there is to be one, and write to it and take that back.

    A disk that is full is no mistake of the settings.

    Raises:
        ConfigError: If it can't be made or written.
    """
    folder = settings.persistence.journal
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder, prefix="check-") as file:
            file.write(b"?")
    except OSError as error:
        if error.errno in _FULL:
            return
        said = settings.where("persistence.journal")
        place = f"{said}: [persistence]" if said else "[persistence]"
        why = error.strerror or str(error)
        msg = (
            f"{place} journal: the folder {folder.absolute()} can't be written: {why};"
            " name one that this process may make or write, on a local disk"
        )
        raise ConfigError(msg) from error
