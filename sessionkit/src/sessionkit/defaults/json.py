# SPDX-License-Identifier: Apache-2.0
"""The readable serializer: JSON with tags."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from sessionkit.errors import SerializationError
from sessionkit.values import Kinds, parse_json, to_tagged


class JsonSerializer:
    """
    Values as JSON in UTF-8; what JSON lacks bears a tag (:mod:`sessionkit.values`).

    Several times slower than MessagePack: for data that people or other
    programs read.

    Example:
        >>> JsonSerializer().dumps({"size": (3, 4)})
        b'{"size":{"$t":"tuple","v":[3,4]}}'
    """

    name: Final = "json"
    """What records are sealed with."""

    def __init__(self, enums: Sequence[type[Enum]] = ()) -> None:
        """
        Register the enums whose members are kept.

        Args:
            enums: ``Enum`` classes of importable modules; a member is stored by name.
        """
        self._kinds = Kinds(enums)

    def dumps(self, data: Any) -> bytes:  # noqa: ANN401 - any value a widget may return
        """
        Return *data* as JSON.

        Raises:
            SerializationError: If a value can't be kept; ``path`` says which.
            RuntimeError: If *data* was changed by another thread meanwhile.
        """
        tagged = to_tagged(data, self._kinds)
        text = json.dumps(tagged, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()

    def loads(self, data: bytes) -> Any:  # noqa: ANN401 - what dumps was given
        """
        Return what *data* was made from; an ``Opaque`` stands for what can't be read in this process.

        Raises:
            SerializationError: If the bytes are no JSON in UTF-8, or a tag is wrong.
        """
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            msg = f"this is no UTF-8: byte {data[error.start]:#04x} at {error.start}"
            raise SerializationError(msg) from error
        return parse_json(text, self._kinds)
