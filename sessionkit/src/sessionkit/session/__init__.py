# SPDX-License-Identifier: Apache-2.0
"""A user's session: what is kept, as objects and as plain data."""

from __future__ import annotations

from sessionkit.session.session import UserSession

__all__ = ["UserSession"]
