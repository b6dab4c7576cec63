# SPDX-License-Identifier: Apache-2.0
"""In which fields two writers met, and whose value was taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Final, Literal

import attrs

Side = Literal["ours", "theirs"]
"""Whose value: of the writer that came second, or of the one who had stored first."""


class _Removed(Enum):
    REMOVED = "removed"

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed.REMOVED
"""Stands for the value of a side that removed it."""


@attrs.frozen(kw_only=True, eq=False)
class FieldDecision:
    """
    A field that two writers changed to different values.

    Attributes:
        path: Where it lies, as users write it: ``inputs['email']``, ``theme``.
        taken: ``"ours"`` or ``"theirs"``; ``"merged"`` when the result is neither, such as a sum or
            a union; ``"asked"`` when theirs stands until someone chooses.
        ours: Our value, or ``REMOVED``.
        theirs: Theirs, or ``REMOVED``.
        ours_at: When our change was first seen, in UTC; None when that is unknown.
        theirs_at: The same of theirs.
        part: The part that the field lies in.
        keys: Its path in there.
        question: What the session knows it by, if it is to be decided.
    """

    path: str
    taken: Literal["ours", "theirs", "merged", "asked"]
    ours: Any = attrs.field(repr=False)
    theirs: Any = attrs.field(repr=False)
    ours_at: datetime | None = None
    theirs_at: datetime | None = None
    part: str = attrs.field(repr=False)
    keys: tuple[Any, ...] = attrs.field(repr=False)
    question: str | None = attrs.field(default=None, repr=False)


class ConflictReport:
    """What a conflict strategy decided, field by field; worked out when first looked at."""

    def __init__(self, find: Callable[[], tuple[FieldDecision, ...]]) -> None:
        """Take what finds the fields."""
        self._find = find

    @cached_property
    def fields(self) -> tuple[FieldDecision, ...]:
        """Every field that both sides changed to different values."""
        return self._find()

    def __repr__(self) -> str:
        """Name the class only: to find the fields takes time, and their values are nobody else's."""
        return "ConflictReport(...)"
