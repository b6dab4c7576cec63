# SPDX-License-Identifier: Apache-2.0
"""The serializer contract: plain data to bytes and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Serializer(Protocol):
    """
    Turns plain data into bytes and back.

    Equal data give equal bytes (sets are sorted; the order of dicts counts),
    and every value comes back equal and of the same type. ``loads`` imports,
    calls and unpickles nothing because bytes say so.
    """

    def dumps(self, data: Any) -> bytes:  # noqa: ANN401 - any value a widget may return
        """
        Return *data* as bytes.

        Raises:
            SerializationError: If a value can't be kept; ``path`` says which.
            RuntimeError: If *data* was changed by another thread meanwhile.
        """

    def loads(self, data: bytes) -> Any:  # noqa: ANN401 - what dumps was given
        """
        Return what *data* was made from.

        In the place of a value that is sound but can't be read in this process (an enum that isn't
        registered, a library that is missing, a kind of a newer release) stands a
        :class:`sessionkit.values.Opaque`, which ``dumps`` writes back as it was.

        Raises:
            SerializationError: If the bytes are damaged, or not this serializer's.
        """


SerializerFactory = Callable[..., Serializer]
"""Makes a serializer from the keywords of its settings table."""
