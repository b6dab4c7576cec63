# SPDX-License-Identifier: Apache-2.0
"""
Signed tokens, what a browser is given instead of a session, and the secret that they are signed with.

A token carries the id of a session and of the device that it was given to, and nothing else. Three kinds are signed with
three salts, so that none passes for another: the cookie, the readable token
that scripts of the page can see, and the ticket that trades an old cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
from itsdangerous import BadData, Serializer, TimestampSigner, URLSafeSerializer
from itsdangerous.url_safe import URLSafeTimedSerializer

from sessionkit.errors import ConfigError, InvalidSessionIdError, InvalidTokenError
from sessionkit.records import short_repr
from sessionkit.session.fields import check_session_id

TICKET_SECONDS: Final = 60
"""How long a ticket is honoured."""

SHORTEST_SECRET: Final = 16
"""How many characters a secret has, at least."""

_LOG: Final = logging.getLogger("sessionkit")
_CLOCK_SKEW: Final = 5
_PAIR: Final = 2
_LONGEST_TOKEN: Final = 4096
_READABLE: Final = "r."
_SIGNING: Final = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


@attrs.frozen
class TokenContent:
    """
    What a token says.

    Attributes:
        session_id: The session.
        readable: Whether scripts of the page can read the token.
        device_id: The device that it was given to; None where the session has no owner that an app vouched for,
            and in tokens of earlier releases.
    """

    session_id: str = attrs.field(repr=short_repr)
    readable: bool
    device_id: str | None = None


class Tokens:
    """
    Signs and reads tokens with the app's key.

    Attributes:
        cookie_name: The name of the cookie. Ports of one host share cookies, so
            it carries a short hash that differs from app to app and doesn't
            reveal the key.
    """

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        """
        Take the app's secret.

        Args:
            secret: At least 16 characters, the same for all replicas.
            now: The clock, in seconds since the epoch.

        Raises:
            ConfigError: If the secret is too short.
        """
        key = check_secret(secret).encode("utf-8", "surrogatepass")
        label = hmac.new(key, b"sessionkit cookie name", hashlib.sha256).hexdigest()
        self.cookie_name: Final = f"sessionkit_{label[:8]}"
        self._now = now
        self._cookie = URLSafeSerializer(key, salt="sessionkit.cookie", signer_kwargs=_SIGNING)
        self._readable = URLSafeSerializer(key, salt="sessionkit.readable", signer_kwargs=_SIGNING)
        self._ticket = URLSafeTimedSerializer(
            key, salt="sessionkit.ticket", signer=_Signer, signer_kwargs={**_SIGNING, "now": now}
        )

    def __repr__(self) -> str:
        """Show the cookie's name, not the key."""
        return f"Tokens(cookie_name={self.cookie_name!r})"

    def issue(
        self, session_id: str, device_id: str | None = None, *, readable: bool = False
    ) -> str:
        """
        Return a token for a session.

        Args:
            session_id: The session.
            device_id: The device that it is given to, or None.
            readable: Whether scripts of the page will be able to read the
                token; it says so itself, by its first two characters.

        Raises:
            InvalidSessionIdError: If this can't be a session id.
        """
        content = _content(session_id, device_id)
        return (
            _READABLE + _sign(self._readable, content) if readable else _sign(self._cookie, content)
        )

    def read(self, token: object) -> str:
        """
        Return the session id in a token, readable or not.

        Raises:
            InvalidTokenError: If the token is not one that this key has signed.
        """
        return self.inspect(token).session_id

    def inspect(self, token: object) -> TokenContent:
        """
        Return what a token says.

        Raises:
            InvalidTokenError: If the token is not one that this key has signed.
        """
        text = _check_token(token)
        readable = text.startswith(_READABLE)
        serializer = self._readable if readable else self._cookie
        session_id, device_id = _ids(_open(serializer, text.removeprefix(_READABLE)), text)
        return TokenContent(session_id, readable, device_id)

    def issue_ticket(self, old: Iterable[TokenContent | str], new: TokenContent | str) -> str:
        """
        Return a ticket that trades one cookie for another.

        Args:
            old: What the cookies say that the browser may hold; a session id where one names no device.
            new: What the cookie says that it gets.

        Raises:
            InvalidSessionIdError: If one of them can't be a session id.
        """
        return _sign(self._ticket, [_named(one) for one in (*old, new)])

    def read_ticket(self, ticket: object, old: TokenContent | str) -> TokenContent:
        """
        Return what the cookie says that a ticket is traded for.

        Args:
            ticket: What :meth:`issue_ticket` returned.
            old: What the cookie says that came along.

        Raises:
            InvalidTokenError: If this key has not signed it, it is older than
                60 seconds, or the cookie is of none of its sessions and devices.
        """
        text = _check_token(ticket)
        content, signed_at = _open(self._ticket, text, return_timestamp=True)
        age = self._now() - signed_at.timestamp()
        if not -_CLOCK_SKEW <= age <= TICKET_SECONDS:
            msg = f"the ticket is {age:.0f} seconds old; it is honoured for {TICKET_SECONDS}"
            raise InvalidTokenError(msg)
        if not isinstance(content, list) or len(content) < _PAIR:
            raise _foreign(text)
        if _named(old) not in content:  # the new cookie's own: another tab has traded it
            msg = "the ticket trades another session's cookie than the one that came along"
            raise InvalidTokenError(msg)
        session_id, device_id = _ids(content[-1], text)
        return TokenContent(session_id, readable=False, device_id=device_id)


