# SPDX-License-Identifier: Apache-2.0
"""
Cached functions that are tied to a session: what it has invalidated they compute anew.

Nothing is cleared, here or elsewhere. An invalidation is a random id, which lies in the session as all of it does, and
so comes to its other tabs and replicas. The ids of what a function depends on are part of its call, so that its own cache finds no
older value; what was kept of older calls goes as the cache has it: by its ttl, or its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, singledispatch, update_wrapper, wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn

from sessionkit.errors import shown
from sessionkit.session.fields import new_entry_id, set_of_texts

if TYPE_CHECKING:
    from sessionkit.session.session import UserSession

# The app's functions take and return anything.
# ruff: noqa: ANN401

EVERYTHING: Final = ""
"""What is invalidated where single names would be too many."""

MOST: Final = 200
"""Names whose invalidations a session holds, at most."""

VERSION: Final = "sessionkit version "
"""
Begins the name of an argument that says the version of what a function depends on.

The name alone says it, since some caches let the app say how values are told apart.
"""


def checked_name(name: object, of: str) -> str:
    """
    Return a name of a cache key, or of what one depends on.

    Args:
        name: What the app gave.
        of: What it is, for the message.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is empty.
    """
    if not isinstance(name, str):
        msg = f"{of} is a str, such as 'orders', not {shown(name)}"
        raise TypeError(msg)
    if not name:
        msg = f"{of} is empty; it is a name, such as 'orders'"
        raise ValueError(msg)
    return name


def checked_names(names: Iterable[str]) -> frozenset[str]:
    """Return names of what a key depends on; raises as :func:`checked_name`, and TypeError for a single text."""
    return frozenset(
        checked_name(name, "what a cache key depends on") for name in set_of_texts(names)
    )


def note_changed(invalidations: dict[str, str], names: set[str]) -> None:
    """
    Put new ids of what has changed in the place of those that were there.

    Args:
        invalidations: Names by ids; several ids of one name where two writers met.
        names: What has changed.
    """
    if len(names.union(invalidations.values())) > MOST:
        invalidations.clear()
        names = {EVERYTHING}
    for entry_id, name in tuple(invalidations.items()):
        if name in names:
            del invalidations[entry_id]
    invalidations.update({new_entry_id(): name for name in sorted(names)})


def reach(names: Iterable[str], *tracked: Mapping[str, Iterable[str]]) -> set[str]:
    """
    Return names with all that they depend on, directly or by way of others.

    Args:
        names: The names.
        tracked: What cache keys depend on, by key.
    """
    found: set[str] = set()
    waiting = [EVERYTHING, *names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            for dependencies in tracked:
                waiting.extend(dependencies.get(name, ()))
    return found


class CachedFunction:
    """A cached function that computes anew what its session has invalidated; it has all that the function has."""

    def __init__(
        self,
        session: UserSession,
        names: frozenset[str],
        function: Any,
        *,
        first: tuple[Any, ...] = (),
    ) -> None:
        """
        Tie a function to a session.

        Args:
            session: The session.
            names: Its key, and what it depends on.
            function: Caches, and takes a version as an argument.
            first: What it is called with before all else: the object whose method it is.
        """
        self._session = session
        self._names = names
        self._function = function
        self._first = first
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns."""
        return self._function(*self._first, *args, **kwargs, **self._version())

    def clear(self, *args: Any, **kwargs: Any) -> None:
        """Clear the function's cache, of all sessions; with arguments, the value that this session has of them."""
        if args or kwargs:
            self._function.clear(*self._first, *args, **kwargs, **self._version())
        else:
            self._function.clear()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return it as the method of an object."""
        if instance is None:
            return self
        return CachedFunction(self._session, self._names, self._function, first=(instance,))

    def __getattr__(self, name: str) -> Any:
        """Return what the function has."""
        if name.startswith("__"):  # a copy asks before it has anything
            raise AttributeError(name)
        return getattr(self._function, name)

    def _version(self) -> dict[str, None]:
        version = self._session.version_of(self._names)
        return {VERSION + version: None} if version else {}


def tie(session: UserSession, names: frozenset[str], function: Any) -> CachedFunction:
    """
    Tie a cached function to a session.

    Args:
        session: The session.
        names: Its key, and what it depends on.
        function: The function, which caches.

    Raises:
        TypeError: If it doesn't cache, or nobody knows how.
    """
    return CachedFunction(session, names, with_versions(function))


@singledispatch
def with_versions(function: Any) -> Any:
    """
    Return a function that caches as *function* does, and takes a version as an argument, too.

    For a kind of cached functions whoever knows it registers how that is done.

    Raises:
        TypeError: If nobody has.
    """
    _refuse(function)


def _refuse(function: Any) -> NoReturn:
    name = getattr(function, "__name__", None) or shown(function)
    msg = (
        f"session.cached is for a function that caches, and {name} does not, as far as is known here: write "
        "@session.cached('key', depends_on={'name'}) above @st.cache_data (or @functools.lru_cache)"
    )
    raise TypeError(msg)


def without_version(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes a version as an argument and forgets it, and does all else as *function*."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name.startswith(VERSION):
                del kwargs[name]
                break
        return function(*args, **kwargs)

    return call


def has_version(kwargs: Iterable[str]) -> bool:
    """Return whether a version is among a call's named arguments: something was invalidated."""
    return any(name.startswith(VERSION) for name in kwargs)


_LRU: Final = type(lru_cache(lambda: None))
_TIED: Final = "_sessionkit_tied"
"""The attribute of a function of ``lru_cache`` that holds it with what was made of it: they end together."""


@with_versions.register(_LRU)
def _lru_with_versions(function: Any) -> Any:
    # Each session ties it anew, and there is one cache.
    of, made = vars(function).get(_TIED, (None, None))
    if of is not function:  # who wraps a function takes over its attributes
        made = lru_cache(**function.cache_parameters())(without_version(function.__wrapped__))
        vars(function)[_TIED] = function, made
    return made
