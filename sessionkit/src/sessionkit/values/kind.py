# SPDX-License-Identifier: Apache-2.0
"""One entry of the closed table of what can be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from sessionkit.errors import SerializationError


@attrs.frozen(kw_only=True)
class Kind:
    """
    One type beyond plain data, and its way to simpler data and back.

    Attributes:
        name: The tag in JSON. It is stored: never given to another type.
        code: The extension code in MessagePack, 0 to 127. It is stored, too.
        simplify: Returns simpler data; what they hold may be of any kind.
        restore: Returns the value again. The data come from stored bytes: it may
            raise anything, but imports and calls nothing that they name.
        unordered: True when the simpler data are a list whose order means nothing.
    """

    name: str
    code: int
    simplify: Callable[[Any], Any]
    restore: Callable[[Any], Any]
    unordered: bool = False

    def restored(self, simple: Any) -> Any:  # noqa: ANN401 - any value that can be kept
        """
        Return the value that *simple* was made from.

        Raises:
            SerializationError: If the data are not of this kind.
        """
        try:
            return self.restore(simple)
        except SerializationError:
            raise
        # Broad: pandas and pyarrow raise anything on bytes that they didn't write.
        except Exception as error:
            msg = f"the stored {self.name} can't be read: {type(error).__name__}: {error}"
            raise SerializationError(msg) from error