class _Signer(TimestampSigner):
    def __init__(self, *args: Any, now: Callable[[], float], **keywords: Any) -> None:  # noqa: ANN401 - the parent's
        super().__init__(*args, **keywords)
        self._now = now

    def get_timestamp(self) -> int:
        return int(self._now())


def _sign(serializer: Serializer[str], content: Any) -> str:  # noqa: ANN401 - plain JSON
    signed: str = serializer.dumps(content)
    return signed


def _check_token(token: object) -> str:
    if not isinstance(token, str):
        msg = f"a token is a str, not {type(token).__name__}"
        raise InvalidTokenError(msg)
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise _foreign(token)
    return token


def _open(serializer: Serializer[str], token: str, **keywords: Any) -> Any:  # noqa: ANN401 - plain JSON
    try:
        return serializer.loads(token, **keywords)
    except BadData:
        # Without its cause, which would show the signature.
        raise _foreign(token) from None


def _content(session_id: str, device_id: str | None) -> str | list[str]:
    session_id = check_session_id(session_id)
    return session_id if device_id is None else [session_id, device_id]


def _named(token: TokenContent | str) -> str | list[str]:
    if isinstance(token, str):
        return _content(token, None)
    return _content(token.session_id, token.device_id)


def _ids(content: object, token: str) -> tuple[str, str | None]:
    """Return the session and the device in a token; tokens of earlier releases are the session's id alone."""
    if isinstance(content, list) and len(content) == _PAIR and isinstance(content[1], str):
        return _session_id(content[0], token), content[1]
    return _session_id(content, token), None


def _session_id(content: object, token: str) -> str:
    try:
        return check_session_id(content)
    except InvalidSessionIdError:
        raise _foreign(token) from None


def _foreign(token: str) -> InvalidTokenError:
    return InvalidTokenError(
        f"a token of {len(token)} characters was not signed with this app's key"
    )


# -- the app's secret: the one that the settings give, else the one in a file that is made once ---


_FILE: Final = "secret"
_REFERENCE: Final = "env:"
_REMEDY: Final = "set security.secret_key (environment variable SESSIONKIT_SECRET_KEY)"
_MEND: Final = "mend or delete that file"
_MAKE: Final = "let this process write to its folder"
_COMMAND: Final = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
_FEWEST_LETTERS: Final = 6
_OTHERS: Final = 0o077
_ANYONE_WRITES: Final = 0o002
_OWN_FOLDER: Final = ".sessionkit"


class SecretSettings(Protocol):
    """What :func:`load_secret` has to know; ``Settings.security`` is one."""

    @property
    def secret_key(self) -> str | None:
        """The secret, or None for the one in the folder."""

    @property
    def folder(self) -> Path:
        """Where a secret that sessionkit makes itself is kept."""


