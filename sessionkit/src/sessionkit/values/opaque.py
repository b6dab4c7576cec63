# SPDX-License-Identifier: Apache-2.0
"""A stored value that this process can't read: kept as it is, and written back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any, ClassVar, Final

import attrs

from sessionkit.errors import SerializationError

CODED: Final = "msgpack:"
"""Begins what a kind is called of which only the extension code is known."""


class NotReadableHereError(SerializationError):
    """Raised for a value that is sound, but of what this process lacks: an enum, a library, a zone, a newer release."""


@attrs.frozen(repr=False)
class Opaque:
    """
    A value that this process can't read.

    A serializer makes it when it reads what is sound but unknown here, and writes it back as
    it was. Apps don't meet it: a session keeps it apart from what they see.

    Attributes:
        kind: The name of its kind in the table of what can be kept, or of a newer release's.
        simple: The data that are stored of it.
        reason: Why it can't be read here, and what would be right.
        made: How many this process has made. Who reads compares it with what it was before:
            where it has not moved, nothing needs to be looked through for them.
    """

    kind: str
    simple: Any = attrs.field(eq=repr)  # in a set, or as a key, it needs a hash
    reason: str = attrs.field(eq=False)
    made: ClassVar[int] = 0
    _counted: ClassVar[Lock] = Lock()

    def __attrs_post_init__(self) -> None:
        """Count it."""
        with self._counted:
            type(self).made += 1

    def __repr__(self) -> str:
        """Say what it is, but nothing of what it holds."""
        return f"<{self.kind} that can't be read here>"


def opaque_in(value: Any) -> Iterator[Opaque]:  # noqa: ANN401 - any value that a serializer made
    """Yield each opaque value that a value is or holds."""
    waiting = [value]
    seen: dict[int, Any] = {}
    while waiting:
        one = waiting.pop()
        if type(one) is Opaque:
            yield one
        elif isinstance(one, list | tuple | set | frozenset | dict) and id(one) not in seen:
            seen[id(one)] = one  # lists of the app may hold one another many times, or themselves
            waiting.extend(one)
            if isinstance(one, dict):
                waiting.extend(one.values())
