# SPDX-License-Identifier: Apache-2.0
"""
Every error that sessionkit raises.

::

    SessionKitError
    ├── ConfigError
    │   └── WrongKindError
    ├── InvalidSessionIdError
    ├── PluginError
    │   ├── UnknownPluginError
    │   └── DuplicatePluginError
    ├── StorageError
    │   ├── UnavailableError
    │   │   ├── QueueFullError
    │   │   └── UnclearError
    │   ├── RejectedError
    │   │   └── NewerFormatError
    │   └── ConflictError
    ├── SerializationError
    │   └── PartlySavedError
    ├── InvalidTokenError
    ├── SessionGoneError
    ├── RestoreRefusedError
    ├── ShareRefusedError
    └── ShareGoneError
"""

from __future__ import annotations

from reprlib import Repr
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sessionkit.records import SessionHead

_SHOWN: Final = 80
_BRIEF: Final = Repr()
"""Goes a few levels down: lists of an app may hold one another again and again."""
_BRIEF.maxstring = _BRIEF.maxother = _SHOWN

_CONTAINERS: Final = frozenset({list, tuple, dict, set, frozenset})


class SessionKitError(Exception):
    """The root of all errors of sessionkit."""


class ConfigError(SessionKitError):
    """Raised when a setting is unknown, malformed or contradicts another one."""


class WrongKindError(ConfigError, TypeError):
    """Raised when something stands in the place of a storage, a serializer or a strategy that is neither its name nor one."""


class InvalidSessionIdError(SessionKitError, ValueError):
    """Raised when a text can't be a session id."""


class PluginError(SessionKitError):
    """Raised when an installed plugin can't be loaded or used, or a conflict strategy fails."""


class UnknownPluginError(PluginError, LookupError):
    """Raised when no installed plugin offers the name that was asked for."""


class DuplicatePluginError(PluginError):
    """Raised when two distributions offer the same name."""


class StorageError(SessionKitError):
    """The root of what a storage raises; the driver's error is its cause."""


class UnavailableError(StorageError):
    """
    Raised when the store can't be reached or is busy: try the same call again later.

    The call may have taken effect all the same, with its answer lost.
    """


class QueueFullError(UnavailableError):
    """
    Raised when a session can't wait to be saved, because too many do: nothing of it is queued.

    It says so for the store, which is down or slow; the session is as it was.
    """


class UnclearError(UnavailableError):
    """
    Raised when the store refuses a call for a reason that may pass, or that the storage doesn't know.

    Such as a password or a right, which somebody may be changing just now. Try the call again for a
    while: what is refused for minutes on end is refused for good. When a store is opened it counts as a wrong
    setting at once.
    """


class RejectedError(StorageError):
    """Raised when the store will never take this call: too large, no rights, malformed."""


class NewerFormatError(RejectedError):
    """Raised when something was written by a newer release; it is neither read nor written over."""


class ConflictError(StorageError):
    """
    Raised when something else is stored than the writer expected.

    Attributes:
        session_id: The session.
        current: The head that is stored now; None when nothing is.
    """

    def __init__(self, session_id: str, current: SessionHead | None = None) -> None:
        """Take what is stored instead; the text is made when someone wants it, for most conflicts are settled."""
        super().__init__(session_id, current)
        self.session_id = session_id
        self.current = current

    def __str__(self) -> str:
        """Say what is stored instead."""
        head = self.current
        found = f"save {head.save_id!r}, version {head.version}" if head else "nothing"
        return (
            f"session {_short(self.session_id)!r}: another save was stored meanwhile: found {found}"
        )

    def __repr__(self) -> str:
        """Show the text, which has the id short."""
        return f"{type(self).__name__}({str(self)!r})"


class SerializationError(SessionKitError, ValueError):
    """
    Raised when a value can't be turned into bytes, or bytes not into a value.

    Attributes:
        path: Where the value lies, such as ``inputs['upload'][0]``; empty when unknown.
        reason: What is wrong and what would be right.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        """Join place and reason."""
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path else reason)


class PartlySavedError(SerializationError):
    """Raised when a session was saved but for values that can't be kept; ``path`` is the first one's."""


class InvalidTokenError(SessionKitError):
    """Raised when a token was not signed with the app's key, or has expired."""