def load_secret(security: SecretSettings) -> str:
    """
    Return the app's secret.

    Where the settings give none, ``<folder>/secret`` is read; the first process
    that finds none makes it, for its own user only, and logs a warning; a ``.gitignore`` beside
    it keeps a folder of ours out of version control. Processes that start at once agree on one.
    A secret that is easily guessed, or a file that others may read, is told in the log.

    Args:
        security: The secret, or the folder that keeps it.

    Raises:
        ConfigError: If the secret is too short, or the file can't be read or made, is another
            user's (the superuser's counts as one's own), or may be written by anyone.
    """
    if security.secret_key is not None:
        return _check_given(security.secret_key)
    path = security.folder / _FILE
    try:
        return _read_file(path)
    except FileNotFoundError:
        return _make_file(path)
    except OSError as error:
        remedy = _MEND if os.path.lexists(path) else _MAKE
        raise _unusable(path, f"can't be read: {error.strerror or error}", remedy) from error


def check_secret(secret: str) -> str:
    """
    Return *secret* unchanged if it can be signed with.

    Raises:
        ConfigError: If it is too short; the message doesn't show it.
    """
    if len(secret.strip()) < SHORTEST_SECRET:
        msg = (
            f"a secret has at least {SHORTEST_SECRET} characters, this one has {len(secret.strip())};"
            f" make one by {_COMMAND}"
        )
        raise ConfigError(msg)
    return secret


def _check_given(secret: str) -> str:
    if secret.startswith(_REFERENCE):
        # Whoever knows the configuration file would know the key.
        msg = "security.secret_key: a reference that load_settings did not resolve is no secret"
        raise ConfigError(msg)
    try:
        check_secret(secret)
    except ConfigError as error:
        msg = f"security.secret_key: {error}"
        raise ConfigError(msg) from error
    _judge(secret, "security.secret_key")
    return secret


def _judge(secret: str, place: str) -> None:
    """Log a warning about a secret that is easily guessed; it signs all the same, or everyone would be logged out."""
    text = secret.strip()
    repeats = text in (text + text)[1:-1]
    if repeats or len(set(text)) < _FEWEST_LETTERS:
        _LOG.warning(
            "%s is easily guessed, and who knows it opens every session: make another one by %s",
            place,
            _COMMAND,
        )


def _read_file(path: Path) -> str:
    with path.open("rb") as file:
        _check_rights(path, os.fstat(file.fileno()))
        content = file.read()
    try:
        secret = check_secret(content.decode("utf-8").strip())
    except (ConfigError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, ConfigError) else "it is not UTF-8"
        raise _unusable(path, f"holds no secret: {reason}", _MEND) from error
    _judge(secret, f"the secret in {path}")
    return secret


def _check_rights(path: Path, found: os.stat_result) -> None:
    """Refuse a file into which somebody else may have put a secret that they know."""
    if os.name == "nt":
        return  # its rights are no modes
    if found.st_uid not in {0, os.geteuid()}:
        raise _unusable(path, f"belongs to another user (uid {found.st_uid})", "chown that file")
    if found.st_mode & _ANYONE_WRITES:
        raise _unusable(path, "may be written by anyone", "make a new secret, chmod 600 that file")
    if found.st_mode & _OTHERS:
        _LOG.warning(
            "%s may be read or written by others (mode %o), and who knows it opens every session: chmod 600 it",
            path,
            found.st_mode & 0o777,
        )


def _make_file(path: Path) -> str:
    folder = path.parent
    try:
        is_ours = folder.name == _OWN_FOLDER or not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _write_once(path, secrets.token_urlsafe(32)):
            _LOG.warning(
                "a new secret was made in %s; replicas must share it: set security.secret_key "
                "(environment variable SESSIONKIT_SECRET_KEY) in all of them, or give them this file",
                path,
            )
        if is_ours:
            _ignore(folder)
        return _read_file(path)
    except OSError as error:
        raise _unusable(path, f"can't be made: {error.strerror or error}", _MAKE) from error


def _ignore(folder: Path) -> None:
    """Keep a folder of ours out of version control, the file that says so included."""
    # Sessions are kept all the same where that file can't be made.
    with suppress(OSError):
        made = os.open(folder / ".gitignore", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write("*\n")


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


def _unusable(path: Path, what: str, remedy: str) -> ConfigError:
    return ConfigError(f"{path.absolute()} {what}; {remedy}, or {_REMEDY}")
