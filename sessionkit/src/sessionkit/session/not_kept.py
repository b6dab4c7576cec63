# SPDX-License-Identifier: Apache-2.0
"""What a save had to leave as it was stored, or out: values that no serializer takes."""

from __future__ import annotations

import attrs


@attrs.frozen
class NotKept:
    """
    A value that can't be kept: the store has its last one that could be, or none.

    Attributes:
        path: Where it lies, such as ``inputs['upload']``.
        reason: Why, and what would be right.
    """

    path: str
    reason: str
