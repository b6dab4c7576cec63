# SPDX-License-Identifier: Apache-2.0
"""What happens when Streamlit's inside is not as expected."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

T = TypeVar("T")

MOVED: Final = (AttributeError, ImportError, KeyError, TypeError)
"""What it looks like when a name moved."""

_LOGGER: Final = logging.getLogger(__name__)


@cache
def moved(name: str, effect: str) -> None:
    """Warn, once a process, that Streamlit has no *name* as expected, and say what follows."""
    _LOGGER.warning("this release of Streamlit has no %s as expected; %s", name, effect)


def guarded(read: Callable[[], T], name: str, effect: str, *, otherwise: T) -> T:
    """
    Return what *read* returns, or *otherwise* when Streamlit's inside has moved.

    Args:
        read: Touches the inside.
        name: The name that *read* needs.
        effect: What the fall-back costs.
        otherwise: The fall-back.
    """
    try:
        return read()
    except MOVED:
        moved(name, effect)
        return otherwise
