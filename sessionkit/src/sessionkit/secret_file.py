# SPDX-License-Identifier: Apache-2.0
"""The app's secret: the one that the settings give, else the one in a file that is made once."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from sessionkit.errors import ConfigError

SHORTEST_SECRET: Final = 16
"""How many characters a secret has, at least."""

_LOG: Final = logging.getLogger("sessionkit")
_FILE: Final = "secret"
_REFERENCE: Final = "env:"
_REMEDY: Final = "or set security.secret_key (environment variable SESSIONKIT_SECRET_KEY)"


class SecretSettings(Protocol):
    """What :func:`load_secret` has to know; ``Settings.security`` is one."""

    @property
    def secret_key(self) -> str | None:
        """The secret, or None for the one in the folder."""

    @property
    def folder(self) -> Path:
        """Where a secret that sessionkit makes itself is kept."""


def check_secret(secret: str) -> str:
    """
    Return *secret* unchanged if it can be signed with.

    Raises:
        ConfigError: If it is too short; the message doesn't show it.
    """
    if len(secret.strip()) < SHORTEST_SECRET:
        msg = f"a secret has at least {SHORTEST_SECRET} characters, this one has {len(secret.strip())}"
        raise ConfigError(msg)
    return secret


def load_secret(security: SecretSettings) -> str:
    """
    Return the app's secret.

    Where the settings give none, ``<folder>/secret`` is read; the first process
    that finds none makes it, for its own user only, and logs a warning.
    Processes that start at once agree on one.

    Args:
        security: The secret, or the folder that keeps it.

    Raises:
        ConfigError: If the secret is too short, or the file can't be read or made.
    """
    if security.secret_key is not None:
        return _given(security.secret_key)
    path = security.folder / _FILE
    try:
        return _read(path)
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise _unusable(path, f"can't be read: {error.strerror or error}") from error


def _given(secret: str) -> str:
    if secret.startswith(_REFERENCE):
        # Whoever knows the configuration file would know the key.
        msg = "security.secret_key: a reference that load_settings did not resolve is no secret"
        raise ConfigError(msg)
    try:
        return check_secret(secret)
    except ConfigError as error:
        msg = f"security.secret_key: {error}"
        raise ConfigError(msg) from error


def _read(path: Path) -> str:
    try:
        return check_secret(path.read_text("utf-8").strip())
    except (ConfigError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, ConfigError) else "it is not UTF-8"
        raise _unusable(path, f"holds no secret: {reason}") from error


def _made(path: Path) -> str:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _write_once(path, secrets.token_urlsafe(32)):
            _LOG.warning(
                "a new secret was made in %s; replicas must share it: set security.secret_key "
                "(environment variable SESSIONKIT_SECRET_KEY) in all of them, or give them this file",
                path,
            )
        return _read(path)
    except OSError as error:
        raise _unusable(path, f"can't be made: {error.strerror or error}") from error


def _write_once(path: Path, secret: str) -> bool:
    """Write the file unless another process was first; it appears whole or not at all."""
    draft = path.with_name(f".{_FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(draft, path)
            return True
        return False
    finally:
        draft.unlink()


def _unusable(path: Path, what: str) -> ConfigError:
    return ConfigError(f"{path.absolute()} {what}; mend or delete that file, {_REMEDY}")
