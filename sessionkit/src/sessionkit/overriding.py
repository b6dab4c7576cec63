# SPDX-License-Identifier: Apache-2.0
"""What takes the place of the process's own manager for the code inside a ``with`` block."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

OVERRIDE: Final[ContextVar[Any]] = ContextVar("sessionkit", default=None)
"""The manager of the innermost ``with`` block, or None. It stands apart, so that who asks imports no manager."""