_REMEDIES: Final = {
    "moved": "; a login or rotate_session() gave it a fresh id: go on with the session that"
    " bootstrap_session() or rotate_session() returned",
    "device": "; the devices that have it here were logged out elsewhere: bootstrap_session() gives them"
    " a fresh one",
}


class SessionGoneError(SessionKitError):
    """
    Raised when a session that is saved was ended, deleted or replaced meanwhile.

    Attributes:
        session_id: The session.
        reason: ``"ended"``, ``"replaced"``, ``"owner"``; ``"device"``: it goes on, but the devices
            that have this object were logged out elsewhere; or ``"moved"``: it goes on in
            another object, under a fresh id.
    """

    def __init__(self, session_id: str, reason: str) -> None:
        """Say which session is gone and why."""
        self.session_id = session_id
        self.reason = reason
        super().__init__(
            f"session {_short(session_id)!r} is gone ({reason}); nothing was written{_REMEDIES.get(reason, '')}"
        )


class RestoreRefusedError(SessionKitError):
    """Raised when a session was asked for by someone who may not have it."""


class ShareRefusedError(SessionKitError):
    """Raised when no copy of a session is made for others: it is too large, or there are too many already."""


class ShareGoneError(SessionKitError):
    """
    Raised when a copy that somebody shared can't be opened any more.

    Attributes:
        expired: Whether its time is over; else it was revoked, has expired a while ago, or never was.
    """

    def __init__(self, *, expired: bool) -> None:
        """Say why."""
        self.expired = expired
        why = (
            "it has expired"
            if expired
            else "there is none of that token: it was revoked, has expired, or the token is not whole"
        )
        super().__init__(f"the copy can't be opened: {why}")


WRONG_SETTINGS: Final = (ConfigError, PluginError, NewerFormatError)
"""What is raised where an app is not set up right."""


def shown(value: object) -> str:
    """Return the beginning of a value's ``repr``, for a message; of lists and dicts a few entries."""
    text = _BRIEF.repr(value) if type(value) in _CONTAINERS else repr_of(value)
    return text[:_SHOWN]


def repr_of(value: object) -> str:
    """Return a value's ``repr``; its class where that fails."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - an app's own may raise anything
        return type(value).__name__


def text_of(error: BaseException, session_id: str = "") -> str:
    """
    Return what an error says; its class where that is nothing.

    Args:
        error: The error, which may be a driver's or a plugin's.
        session_id: The session that it is about: the text says it short, since it is a secret in full.
    """
    try:
        text = str(error) or type(error).__name__
        return text.replace(session_id, _short(session_id)) if session_id else text
    except Exception:  # noqa: BLE001 - an error of the app's own may be broken itself
        return type(error).__name__


def _short(session_id: str) -> str:
    from sessionkit.records import short  # noqa: PLC0415 - to name the errors loads no attrs

    return short(session_id)


def check_methods(given: object, what: str, methods: Collection[str]) -> None:
    """
    Check that what an app hands in, where a name may stand as well, can be used.

    Args:
        given: What was handed in; no name.
        what: What is needed, in words.
        methods: What it has to have.

    Raises:
        WrongKindError: If it is a class, or lacks one of them.
    """
    if isinstance(given, type):
        msg = f"an object is needed, not its class: {given.__name__}()"
        raise WrongKindError(msg)
    lacking = [name for name in methods if not callable(getattr(given, name, None))]
    if lacking:
        found = type(given).__name__
        lacks = f", which has no method {lacking[0]}" if 2 * len(lacking) < len(methods) else ""
        msg = f"{what} is needed, not {found}{lacks}"
        raise WrongKindError(msg)


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the one of *allowed* that *name* is most likely a slip of, or None; case doesn't count."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed on the way to an error

    by_folded = {right.casefold(): right for right in allowed}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def suggest(name: str, allowed: Iterable[str], *, what: str = "allowed") -> str:
    """
    Return the end of a sentence about the unknown *name*.

    >>> suggest("debouncems", ["debounce_ms", "batch_size"])
    "did you mean 'debounce_ms'? (allowed: batch_size, debounce_ms)"

    Args:
        name: What was written.
        allowed: All right names.
        what: What the list of right names is called.
    """
    right = sorted(allowed)
    listed = f"{what}: {', '.join(right) or 'none'}"
    close = nearest(name, right)
    return f"did you mean {close!r}? ({listed})" if close else listed
