# SPDX-License-Identifier: Apache-2.0
"""Saves in the background: the queue, its one thread, its limits."""

from __future__ import annotations

from sessionkit.persistence.persistence import SessionPersistence

__all__ = ["SessionPersistence"]
