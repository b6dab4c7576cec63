# SPDX-License-Identifier: Apache-2.0
"""What code may give where the name of a plugin may stand: an open storage, a serializer."""

from __future__ import annotations

from typing import Final, cast

from sessionkit.errors import WrongKindError, check_methods
from sessionkit.serializer import Serializer
from sessionkit.storage import Storage

_STORAGE: Final = ("read", "write", "touch", "delete", "find", "count", "purge", "close")
_SERIALIZER: Final = ("dumps", "loads")
_LONGEST_NAME: Final = 255


def as_storage(given: object) -> Storage | str:
    """
    Return what stands in ``configure(storage=...)``: a name, or an open storage.

    Raises:
        WrongKindError: If it is neither.
    """
    if isinstance(given, str):
        return given
    check_methods(given, "the name of a storage, or an open storage,", _STORAGE)
    return cast("Storage", given)


def as_serializer(given: object) -> Serializer | str:
    """
    Return what stands in ``configure(serializer=...)``: a name, or a serializer.

    Raises:
        WrongKindError: If it is neither, or a serializer of a name that no record can bear.
    """
    if isinstance(given, str):
        return given
    check_methods(given, "the name of a serializer, or a serializer,", _SERIALIZER)
    name_of_serializer(cast("Serializer", given))
    return cast("Serializer", given)


def name_of_serializer(given: Serializer | str) -> str:
    """
    Return the name that records are sealed with: of a serializer that is given as an object its ``name``, else its class's.

    Raises:
        WrongKindError: If no record can bear it.
    """
    if isinstance(given, str):
        return given
    kind = type(given).__name__
    name = getattr(given, "name", kind)
    if not isinstance(name, str) or not name.isascii() or not 0 < len(name) <= _LONGEST_NAME:
        msg = f"a serializer's name is a text of 1 to {_LONGEST_NAME} ASCII characters, which {kind}.name is not"
        raise WrongKindError(msg)
    return name
